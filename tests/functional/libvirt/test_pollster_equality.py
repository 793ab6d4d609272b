# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Live guests: our samples are those that Ceilometer's pollsters publish of them."""

import collections
import pathlib
import time

import libvirt
import pytest

from tests.functional.libvirt import pollster
from tests.functional.libvirt.nova_compute import HOST
from tests.functional.libvirt.shapes import PLUGGED_DISK, PLUGGED_NIC, SHAPES
from tests.support import endpoints, oracle

#: Seconds until a guest has booted and done all that it does.
BOOT_TIMEOUT = 60.0

#: The events that carry usage, and the forms they come in.
EVENTS = (
    "compute.instance.delete.start",
    "instance.delete.start",
    "compute.instance.exists",
    "instance.exists",
)

#: How often a guest whose counters moved meanwhile is looked at.
ATTEMPTS = 10

#: Metadata that says something of libvirt here, and of the instance there.
APART = {"os_type", "image_meta"}

FIELDS = ("unit", "type", "volume", "user_id", "project_id", "source")


@pytest.fixture(name="tally", scope="module")
def _tally(figures):
    """How many samples were compared, by state."""
    tally = collections.Counter()
    yield tally
    figures += [f"{number:6d} samples: {state}" for state, number in tally.items()]
    figures.append(f"{tally.total():6d} samples compared in all, 0 differences")


@pytest.fixture(name="pollsters", scope="module")
def _pollsters(hypervisor):
    return pollster.Pollsters(hypervisor.uri, HOST)


@pytest.fixture(name="agent")
def _agent(tmp_path):
    """Our handlers, metering what the pollsters meter."""
    return endpoints.Agent(
        endpoints.configured(tmp_path, meters="pollster", baseline=False)
    )


@pytest.fixture(name="definitions", scope="module")
def _definitions():
    return pollster.gnocchi_definitions()


class Guest:
    """A live guest, seen by nova and by the pollsters."""

    def __init__(self, shape, nova, hypervisor, pollsters, agent, definitions, tally):
        self._nova = nova
        self._pollsters = pollsters
        self._agent = agent
        self._definitions = definitions
        self._tally = tally
        self._last = None
        self.shape = shape
        self.nics = list(shape["nics"])
        self.disks = list(shape["disks"])
        self._connection = hypervisor.connect()
        self.uuid = nova.ask("boot", shape=shape)["uuid"]
        self.domain = self._connection.lookupByUUIDString(self.uuid)
        self.settle()

    def ask(self, call, **arguments):
        """Have nova do something to the guest."""
        self._nova.ask(call, uuid=self.uuid, **arguments)

    def settle(self, writes=3):
        """Wait until the guest has done all it does, and its counters stand still.

        ``writes`` are those that its first disk gets at least.
        """
        deadline = time.monotonic() + BOOT_TIMEOUT
        before, now = None, self._counters()
        while before != now or now["block.0.wr.reqs"] < writes:
            assert time.monotonic() < deadline, now
            time.sleep(0.3)
            before, now = now, self._counters()

    def _counters(self):
        ((_, stats),) = self._connection.domainListGetStats([self.domain])
        return {
            key: value
            for key, value in stats.items()
            if key.startswith(("vcpu.", "block.", "net."))
            # The time that a vCPU waited for the host's processor goes on for ever.
            and not key.endswith(".delay")
        }

    def poll(self):
        """Have Ceilometer's pollsters meter the guest, by meter and resource."""
        return by_key(self._pollsters.poll(self.uuid))

    def notifications(self):
        """Have nova send what it sends of the guest."""
        sent = self._nova.ask("notifications", uuid=self.uuid)
        assert tuple(each["event_type"] for each in sent) == EVENTS
        return sent

    def meter(self, notification):
        """Have our handlers meter a notification, by meter and resource."""
        assert self._agent.handle(oracle.dispatched(notification)) == set()
        assert self._agent.quarantined() == []
        return by_key(self._agent.pipeline.publish())

    def compare(self, state):
        """Meter the guest both ways, assert that it is the same, and return it."""
        for _ in range(ATTEMPTS):
            polled = self.poll()
            notifications = self.notifications()
            # What moves in between moves the pollsters' own figures as well.
            if values(self.poll()) == values(polled):
                break
        else:
            pytest.fail(f"the guest does not stand still, {state}")
        for notification in notifications:
            ours = self.meter(notification)
            if {each.resource_metadata["usage_origin"] for each in ours.values()} == {
                "cached"
            }:
                # The last reading once more, for there is no guest to be read.
                assert polled == {}
                assert values(ours) == self._last
                continue
            self._last = values(ours)
            assert ours.keys() == polled.keys()
            assert values(ours) == values(polled)
            for key, sample in polled.items():
                assert described(ours[key], sample) == described(sample, ours[key])
                derived = self._definitions[sample.name].sample_attributes
                assert derived(sample)
                assert derived(ours[key]) == derived(sample), key
            self._tally[state] += len(ours)
        return {key: sample.volume for key, sample in polled.items()}

    def volumes_and_ports(self):
        """Return the ids that nova tells of the guest's devices, by device."""
        notification, *_ = self.notifications()
        usage = notification["payload"]["usage"]
        disks = {disk["device"]: disk["volume_id"] for disk in usage["disks"]}
        nics = {nic["name"]: nic["port_id"] for nic in usage["interfaces"]}
        return disks, nics


def by_key(samples):
    """Return the samples that both sides make, by meter and resource."""
    found = [each for each in samples if each.name not in pollster.NOT_CARRIED]
    keyed = {(each.name, each.resource_id): each for each in found}
    assert len(keyed) == len(found)
    return keyed


def described(sample, other):
    """Return the metadata that a sample shares with the other side's, but for APART."""
    metadata, theirs = sample.resource_metadata, other.resource_metadata
    shared = {
        key: value
        for key, value in metadata.items()
        if key in theirs and key not in APART
    }
    flavor, their_flavor = metadata["flavor"], theirs["flavor"]
    return shared | {
        "flavor": {key: flavor[key] for key in flavor.keys() & their_flavor.keys()}
    }


def values(samples):
    """Return what is compared exactly."""
    return {
        key: tuple(getattr(sample, field) for field in FIELDS)
        for key, sample in samples.items()
    }


@pytest.fixture(name="guest", params=SHAPES, ids=lambda shape: shape.name)
def _guest(request, nova, hypervisor, site, pollsters, agent, definitions, tally):
    shape = site.shape(request.param)
    guest = Guest(shape, nova, hypervisor, pollsters, agent, definitions, tally)
    yield guest
    if guest.domain.isActive():
        guest.domain.destroy()
    guest.domain.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE)


def test_samples_are_the_pollsters(guest, site):
    """Whatever a guest is and goes through, we publish what is polled of it."""
    disks = [disk for disk in guest.disks if disk["source"] is not None]
    nics = [nic for nic in guest.nics if nic["kind"] != "user"]

    booted = guest.compare("running")
    assert len(booted) == 1 + 6 * len(disks) + 8 * len(nics)
    assert guest.volumes_and_ports() == (
        {disk["device"]: disk["serial"] for disk in disks},
        {nic["name"]: nic["port_id"] for nic in nics},
    )

    guest.domain.suspend()
    guest.ask("set_state", vm_state="paused")
    assert guest.compare("paused") == booted
    guest.domain.resume()
    guest.ask("set_state", vm_state="active")

    guest.domain.reset()
    before = guest.poll()
    metered = guest.meter(guest.notifications()[0])
    after = guest.poll()
    assert metered.keys() == before.keys() == after.keys()
    for key, sample in metered.items():
        assert before[key].volume <= sample.volume <= after[key].volume, key
    guest.settle(writes=6)
    reset = guest.compare("reset")
    assert all(reset[key] >= volume for key, volume in booted.items())
    assert sum(reset.values()) > sum(booted.values())

    disk, nic = site.disk(PLUGGED_DISK, 9), site.nic(PLUGGED_NIC)
    plugged = {"disk": disk, "nic": nic}
    guest.ask("attach", **plugged, nics=[*guest.nics, nic])
    assert len(guest.compare("plugged in")) == len(booted) + 6 + 8
    guest.domain.reset()
    guest.settle(writes=9)
    used = guest.compare("used what was plugged in")
    assert used["disk.device.write.requests", f"{guest.uuid}-{disk['device']}"] > 0
    volumes, ports = guest.volumes_and_ports()
    assert volumes[disk["device"]] == disk["serial"]
    assert ports[nic["name"]] == nic["port_id"]

    guest.ask("detach", **plugged, nics=guest.nics)
    guest.compare("asked to let it go")
    guest.domain.reset()  # at which it does
    guest.settle(writes=12)
    assert guest.compare("plugged out").keys() == booted.keys()

    guest.ask("save")
    guest.ask("set_state", vm_state="suspended")
    assert guest.compare("saved") == {}
    guest.ask("start")
    guest.ask("set_state", vm_state="active")
    guest.settle(writes=0)
    restored = guest.compare("restored")
    assert restored.keys() == booted.keys()
    assert sum(restored.values()) < sum(booted.values())

    guest.ask("stop")
    guest.ask("set_state", vm_state="stopped")
    assert guest.compare("shut off") == {}
    guest.ask("start")
    guest.ask("set_state", vm_state="active")
    guest.settle()
    assert guest.compare("started again").keys() == booted.keys()


def test_every_cumulative_pollster_is_metered_or_explained(pollsters):
    """What the pollsters count up and we do not meter is named, with a reason."""
    metered = {meter for meter, _, _ in (*oracle.CPU, *oracle.DISK, *oracle.INTERFACE)}

    assert pollsters.meters() == metered | pollster.NOT_CARRIED.keys()


def test_every_pollster_is_in_the_parity_table():
    """The operator's guide says of each compute pollster whether it is metered."""
    guide = pathlib.Path(__file__).parents[3] / "doc/source/operator/parity.rst"
    text = guide.read_text("utf-8")

    assert pollster.names()
    assert [name for name in pollster.names() if f"``{name}``" not in text] == []
