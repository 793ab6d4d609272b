# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The NICs' meters, as ``ceilometer/compute/pollsters/net.py``, and XenAPI's."""

from ceilo_nova_usage.meters.meter import Family, Meter, Scope

__all__ = ["METERS"]

METERS = tuple(
    Meter(name=name, unit=unit, family=Family.POLLSTER, scope=scope, read=counter)
    for name, unit, scope, counter in (
        ("network.incoming.bytes", "B", Scope.INTERFACE, "rx_bytes"),
        ("network.incoming.packets", "packet", Scope.INTERFACE, "rx_packets"),
        ("network.incoming.packets.drop", "packet", Scope.INTERFACE, "rx_drop"),
        ("network.incoming.packets.error", "packet", Scope.INTERFACE, "rx_errors"),
        ("network.outgoing.bytes", "B", Scope.INTERFACE, "tx_bytes"),
        ("network.outgoing.packets", "packet", Scope.INTERFACE, "tx_packets"),
        ("network.outgoing.packets.drop", "packet", Scope.INTERFACE, "tx_drop"),
        ("network.outgoing.packets.error", "packet", Scope.INTERFACE, "tx_errors"),
        ("network.incoming.bytes", "B", Scope.NETWORK, "in_bytes"),
        ("network.outgoing.bytes", "B", Scope.NETWORK, "out_bytes"),
    )
)
