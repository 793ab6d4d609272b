# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The life of a server on Hyper-V, led inside nova 28's own functional environment.

This module is run by nova's interpreter, with the patched nova's tests importable.
Nova's services and its Hyper-V driver run as they are, and so does os-win's code for
metering. What is doubled is Windows: WMI's answers, and os-win's utilities that change
something there.
"""

import copy
import datetime

import fixtures
from nova import context
from nova.compute import manager as compute_manager
from nova.tests import fixtures as nova_fixtures
from nova.tests.fixtures import hyperv
from nova.tests.functional import integrated_helpers

from lives.bus import OnTheBus

#: The Neutron agent for Hyper-V plugs these in.
PORTS = tuple(
    {**port, "binding:vif_type": "hyperv"}
    for port in (
        nova_fixtures.NeutronFixture.port_1,
        nova_fixtures.NeutronFixture.port_2,
    )
)

# Nova 28 runs on Python 3.10.
UTC = datetime.timezone.utc  # noqa: UP017

allocate_network = compute_manager.ComputeManager._allocate_network


def networks_at_once(manager, *args, **kwargs):
    """Allocate networks, and let them be ready before the build goes on."""
    networks = allocate_network(manager, *args, **kwargs)
    networks.wait()
    return networks


class Clock:
    """A clock that runs at the usual pace from a chosen moment, and can be put forward.

    It stands in for oslo_utils.timeutils.utcnow.
    """

    #: Where the original is told to stand still.
    override_time = None

    def __init__(self, start):
        self._ahead = start - datetime.datetime.now(UTC)

    def put_forward(self, **interval):
        """Put the clock forward by an interval, as timedelta takes it."""
        self._ahead += datetime.timedelta(**interval)

    def __call__(self, with_timezone=False):
        """Return the present time in UTC."""
        now = datetime.datetime.now(UTC) + self._ahead
        return now if with_timezone else now.replace(tzinfo=None)


class HyperVLifeTest(OnTheBus, integrated_helpers._IntegratedTestBase):
    """A server on Hyper-V with two disks and two ports."""

    microversion = "2.74"
    ADMIN_API = True

    def setUp(self):
        """Start nova's services on the life's own clock, with a Hyper-V."""
        self.clock = Clock(datetime.datetime(2026, 10, 5, 9, 10, tzinfo=UTC))
        for name, value in (
            ("oslo_utils.timeutils.utcnow", self.clock),
            ("platform.node", lambda: "compute1"),
            (
                "nova.compute.manager.ComputeManager._allocate_network",
                networks_at_once,
            ),
        ):
            self.useFixture(fixtures.MonkeyPatch(name, value))
        self.hyperv = self.useFixture(hyperv.HyperV())
        self.flags(
            compute_driver="hyperv.HyperVDriver",
            instances_path=self.useFixture(fixtures.TempDir()).path,
            instance_usage_audit=True,
            instance_usage_audit_period="hour",
            vif_plugging_timeout=0,
            report_interval=0,
            service_down_time=365 * 24 * 3600,
        )
        self.flags(enable_instance_metrics_collection=True, group="hyperv")
        self.flags(enabled=True, group="instance_usage")
        super().setUp()

    def boot(self):
        """Boot a server with a disk from an image, an ephemeral one and two ports."""
        for port in PORTS:
            self.neutron._ports[port["id"]] = copy.deepcopy(port)
        for image in self.glance.images.values():
            image["disk_format"] = "vhd"
        body = self._build_server(
            name="web-1",
            flavor_id=self._create_flavor(name="web", vcpu=2, disk=10, ephemeral=10),
            networks=[{"port": port["id"]} for port in PORTS],
        )
        body["metadata"] = {"metering.department": "research", "role": "web"}
        server = self.api.post_server({"server": body})
        self._wait_for_state_change(server, "ACTIVE")
        self._wait_for_instance_action_event(
            server, "create", "compute__do_build_and_run_instance", "success"
        )
        return server

    def work(self, minutes):
        """Let time pass, and a guest that runs keep half a processor busy."""
        self.clock.put_forward(minutes=minutes)
        for machine in self.hyperv.machines.values():
            machine.work(
                seconds=minutes * 60,
                megahertz=hyperv.CLOCK // 2,
                megabytes=minutes,
            )

    def audit(self):
        """Run the compute service's usage audit of the hour that has just ended."""
        self.compute.manager._instance_usage_audit(context.get_admin_context())

    def test_boot_audit_stop_start_delete(self):
        """A server is booted, works, is audited, stopped, started, and deleted."""
        server = self.boot()
        self.work(minutes=55)
        self.audit()
        server = self._stop_server(server)
        self.work(minutes=30)
        self._start_server(server)
        self.work(minutes=17)
        self._delete_server(server)
