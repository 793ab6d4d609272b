# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""What the Hyper-V driver of nova 28 sent, as meters.

The life of ``nova-28.3.1-hyperv`` is led in ``tests/nova/inside/lives/hyperv.py``: a
guest of two disks and two ports works for 55 minutes, is stopped for 30, and works for
17 more. While it works it uses 1000 MHz of a host with 2000 MHz, and in each minute
reads 1 MiB from each disk and twice as much from each port, which has a counter for
each version of IP. It writes twice, and sends three times as much.
"""

import itertools

import pytest

from tests.support import oracle
from tests.support.recordings import Life

MIB = 1 << 20
SECOND = 10**9

LIFE = [
    oracle.dispatched(message.notification())
    for message in Life.load("nova-28.3.1-hyperv").messages
]
UUID = LIFE[0]["payload"]["instance_id"]
NAME = "instance-00000001"

#: Minutes of work, and of being stopped, at each notification.
ELAPSED = {
    "create.end": (0, 0),
    "exists": (55, 0),
    "power_off.start": (55, 0),
    "power_on.end": (55, 30),
    "delete.start": (72, 30),
}
BOTH_FORMS = [
    (f"compute.instance.{name}", f"instance.{name}", *elapsed)
    for name, elapsed in ELAPSED.items()
]

#: What Hyper-V has no counters of.
UNKNOWN = (
    *("disk.device.read.requests", "disk.device.write.requests"),
    *("disk.device.read.latency", "disk.device.write.latency"),
    *("disk.read.requests", "disk.write.requests"),
    *("disk.read.requests.total", "disk.write.requests.total"),
    *("network.incoming.packets", "network.outgoing.packets"),
    *("network.incoming.packets.drop", "network.outgoing.packets.drop"),
    *("network.incoming.packets.error", "network.outgoing.packets.error"),
    *("network.incoming.packets.total", "network.outgoing.packets.total"),
)


def _metered(agent, event_type):
    """The samples of a recorded notification: of its baseline, and of its reading."""
    (message,) = (each for each in LIFE if each["event_type"] == event_type)
    samples = agent.meter(message)
    last = max(each["timestamp"] for each in samples)
    return (
        [each for each in samples if each["timestamp"] != last],
        [each for each in samples if each["timestamp"] == last],
    )


def _volumes(samples):
    """What is left of samples that have a resource for each device."""
    return {(each["name"], each["resource_id"]): each["volume"] for each in samples}


@pytest.mark.parametrize(("legacy", "versioned", "work", "rest"), BOTH_FORMS)
def test_bytes_are_those_that_hyper_v_metered(agent, legacy, versioned, work, rest):
    """Every disk and port has its bytes, in both forms, and so have the totals."""
    wanted = {
        "disk.device.read.bytes": [work * MIB] * 2,
        "disk.device.write.bytes": [2 * work * MIB] * 2,
        "disk.read.bytes": [2 * work * MIB],
        "disk.write.bytes": [4 * work * MIB],
        "disk.read.bytes.total": [2 * work * MIB],
        "disk.write.bytes.total": [4 * work * MIB],
        "network.incoming.bytes": [2 * work * MIB] * 2,
        "network.outgoing.bytes": [6 * work * MIB] * 2,
        "network.incoming.bytes.total": [4 * work * MIB],
        "network.outgoing.bytes.total": [12 * work * MIB],
    }
    for event_type in (legacy, versioned):
        _, samples = _metered(agent, event_type)
        found = {
            meter: [each["volume"] for each in samples if each["name"] == meter]
            for meter in wanted
        }
        assert found == wanted
        assert not {each["name"] for each in samples} & set(UNKNOWN)
    assert agent.quarantined() == []


@pytest.mark.parametrize(("legacy", "versioned", "work", "rest"), BOTH_FORMS)
def test_cpu_time_is_within_its_error(agent, legacy, versioned, work, rest):
    """CPU time is short of the truth by less than one MHz, over all the time."""
    truth = work * 60 * SECOND * 1000 // 2000
    error = (work + rest) * 60 * SECOND // 2000
    for event_type in (legacy, versioned):
        _, samples = _metered(agent, event_type)
        for meter in ("cpu", "cpu.total"):
            (volume,) = (s["volume"] for s in samples if s["name"] == meter)
            assert truth - error <= volume <= truth


def test_nothing_goes_down(agent):
    """A stop and a start, after which the average is lower, is no step back."""
    for form in (0, 1):
        lived = [_volumes(_metered(agent, each[form])[1]) for each in BOTH_FORMS]
        for before, after in itertools.pairwise(lived):
            assert before.keys() == after.keys()
            assert all(before[each] <= after[each] for each in before)


def test_twins_are_one_reading(agent):
    """Both forms of a notification give the same samples, ids included."""
    for legacy, versioned, *_ in BOTH_FORMS:
        (_, one), (_, other) = _metered(agent, legacy), _metered(agent, versioned)
        assert one
        assert [(each["id"], each["volume"]) for each in one] == [
            (each["id"], each["volume"]) for each in other
        ]


def test_the_baseline_is_the_creation_of_the_virtual_machine(agent):
    """Counters have been zero at one moment, and not again at the second start."""
    zeros = [
        each
        for legacy, *_ in BOTH_FORMS
        for each in _metered(agent, legacy)[0]
        if each["name"] not in oracle.TOTAL_METERS
    ]

    assert {each["volume"] for each in zeros} == {0}
    assert len({each["timestamp"] for each in zeros}) == 1


def test_resources_are_those_of_the_old_pollster(agent):
    """A disk is its InstanceID in WMI, and a NIC its port, as Ceilometer named them."""
    _, samples = _metered(agent, "compute.instance.delete.start")
    found = {each["resource_id"] for each in samples}
    machine = "00000001-4C9A-4B1E-8F0D-6A2E7C31D5B4"
    ide = "83F8638B-8DCA-4152-9EDA-2CA8B33039B4"
    assert found == {
        UUID,
        *(rf"{UUID}-Microsoft:{machine}\{ide}\0\{slot}\L" for slot in (0, 1)),
        f"{NAME}-{UUID}-ce531f90-199f-48c0-816c-13e38010b442",
        f"{NAME}-{UUID}-88dae9fa-0dc6-49e3-8c29-3abc41e99ac9",
    }
