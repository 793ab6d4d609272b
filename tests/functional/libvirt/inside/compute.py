# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""A nova-compute on a live libvirt, without the rest of a cloud.

This module is run by nova's interpreter. The compute manager, its libvirt driver, its
notifiers and its database are nova's own; only what is outside of nova-compute, the
message bus and the other services' APIs, is missing. It does what it is asked over the
socket whose file descriptor is its last argument: one JSON object a line,
``{"call": ..., "arguments": ...}``, answered with ``{"result": ...}`` or
``{"error": ...}``.
"""

from nova import monkey_patch

# As nova-compute does it, before anything else is imported. The file that is named on
# the command line tells whether this is eventlet or native threading.
monkey_patch.patch(backend="threading")

import contextlib  # noqa: E402
import datetime  # noqa: E402
import itertools  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import pathlib  # noqa: E402
import socket  # noqa: E402
import sys  # noqa: E402
import threading  # noqa: E402
import time  # noqa: E402
import traceback  # noqa: E402
from unittest import mock  # noqa: E402

import guests  # noqa: E402
import libvirt  # noqa: E402
import nova.conf  # noqa: E402
import nova.privsep  # noqa: E402
import os_vif  # noqa: E402
from nova import config, context, objects  # noqa: E402
from nova.compute import manager as compute_manager  # noqa: E402
from nova.compute import utils as compute_utils  # noqa: E402
from nova.db import migration  # noqa: E402
from nova.network import neutron  # noqa: E402
from nova.objects import fields  # noqa: E402
from nova.virt.libvirt import utils as libvirt_utils  # noqa: E402
from oslo_log import log  # noqa: E402
from oslo_messaging.notify import _impl_test  # noqa: E402
from oslo_serialization import jsonutils  # noqa: E402
from oslo_utils import timeutils  # noqa: E402

CONF = nova.conf.CONF


def start(arguments):
    """Set nova up as nova-compute's main() does, and return its compute manager."""
    config.parse_args(["nova-compute", *arguments])
    log.setup(CONF, "nova")
    objects.register_all()
    os_vif.initialize()
    migration.db_sync()
    # This is root already: no daemon with more rights is needed.
    nova.privsep.sys_admin_pctxt.set_client_mode(False)
    # There is no placement service to ask for its version.
    with mock.patch.object(compute_manager.report, "SchedulerReportClient"):
        manager = compute_manager.ComputeManager()
    nova.conf.neutron.register_dynamic_opts(CONF)
    manager.driver.init_host(CONF.host)
    manager.network_api = mock.create_autospec(neutron.API, instance=True)
    return manager


@contextlib.contextmanager
def sent():
    """Give what is put on the bus meanwhile: filled when the block ends."""
    messages = []
    _impl_test.reset()
    yield messages
    messages += [
        jsonutils.to_primitive(message) for _, message, _, _ in _impl_test.NOTIFICATIONS
    ]


class Operations(threading.Thread):
    """Looks at instances and their guests all the time, as nova's tasks do."""

    INTERVAL = 0.01

    def __init__(self, driver, instances):
        super().__init__(daemon=True)
        self._driver = driver
        self._instances = itertools.cycle(instances)
        self._ending = threading.Event()
        self._done = []

    def run(self):
        """Do one operation after the other, with a pause between them."""
        for instance in self._instances:
            if self._ending.is_set():
                break
            begun = time.monotonic()
            self._driver.get_info(instance)
            self._driver._host.get_guest(instance).get_xml_desc()
            self._done.append((begun, time.monotonic() - begun))
            time.sleep(self.INTERVAL)

    def stop(self):
        """Stop, and return what was done."""
        self._ending.set()
        self.join()
        return self._done


class Compute:
    """What can be asked for. An instance is named by its UUID."""

    def __init__(self, manager):
        self.manager = manager
        self.driver = manager.driver
        self.context = context.RequestContext(
            user_id=guests.USER, project_id=guests.PROJECT, is_admin=True
        )
        self.instances = {}

    def is_eventlet(self):
        """Tell which of nova's modes this is."""
        return monkey_patch.is_patched()

    def boot(self, shape):
        """Make an instance of a shape, define its guest, start it; return its UUID."""
        instance = guests.create_instance(self.context, shape)
        self.instances[instance.uuid] = instance
        pathlib.Path(libvirt_utils.get_instance_path(instance)).mkdir(parents=True)
        self.driver._host.write_instance_config(
            guests.domain_xml(self.driver, self.context, instance, shape)
        )
        self._guest(instance.uuid).launch()
        return {"uuid": instance.uuid, "name": instance.name}

    def set_state(self, uuid, vm_state):
        """Note what nova makes of the guest's state."""
        self.instances[uuid].vm_state = vm_state
        self.instances[uuid].save()

    def start(self, uuid):
        """Start a guest that does not run, from what was saved of it if anything."""
        self._guest(uuid).launch()

    def stop(self, uuid):
        """Turn a guest off."""
        self._guest(uuid).poweroff()

    def save(self, uuid):
        """Write a guest's memory to disk and end it, as a suspended instance's."""
        self._guest(uuid).save_memory_state()

    def attach(self, uuid, disk, nic, nics):
        """Plug a disk and a NIC into a running guest, which has ``nics`` then."""
        instance = self.instances[uuid]
        for device in guests.devices(self.driver, instance, [disk], [nic]):
            self._guest(uuid).attach_device(device, persistent=True, live=True)
        guests.set_ports(instance, nics)

    def detach(self, uuid, disk, nic, nics):
        """Ask a running guest to give back a disk and a NIC; it does when it likes."""
        instance = self.instances[uuid]
        for device in guests.devices(self.driver, instance, [disk], [nic]):
            self._guest(uuid).detach_device(device, persistent=True)
            self._guest(uuid).detach_device(device, live=True)
        guests.set_ports(instance, nics)

    def notifications(self, uuid):
        """Send what nova-compute sends of an instance with its usage in it.

        Each as it goes over the bus, after nova's serializer.
        """
        with sent() as messages:
            self._notify_delete(self.instances[uuid])
            self.manager._notify_usage_exists(
                self.context, self.instances[uuid], current_period=True
            )
        return messages

    def notify_delete(self, uuid):
        """Send what announces a deletion; return how long it took, and the usage."""
        with sent() as messages:
            begun = time.monotonic()
            self._notify_delete(self.instances[uuid])
            seconds = time.monotonic() - begun
        return {"seconds": seconds, "usage": messages[0]["payload"].get("usage")}

    def _notify_delete(self, instance):
        """Do as the first lines of ComputeManager._delete_instance."""
        usage = self.manager._read_usage(self.context, instance)
        self.manager._notify_about_instance_usage(
            self.context, instance, "delete.start", usage=usage
        )
        compute_utils.notify_about_instance_action(
            self.context,
            instance,
            self.manager.host,
            action=fields.NotificationAction.DELETE,
            phase=fields.NotificationPhase.START,
            bdms=objects.BlockDeviceMappingList(objects=[]),
            usage=usage,
        )

    def read(self, uuid):
        """Read an instance as at each boundary; return the usage, or None."""
        usage = self.manager._read_usage(self.context, self.instances[uuid])
        return usage and usage.to_wire()

    def unplugged(self, uuid, device, nic):
        """Note that a disk and a NIC are gone, as after a detach."""
        gone = {device, nic}
        self.manager._usage_cache.unplugged(
            self.context,
            self.instances[uuid],
            lambda each: (
                getattr(each, "device", None) in gone
                or getattr(each, "name", None) in gone
            ),
        )

    def forget(self):
        """Know no more of instances than a nova-compute that was just started."""
        self.manager._usage_cache = type(self.manager._usage_cache)()
        for uuid in self.instances:
            self.instances[uuid] = objects.Instance.get_by_uuid(self.context, uuid)

    def override(self, group, name, value):
        """Set an option."""
        CONF.set_override(name, value, group=group)

    def audit(self):
        """Audit the host; return the usage in each exists notification, by UUID.

        And how many instances there were in each bulk read of libvirt, and the
        seconds that it all took. Every audit is one of a period of its own.
        """
        now = timeutils.utcnow()
        period = now - datetime.timedelta(hours=1), now + datetime.timedelta(hours=1)
        reads = []
        bulk_read = libvirt.virConnect.domainListGetStats

        def counted(connection, domains, *arguments):
            reads.append(len(domains))
            return bulk_read(connection, domains, *arguments)

        with (
            sent() as messages,
            mock.patch("nova.utils.last_completed_audit_period", return_value=period),
            mock.patch.object(libvirt.virConnect, "domainListGetStats", counted),
        ):
            begun = time.monotonic()
            self.manager._instance_usage_audit(self.context)
            seconds = time.monotonic() - begun
        usages = {
            message["payload"]["instance_id"]: message["payload"].get("usage")
            for message in messages
            if message["event_type"] == "compute.instance.exists"
        }
        return {"usages": usages, "reads": reads, "seconds": seconds}

    def delete(self, uuid):
        """Delete an instance; return the seconds, and those of the usage's reading."""
        instance = self.instances.pop(uuid)
        read = []
        if hasattr(self.manager, "_read_usage"):
            read_usage = self.manager._read_usage

            def timed(*arguments):
                begun = time.monotonic()
                usage = read_usage(*arguments)
                read.append(time.monotonic() - begun)
                return usage

            timing = mock.patch.object(self.manager, "_read_usage", timed)
        else:
            timing = contextlib.nullcontext()
        with timing, sent() as messages:
            begun = time.monotonic()
            self.manager._delete_instance(
                self.context, instance, objects.BlockDeviceMappingList(objects=[])
            )
            seconds = time.monotonic() - begun
        usage = messages[0]["payload"].get("usage")
        return {"seconds": seconds, "reading": sum(read), "usage": usage}

    def start_operations(self, uuids):
        """Begin to do what nova does all the time, to each instance in turn."""
        self._operations = Operations(
            self.driver, [self.instances[uuid] for uuid in uuids]
        )
        self._operations.start()

    def stop_operations(self):
        """Stop that; return (when it began, seconds) of each operation."""
        return self._operations.stop()

    def clock(self):
        """Return the time that operations are told by."""
        return time.monotonic()

    def read_usages(self, uuids):
        """Read the usage of instances at once; return the seconds."""
        instances = [self.instances[uuid] for uuid in uuids]
        begun = time.perf_counter()
        usages = self.driver.get_instances_usage(instances)
        seconds = time.perf_counter() - begun
        assert len(usages) == len(instances)
        assert all(usage.disks and usage.interfaces for usage in usages.values())
        return seconds

    def read_diagnostics(self, uuids):
        """Read the diagnostics of instances, one by one; return the seconds."""
        instances = [self.instances[uuid] for uuid in uuids]
        begun = time.perf_counter()
        for instance in instances:
            self.driver.get_instance_diagnostics(instance)
        return time.perf_counter() - begun

    def _guest(self, uuid):
        return self.driver._host.get_guest(self.instances[uuid])


def main():
    """Serve the socket until the other side closes it."""
    *arguments, connected = sys.argv[1:]
    compute = Compute(start(arguments))
    with socket.socket(fileno=int(connected)) as connection:
        lines = connection.makefile("rw")
        for line in lines:
            request = json.loads(line)
            try:
                call = getattr(compute, request["call"])
                answer = {"result": call(**request["arguments"])}
            except Exception:  # noqa: BLE001 - the other side is told
                answer = {"error": traceback.format_exc()}
            lines.write(json.dumps(answer) + "\n")
            lines.flush()
    # Without waiting for threads: one may hang in a hypervisor.
    os._exit(0)


if __name__ == "__main__":
    main()
