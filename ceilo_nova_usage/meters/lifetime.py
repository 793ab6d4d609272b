# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The meters of an instance's whole life: totals that no reset brings down."""

from ceilo_nova_usage.meters.meter import Family, Meter, Scope

__all__ = ["METERS"]

METERS = tuple(
    Meter(
        name=name, unit=unit, family=Family.TOTALS, scope=Scope.LIFETIME, read=counter
    )
    for name, unit, counter in (
        ("cpu.total", "ns", "cpu_time"),
        ("disk.read.requests.total", "request", "disk_read_requests"),
        ("disk.read.bytes.total", "B", "disk_read_bytes"),
        ("disk.write.requests.total", "request", "disk_write_requests"),
        ("disk.write.bytes.total", "B", "disk_write_bytes"),
        ("network.incoming.bytes.total", "B", "net_rx_bytes"),
        ("network.incoming.packets.total", "packet", "net_rx_packets"),
        ("network.outgoing.bytes.total", "B", "net_tx_bytes"),
        ("network.outgoing.packets.total", "packet", "net_tx_packets"),
    )
)
