# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Comparing the samples that came with the samples that were expected."""

import json
import pathlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["Expectation", "InvalidExpectation"]

# What tells one sample from another.
_KEY = ("name", "resource_id", "timestamp")
_ABSENT = object()


class InvalidExpectation(Exception):
    """A file of expected samples that cannot be used."""


class Expectation:
    """Expected samples, each used up by one that came.

    An expected sample is an object that gives some of a sample's fields, or all of
    them; a sample agrees with it if every field given is equal. ``fields`` are those
    that a sample has.

    :raises InvalidExpectation: naming every expected sample that has another field
    """

    def __init__(
        self, expected: list[Mapping[str, Any]], fields: frozenset[str]
    ) -> None:
        unknown = [
            f"expected sample {number}: no sample has the field {name!r}"
            for number, sample in enumerate(expected, start=1)
            for name in sample
            if name not in fields
        ]
        if unknown:
            raise InvalidExpectation("; ".join(unknown))
        # One index for each choice of key fields that is given, the closest first.
        self._indexes: dict[tuple[str, ...], _Index] = {}
        for sample in sorted(expected, key=len, reverse=True):
            given = tuple(name for name in _KEY if name in sample)
            index = self._indexes.setdefault(given, defaultdict(list))
            index[_values(sample, given)].append(sample)
        self._order = sorted(self._indexes, key=len, reverse=True)
        self._unexpected: list[Mapping[str, Any]] = []

    @classmethod
    def from_file(cls, path: pathlib.Path, fields: frozenset[str]) -> "Expectation":
        """Read a JSON array of samples, or a sample a line.

        :raises OSError: where the file cannot be read
        :raises InvalidExpectation: where it holds something else
        """
        try:
            text = path.read_text(encoding="utf-8")
            if text.lstrip().startswith("["):
                expected = json.loads(text)
            else:
                expected = [json.loads(line) for line in text.splitlines() if line]
        except ValueError as error:
            raise InvalidExpectation(f"{path}: it is not JSON: {error}") from error
        for number, sample in enumerate(expected, start=1):
            if not isinstance(sample, dict):
                raise InvalidExpectation(
                    f"{path}: expected sample {number} is not an object"
                )
        try:
            return cls(expected, fields)
        except InvalidExpectation as error:
            raise InvalidExpectation(f"{path}: {error}") from error

    def meet(self, sample: Mapping[str, Any]) -> None:
        """Take a sample that came."""
        for given in self._order:
            candidates = self._indexes[given].get(_values(sample, given), [])
            for position, expected in enumerate(candidates):
                if not _differences(expected, sample):
                    del candidates[position]
                    return
        self._unexpected.append(sample)

    def differences(self) -> Iterator[str]:
        """Yield a line for each sample that differs, is missing or was not expected."""
        missing = [
            sample
            for given in self._order
            for samples in self._indexes[given].values()
            for sample in samples
        ]
        unexpected = list(self._unexpected)
        for expected in missing:
            given = tuple(name for name in _KEY if name in expected)
            twin = next(
                (
                    sample
                    for sample in unexpected
                    if given and _values(sample, given) == _values(expected, given)
                ),
                None,
            )
            if twin is None:
                yield f"missing: {_named(expected)} {json.dumps(expected)}"
            else:
                unexpected.remove(twin)
                differing = ", ".join(_differences(expected, twin))
                yield f"differs: {_named(twin)}: {differing}"
        for sample in unexpected:
            yield f"not expected: {_named(sample)}, volume {sample.get('volume')}"


_Index = defaultdict[tuple[Any, ...], list[Mapping[str, Any]]]


def _values(sample: Mapping[str, Any], names: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(str(sample.get(name)) for name in names)


def _named(sample: Mapping[str, Any]) -> str:
    return " ".join(str(sample.get(name, "?")) for name in _KEY)


def _differences(expected: Mapping[str, Any], sample: Mapping[str, Any]) -> list[str]:
    return list(_compared(expected, sample))


def _compared(expected: Mapping[str, Any], sample: Mapping[str, Any]) -> Iterator[str]:
    for name, value in expected.items():
        came = sample.get(name, _ABSENT)
        if name == "resource_metadata" and isinstance(came, dict):
            yield from _metadata_compared(value, came)
        elif not _equal(value, came):
            yield f"{name} is {came!r}, not {value!r}"


def _metadata_compared(expected: object, came: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(expected, dict):
        yield f"resource_metadata is an object, not {expected!r}"
        return
    for key in sorted(expected.keys() | came.keys()):
        path = f"resource_metadata.{key}"
        if key not in came:
            yield f"{path} is absent"
        elif key not in expected:
            yield f"{path} is {came[key]!r}, and was not expected"
        elif not _equal(expected[key], came[key]):
            yield f"{path} is {came[key]!r}, not {expected[key]!r}"


def _equal(one: object, other: object) -> bool:
    """Compare as JSON does, to which true is not 1."""
    return isinstance(one, bool) == isinstance(other, bool) and one == other
