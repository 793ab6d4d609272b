# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The processor's meter, as ``ceilometer/compute/pollsters/instance_stats.py``."""

from ceilo_nova_usage.meters.meter import Family, Meter, Scope

__all__ = ["METERS"]

METERS = (
    Meter(name="cpu", unit="ns", family=Family.POLLSTER, scope=Scope.CPU, read="time"),
)
