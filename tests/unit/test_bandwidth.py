# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The older wire forms: what XenAPI's hosts counted, network by network.

``nova-21.2.4-xenapi`` is what nova sent of it; its life is led in
``tests/nova/inside/lives/xenapi.py``. What no nova sends is made of its messages.
"""

import copy

import pytest

from tests.support import handwritten, oracle
from tests.support.endpoints import counted
from tests.support.mutations import ABSENT, NO_COUNTER
from tests.support.recordings import Life

NETWORKS = {"public": (123456789, 987654321), "private": (5, 0)}

#: Bytes received and sent in the recorded life, by the end of their period and network.
#: A NIC's first reading only sets a mark; the last two are of one audit period.
RECORDED = {
    ("2026-10-05T10:00:00+00:00", "private"): (80000 - 20000, 4000 - 1000),
    ("2026-10-05T10:00:00+00:00", "public"): (28 - 7, 0),
    ("2026-10-05T10:20:00+00:00", "private"): (140000 - 80000, 7000 - 4000),
    ("2026-10-05T10:20:00+00:00", "public"): (49 - 28, 0),
    ("2026-10-05T11:00:00+00:00", "private"): (60000 + 2000 - 500, 3000 + 1200 - 300),
    ("2026-10-05T11:00:00+00:00", "public"): (21 + 44 - 11, 2),
}

LIFE = [
    oracle.dispatched(message.notification())
    for message in Life.load("nova-21.2.4-xenapi").messages
]
UUID = LIFE[0]["payload"]["instance_id"]


def _recorded(event_type):
    return [message for message in LIFE if message["event_type"] == event_type]


def _legacy(networks=NETWORKS, block=None, **payload):
    """The exists notification of a nova up to 21."""
    message = copy.deepcopy(_recorded("compute.instance.exists")[0])
    message["payload"]["bandwidth"] = {
        label: {"bw_in": incoming, "bw_out": outgoing}
        for label, (incoming, outgoing) in networks.items()
    }
    if block is not None:
        message["payload"]["usage"] = block
    message["payload"].update(payload)
    return message


def _versioned(networks=NETWORKS, block=None, **payload):
    """The same in the versioned form."""
    message = copy.deepcopy(_recorded("instance.exists")[0])
    data = message["payload"]["nova_object.data"]
    data["bandwidth"] = [
        handwritten.wrap(
            "BandwidthPayload",
            {"network_name": label, "in_bytes": incoming, "out_bytes": outgoing},
        )
        for label, (incoming, outgoing) in networks.items()
    ]
    if block is not None:
        payload["usage"] = handwritten.versioned(block)["payload"]["nova_object.data"][
            "usage"
        ]
    data.update(payload)
    return message


FORMS = pytest.mark.parametrize("form", [_legacy, _versioned])


@pytest.mark.parametrize("event_type", ["compute.instance.exists", "instance.exists"])
def test_what_nova_21_sent_becomes_what_its_guests_had(agent, event_type):
    """Recorded in either form, each network's bytes are those that XenAPI counted."""
    samples = [sample for each in _recorded(event_type) for sample in agent.meter(each)]

    found = {
        (
            each["timestamp"],
            each["resource_id"].removeprefix(f"{UUID}-"),
            each["name"],
        ): (each["volume"])
        for each in samples
    }
    assert len(found) == len(samples)
    assert found == {
        (*when_and_where, meter): volume
        for when_and_where, both in RECORDED.items()
        for meter, volume in zip(
            ("network.incoming.bytes", "network.outgoing.bytes"), both, strict=True
        )
    }
    assert agent.quarantined() == []


def test_recorded_twins_are_one_reading(agent):
    """Nova 21's two forms of a notification give the same samples, ids included.

    Where a period ends with an operation, only the unversioned form has microseconds.
    """
    twins = zip(
        _recorded("compute.instance.exists"), _recorded("instance.exists"), strict=True
    )
    for legacy, versioned in twins:
        one, other = agent.meter(legacy), agent.meter(versioned)
        assert [(each["id"], each["volume"]) for each in one] == [
            (each["id"], each["volume"]) for each in other
        ]


def test_nothing_else_of_nova_21_is_metered(agent):
    """Its other notifications carry no usage: no sample, no fault."""
    others = [each for each in LIFE if not each["event_type"].endswith("exists")]

    assert [agent.meter(each) for each in others] == [[] for _ in others]
    assert others
    assert agent.quarantined() == []


@FORMS
def test_a_networks_totals_become_its_bytes_in_and_out(agent, form):
    """Each network is a resource, ``uuid-label``, with the pollster's two meters."""
    samples = agent.meter(form())

    assert [
        (each["name"], each["resource_id"], each["volume"], each["unit"], each["type"])
        for each in samples
    ] == [
        (meter, f"{UUID}-{label}", volume, "B", "cumulative")
        for meter, index in (
            ("network.incoming.bytes", 0),
            ("network.outgoing.bytes", 1),
        )
        for label, volume in (
            ("private", NETWORKS["private"][index]),
            ("public", NETWORKS["public"][index]),
        )
    ]
    assert samples == oracle.samples(form())
    assert agent.quarantined() == []


@FORMS
def test_an_empty_list_of_networks_is_nothing(agent, form):
    """Nova 23 and 24 send ``{}`` and ``[]``, always: no sample, no fault."""
    with counted() as counts:
        assert agent.meter(form({})) == []

    assert agent.quarantined() == []
    assert counts == {("without-usage", ""): 1}


@FORMS
def test_usage_and_networks_are_both_metered(agent, form):
    """A notification that carries both comes to the samples of both."""
    message = form(block=handwritten.usage())

    assert agent.meter(message) == oracle.samples(message)
    assert len(agent.meter(message)) == len(agent.meter(form())) + 33


@FORMS
@pytest.mark.parametrize("event_type", ["delete.start"])
def test_only_an_audit_counts_bandwidth(agent, form, event_type):
    """The field means what it means in exists notifications alone."""
    message = form()
    message["event_type"] = message["event_type"].replace("exists", event_type)

    assert agent.meter(message) == []
    assert agent.quarantined() == []


@FORMS
@pytest.mark.parametrize("value", [None, ABSENT])
def test_an_unknown_total_gives_no_sample(agent, form, value):
    """One way may be unknown; the other is metered."""
    message = form({"public": (None, 7)})
    if value is ABSENT:
        for network in _networks(message):
            network.pop("bw_in", network.pop("in_bytes", None))

    (sample,) = agent.meter(message)

    assert (sample["name"], sample["volume"]) == ("network.outgoing.bytes", 7)
    assert agent.quarantined() == []


def _networks(message):
    found = oracle.unwrapped(message["payload"])["bandwidth"]
    return found.values() if isinstance(found, dict) else found


@FORMS
@pytest.mark.parametrize("index", range(len(NO_COUNTER)))
def test_a_bad_total_costs_that_total(agent, form, index):
    """A total that is no counter is refused by its path; the others stand."""
    bad = form({**NETWORKS, "public": (NO_COUNTER[index], 7)})
    good = form({**NETWORKS, "public": (None, 7)})

    assert agent.meter(bad) == agent.meter(good) == oracle.samples(good)
    (kept,) = agent.quarantined()
    (fault,) = kept["faults"]
    assert fault["path"].endswith(("public.bw_in", "0.nova_object.data.in_bytes"))


def test_a_network_without_a_name_is_lost_alone(agent):
    """A network that cannot be told apart costs itself."""
    message = _versioned()
    message["payload"]["nova_object.data"]["bandwidth"][0]["nova_object.data"][
        "network_name"
    ] = None

    samples = agent.meter(message)

    assert {each["resource_id"] for each in samples} == {f"{UUID}-private"}
    (kept,) = agent.quarantined()
    assert [(each["path"], each["reason"]) for each in kept["faults"]] == [
        (
            "payload.nova_object.data.bandwidth.0.nova_object.data.network_name",
            "missing",
        )
    ]


def test_two_networks_of_one_name_are_neither_believed(agent):
    """Two totals of one series are no total."""
    message = _versioned()
    networks = message["payload"]["nova_object.data"]["bandwidth"]
    networks.append(networks[0])

    samples = agent.meter(message)

    assert {each["resource_id"] for each in samples} == {f"{UUID}-private"}
    (kept,) = agent.quarantined()
    assert [each["reason"] for each in kept["faults"]] == ["duplicate"]


@FORMS
@pytest.mark.parametrize("value", ["x", 5, True, 0.5])
def test_what_is_no_list_of_networks_is_quarantined(agent, form, value):
    """Another shape is a fault, and is named."""
    assert agent.meter(form(bandwidth=value)) == []

    (kept,) = agent.quarantined()
    (fault,) = kept["faults"]
    assert fault["path"].endswith(".bandwidth")
    assert fault["reason"] == "wrong-type"


@FORMS
def test_more_networks_than_the_limit_are_refused(agent_with, form):
    """The limit on an instance's devices holds for its networks too."""
    agent = agent_with(max_devices=2)

    assert len(agent.meter(form())) == 4
    assert agent.meter(form({**NETWORKS, "third": (1, 1)})) == []
    (kept,) = agent.quarantined()
    assert [each["reason"] for each in kept["faults"]] == ["too-many"]


@FORMS
def test_broken_networks_cost_no_other_usage(agent, form):
    """A block beside networks that cannot be read is metered."""
    message = form(block=handwritten.usage(), bandwidth="x")

    assert len(agent.meter(message)) == 33
    assert len(agent.quarantined()) == 1


def test_without_a_period_the_time_is_the_notifications(agent):
    """What does not say up to when it counted was counted up to its sending."""
    message = _legacy()
    del message["payload"]["audit_period_ending"]

    samples = agent.meter(message)

    assert {each["timestamp"] for each in samples} == {"2026-10-05T10:00:00+00:00"}
    assert message["metadata"]["timestamp"] == "2026-10-05 10:00:00.123456"


@pytest.mark.parametrize("timestamp", [None, 5, "yesterday"])
def test_networks_of_no_time_are_quarantined(agent, timestamp):
    """Nothing is published with a time that was made up."""
    message = _legacy()
    del message["payload"]["audit_period_ending"]
    message["metadata"]["timestamp"] = timestamp

    assert agent.meter(message) == []
    (kept,) = agent.quarantined()
    assert [(each["path"], each["reason"]) for each in kept["faults"]] == [
        ("payload.audit_period_ending", "missing")
    ]
