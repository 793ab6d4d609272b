# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""What a meter is, and what a resource's meters read."""

import dataclasses
import enum
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

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


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """One row of a table of meters; all of them are cumulative.

    ``read`` is the counter's field in what ``scope`` names (see
    :mod:`ceilo_nova_usage.usage`), or a callable that is handed that and returns the
    counter, or None where it is unknown. The counter is in ``unit``.
    """

    name: str
    unit: str
    family: Family
    scope: Scope
    read: str | Callable[[Any], int | float | None]


# What meters read of a resource: its id and metadata, a row's name and unit for each
# value, and the values. One that is unknown is None. There are many: a plain tuple is
# made in no time.
ResourceReadings: TypeAlias = tuple[
    str,
    dict[str, Any],
    Sequence[tuple[str, str]],
    Sequence[int | float | None],
]
