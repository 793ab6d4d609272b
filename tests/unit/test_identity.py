# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Resources and metadata, against what the compute pollsters publish."""

import hashlib
import pathlib

import pytest
import yaml
from ceilometer import service
from ceilometer.publisher import gnocchi
from stevedore import extension

from tests.support import handwritten, oracle, pollsters

METERS = {meter for meter, _, _ in (*oracle.CPU, *oracle.DISK, *oracle.INTERFACE)}
#: What the pollster's libvirt cannot know, or says of libvirt and not of the image;
#: what only it knows.
APART = {"task_state", "os_type", "image_meta"}
BEYOND = {"usage_origin", "usage_driver", "event_type"}


def _block(**changes):
    return handwritten.usage(**changes)


def _filtered():
    block = handwritten.usage()
    block["interfaces"][1] |= {
        "filter": "nova-instance-instance-00000001-fa163e000001",
        "parameters": {"interfaceid": None, "bridge": "br1", "ip": "10.0.0.2"},
    }
    return block


#: A block, and what the payload has in the legacy form and in the versioned one.
INSTANCES = {
    "plain": (_block(), {}, {}),
    "booted from a volume": (
        _block(),
        {"image_ref_url": "http://glance/images/"},
        {"image_uuid": ""},
    ),
    "booted from a volume, in a nova that says null": (
        _block(),
        {"image_ref_url": "http://glance/images/"},
        {"image_uuid": None},
    ),
    "a filtered NIC": (_filtered(), {}, {}),
    "metered metadata": (
        _block(),
        *[
            {
                "metadata": {
                    "metering.server_group": "blue",
                    "metering.a.b": "c",
                    "metering.display_name": "hidden",
                    "metering.long": "x" * 300,
                    "own": "unseen",
                }
            }
        ]
        * 2,
    ),
    "a name in Unicode": (_block(), *[{"display_name": "wéb <雲> & \N{CLOUD}"}] * 2),
    "a running resize": (_block(), *[{"state": "resized"}] * 2),
    "rescued": (_block(), *[{"state": "rescued"}] * 2),
    "no devices": (_block(disks=0, interfaces=0), {}, {}),
}


@pytest.fixture(name="conf", scope="module")
def _conf():
    return service.prepare_service([], config_files=[])


@pytest.fixture(name="definitions", scope="module")
def _definitions():
    """Ceilometer's own definitions of Gnocchi's resources, by meter."""
    file = pathlib.Path(gnocchi.__file__).parent / "data" / "gnocchi_resources.yaml"
    plugins = extension.ExtensionManager("ceilometer.event.trait_plugin")
    found = {}
    for resource in yaml.safe_load(file.read_text("utf-8"))["resources"]:
        definition = gnocchi.ResourcesDefinition(resource, "low", None, plugins)
        found.update(dict.fromkeys(definition.metrics, definition))
    return found


@pytest.fixture(
    name="twins",
    params=[
        pytest.param((instance, form), id=f"{instance}, {form}")
        for instance in INSTANCES
        for form in ("legacy", "versioned")
    ],
)
def _twins(request, conf, agent_with):
    """The pollsters' samples of an instance and ours, by meter and resource."""
    instance, form = request.param
    block, legacy, versioned = INSTANCES[instance]
    messages = {
        "legacy": handwritten.legacy(block, **legacy),
        "versioned": handwritten.versioned(block, **versioned),
    }
    if not pollsters.fetches_user_metadata(conf):
        messages["legacy"]["payload"]["metadata"] = {}
        messages["versioned"]["payload"]["nova_object.data"]["metadata"] = {}
    agent = agent_with(meters="pollster")
    assert agent.handle(messages[form]) == set()
    polled = pollsters.poll(conf, messages["legacy"]["payload"], METERS)
    return tuple(
        {(sample.name, sample.resource_id): sample for sample in samples}
        for samples in (polled, agent.pipeline.publish())
    )


def test_the_meters_and_resources_are_the_pollsters(twins):
    """Our samples are of the very resources and meters that are polled."""
    polled, ours = twins

    assert polled
    assert ours.keys() == polled.keys()


def test_units_types_volumes_and_owners_are_the_pollsters(twins):
    """In a meter's series our sample stands as one of the pollster's would."""
    polled, ours = twins

    for key, sample in polled.items():
        for field in ("unit", "type", "volume", "user_id", "project_id", "source"):
            assert getattr(ours[key], field) == getattr(sample, field), (key, field)


def test_gnocchi_derives_the_same_attributes(twins, definitions):
    """A resource in Gnocchi is not changed by our sample, nor by the next poll."""
    polled, ours = twins

    for key, sample in polled.items():
        derived = definitions[sample.name].sample_attributes
        assert derived(sample)
        assert derived(ours[key]) == derived(sample), key


def test_metadata_is_the_pollsters_as_far_as_the_wire_goes(twins):
    """Every value that both know is one, and ours adds only what is documented."""
    polled, ours = twins

    for key, sample in polled.items():
        theirs = dict(sample.resource_metadata)
        found = dict(ours[key].resource_metadata)
        theirs["flavor"] = {**theirs["flavor"]}
        theirs["flavor"].pop("extra_specs", None)
        if "swap" not in found["flavor"]:
            theirs["flavor"].pop("swap")
        assert found.keys() - BEYOND - APART == theirs.keys() - APART
        for name in theirs.keys() - APART:
            assert found[name] == theirs[name], (key, name)


def test_the_host_is_the_apis_host_id(agent):
    """``host`` is what the API shows to the owner: a hash over project and host."""
    (sample, *_) = agent.meter(handwritten.legacy(_block()))

    assert (
        sample["resource_metadata"]["host"]
        == hashlib.sha224(b"6f70656e737461636b20342065766572compute1").hexdigest()
    )


def test_what_is_in_metadata_beyond_the_pollsters_is_the_blocks_own(agent):
    """Origin, driver and event type say how a sample came to be."""
    (sample, *_) = agent.meter(
        handwritten.versioned(
            _block(origin="cached", driver="hyperv"), "instance.exists"
        )
    )

    assert {key: sample["resource_metadata"][key] for key in BEYOND} == {
        "usage_origin": "cached",
        "usage_driver": "hyperv",
        "event_type": "instance.exists",
    }


@pytest.mark.parametrize(
    "payload",
    [
        {"host": None},
        {"display_name": None},
        {"state": None},
        {"state": "of the future"},
        {"metadata": None},
        {"metadata": {"metering.nothing": None}},
        {"user_id": None},
        {"architecture": None},
    ],
    ids=str,
)
@pytest.mark.parametrize("form", [handwritten.legacy, handwritten.versioned])
def test_what_the_wire_does_not_say_is_left_out(agent, form, payload):
    """An instance of which something is unknown is metered without that."""
    expected = [each["id"] for each in oracle.samples(form(_block()))]

    samples = agent.meter(form(_block(), **payload))

    assert [sample["id"] for sample in samples] == expected
    assert agent.quarantined() == []


@pytest.mark.parametrize(
    ("form", "payload", "path"),
    [
        (handwritten.legacy, {"instance_id": None}, "payload.instance_id"),
        (handwritten.legacy, {"instance_id": ""}, "payload.instance_id"),
        (handwritten.legacy, {"instance_id": "x" * 256}, "payload.instance_id"),
        (handwritten.legacy, {"tenant_id": None}, "payload.tenant_id"),
        (handwritten.legacy, {"tenant_id": 7}, "payload.tenant_id"),
        (handwritten.versioned, {"uuid": None}, "payload.nova_object.data.uuid"),
        (handwritten.versioned, {"uuid": "\ud800"}, "payload.nova_object.data.uuid"),
        (
            handwritten.versioned,
            {"tenant_id": ["x"]},
            "payload.nova_object.data.tenant_id",
        ),
    ],
)
def test_usage_of_nobody_knows_what_is_quarantined(agent, form, payload, path):
    """Without an instance or an owner nothing is published, and the fault is named."""
    assert agent.meter(form(_block(), **payload)) == []

    (kept,) = agent.quarantined()
    assert [fault["path"] for fault in kept["faults"]] == [path]


@pytest.mark.parametrize("form", [handwritten.legacy, handwritten.versioned])
def test_a_broken_description_costs_no_sample(agent, form):
    """A part of the instance's description that is refused is all that is lost."""
    expected = [each["id"] for each in oracle.samples(form(_block()))]

    samples = agent.meter(form(_block(), display_name=["x"], architecture=5))

    assert [sample["id"] for sample in samples] == expected
    assert "display_name" not in samples[0]["resource_metadata"]
    (kept,) = agent.quarantined()
    assert {fault["path"].split(".")[-1] for fault in kept["faults"]} == {
        "display_name",
        "architecture",
    }
