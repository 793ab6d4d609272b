# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The baseline: when the counters of a reading were still zero.

What a rate shows is the difference of two points. With a point of zero before it an
instance's first reading, and one that is its only one, shows what was used.
"""

import datetime
from collections.abc import Iterator

from ceilo_nova_usage.meters.meter import Family
from ceilo_nova_usage.notification import Notification
from ceilo_nova_usage.usage import InstanceUsage

__all__ = ["REACH", "moments"]

#: The longest time between a zero and its reading. A time series database takes no
#: point that lies further back than it looks, and may then count anew without it.
REACH = datetime.timedelta(hours=25)
_AT_ONCE = datetime.timedelta(0)


def moments(
    usage: InstanceUsage,
    notification: Notification,
    since: datetime.datetime | None = None,
) -> dict[Family, datetime.datetime]:
    """Return the moment of zero of each family of meters that has a known one.

    All times are aware. A moment lies before the reading, by no more than
    :data:`REACH`; not before ``since``; and, where the notification is about a period,
    not before that: an earlier notification has told of it then.
    """
    found: dict[Family, datetime.datetime | None] = {}
    if usage.epoch_began_at is not None:
        found[Family.POLLSTER] = found[Family.SUMS] = usage.epoch_began_at
    if usage.lifetime is not None:
        created_at = notification.created_at
        found[Family.TOTALS] = created_at
        if usage.epoch_began_at is None and _was_never_reset(usage):
            found[Family.POLLSTER] = found[Family.SUMS] = created_at
    if not found:
        return {}
    bounds = [
        bound for bound in (since, notification.period_began_at) if bound is not None
    ]
    return {
        family: moment
        for family, moment in found.items()
        if moment is not None
        and _AT_ONCE < usage.collected_at - moment <= REACH
        and all(moment >= bound for bound in bounds)
    }


def _was_never_reset(usage: InstanceUsage) -> bool:
    """Tell whether the totals over the whole life are just what the counters show."""
    known = [pair for pair in _totals_and_counters(usage) if None not in pair]
    return bool(known) and all(total == counter for total, counter in known)


def _totals_and_counters(
    usage: InstanceUsage,
) -> Iterator[tuple[int | None, int | None]]:
    lifetime = usage.lifetime
    if lifetime is None:
        return
    if usage.cpu is not None:
        yield lifetime.cpu_time, usage.cpu.time
    disks = usage.disk_sums
    if disks is not None:
        yield lifetime.disk_read_requests, disks.read_requests
        yield lifetime.disk_read_bytes, disks.read_bytes
        yield lifetime.disk_write_requests, disks.write_requests
        yield lifetime.disk_write_bytes, disks.write_bytes
    for total, counters in (
        (lifetime.net_rx_bytes, [nic.rx_bytes for nic in usage.interfaces]),
        (lifetime.net_rx_packets, [nic.rx_packets for nic in usage.interfaces]),
        (lifetime.net_tx_bytes, [nic.tx_bytes for nic in usage.interfaces]),
        (lifetime.net_tx_packets, [nic.tx_packets for nic in usage.interfaces]),
    ):
        known = [counter for counter in counters if counter is not None]
        if known and len(known) == len(counters):
            yield total, sum(known)
