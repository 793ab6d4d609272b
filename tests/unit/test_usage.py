# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The usage block: what is refused of it, and what that costs."""

import copy

import pytest

from tests.support import handwritten, mutations, oracle
from tests.support.mutations import ABSENT, DATA, DOUBLED, Mutation

FORMS = {"legacy": handwritten.legacy, "versioned": handwritten.versioned}


def _shown(value):
    """Return what a test's title shows of a value."""
    if isinstance(value, int) and abs(value) > 2**70:
        return f"an int of {value.bit_length()} bits"
    return f"{value!a:.20}"


COUNTERS = [
    ("cpu", None, "time"),
    *(("disks", 1, field) for _, _, field in oracle.DISK),
    *(("interfaces", 0, field) for _, _, field in oracle.INTERFACE),
    *(("lifetime", None, field) for _, _, field in oracle.LIFETIME),
]


def _message(form, **changes):
    block = handwritten.usage(lifetime=handwritten.lifetime())
    return FORMS[form]({**block, **changes})


def _path(message, *keys):
    """Return the path of something in the block, through the form's wrappings."""
    path = ("payload",)
    value = message["payload"]
    for key in ("usage", *keys):
        if key is None:
            continue
        if isinstance(value, dict) and DATA in value:
            path, value = (*path, DATA), value[DATA]
        path, value = (*path, key), value[key]
    return path


def _reasons(kept):
    return [(fault["path"], fault["reason"]) for fault in kept["faults"]]


def _dotted(path):
    return ".".join(map(str, path))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("value", mutations.NO_COUNTER, ids=_shown)
def test_a_bad_counter_costs_that_counter_and_its_sum(agent, form, value):
    """Whatever is no counter is refused by its path; all else is metered."""
    message = _message(form)
    for group, index, field in COUNTERS:
        path = _path(message, group, index, field)

        samples = agent.meter(Mutation(path=path, value=value).applied(message))

        lost = _lost(oracle.samples(message), samples)
        assert lost == _meters_of(group, index, field), path
        (kept,) = agent.quarantined()
        assert [fault["path"] for fault in kept["faults"]] == [_dotted(path)]
        assert kept["samples"] == len(samples)


def _lost(expected, samples):
    """Return the (meter, resource) that did not come; all that came was expected."""
    assert [sample for sample in samples if sample not in expected] == []
    return {
        (sample["name"], sample["resource_id"])
        for sample in expected
        if sample not in samples
    }


def _meters_of(group, index, field):
    """Return the meters that read a counter, by the contract's table."""
    uuid = handwritten.UUID
    nic = f"instance-00000001-{uuid}-tap0000000{index}-0"
    tables = {
        "cpu": [(oracle.CPU, uuid)],
        "lifetime": [(oracle.LIFETIME, uuid)],
        "disks": [(oracle.DISK, f"{uuid}-vdb"), (oracle.DISK_SUMS, uuid)],
        "interfaces": [(oracle.INTERFACE, nic)],
    }
    return {
        (meter, resource)
        for table, resource in tables[group]
        for meter, _, counter in table
        if counter == field
    }


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("value", [0, 1, 2**32, 2**53 + 1, 2**63, 2**64 - 1])
def test_every_whole_number_below_two_to_the_64_is_a_counter(agent, form, value):
    """The range's ends are in it, and no digit is lost on the way."""
    message = _message(form, cpu={"time": value, "number": 1})

    samples = agent.meter(message)

    assert [each["volume"] for each in samples if each["name"] == "cpu"] == [value]
    assert agent.quarantined() == []


@pytest.mark.parametrize("form", FORMS)
def test_a_sum_may_pass_what_a_counter_may_not(agent, form):
    """Counters near the end of their range are added up exactly."""
    disks = [handwritten.disk(0), handwritten.disk(1)]
    for disk in disks:
        disk["read_bytes"] = 2**64 - 1

    samples = agent.meter(_message(form, disks=disks))

    (total,) = [each for each in samples if each["name"] == "disk.read.bytes"]
    assert total["volume"] == 2**65 - 2


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "missing"),
        (ABSENT, "missing"),
        ("", "unreadable-text"),
        ("x" * 256, "unreadable-text"),
        ("vd\x00", "unreadable-text"),
        ("vda\n", "unreadable-text"),
        ("vda\x7f", "unreadable-text"),
        ("vd\x85a", "unreadable-text"),
        ("\udc80", "unreadable-text"),
        (5, "wrong-type"),
        (["vda"], "wrong-type"),
    ],
    ids=_shown,
)
@pytest.mark.parametrize(
    ("group", "naming"), [("disks", "device"), ("interfaces", "name")]
)
def test_a_device_without_a_name_costs_that_device(
    agent, form, group, naming, value, reason
):
    """A device that cannot be told apart is lost with its sums, and no other."""
    message = _message(form)
    path = _path(message, group, 0, naming)

    samples = agent.meter(Mutation(path=path, value=value).applied(message))

    _assert_lost_device(message, samples, group, 0)
    (kept,) = agent.quarantined()
    assert _reasons(kept) == [(_dotted(path), reason)]


def _assert_lost_device(message, samples, group, *indexes):
    named = {
        ("disk_name", f"vd{'ab'[index]}")
        if group == "disks"
        else ("name", f"tap0000000{index}-0")
        for index in indexes
    }
    meters = oracle.DISK if group == "disks" else oracle.INTERFACE
    of_device = {meter for meter, _, _ in meters}
    expected = [
        sample
        for sample in oracle.samples(message)
        if not (group == "disks" and sample["name"] in oracle.SUM_METERS)
        if sample["name"] not in of_device
        or not any(sample["resource_metadata"].get(key) == name for key, name in named)
    ]
    assert samples == expected


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "value", [5, "vda", [], True, [{}], {}, {"a": "b"}], ids=_shown
)
@pytest.mark.parametrize("group", ["disks", "interfaces"])
def test_what_is_no_device_costs_that_device(agent, form, group, value):
    """A list's item of another shape is refused alone."""
    message = _message(form)
    path = _path(message, group, 1)

    samples = agent.meter(Mutation(path=path, value=value).applied(message))

    _assert_lost_device(message, samples, group, 1)
    (kept,) = agent.quarantined()
    assert len(kept["faults"]) == 1
    assert kept["faults"][0]["path"].startswith(_dotted(path))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("group", ["disks", "interfaces"])
def test_two_devices_of_one_name_are_neither_believed(agent, form, group):
    """Two readings of one series are no reading; the others stand."""
    message = _message(form)
    path = _path(message, group, 0)

    samples = agent.meter(Mutation(path=path, value=DOUBLED).applied(message))

    _assert_lost_device(message, samples, group, 0)
    (kept,) = agent.quarantined()
    assert [fault["reason"] for fault in kept["faults"]] == ["duplicate"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("value", [5, "x", True, {"vda": {}}, float("nan")], ids=_shown)
@pytest.mark.parametrize("group", ["disks", "interfaces"])
def test_a_group_that_is_no_list_costs_that_group(agent, form, group, value):
    """The rest of the block is metered without its broken group."""
    message = _message(form)
    path = _path(message, group)

    samples = agent.meter(Mutation(path=path, value=value).applied(message))

    _assert_lost_device(message, samples, group, 0, 1)
    (kept,) = agent.quarantined()
    assert _reasons(kept) == [(_dotted(path), "wrong-type")]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("value", [5, "x", True, [5]], ids=_shown)
@pytest.mark.parametrize("group", ["cpu", "lifetime"])
def test_a_group_that_is_no_object_costs_that_group(agent, form, group, value):
    """The rest of the block is metered without its broken group."""
    message = _message(form)
    path = _path(message, group)
    gone = {"cpu"} if group == "cpu" else oracle.TOTAL_METERS

    samples = agent.meter(Mutation(path=path, value=value).applied(message))

    assert samples == [
        sample for sample in oracle.samples(message) if sample["name"] not in gone
    ]
    (kept,) = agent.quarantined()
    assert _reasons(kept) == [(_dotted(path), "wrong-type")]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("group", ["cpu", "disks", "interfaces", "lifetime"])
@pytest.mark.parametrize("value", [None, ABSENT])
def test_a_group_that_is_unknown_is_left_out(agent, form, group, value):
    """A group that a driver does not know is no fault, and the rest is metered."""
    message = _message(form)
    path = _path(message, group)
    without = Mutation(path=path, value=value).applied(message)

    assert agent.meter(without) == oracle.samples(without)
    assert agent.quarantined() == []


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("group", ["disks", "interfaces"])
@pytest.mark.parametrize("limit", [8, 100])
def test_more_devices_than_any_instance_has_are_refused(agent_with, form, group, limit):
    """A list over the limit is refused as a whole; the rest is metered."""
    make = {"disks": handwritten.disk, "interfaces": handwritten.interface}[group]
    agent = agent_with(max_devices=limit)
    path = _path(_message(form), group)
    at_limit, over, far_over = (
        _message(form, **{group: [make(index) for index in range(count)]})
        for count in (limit, limit + 1, 5 * limit)
    )
    without = _message(form, **{group: []})

    assert agent.meter(at_limit) == oracle.samples(at_limit)
    assert agent.quarantined() == []
    for message in (over, far_over):
        assert agent.meter(message) == oracle.samples(without)
        (kept,) = agent.quarantined()
        assert _reasons(kept) == [(_dotted(path), "too-many")]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "value",
    [
        *("2.0", "0.9", "10.0", "1", "1.", "1.x", "1.0.0", "v1.0", " 1.0", ""),
        *(1, 1.0, True, None, ABSENT, [], {}),
    ],
    ids=_shown,
)
def test_another_schema_is_rejected_whole(agent, form, value):
    """Nothing is guessed of a block that is not of version 1."""
    message = _message(form)
    path = _path(message, "schema")

    assert agent.meter(Mutation(path=path, value=value).applied(message)) == []

    (kept,) = agent.quarantined()
    assert _reasons(kept) == [(_dotted(path), "unknown-version")]
    assert kept["samples"] == 0


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("value", ["1.1", "1.7", "1.10", "1.999"])
def test_a_later_minor_schema_is_read(agent, form, value):
    """What 1.x adds is passed over, and what it has of 1.0 is metered."""
    message = _message(form, schema=value, later={"any": ["thing"]})
    message["payload"] = _with_more(message["payload"])

    assert agent.meter(message) == oracle.samples(message)
    assert agent.quarantined() == []


def _with_more(value):
    """Return a value with a field of the future in every object of it."""
    if isinstance(value, dict):
        more = {} if DATA in value else {"later": 1}
        # Those two hold what anyone likes to name.
        own = {key: value[key] for key in ("metadata", "parameters") if key in value}
        return {key: _with_more(item) for key, item in value.items()} | more | own
    return [_with_more(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("version", ["1.1", "1.9", "1.25"])
def test_a_later_minor_object_is_read(agent, version):
    """nova may raise the minor version of any of the block's objects."""
    message = _message("versioned")
    path = _path(message)
    whole = copy.deepcopy(message)
    for each in mutations.paths(message["payload"]["nova_object.data"]["usage"], path):
        if each[-1] == "nova_object.version":
            whole = Mutation(path=each, value=version).applied(whole)

    assert agent.meter(whole) == oracle.samples(message)
    assert agent.quarantined() == []


@pytest.mark.parametrize("version", ["2.0", "0.1", "", 1, None, ABSENT], ids=_shown)
@pytest.mark.parametrize("group", ["cpu", "lifetime"])
def test_an_object_of_another_version_is_refused_and_named(agent, group, version):
    """Nothing is guessed of a part that is not of version 1, nor dropped unsaid."""
    message = _message("versioned")
    path = (*_path(message, group), "nova_object.version")
    gone = {"cpu"} if group == "cpu" else oracle.TOTAL_METERS

    samples = agent.meter(Mutation(path=path, value=version).applied(message))

    assert samples == [
        sample for sample in oracle.samples(message) if sample["name"] not in gone
    ]
    (kept,) = agent.quarantined()
    assert _reasons(kept) == [(_dotted(path), "unknown-version")]


@pytest.mark.parametrize("version", ["2.0", None])
def test_a_block_of_another_version_is_rejected_whole(agent, version):
    """The block's own wrapping tells its version too."""
    message = _message("versioned")
    path = (*_path(message), "nova_object.version")

    assert agent.meter(Mutation(path=path, value=version).applied(message)) == []

    (kept,) = agent.quarantined()
    assert _reasons(kept) == [(_dotted(path), "unknown-version")]


@pytest.mark.parametrize("wrapped", ["cpu", "lifetime", "disks", "interfaces"])
def test_a_mix_of_wrapped_and_plain_parts_is_read(agent, wrapped):
    """A part in nova's wrapping is opened wherever it is: nothing is lost unsaid."""
    message = _message("legacy")
    block = message["payload"]["usage"]
    expected = oracle.samples(message)

    part = block[wrapped]
    if isinstance(part, list):
        part[1] = handwritten.wrap("Any", part[1])
    else:
        block[wrapped] = handwritten.wrap("Any", part)

    assert agent.meter(message) == expected
    assert agent.quarantined() == []


@pytest.mark.parametrize("plain", ["cpu", "lifetime", "disks", "interfaces"])
@pytest.mark.parametrize("index", [0, 1])
def test_a_mix_of_plain_and_wrapped_parts_is_read(agent, plain, index):
    """A part that lacks its wrapping in a versioned block is read as well."""
    message = _message("versioned")
    expected = oracle.samples(message)
    block = message["payload"][DATA]["usage"][DATA]

    part = block[plain]
    if isinstance(part, list):
        part[index] = part[index][DATA]
    else:
        block[plain] = part[DATA]

    assert agent.meter(message) == expected
    assert agent.quarantined() == []


@pytest.mark.parametrize("group", ["cpu", "lifetime", "disks", "interfaces"])
def test_a_part_wrapped_twice_is_no_empty_part(agent, group):
    """What is still wrapped when it should be open is refused, and said."""
    message = _message("versioned")
    block = message["payload"][DATA]["usage"][DATA]
    part = block[group]
    if isinstance(part, list):
        part[0] = handwritten.wrap("Any", part[0])
    else:
        block[group] = handwritten.wrap("Any", part)

    samples = agent.meter(message)

    assert len(samples) < len(oracle.samples(message))
    (kept,) = agent.quarantined()
    assert kept["faults"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "missing"),
        (ABSENT, "missing"),
        ("yesterday", "unreadable-time"),
        ("2026-11-22", "unreadable-time"),
        ("2026-W47-7T1", "unreadable-time"),
        ("2026-11-22T25:00:00+00:00", "unreadable-time"),
        ("0001-01-01T00:00:00+23:59", "unreadable-time"),
        ("x" * 200, "unreadable-time"),
        (1_700_000_000, "wrong-type"),
        (float("nan"), "wrong-type"),
    ],
    ids=_shown,
)
def test_a_reading_of_no_time_is_rejected_whole(agent, form, value, reason):
    """Nothing is published with a time that was made up."""
    message = _message(form)
    path = _path(message, "collected_at")

    assert agent.meter(Mutation(path=path, value=value).applied(message)) == []

    (kept,) = agent.quarantined()
    assert _reasons(kept) == [(_dotted(path), reason)]


@pytest.mark.parametrize("form", FORMS)
def test_a_naive_time_is_utc(agent, form):
    """A time without an offset is UTC, as all of nova's are."""
    naive = _message(form, collected_at="2026-11-22T17:00:00.123456")

    assert agent.meter(naive) == oracle.samples(_message(form))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("value", ["never", 5, "2026-13-01T00:00:00"], ids=_shown)
def test_an_unreadable_epoch_costs_no_sample(agent, form, value):
    """What only tells of a zero long ago is noted, and all counters are metered."""
    message = _message(form)
    path = _path(message, "epoch_began_at")

    samples = agent.meter(Mutation(path=path, value=value).applied(message))

    assert samples == oracle.samples(message)
    (kept,) = agent.quarantined()
    assert [fault["path"] for fault in kept["faults"]] == [_dotted(path)]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("value", [None, ABSENT])
def test_nics_without_the_guests_name_have_no_resource(agent, form, value):
    """A NIC whose resource cannot be told is not published under a made-up one."""
    message = _message(form)
    block = oracle.unwrapped(message["payload"])["usage"]
    block["interfaces"][0]["filter"] = "a-filter"
    message = FORMS[form](block)
    path = _path(message, "instance_name")

    samples = agent.meter(Mutation(path=path, value=value).applied(message))

    nics = {
        sample["resource_id"]
        for sample in samples
        if sample["name"] == "network.incoming.bytes"
    }
    assert nics == {"a-filter"}
    assert len(samples) == len(oracle.samples(message)) - len(oracle.INTERFACE)
    (kept,) = agent.quarantined()
    assert _reasons(kept) == [(_dotted(path), "missing")]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("value", [5, "", ["x"], "f\x00", "f" * 256], ids=_shown)
def test_a_nic_with_an_unreadable_filter_is_lost(agent, form, value):
    """A filter names the resource: without it the samples would go to another one."""
    message = _message(form)
    path = _path(message, "interfaces", 1, "filter")

    samples = agent.meter(Mutation(path=path, value=value).applied(message))

    _assert_lost_device(message, samples, "interfaces", 1)
    (kept,) = agent.quarantined()
    assert [fault["path"] for fault in kept["faults"]] == [_dotted(path)]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("value", [5, "x", True, ["x"], 0, "", [], False], ids=_shown)
def test_a_block_that_is_no_object_is_quarantined(agent, form, value):
    """Anything else in the block's place is a fault; only null means no usage."""
    message = _message(form)
    path = _path(message)

    assert agent.meter(Mutation(path=path, value=value).applied(message)) == []

    (kept,) = agent.quarantined()
    assert _reasons(kept) == [(_dotted(path), "wrong-type")]
