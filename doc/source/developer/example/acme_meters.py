# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""What an instance's NICs received, added up."""

from ceilo_nova_usage.meters.meter import Family, Meter, Scope


def received(usage):
    """Add up the NICs' bytes; None where one of them, or all, are unknown."""
    counters = [nic.rx_bytes for nic in usage.interfaces]
    return None if not counters or None in counters else sum(counters)


METERS = (
    Meter(
        name="acme.network.received",
        unit="B",
        family=Family.SUMS,
        scope=Scope.USAGE,
        read=received,
    ),
)
