# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""What a meter is, and what a resource's meters read."""

import dataclasses
import enum
from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["Family", "Meter", "ResourceReadings", "Scope"]


class Family(enum.StrEnum):
    """The meters an operator switches together."""

    POLLSTER = "pollster"
    SUMS = "sums"
    TOTALS = "totals"


class Scope(enum.StrEnum):
    """What a meter reads, and so whose resource id its samples carry."""

    INSTANCE = "instance"
    CPU = "cpu"
    DISK = "disk"
    INTERFACE = "interface"
    NETWORK = "network"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """One row of a table of meters; all of them are cumulative.

    ``read`` is handed what ``scope`` names: an
    :class:`~ceilo_nova_usage.usage.InstanceUsage`, or its cpu, or one of its disks,
    interfaces or networks. It returns the counter in ``unit``, or None where it is
    unknown.
    """

    name: str
    unit: str
    family: Family
    scope: Scope
    read: Callable[[Any], int | float | None]


class ResourceReadings(NamedTuple):
    """What a resource's meters read, each with its value, ready to become samples."""

    resource_id: str
    metadata: dict[str, Any]
    values: list[tuple[Meter, int | float]]
