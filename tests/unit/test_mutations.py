# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Properties: whatever comes, nothing is raised, handed back, or lost unsaid."""

import logging

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import handwritten, mutations, oracle
from tests.support.endpoints import Agent, configured, counted
from tests.support.mutations import Mutation

MAX_DEVICES = 64
BLOCK = handwritten.usage(lifetime=handwritten.lifetime())
MESSAGES = (
    handwritten.legacy(BLOCK),
    handwritten.versioned(BLOCK),
    handwritten.legacy(
        BLOCK,
        "compute.instance.exists",
        bandwidth={"public": {"bw_in": 1, "bw_out": 2}},
        audit_period_ending="2026-11-22 17:00:00",
    ),
    handwritten.versioned(BLOCK, "instance.exists", bandwidth=[]),
)
EXPECTED = tuple(oracle.samples(message) for message in MESSAGES)
PATHS = tuple(tuple(mutations.mutable(message)) for message in MESSAGES)
#: How a message that is handled can end, each with what is kept of it.
ENDS = {"metered": 0, "without-usage": 0, "partly-metered": 1, "quarantined": 1}

# Whatever JSON can say, and Python's reader of it lets through.
numbers = st.integers() | st.integers(min_value=2**63, max_value=2**65) | st.floats()
texts = st.text(st.characters(), max_size=20) | st.text(
    st.characters(categories=["Cs", "Cc", "Co"]), max_size=5
)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            texts
            | st.sampled_from(["nova_object.data", "nova_object.version", "device"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
# By their numbers: Hypothesis cannot show integers of thousands of digits.
nasty = st.integers(0, len(mutations.NASTY) - 1).map(mutations.NASTY.__getitem__)
values = json_values | nasty


@st.composite
def mutated(draw):
    """A message with one thing wrong: its number, and the mutation."""
    number = draw(st.integers(min_value=0, max_value=len(MESSAGES) - 1))
    return number, Mutation(
        path=draw(st.sampled_from(PATHS[number])), value=draw(values)
    )


@pytest.fixture(name="agent", scope="module")
def _agent(tmp_path_factory):
    logging.getLogger("ceilo_nova_usage").setLevel(logging.CRITICAL + 1)
    yield Agent(configured(tmp_path_factory.mktemp("agent"), max_devices=MAX_DEVICES))
    logging.getLogger("ceilo_nova_usage").setLevel(logging.NOTSET)


def _handle(agent, *messages):
    """Dispatch messages; return their samples, what is kept, and how they ended."""
    with counted() as counts:
        samples = agent.meter(*messages)
    kept = agent.quarantined()
    ends = {name: counts.get((name, ""), 0) for name in ENDS}
    assert sum(ends.values()) == len(messages)
    assert sum(ENDS[name] * count for name, count in ends.items()) == len(kept)
    assert not [line for line in kept if line["faults"][0]["reason"] in _DEFECTS]
    return samples, kept, ends


_DEFECTS = ("internal-error", "publish-failed", "meter-failed")
_settings = settings(
    deadline=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@_settings
@given(mutated())
def test_one_thing_wrong_touches_nothing_else(agent, case):
    """What a broken part does not touch is metered as if all were well."""
    number, mutation = case

    samples, _, _ = _handle(agent, mutation.applied(MESSAGES[number]))

    assert [
        sample
        for sample in EXPECTED[number]
        if mutation.spares(sample, MESSAGES[number]) and sample not in samples
    ] == []


@_settings
@given(st.lists(mutated(), min_size=1, max_size=5))
def test_a_batch_is_no_worse_than_its_messages(agent, cases):
    """Messages of one batch have the samples that each has alone."""
    messages = [mutation.applied(MESSAGES[number]) for number, mutation in cases]

    together, kept, _ = _handle(agent, *messages)

    alone = [_handle(agent, message) for message in messages]
    assert together == oracle.ordered(
        [each for samples, _, _ in alone for each in samples]
    )
    assert len(kept) == sum(len(lines) for _, lines, _ in alone)


@_settings
@given(
    st.sampled_from([oracle.METERED[0], oracle.METERED[1], *oracle.EXISTS]), json_values
)
def test_any_payload_at_all_is_handled(agent, event_type, payload):
    """A payload of any shape is metered, passed by or kept: never handed back."""
    message = {**handwritten.legacy(None), "event_type": event_type}

    samples, _, _ = _handle(agent, {**message, "payload": payload})

    assert samples == []


@_settings
@given(json_values, st.booleans())
def test_any_block_at_all_is_handled(agent, block, versioned):
    """A block of any shape is no block, or a fault that is kept."""
    form = handwritten.versioned if versioned else handwritten.legacy

    _, kept, ends = _handle(agent, form(None, usage=block))

    assert ends["without-usage"] == (block is None)
    assert len(kept) == (block is not None)


counters = st.integers(min_value=0, max_value=2**64 - 1) | st.none()


def _objects(known, table, **optional):
    return st.fixed_dictionaries(
        known, optional=optional | {field: counters for _, _, field in table}
    )


names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
#: Blocks that obey the contract: anything that a driver may know or not.
blocks = st.builds(
    lambda block, more: {**handwritten.usage(0, 0), **block, **more},
    st.fixed_dictionaries(
        {
            "disks": st.lists(
                _objects({"device": names}, oracle.DISK, volume_id=names | st.none()),
                max_size=5,
                unique_by=lambda disk: disk["device"],
            ),
            "interfaces": st.lists(
                _objects(
                    {"name": names},
                    oracle.INTERFACE,
                    mac=names | st.none(),
                    filter=names | st.none(),
                    parameters=st.dictionaries(names, names | st.none(), max_size=2),
                ),
                max_size=5,
                unique_by=lambda nic: nic["name"],
            ),
        }
    ),
    st.fixed_dictionaries(
        {},
        optional={
            "cpu": _objects({}, oracle.CPU, number=counters) | st.none(),
            "lifetime": _objects({}, oracle.LIFETIME) | st.none(),
            "origin": st.sampled_from(["live", "cached"]),
            "driver": names,
            "schema": st.integers(0, 30).map("1.{}".format),
        },
    ),
)


@_settings
@given(blocks, st.sampled_from(["legacy", "versioned"]))
def test_every_block_that_obeys_the_contract_is_metered_by_it(agent, block, form):
    """The package and the oracle agree on any block, and nothing is complained of."""
    message = getattr(handwritten, form)(block)

    samples, kept, _ = _handle(agent, message)

    assert samples == oracle.samples(message)
    assert kept == []


@_settings
@given(blocks, st.randoms(use_true_random=False))
def test_the_order_of_devices_and_fields_means_nothing(agent, block, random):
    """A block says the same however a sender arranges it."""
    shuffled = _shuffled(block, random)

    assert (
        _handle(agent, handwritten.legacy(shuffled))[0]
        == _handle(agent, handwritten.legacy(block))[0]
    )


def _shuffled(value, random):
    if isinstance(value, dict):
        items = [(key, _shuffled(item, random)) for key, item in value.items()]
        random.shuffle(items)
        return dict(items)
    if isinstance(value, list):
        return random.sample([_shuffled(item, random) for item in value], len(value))
    return value


@_settings
@given(
    blocks,
    st.lists(counters.filter(lambda count: count is not None), min_size=4, max_size=4),
)
def test_one_more_disk_adds_its_own_samples_and_to_the_sums(agent, block, added):
    """A disk of which all is known changes no sample but the sums, and those by it."""
    before = _handle(agent, handwritten.legacy(block))[0]
    fields = [field for _, _, field in oracle.DISK_SUMS]
    disk = {"device": "one more disk", **dict(zip(fields, added, strict=True))}

    after = _handle(
        agent, handwritten.legacy({**block, "disks": [*block["disks"], disk]})
    )[0]

    grown = dict(zip((meter for meter, _, _ in oracle.DISK_SUMS), added, strict=True))
    known = {sample["id"] for sample in before}
    assert [sample for sample in after if sample["id"] in known] == oracle.ordered(
        [
            {**sample, "volume": sample["volume"] + grown.get(sample["name"], 0)}
            for sample in before
        ]
    )
    new = len(after) - len(before) - len(fields)
    assert new == (0 if block["disks"] else len(fields))
