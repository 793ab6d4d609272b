# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The disks' meters, as ``ceilometer/compute/pollsters/disk.py``, and their sums."""

from collections.abc import Callable
from operator import attrgetter

from ceilo_nova_usage.meters.meter import Family, Meter, Scope
from ceilo_nova_usage.usage import InstanceUsage

__all__ = ["METERS"]


def _sum(counter: str) -> Callable[[InstanceUsage], int | None]:
    """Add a counter up over the disks; unknown where it is unknown for one of them."""
    read = attrgetter(counter)

    def total(usage: InstanceUsage) -> int | None:
        if not usage.disks or not usage.disks_complete:
            return None
        counters = [read(disk) for disk in usage.disks]
        return None if None in counters else sum(counters)

    return total


_DEVICE = (
    ("disk.device.read.requests", "request", "read_requests"),
    ("disk.device.read.bytes", "B", "read_bytes"),
    ("disk.device.write.requests", "request", "write_requests"),
    ("disk.device.write.bytes", "B", "write_bytes"),
    ("disk.device.read.latency", "ns", "read_time"),
    ("disk.device.write.latency", "ns", "write_time"),
)
_INSTANCE = (
    ("disk.read.requests", "request", "read_requests"),
    ("disk.read.bytes", "B", "read_bytes"),
    ("disk.write.requests", "request", "write_requests"),
    ("disk.write.bytes", "B", "write_bytes"),
)

METERS = (
    *(
        Meter(
            name=name,
            unit=unit,
            family=Family.POLLSTER,
            scope=Scope.DISK,
            read=attrgetter(counter),
        )
        for name, unit, counter in _DEVICE
    ),
    *(
        Meter(
            name=name,
            unit=unit,
            family=Family.SUMS,
            scope=Scope.INSTANCE,
            read=_sum(counter),
        )
        for name, unit, counter in _INSTANCE
    ),
)
