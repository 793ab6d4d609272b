# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""What a meter is, and what a resource's meters read."""

import dataclasses
import enum
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import msgspec

from ceilo_nova_usage.usage import (
    CPU,
    Disk,
    DiskSums,
    InstanceUsage,
    Interface,
    Lifetime,
    NetworkTotals,
)
from ceilo_nova_usage.wire import Counter

__all__ = ["Family", "Meter", "ResourceReadings", "Scope"]


class Family(enum.StrEnum):
    """The meters an operator switches together."""

    POLLSTER = "pollster"
    SUMS = "sums"
    TOTALS = "totals"


class Scope(enum.StrEnum):
    """What a meter reads: a part of the usage block, and the resource of that part.

    ``USAGE``, ``CPU``, ``DISKS`` (the sums over them) and ``LIFETIME`` are the
    instance's own; a ``DISK``, an ``INTERFACE`` and a ``NETWORK`` are resources each.
    """

    USAGE = "usage"
    CPU = "cpu"
    DISKS = "disks"
    LIFETIME = "lifetime"
    DISK = "disk"
    INTERFACE = "interface"
    NETWORK = "network"

    @property
    def of_resource(self) -> "Scope":
        """The scope that stands for this one's resource: the instance has several."""
        return self if self in _RESOURCES else Scope.USAGE


_RESOURCES = frozenset((Scope.DISK, Scope.INTERFACE, Scope.NETWORK))
_PARTS: dict[Scope, type[msgspec.Struct]] = {
    Scope.USAGE: InstanceUsage,
    Scope.CPU: CPU,
    Scope.DISKS: DiskSums,
    Scope.LIFETIME: Lifetime,
    Scope.DISK: Disk,
    Scope.INTERFACE: Interface,
    Scope.NETWORK: NetworkTotals,
}
_COUNTERS = (Counter | None, int | None)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """One row of a table of meters; all of them are cumulative.

    They count from zero: since the instance was made in the family ``TOTALS``, since
    its guest's process began in the others.

    ``read`` is the counter's field in what ``scope`` names (see
    :mod:`ceilo_nova_usage.usage`), or a callable that is handed that and returns the
    counter, or None where it is unknown. The counter is in ``unit``.

    :raises ValueError: where ``scope`` has no such counter
    """

    name: str
    unit: str
    family: Family
    scope: Scope
    read: str | Callable[[Any], int | float | None]

    def __post_init__(self) -> None:
        if callable(self.read):
            return
        fields = msgspec.structs.fields(_PARTS[self.scope])
        if self.read not in {field.name for field in fields if field.type in _COUNTERS}:
            raise ValueError(f"{self.scope} has no counter {self.read!r}")


# What meters read of a resource: its id and metadata, a row's name, unit and family for
# each value, and the values. One that is unknown is None. There are many: a plain tuple
# is made in no time.
ResourceReadings: TypeAlias = tuple[
    str,
    dict[str, Any],
    Sequence[tuple[str, str, Family]],
    Sequence[int | float | None],
]
