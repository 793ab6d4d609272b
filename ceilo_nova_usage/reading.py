# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""From a notification to what it says of whose usage: the sum of the parsing."""

import msgspec

from ceilo_nova_usage import bandwidth
from ceilo_nova_usage.errors import Faults, InvalidNotification
from ceilo_nova_usage.identity import Instance
from ceilo_nova_usage.notification import Notification
from ceilo_nova_usage.usage import InstanceUsage

__all__ = ["UsageReport"]


class UsageReport(msgspec.Struct, frozen=True, kw_only=True):
    """An instance, and the readings that one notification holds of it.

    ``faults`` are the parts that were refused; the readings are without them.
    """

    instance: Instance
    readings: tuple[InstanceUsage, ...]
    faults: Faults

    @classmethod
    def from_notification(
        cls, notification: Notification, *, max_devices: int, with_bandwidth: bool
    ) -> "UsageReport | None":
        """Read all of it; None where the notification carries no usage at all.

        :raises InvalidNotification: where it carries usage of which nothing can be
            metered, or does not tell whose it is
        """
        faults = Faults()
        readings = []
        block = notification.payload.get("usage")
        if block is not None:
            usage = InstanceUsage.from_wire(
                block, f"{notification.path}.usage", max_devices, faults
            )
            if usage is not None:
                readings.append(usage)
        if with_bandwidth:
            totals = bandwidth.read(notification, max_devices, faults)
            if totals is not None:
                readings.append(totals)
        if not readings and not faults:
            return None
        instance = Instance.from_notification(notification, faults)
        if instance is None or not readings:
            raise InvalidNotification(notification.message_id, faults)
        return cls(instance=instance, readings=tuple(readings), faults=faults)
