# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The older wire forms: what XenAPI's hosts counted, network by network."""

import pytest

from tests.support import handwritten, oracle
from tests.support.endpoints import counted
from tests.support.mutations import ABSENT, NO_COUNTER

NETWORKS = {"public": (123456789, 987654321), "private": (5, 0)}
ENDING = "2026-11-22 17:00:00"


def _legacy(networks=NETWORKS, block=None, **payload):
    """The exists notification of a nova up to 21."""
    return handwritten.legacy(
        block,
        "compute.instance.exists",
        **{
            "audit_period_beginning": "2026-11-22 16:00:00",
            "audit_period_ending": ENDING,
            "bandwidth": {
                label: {"bw_in": incoming, "bw_out": outgoing}
                for label, (incoming, outgoing) in networks.items()
            },
            **payload,
        },
    )


def _versioned(networks=NETWORKS, block=None, **payload):
    """The same in the versioned form."""
    return handwritten.versioned(
        block,
        "instance.exists",
        **{
            "audit_period": handwritten.wrap(
                "AuditPeriodPayload",
                {
                    "audit_period_beginning": "2026-11-22T16:00:00Z",
                    "audit_period_ending": "2026-11-22T17:00:00Z",
                },
            ),
            "bandwidth": [
                handwritten.wrap(
                    "BandwidthPayload",
                    {
                        "network_name": label,
                        "in_bytes": incoming,
                        "out_bytes": outgoing,
                    },
                )
                for label, (incoming, outgoing) in networks.items()
            ],
            **payload,
        },
    )


FORMS = pytest.mark.parametrize("form", [_legacy, _versioned])


@FORMS
def test_a_networks_totals_become_its_bytes_in_and_out(agent, form):
    """Each network is a resource, ``uuid-label``, with the pollster's two meters."""
    samples = agent.meter(form())

    assert [
        (each["name"], each["resource_id"], each["volume"], each["unit"], each["type"])
        for each in samples
    ] == [
        (meter, f"{handwritten.UUID}-{label}", volume, "B", "cumulative")
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


def test_both_forms_are_one_reading(agent):
    """The twins' samples and ids are the same, in whole seconds."""
    legacy = agent.meter(_legacy(audit_period_ending="2026-11-22 17:00:00.654321"))
    versioned = agent.meter(_versioned())

    assert [each["id"] for each in legacy] == [each["id"] for each in versioned]
    assert {each["timestamp"] for each in legacy} == {"2026-11-22T17:00:00+00:00"}


@FORMS
def test_an_empty_list_of_networks_is_nothing(agent, form):
    """nova 23 and 24 send the field empty: no sample, no fault."""
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

    assert {each["resource_id"] for each in samples} == {f"{handwritten.UUID}-private"}
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

    assert {each["resource_id"] for each in samples} == {f"{handwritten.UUID}-private"}
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

    assert {each["timestamp"] for each in samples} == {"2026-11-22T17:00:00+00:00"}
    assert message["metadata"]["timestamp"] == "2026-11-22 17:00:00.200000"


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
