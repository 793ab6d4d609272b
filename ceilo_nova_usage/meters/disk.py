# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The disks' meters, as ``ceilometer/compute/pollsters/disk.py``, and their sums."""

from ceilo_nova_usage.meters.meter import Family, Meter, Scope

__all__ = ["METERS"]

_DEVICE = (Family.POLLSTER, Scope.DISK)
_SUM = (Family.SUMS, Scope.DISKS)

METERS = tuple(
    Meter(name=name, unit=unit, family=family, scope=scope, read=counter)
    for name, unit, counter, (family, scope) in (
        ("disk.device.read.requests", "request", "read_requests", _DEVICE),
        ("disk.device.read.bytes", "B", "read_bytes", _DEVICE),
        ("disk.device.write.requests", "request", "write_requests", _DEVICE),
        ("disk.device.write.bytes", "B", "write_bytes", _DEVICE),
        ("disk.device.read.latency", "ns", "read_time", _DEVICE),
        ("disk.device.write.latency", "ns", "write_time", _DEVICE),
        ("disk.read.requests", "request", "read_requests", _SUM),
        ("disk.read.bytes", "B", "read_bytes", _SUM),
        ("disk.write.requests", "request", "write_requests", _SUM),
        ("disk.write.bytes", "B", "write_bytes", _SUM),
    )
)
