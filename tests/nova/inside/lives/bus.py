# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The real bus, in the place of the one that nova's tests have in memory."""

import os

import fixtures
import oslo_messaging
from nova import rpc
from nova.conf import CONF

#: The environment variable that names the broker.
TRANSPORT_URL = "RECORD_TRANSPORT_URL"

# Nova's tests put their own in its place.
Notifier = oslo_messaging.Notifier


class OnTheBus:
    """A test of nova's whose services notify as in production, in both forms."""

    def _setup_services(self):
        """Put notifiers on the real bus before any service takes hold of one."""
        self.flags(
            notification_format="both",
            notify_on_state_change="vm_and_task_state",
            group="notifications",
        )
        transport = oslo_messaging.get_notification_transport(
            CONF, url=os.environ[TRANSPORT_URL]
        )
        self.addCleanup(transport.cleanup)
        for name, topic in (
            ("LEGACY_NOTIFIER", "notifications"),
            ("NOTIFIER", "versioned_notifications"),
        ):
            notifier = Notifier(
                transport,
                driver="messagingv2",
                topics=[topic],
                serializer=rpc.RequestContextSerializer(rpc.JsonPayloadSerializer()),
            )
            self.useFixture(fixtures.MonkeyPatch(f"nova.rpc.{name}", notifier))
        super()._setup_services()
