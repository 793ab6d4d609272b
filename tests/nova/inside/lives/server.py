# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Lives of servers, led inside nova's own functional environment.

This module is run by nova's interpreter, with nova's tests importable. Every
notification goes out as in production: from nova through oslo.messaging to the broker
named by RECORD_TRANSPORT_URL, legacy and versioned form.
"""

import copy
import datetime
import pathlib

import fixtures
from nova import context
from nova.compute import manager as compute_manager
from nova.tests import fixtures as nova_fixtures
from nova.tests.functional.libvirt import base

from lives.bus import OnTheBus

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


class Life(OnTheBus, base.ServersTestBase):
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

    def boot(self):
        """Boot a server with a disk from an image, a volume and two ports."""
        for port in PORTS:
            self.neutron._ports[port["id"]] = copy.deepcopy(port)
        body = self._build_server(
            name="web-1",
            flavor_id=FLAVOR,
            networks=[{"port": port["id"]} for port in PORTS],
        )
        self.image = body["imageRef"]
        body["metadata"] = {"metering.department": "research", "role": "web"}
        body["block_device_mapping_v2"] = [
            {
                "boot_index": 0,
                "source_type": "image",
                "destination_type": "local",
                "uuid": self.image,
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
        host = self.api.get_server(server["id"])["OS-EXT-SRV-ATTR:host"]
        hypervisor = self.computes[host].driver._host.get_connection()
        guest = hypervisor.lookupByUUIDString(server["id"])
        if hasattr(guest, "tick"):
            guest.tick(minutes)

    def audit(self):
        """Run the compute service's usage audit of the hour that has just ended."""
        manager = self.computes["compute1"].manager
        manager._instance_usage_audit(context.get_admin_context())


class PlainLifeTest(Life):
    """A server that is made, used and deleted."""

    def test_boot_audit_delete(self):
        """A server is booted, works, is audited, works on, and is deleted."""
        server = self.boot()
        self.work(server, minutes=55)
        self.audit()
        self.work(server, minutes=17)
        self._delete_server(server)


class EventfulLifeTest(base.LibvirtMigrationMixin, Life):
    """A server to which everything happens, on two hosts."""

    def setUp(self):
        """Let no disk be copied."""
        super().setUp()
        self.flags(reclaim_instance_interval=3600, shelved_offload_time=-1)
        driver = "nova.virt.libvirt.driver.LibvirtDriver"
        for name, stand_in in (
            ("snapshot", lambda *_, **__: None),
            ("migrate_disk_and_power_off", self._power_off),
            ("_cleanup_failed_instance_base", lambda *_, **__: None),
        ):
            self.useFixture(fixtures.MonkeyPatch(f"{driver}.{name}", stand_in))

    @staticmethod
    def _power_off(driver, context, instance, *_, **__):
        driver.power_off(instance)
        return "{}"

    def test_everything(self):
        """Whatever ends a guest, or begins one, happens to it once."""
        self.server = server = self.boot()
        self.start_compute(hostname="compute2")
        # Where a rescue puts the guest's definition aside.
        (pathlib.Path(base.CONF.instances_path) / server["id"]).mkdir(parents=True)
        self.work(server, minutes=55)
        self.audit()
        for happening in (
            self.reboot,
            self.stop_and_start,
            self.suspend_and_resume,
            self.rescue_and_unrescue,
            self.rebuild,
            self.migrate_and_revert,
            self.shelve_and_unshelve,
            self.delete_and_restore,
            # The last: when it ends, nova's fake hypervisor knows no more of it.
            self.migrate_live,
        ):
            self.work(server, minutes=7)
            happening(server)
        self.work(server, minutes=17)
        self.api.post_server_action(server["id"], {"forceDelete": {}})
        self._wait_until_deleted(server)

    def do(self, server, what, action, event):
        """Have the API do something, and wait until the compute service has done it.

        ``action`` and ``event`` are nova's names of it, as an operator sees them.
        """
        self.api.post_server_action(server["id"], what)
        self.done(server, action, event)

    def done(self, server, action, event):
        """Wait until the compute service has done something, notifications and all."""
        self._wait_for_instance_action_event(
            server, action, f"compute_{event}", "success"
        )

    def reboot(self, server):
        """Reboot it, hard."""
        self.do(server, {"reboot": {"type": "HARD"}}, "reboot", "reboot_instance")

    def stop_and_start(self, server):
        """Turn it off and on."""
        self.do(server, {"os-stop": None}, "stop", "stop_instance")
        self.do(server, {"os-start": None}, "start", "start_instance")

    def suspend_and_resume(self, server):
        """Save it to disk, and let it go on."""
        self.do(server, {"suspend": {}}, "suspend", "suspend_instance")
        self.do(server, {"resume": {}}, "resume", "resume_instance")

    def rescue_and_unrescue(self, server):
        """Boot it from another disk, use it, and boot it as it was."""
        image = {"rescue_image_ref": self.image}
        self.do(server, {"rescue": image}, "rescue", "rescue_instance")
        self.work(server, minutes=5)
        self.do(server, {"unrescue": None}, "unrescue", "unrescue_instance")

    def rebuild(self, server):
        """Begin anew with its image."""
        image = {"imageRef": self.image}
        self.do(server, {"rebuild": image}, "rebuild", "rebuild_instance")

    def migrate_and_revert(self, server):
        """Move it to the other host, use it there, and take it back."""
        self.do(server, {"migrate": None}, "migrate", "finish_resize")
        self._wait_for_state_change(server, "VERIFY_RESIZE")
        self.work(server, minutes=5)
        revert = "finish_revert_resize"
        self.do(server, {"revertResize": None}, "revertResize", revert)

    def migrate_live(self, server):
        """Move it to the other host while it runs."""
        host = self.api.get_server(server["id"])["OS-EXT-SRV-ATTR:host"]
        (there,) = self.computes.keys() - {host}
        self.src, self.dest = self.computes[host], self.computes[there]
        what = {"os-migrateLive": {"host": there, "block_migration": "auto"}}
        self.do(server, what, "live-migration", "post_live_migration_at_destination")
        self._wait_for_state_change(server, "ACTIVE")

    def shelve_and_unshelve(self, server):
        """Put it away, off its host, and take it back."""
        self.do(server, {"shelve": None}, "shelve", "shelve_instance")
        offload = "shelve_offload_instance"
        self.do(server, {"shelveOffload": None}, "shelveOffload", offload)
        self.do(server, {"unshelve": None}, "unshelve", "unshelve_instance")

    def delete_and_restore(self, server):
        """Delete it so that it can be taken back, and take it back."""
        self.api.delete_server(server["id"])
        self.done(server, "delete", "soft_delete_instance")
        self.do(server, {"restore": {}}, "restore", "restore_instance")
