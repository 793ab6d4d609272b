# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Every sample of a notification, against the oracle and the committed goldens."""

import copy
import datetime
import importlib.util
import inspect
import json
import pickle

import pytest
from ceilometer.publisher.utils import meter_message_from_counter as message_of
from ceilometer.sample import Sample

from ceilo_nova_usage.identity import Instance
from ceilo_nova_usage.meters.meter import Family
from ceilo_nova_usage.usage import InstanceUsage
from tests.support import handwritten, oracle, shipped
from tests.support.recordings import FIXTURES, Life, cases, plain_cases

#: What Ceilometer's constructor takes.
_ARGUMENTS = [*inspect.signature(Sample).parameters]

#: The two names that each notification with usage goes by.
TWINS = {
    "compute.instance.delete.start": "instance.delete.start",
    "compute.instance.exists": "instance.exists",
}
STOCK = [case for case in cases() if case.endswith("stock")]
RECORDED = [
    pytest.param(message, file, id=file)
    for case in cases()
    for file, message in Life.load(case).files()
]
GOLDEN = [
    pytest.param(place, id=str(place.relative_to(FIXTURES)))
    for place in sorted(FIXTURES.rglob("*.samples.json"))
]


def _block(**changes):
    return handwritten.usage(**{"lifetime": handwritten.lifetime(), **changes})


def _known(block, *names):
    """Return a block in which these counters alone are known."""
    for group in (block["cpu"], *block["disks"], *block["interfaces"]):
        for name in set(group) - {"device", "name", "filter", "parameters", *names}:
            group[name] = None
    return block


#: Handwritten blocks, and what else the payload has, in either form.
BLOCKS = {
    "all there is": (_block(), {}),
    "a later minor version": (_block(schema="1.7", later={"of": "it"}), {}),
    "cached": (_block(origin="cached"), {"state": "stopped"}),
    "no device": (_block(disks=0, interfaces=0), {}),
    "26 disks and more": (_block(disks=30, interfaces=30), {}),
    "no processor": (_block(cpu=None), {}),
    "no life": (_block(lifetime=None), {}),
    "no device's counter but one": (_known(_block(), "read_bytes", "tx_drop"), {}),
    "the largest counters": (
        _block(
            cpu={"time": 2**64 - 1, "number": 2**64 - 1},
            disks=1,
            lifetime={"cpu_time": 0, "net_tx_bytes": 2**64 - 1},
        ),
        {},
    ),
    "a time in whole seconds": (_block(collected_at="2026-11-22T17:00:00+00:00"), {}),
    "suspended": (_block(), {"state": "suspended"}),
    "paused": (_block(), {"state": "paused"}),
    "rescued": (_block(), {"state": "rescued"}),
    "resized": (_block(), {"state": "resized"}),
    "shelved": (_block(), {"state": "shelved"}),
    "no metadata": (_block(), {"metadata": {}}),
    "Unicode": (_block(), {"display_name": "wéb 雲 \N{CLOUD}"}),
    "no architecture": (_block(), {"architecture": None, "os_type": None}),
}


def _filtered():
    block = _block()
    block["interfaces"][0]["filter"] = "nova-instance-instance-00000001-fa163e000000"
    return block


BLOCKS["a NIC with a filter"] = (_filtered(), {})


def _handwritten():
    for title, (block, payload) in BLOCKS.items():
        for event_type, twin in TWINS.items():
            yield pytest.param(
                handwritten.legacy(block, event_type, **payload),
                id=f"{title}, {event_type}",
            )
            yield pytest.param(
                handwritten.versioned(block, twin, **payload), id=f"{title}, {twin}"
            )


HANDWRITTEN = list(_handwritten())


@pytest.mark.parametrize(("message", "file"), RECORDED)
def test_a_recorded_message_comes_to_the_oracles_samples(agent, message, file):
    """Every message off nova's bus gives what the contract says, and no complaint."""
    dispatched = oracle.dispatched(message.notification())

    assert agent.meter(dispatched) == oracle.with_zeros(dispatched)
    assert agent.quarantined() == []


@pytest.mark.parametrize("message", HANDWRITTEN)
def test_a_handwritten_message_comes_to_the_oracles_samples(agent, message):
    """Whatever the contract lets a block be is metered as the contract says."""
    expected = oracle.samples(message)

    assert agent.meter(message) == expected
    assert expected
    assert agent.quarantined() == []


@pytest.mark.parametrize("place", GOLDEN)
def test_a_golden_is_what_comes_and_what_the_oracle_says(agent, place):
    """The committed samples are the recording's, by the package and by the oracle."""
    recording = place.with_name(place.name.replace(".samples.json", ".json"))
    envelope = json.loads(recording.read_bytes())
    dispatched = oracle.dispatched(json.loads(envelope["oslo.message"]))

    golden = json.loads(place.read_text("utf-8"))

    assert agent.meter(dispatched) == golden
    assert oracle.with_zeros(dispatched) == golden


def test_every_message_of_the_shipped_life_with_usage_has_a_golden():
    """No notification of it that carries usage goes without expected samples."""
    with_usage = {
        file
        for file, message in Life.load(shipped.CASE).files()
        if oracle.unwrapped(message.notification()["payload"]).get("usage")
        and message.event_type in oracle.METERED
    }

    assert {file for file in with_usage if oracle.golden(file).exists()} == with_usage
    assert {file.split("/")[0] for file in with_usage} == {
        *("compute.instance.create.end", "instance.create.end"),
        *TWINS,
        *TWINS.values(),
    }


@pytest.mark.parametrize("case", STOCK)
def test_a_nova_without_the_patches_gives_nothing(agent, case):
    """A stock nova's whole life passes: no sample, no complaint, nothing kept."""
    life = [oracle.dispatched(each.notification()) for each in Life.load(case).messages]

    assert agent.meter(*life) == []
    assert agent.quarantined() == []


@pytest.mark.parametrize("case", plain_cases())
@pytest.mark.parametrize("legacy", TWINS)
def test_recorded_twins_are_one_reading(agent, case, legacy):
    """A legacy notification and its versioned twin give the same samples and ids."""
    first, second = (
        agent.meter(
            *(
                oracle.dispatched(message.notification())
                for message in Life.load(case).messages
                if message.event_type == event_type
            )
        )
        for event_type in (legacy, TWINS[legacy])
    )

    assert first
    assert _without_form(first) == _without_form(second)


@pytest.mark.parametrize(("block", "payload"), BLOCKS.values(), ids=BLOCKS)
def test_handwritten_twins_are_one_reading(agent, block, payload):
    """The two wire forms of a block differ in nothing but what one does not carry."""
    legacy = agent.meter(handwritten.legacy(block, **payload))
    versioned = agent.meter(handwritten.versioned(block, **payload))

    assert _without_form(legacy) == _without_form(versioned)


def _without_form(samples):
    """Return samples without what the wire's form alone decides."""
    samples = copy.deepcopy(samples)
    for sample in samples:
        sample["resource_metadata"].pop("event_type", None)
        sample["resource_metadata"]["flavor"].pop("swap", None)
    return samples


@pytest.mark.parametrize("message", HANDWRITTEN)
def test_an_id_is_unique_in_its_notification_and_the_same_ever_after(agent, message):
    """A repeat has its original's ids, and no two samples of one message share one."""
    first = [sample["id"] for sample in agent.meter(message)]

    assert len(set(first)) == len(first)
    assert [sample["id"] for sample in agent.meter(message)] == first


def test_a_cached_block_that_is_sent_again_has_the_ids_of_the_live_one(agent):
    """One reading has one id a sample, whichever notification carries it when."""
    live = agent.meter(handwritten.legacy(_block()))
    cached = agent.meter(
        handwritten.versioned(
            _block(origin="cached"), "instance.exists", state="stopped", metadata={}
        )
    )

    assert [each["id"] for each in cached] == [each["id"] for each in live]


def test_a_time_in_another_zone_is_the_same_reading(agent):
    """The id and the timestamp follow from the moment, however it is written."""
    utc = agent.meter(handwritten.legacy(_block()))
    abroad = agent.meter(
        handwritten.legacy(_block(collected_at="2026-11-22T22:30:00.123456+05:30"))
    )

    assert abroad == utc


@pytest.mark.parametrize("change", ["uuid", "time", "meter", "resource"])
def test_another_instance_time_meter_or_resource_is_another_id(agent, change):
    """Ids tell apart whatever the contract says that they follow from."""
    block, payload = _block(disks=1, interfaces=0, cpu=None, lifetime=None), {}
    before = {each["id"] for each in agent.meter(handwritten.legacy(block))}
    if change == "uuid":
        payload = {"instance_id": "another"}
    elif change == "time":
        block["collected_at"] = "2026-11-22T17:00:00.123457+00:00"
    elif change == "resource":
        block["disks"][0]["device"] = "sda"
    else:
        block["cpu"] = {"time": 1}

    after = {
        each["id"]
        for each in agent.meter(handwritten.legacy(block, **payload))
        if change != "meter" or each["name"] == "cpu"
        if change != "resource" or each["name"].startswith("disk.device.")
    }

    assert after
    assert not before & after


def test_two_nics_behind_one_filter_are_one_resource(agent):
    """The pollster's rule holds: the filter names the resource, whoever shares it."""
    block = _block()
    for nic in block["interfaces"]:
        nic["filter"] = "shared"

    samples = [
        sample
        for sample in agent.meter(handwritten.legacy(block))
        if sample["name"] == "network.incoming.bytes"
    ]

    assert [sample["resource_id"] for sample in samples] == ["shared", "shared"]
    assert {sample["resource_metadata"]["name"] for sample in samples} == {
        nic["name"] for nic in block["interfaces"]
    }
    assert agent.quarantined() == []


def test_an_unknown_counter_is_never_zero(agent):
    """A counter that is null or left out gives no sample, and nor does its sum."""
    block = _block()
    block["disks"][0]["read_bytes"] = None
    del block["disks"][1]["write_bytes"]

    samples = agent.meter(handwritten.legacy(block))

    given = {(sample["name"], sample["resource_id"]) for sample in samples}
    uuid = handwritten.UUID
    assert ("disk.device.read.bytes", f"{uuid}-vda") not in given
    assert ("disk.device.write.bytes", f"{uuid}-vdb") not in given
    assert ("disk.device.read.bytes", f"{uuid}-vdb") in given
    assert ("disk.read.bytes", uuid) not in given
    assert ("disk.write.bytes", uuid) not in given
    assert ("disk.read.requests", uuid) in given
    assert 0 not in [sample["volume"] for sample in samples]
    assert agent.quarantined() == []


def test_a_zero_that_was_read_is_published(agent):
    """A counter of zero is a reading like any other."""
    block = _block()
    block["cpu"]["time"] = 0

    (sample,) = [
        sample
        for sample in agent.meter(handwritten.legacy(block))
        if sample["name"] == "cpu"
    ]

    assert sample["volume"] == 0


def test_samples_are_ceilometers_own(agent):
    """The pipeline is handed samples as Ceilometer's constructor makes them."""
    assert agent.handle(handwritten.legacy(_block())) == set()

    samples = agent.pipeline.publish()

    assert samples
    for sample, own in zip(samples, map(_constructed, samples), strict=True):
        assert isinstance(sample, Sample)
        assert list(sample.as_dict().items()) == list(own.as_dict().items())
        assert repr(sample) == repr(own)
        assert message_of(sample, "secret") == message_of(own, "secret")
        assert sample.get_iso_timestamp().tzinfo
        for made in (sample, copy.copy(sample), copy.deepcopy(sample)):
            assert made == own
            assert own == made
        assert pickle.loads(pickle.dumps(sample)) == own
    assert {sample.source for sample in samples} == {Sample.SOURCE_DEFAULT}
    assert samples[0] != samples[1]


def test_a_samples_fields_can_be_set(agent):
    """Whatever a pipeline sets or adds is the sample's, and no other sample's."""
    agent.handle(handwritten.legacy(_block()))
    changed, other, *_ = agent.pipeline.publish()
    expected, before = {**changed.as_dict(), "region": "east"}, other.as_dict()
    changed.region = "east"
    for field in changed.as_dict():
        expected[field] = f"another {field}"
        setattr(changed, field, f"another {field}")

    assert changed.as_dict() == expected
    assert changed.id == "another id"
    assert other.as_dict() == before


def _constructed(sample):
    """Have Ceilometer make a sample of the same fields."""
    return Sample(**{name: getattr(sample, name) for name in _ARGUMENTS})


def test_no_two_resources_share_their_metadata(agent):
    """A publisher that changes one sample's metadata changes no other resource's."""
    agent.handle(handwritten.legacy(_block()))
    samples = agent.pipeline.publish()

    owners = {}
    for sample in samples:
        owners.setdefault(id(sample.resource_metadata), set()).add(sample.resource_id)

    assert {len(resources) for resources in owners.values()} == {1}


def test_what_a_later_ceilometer_sets_is_set(monkeypatch):
    """A sample has all that Ceilometer's own constructor gives it."""
    plain = Sample.__init__

    def later(self, *args, **settings):
        plain(self, *args, **settings)
        self.region_name = f"the region of {self.name}"

    monkeypatch.setattr(Sample, "__init__", later)
    spec = importlib.util.find_spec("ceilo_nova_usage.samples")
    samples = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(samples)
    read_at = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    instance = Instance(uuid="u", project_id="p", user_id="me", user_metadata={})
    usage = InstanceUsage(collected_at=read_at)
    reading = ("disk", {"of": "it"}, [("meter", "B", Family.POLLSTER)], [7])

    (sample,) = samples.to_samples([reading], instance, usage)

    time = "2026-01-02T03:04:05+00:00"
    whose = ("me", "p", "disk", time, {"of": "it"})
    name = f"u|{time}|meter|disk"
    assert sample == Sample("meter", "cumulative", "B", 7, *whose, id=name)
    assert sample.region_name == "the region of meter"
