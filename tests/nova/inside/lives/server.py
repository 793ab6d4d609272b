# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Lives of servers, led inside nova's own functional environment.

This module is run by nova's interpreter, with nova's tests importable. Every
notification goes out as in production: from nova through oslo.messaging to the broker
named by RECORD_TRANSPORT_URL, legacy and versioned form.
"""

import copy
import datetime
import os

import fixtures
import oslo_messaging
from nova import context, rpc
from nova.compute import manager as compute_manager
from nova.tests import fixtures as nova_fixtures
from nova.tests.functional.libvirt import base

#: The environment variable that names the broker.
TRANSPORT_URL = "RECORD_TRANSPORT_URL"

#: m1.medium: two vCPUs.
FLAVOR = "3"
VOLUME = nova_fixtures.CinderFixture.IMAGE_BACKED_VOL
allocate_network = compute_manager.ComputeManager._allocate_network
PORTS = (nova_fixtures.NeutronFixture.port_1, nova_fixtures.NeutronFixture.port_2)


class Clock:
    """A clock that runs at the usual pace from a chosen moment, and can be put forward.

    An audit covers the last full hour: without this, a life that is audited would take
    more than an hour.
    """

    def __init__(self, start):
        self._ahead = start - datetime.datetime.now(datetime.UTC)

    def put_forward(self, **interval):
        """Put the clock forward by an interval, as timedelta takes it."""
        self._ahead += datetime.timedelta(**interval)

    def utcnow(self, with_timezone=False):
        """Stand in for oslo_utils.timeutils.utcnow."""
        now = datetime.datetime.now(datetime.UTC) + self._ahead
        return now if with_timezone else now.replace(tzinfo=None)


def networks_at_once(manager, *args, **kwargs):
    """Allocate networks, and let them be ready before the build goes on.

    Nova lets both run side by side: a notification between shows ports, or none yet.
    """
    networks = allocate_network(manager, *args, **kwargs)
    networks.wait()
    return networks


class LifeTest(base.ServersTestBase):
    """A server on libvirt with a local disk, a volume and two ports."""

    api_major_version = "v2.1"
    microversion = "2.74"
    ADMIN_API = True

    def setUp(self):
        """Start nova's services on the life's own clock."""
        self.clock = Clock(datetime.datetime(2026, 10, 5, 9, 10, tzinfo=datetime.UTC))
        self.useFixture(
            fixtures.MonkeyPatch("oslo_utils.timeutils.utcnow", self.clock.utcnow)
        )
        self.useFixture(
            fixtures.MonkeyPatch(
                "nova.compute.manager.ComputeManager._allocate_network",
                networks_at_once,
            )
        )
        self.flags(
            instance_usage_audit=True,
            instance_usage_audit_period="hour",
            # Services say every few seconds that they are up: more often on a slow
            # machine, and not in the hours that the clock is put forward.
            report_interval=0,
            service_down_time=365 * 24 * 3600,
        )
        super().setUp()
        if "instance_usage" in base.CONF:
            self.flags(enabled=True, group="instance_usage")
        self.start_compute(hostname="compute1")

    def _setup_services(self):
        """Put notifiers on the real bus before any service takes hold of one."""
        self.flags(
            notification_format="both",
            notify_on_state_change="vm_and_task_state",
            group="notifications",
        )
        transport = oslo_messaging.get_notification_transport(
            base.CONF, url=os.environ[TRANSPORT_URL]
        )
        self.addCleanup(transport.cleanup)
        for name, topic in (
            ("LEGACY_NOTIFIER", "notifications"),
            ("NOTIFIER", "versioned_notifications"),
        ):
            notifier = oslo_messaging.Notifier(
                transport,
                driver="messagingv2",
                topics=[topic],
                serializer=rpc.RequestContextSerializer(rpc.JsonPayloadSerializer()),
            )
            self.useFixture(fixtures.MonkeyPatch(f"nova.rpc.{name}", notifier))
        super()._setup_services()

    def test_boot_audit_delete(self):
        """A server is booted, works, is audited, works on, and is deleted."""
        server = self.boot()
        self.work(server, minutes=55)
        self.audit()
        self.work(server, minutes=17)
        self._delete_server(server)

    def boot(self):
        """Boot a server with a disk from an image, a volume and two ports."""
        for port in PORTS:
            self.neutron._ports[port["id"]] = copy.deepcopy(port)
        body = self._build_server(
            name="web-1",
            flavor_id=FLAVOR,
            networks=[{"port": port["id"]} for port in PORTS],
        )
        body["metadata"] = {"metering.department": "research", "role": "web"}
        body["block_device_mapping_v2"] = [
            {
                "boot_index": 0,
                "source_type": "image",
                "destination_type": "local",
                "uuid": body["imageRef"],
            },
            {
                "boot_index": -1,
                "source_type": "volume",
                "destination_type": "volume",
                "uuid": VOLUME,
            },
        ]
        server = self.api.post_server({"server": body})
        self._wait_for_state_change(server, "ACTIVE")
        # Nova has more to say of a server that is active: let it come to the end.
        self._wait_for_instance_action_event(
            server, "create", "compute__do_build_and_run_instance", "success"
        )
        return server

    def work(self, server, minutes):
        """Let time pass, and let the guest's counters move as many times.

        Nova as published has a hypervisor without counters that move.
        """
        self.clock.put_forward(minutes=minutes)
        hypervisor = self.computes["compute1"].driver._host.get_connection()
        guest = hypervisor.lookupByUUIDString(server["id"])
        if hasattr(guest, "tick"):
            guest.tick(minutes)

    def audit(self):
        """Run the compute service's usage audit of the hour that has just ended."""
        manager = self.computes["compute1"].manager
        manager._instance_usage_audit(context.get_admin_context())
