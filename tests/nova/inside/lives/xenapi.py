# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The life of a server on XenAPI, led inside nova 21's own functional environment.

This module is run by nova's interpreter, with nova's tests importable. Nova's compute
manager and its XenAPI driver run as they are. What is doubled is the hypervisor at the
far end of the driver's session: by nova's own stand-in, which has no traffic. That is
added here, and what else a XenServer answers and the stand-in does not.
"""

import copy
import datetime
import json
import pickle

import fixtures
from nova import conf, context
from nova.tests import fixtures as nova_fixtures
from nova.tests.functional import integrated_helpers
from nova.tests.unit.virt.xenapi import stubs
from nova.virt.xenapi import fake as xenserver
from oslo_utils import fixture

from lives.bus import OnTheBus

CONF = conf.CONF

#: Bytes of memory, and of each storage repository: enough.
ROOM = 64 << 30

#: An image as XenServer takes it.
IMAGE = {
    "id": "c1e3a5b7-2d4f-4a6c-8e0b-1f3d5a7c9e2b",
    "name": "web",
    "container_format": "ovf",
    "disk_format": "vhd",
    "size": 1 << 20,
    "status": "active",
    "min_disk": 0,
    "min_ram": 0,
    "properties": {},
}

#: Two ports, each on a network of its own.
PUBLIC = {
    **nova_fixtures.NeutronFixture.network_1,
    "id": "7d2f9c14-0b6e-4c55-9a3d-52e8f1b7a604",
    "name": "public",
}
PORTS = (
    nova_fixtures.NeutronFixture.port_1,
    {**nova_fixtures.NeutronFixture.port_2, "network_id": PUBLIC["id"]},
)


#: Bytes of each NIC of the guest that runs, by its number: received and sent.
TRAFFIC = {}


class XenServer(stubs.FakeSessionForVMTests):
    """A XenServer whose guests have traffic."""

    def VM_start_on(self, session, vm_ref, host_ref, *flags):  # noqa: N802
        """Start a guest, its NICs' counters at zero."""
        super().VM_start_on(session, vm_ref, host_ref, *flags)
        record = xenserver.get_record("VM", vm_ref)
        record["domid"] = str(record["domid"])
        TRAFFIC.clear()

    def VM_unpause(self, session, vm_ref):  # noqa: N802
        """Do nothing: the stand-in knows no pause."""

    def _plugin_xenhost_host_data(self, method, args):
        """Tell of a host that has memory."""
        data = json.loads(super()._plugin_xenhost_host_data(method, args))
        data["host_memory"] = {"total": ROOM, "free": ROOM, "free-computed": ROOM}
        return json.dumps(data)

    def _plugin_bandwidth_fetch_all_bandwidth(self, method, args):
        """Answer as os-xenapi's plugin in dom0: by domain and number of the NIC."""
        return pickle.dumps(
            {
                record["domid"]: {
                    number: {"bw_in": received, "bw_out": sent}
                    for number, (received, sent) in TRAFFIC.items()
                }
                for record in xenserver.get_all_records("VM").values()
                if record["power_state"] == "Running"
                and not record["is_control_domain"]
            }
        )


class XenAPILifeTest(OnTheBus, integrated_helpers._IntegratedTestBase):
    """A server on XenAPI with two networks."""

    microversion = "2.74"
    ADMIN_API = True

    def setUp(self):
        """Start nova's services on the life's own clock, with a XenServer."""
        self.clock = self.useFixture(
            fixture.TimeFixture(datetime.datetime(2026, 10, 5, 9, 10, 0, 123456))
        )
        self.flags(
            compute_driver="xenapi.XenAPIDriver",
            instance_usage_audit=True,
            instance_usage_audit_period="hour",
            # Only when the life says so.
            bandwidth_poll_interval=-1,
            report_interval=0,
            service_down_time=365 * 24 * 3600,
        )
        self.flags(
            connection_url="http://127.0.0.1",
            connection_password="secret",
            group="xenserver",
        )
        xenserver.reset()
        xenserver.create_network("private", "br-int")
        for record in xenserver.get_all_records("SR").values():
            record["physical_size"] = ROOM
        stubs.stubout_session(self, XenServer)
        self.useFixture(
            fixtures.MonkeyPatch(
                "os_xenapi.client.session.XenAPISession.is_local_connection", True
            )
        )
        super().setUp()

    def boot(self):
        """Boot a server with a disk from an image and two ports."""
        self.fake_image_service.create(None, copy.deepcopy(IMAGE))
        self.neutron._networks[PUBLIC["id"]] = copy.deepcopy(PUBLIC)
        for port in PORTS:
            self.neutron._ports[port["id"]] = copy.deepcopy(port)
        body = self._build_server(
            name="web-1",
            image_uuid=IMAGE["id"],
            networks=[{"port": port["id"]} for port in PORTS],
        )
        body["metadata"] = {"metering.department": "research", "role": "web"}
        server = self.api.post_server({"server": body})
        self._wait_for_state_change(server, "ACTIVE")
        self._wait_for_instance_action_event(
            server, "create", "compute__do_build_and_run_instance", "success"
        )
        return server

    def poll(self, **totals):
        """Let ten minutes pass, and nova look at what the NICs have counted by then.

        ``totals`` are the bytes received and sent, by a network's name.
        """
        self.clock.advance_time_seconds(600)
        for number, network in enumerate(("private", "public")):
            TRAFFIC[str(number)] = totals[network]
        self.compute.manager._poll_bandwidth_usage(context.get_admin_context())

    def audit(self):
        """Run the compute service's usage audit of the hour that has just ended."""
        self.compute.manager._instance_usage_audit(context.get_admin_context())

    def test_boot_audit_rebuild_audit_delete(self):
        """A server is booted, audited, rebuilt, audited again, and deleted."""
        server = self.boot()
        for polled in (1, 2, 3, 4, 5):  # 9:20 to 10:00
            self.poll(private=(20000 * polled, 1000 * polled), public=(7 * polled, 0))
        self.audit()
        for polled in (6, 7):  # 10:10, 10:20
            self.poll(private=(20000 * polled, 1000 * polled), public=(7 * polled, 0))
        image = {"rebuild": {"imageRef": IMAGE["id"]}}
        self.api.post_server_action(server["id"], image)
        self._wait_for_instance_action_event(
            server, "rebuild", "compute_rebuild_instance", "success"
        )
        for polled in (1, 2, 3, 4):  # 10:30 to 11:00
            self.poll(private=(500 * polled, 300 * polled), public=(11 * polled, 2))
        self.audit()
        self._delete_server(server)
