# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Notifications with one thing wrong: what is put where, and what that may touch.

A mutation replaces, removes, adds or doubles one value of a message. Whatever it is,
:meth:`Mutation.spares` tells which samples it must leave as they were.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from tests.support import handwritten, oracle

Path = tuple[str | int, ...]

DATA = "nova_object.data"
ABSENT = object()
DOUBLED = object()


def _nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


# What a counter must not be; a whole number in the right range is no mutation.
NO_COUNTER: tuple[Any, ...] = (
    True,
    False,
    -1,
    -(2**63) - 1,
    2**64,
    2**64 + 1,
    10**5000,
    -(10**5000),
    0.5,
    1e308,
    float("nan"),
    float("inf"),
    float("-inf"),
    "",
    "5",
    "x",
    "\x00",
    "\ud800",
    "é" * 100_000,
    [],
    [5],
    {},
    {"value": 5},
    {"nova_object.data": 5},
    _nested(200),
)

NASTY: tuple[Any, ...] = (
    *NO_COUNTER,
    None,
    0,
    5,
    2**53 + 1,
    2**63,
    2**64 - 1,
    1.0,
    "1.0",
    "1.7",
    "2.0",
    "libvirt",
    "vda",
    "tap00000000-0",
    "2026-11-22T17:00:00",
    "9999-99-99T99:99:99",
    "0001-01-01T00:00:00+23:59",
    "\udcff\udcfe",
    "\x1b[31m\n\r\t",
    "\u202e",
    "'; DROP TABLE sample; --",
    "a" * 256,
    "a" * 100_000,
    [None] * 3,
    [{}],
    [{"device": "vda"}, {"device": "vda"}],
    [{"name": "tap0"}, "tap1", None, 7],
    {"": None},
    {"\ud800": "\ud800"},
    {"a" * 100_000: "b"},
    {"a": {"b": {"c": None}}},
    {"nova_object.data": {}},
    {"nova_object.data": None, "nova_object.version": "1.0"},
    {"nova_object.data": {"time": 5}, "nova_object.version": "2.0"},
    {"nova_object.data": {"time": 5}, "nova_object.version": 1},
    [handwritten.disk(index) for index in range(200)],
    [handwritten.interface(index) for index in range(200)],
    _nested(900),
    ABSENT,
    DOUBLED,
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """One value of a dispatched message, put in the place of another.

    ``path`` leads to it from the message; ``value`` is what is put there, or
    ``ABSENT``, or ``DOUBLED``: a list's item is there twice.
    """

    path: Path
    value: Any

    def applied(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Return a copy of ``message`` with this in it."""
        mutated: dict[str, Any] = copy.deepcopy(dict(message))
        parent: Any = mutated
        for key in self.path[:-1]:
            parent = parent[key]
        key = self.path[-1]
        if self.value is ABSENT:
            del parent[key]
        elif self.value is not DOUBLED:
            parent[key] = self.value
        elif isinstance(parent, list):
            parent.append(copy.deepcopy(parent[key]))
        else:
            parent[f"{key}_"] = copy.deepcopy(parent[key])
        return mutated

    def spares(self, sample: oracle.Sample, message: Mapping[str, Any]) -> bool:
        """Tell whether a sample of ``message`` must come through this unchanged."""
        meter = sample["name"]
        match [key for key in self.path if key != DATA]:
            case ["ctxt" | "publisher_id", *_] | ["payload", "usage", "epoch_began_at"]:
                return True
            case ["payload", "usage", "cpu", *_]:
                return bool(meter != "cpu")
            case ["payload", "usage", "lifetime", *_]:
                return meter not in oracle.TOTAL_METERS
            case ["payload", "usage", "disks", *within]:
                if meter not in _DISK_METERS:
                    return meter not in oracle.SUM_METERS
                return bool(within) and sample["resource_metadata"][
                    "disk_name"
                ] not in self._named(message, "disks", "device", within[0])
            case ["payload", "usage", "interfaces", *within]:
                if meter not in _INTERFACE_METERS:
                    return True
                return bool(within) and sample["resource_metadata"][
                    "name"
                ] not in self._named(message, "interfaces", "name", within[0])
        # Anywhere else it may touch what every sample says of its instance.
        return False

    def _named(
        self, message: Mapping[str, Any], group: str, naming: str, index: Any
    ) -> set[object]:
        """Return the names of the device that this is within, before and after."""
        device = oracle.unwrapped(message["payload"])["usage"][group][index]
        value = self.value
        if isinstance(value, dict):
            data = value.get(DATA, value)
            value = data.get(naming) if isinstance(data, dict) else None
        return {device[naming], value} if isinstance(value, str) else {device[naming]}


_DISK_METERS = frozenset(meter for meter, _, _ in oracle.DISK)
_INTERFACE_METERS = frozenset(meter for meter, _, _ in oracle.INTERFACE)


def paths(value: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the path of every value within ``value``."""
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, item in items:
        yield (*path, key)
        yield from paths(item, (*path, key))


def mutable(message: Mapping[str, Any]) -> Iterator[Path]:
    """Yield the paths of all that a sender can put into a message he likes."""
    for path in paths(message):
        if path[0] == "payload" or (len(path) > 1 and path[0] in ("ctxt", "metadata")):
            yield path
