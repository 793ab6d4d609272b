# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The handlers before Ceilometer's dispatcher: what they take, and never do."""

import copy
import io
import logging
import re
import sys

import pytest
from oslo_config import cfg
from oslo_log import formatters, log

from ceilo_nova_usage.delivery.quarantine import Quarantine
from ceilo_nova_usage.delivery.tally import Tally
from tests.support import handwritten, oracle
from tests.support.endpoints import counted

LOGGER = "ceilo_nova_usage.handlers.base"
BLOCK = handwritten.usage(lifetime=handwritten.lifetime())
GOOD = handwritten.legacy(BLOCK)
WITHOUT = handwritten.versioned(None, "instance.exists")
BROKEN = handwritten.legacy({"schema": "2.0"})
PARTLY = handwritten.versioned({**BLOCK, "cpu": "fast"})


@pytest.fixture(name="agent")
def _agent(agent_with):
    """An agent that has just been started, and logged nothing."""
    return agent_with()


class RefusingPipeline:
    """A pipeline whose code raises when it is given samples."""

    def __init__(self, error):
        self.error = error
        self.calls = 0

    def __enter__(self):
        return self.publish

    def __exit__(self, *exc_info):
        pass

    def publish(self, samples):
        """Raise, whatever is to be published."""
        self.calls += 1
        raise self.error


@pytest.mark.parametrize("event_type", oracle.METERED)
def test_the_names_of_the_contract_are_taken(agent, event_type):
    """Each notification that carries usage has one handler, in either form."""
    taking = [
        endpoint
        for endpoint in agent.endpoints
        if endpoint.filter_rule.match({}, "compute.a", event_type, {}, {})
    ]

    assert len(taking) == 1


@pytest.mark.parametrize(
    "event_type",
    [
        "compute.instance.delete.starts",
        "compute.instance.delete.start.error",
        "compute.instance.delete.end",
        "computeXinstance.delete.start",
        "compute.instanceXdelete.start",
        "compute.instance.delete",
        "xcompute.instance.exists",
        "compute.instance.exists2",
        "instance.existsx",
        "instanceXexists",
        "instance.delete.startx",
        "my.instance.delete.start",
        "instance.delete.start_error",
        "",
        "\ud800",
        None,
        5,
    ],
)
def test_no_other_name_is_taken(agent, event_type):
    """A name that only begins or looks like one of ours is somebody else's."""
    for endpoint in agent.endpoints:
        assert not endpoint.filter_rule.match({}, "compute.a", event_type, {}, {})


def test_what_slips_through_a_filter_is_not_metered(agent):
    """A regular expression's end also matches before a newline: that is nobody's."""
    message = {**GOOD, "event_type": "compute.instance.delete.start\n"}

    with counted() as counts:
        assert agent.meter(message) == []

    assert counts == {}


@pytest.mark.parametrize("priority", ["INFO", "SAMPLE"])
def test_samples_come_of_the_priorities_ceilometer_meters(agent, priority):
    """Ceilometer's sample endpoints read info and sample notifications."""
    assert agent.handle(GOOD, priority=priority) == set()
    assert agent.pipeline.publish()


@pytest.mark.parametrize("priority", ["AUDIT", "DEBUG", "WARN", "ERROR", "CRITICAL"])
def test_other_priorities_are_consumed_and_dropped(agent, priority):
    """A notification of an error carries no usage."""
    assert agent.handle(GOOD, priority=priority) == set()
    assert agent.pipeline.publish() == []


def test_a_batch_is_published_at_once(agent):
    """The agent's batch goes to the pipeline as one, in the order it came."""
    other = handwritten.legacy({**BLOCK, "collected_at": "2026-11-22T18:00:00+00:00"})

    agent.handle(GOOD, BROKEN, WITHOUT, other)

    (batch,) = agent.pipeline.batches
    expected = len(oracle.samples(GOOD))
    assert [sample.timestamp[11:13] for sample in batch] == ["17"] * expected + [
        "18"
    ] * expected


def test_a_batch_without_samples_publishes_nothing(agent):
    """A pipeline is not troubled with empty batches."""
    agent.handle(BROKEN, handwritten.legacy(None))

    assert agent.pipeline.batches == []


@pytest.mark.parametrize("message", [GOOD, WITHOUT, BROKEN, PARTLY])
def test_a_message_is_left_as_it_came(agent, message):
    """Other endpoints are handed the same object: no handler changes it."""
    before = copy.deepcopy(message)

    agent.handle(message)

    assert message == before


def test_a_notification_without_usage_is_counted_and_no_fault(agent, caplog):
    """A compute host that is not patched yet, or could not read, is no news."""
    messages = [
        handwritten.legacy(None),
        handwritten.versioned(None),
        handwritten.legacy(None, "compute.instance.exists"),
        WITHOUT,
    ]
    messages[0]["payload"]["usage"] = None

    with caplog.at_level(logging.DEBUG, LOGGER), counted() as counts:
        assert agent.meter(*messages) == []

    assert counts == {("without-usage", ""): len(messages)}
    assert agent.quarantined() == []
    assert [each for each in caplog.records if each.name == LOGGER] == []


def test_a_notification_without_usage_need_not_be_readable_otherwise(agent):
    """What carries nothing for us is not judged by us."""
    message = handwritten.legacy(None, instance_id=None, tenant_id=5, metadata=[])

    with counted() as counts:
        assert agent.meter(message) == []

    assert counts == {("without-usage", ""): 1}
    assert agent.quarantined() == []


def test_each_message_is_counted_by_what_became_of_it(agent):
    """Metered, partly metered, quarantined, without usage: one of them each."""
    double = handwritten.legacy({**BLOCK, "cpu": 5, "disks": 6})

    with counted() as counts:
        agent.handle(GOOD, GOOD, WITHOUT, BROKEN, PARTLY, double)

    assert counts == {
        ("metered", ""): 2,
        ("without-usage", ""): 1,
        ("quarantined", ""): 1,
        ("quarantined", "unknown-version"): 1,
        ("partly-metered", ""): 2,
        ("partly-metered", "wrong-type"): 2,
    }


def test_a_message_that_is_not_all_metered_is_logged_with_its_id_and_path(
    agent, caplog
):
    """An operator finds the message and the spot in it."""
    agent.handle(BROKEN)
    agent.handle(PARTLY)

    broken, partly = (each for each in caplog.records if each.name == LOGGER)
    for record, path in (
        (broken, "payload.usage.schema"),
        (partly, "payload.nova_object.data.usage.nova_object.data.cpu"),
    ):
        assert record.levelno == logging.WARNING
        assert BROKEN["metadata"]["message_id"] in record.getMessage()
        assert path in record.getMessage()


def test_the_log_holds_one_line_a_reason_however_many_come(agent, caplog):
    """A nova that sends nonsense does not fill the disk by way of the log."""
    for _ in range(1000):
        agent.handle(BROKEN, handwritten.legacy(5))

    ours = [each for each in caplog.records if each.name == LOGGER]
    assert len(ours) == 2
    assert len(agent.quarantined()) == 2000


def test_a_log_line_does_not_grow_with_the_faults_or_their_values(agent, caplog):
    """Neither thousands of faults nor huge values and ids make a huge line."""
    long = "x" * 100_000
    disks = [{"device": f"vd{index}", "read_bytes": "x"} for index in range(1000)]
    message = handwritten.legacy({**BLOCK, "disks": disks, "driver": long})
    message["metadata"]["message_id"] = long
    agent.handle(message)

    (record,) = (each for each in caplog.records if each.name == LOGGER)
    assert len(record.getMessage()) < 2000
    (kept,) = agent.quarantined()
    assert len(kept["faults"]) == 1001


def test_a_log_line_is_one_line(agent, caplog):
    """A message cannot write lines of its own into the log."""
    message = handwritten.legacy(
        bandwidth={"a\nCRITICAL all is lost\n": 5}, event_type="compute.instance.exists"
    )
    message["metadata"]["message_id"] = "id\nCRITICAL all is lost"
    agent.handle(message)

    (record,) = (each for each in caplog.records if each.name == LOGGER)
    assert len(record.getMessage().splitlines()) == 1


def test_the_services_own_log_format_adds_nothing_that_a_sender_chose(agent, caplog):
    """oslo.log tells of the error being handled: none is, when a line is logged."""
    conf = cfg.ConfigOpts()
    log.register_options(conf)
    conf([], default_config_files=[])
    sent = io.StringIO()
    lines = logging.StreamHandler(sent)
    lines.setFormatter(formatters.ContextFormatter(config=conf))
    logging.getLogger(LOGGER).addHandler(lines)
    try:
        message = copy.deepcopy(BROKEN)
        message["metadata"]["message_id"] = "\x1b[31m" + "x" * 100_000
        agent.handle(message)
    finally:
        logging.getLogger(LOGGER).removeHandler(lines)

    assert "payload.usage.schema" in sent.getvalue()
    assert "\x1b" not in sent.getvalue()
    assert len(sent.getvalue()) < 2000


def test_the_counts_are_logged_now_and_then(agent_with, caplog, monkeypatch):
    """An operator sees in the log what became of the notifications."""
    monkeypatch.setattr("ceilo_nova_usage.handlers.base.TALLY", Tally())
    caplog.set_level(logging.INFO, LOGGER)
    agent_with(counts_interval=1).handle(GOOD, GOOD)

    said = [each.getMessage() for each in caplog.records if each.name == LOGGER]
    assert said == ["Notifications since the agent's start: metered 2"]


@pytest.mark.parametrize(
    "error",
    [RuntimeError("down"), KeyError(), OSError(5, "Input/output error")],
    ids=repr,
)
def test_a_pipeline_that_raises_is_no_reason_to_hand_messages_back(
    agent_with, caplog, error
):
    """What could not be published is kept, logged and counted, and not requeued."""
    pipeline = RefusingPipeline(error)
    agent = agent_with(pipeline)

    with counted() as counts:
        assert agent.handle(GOOD, WITHOUT, GOOD) == set()

    assert pipeline.calls == 1
    kept = agent.quarantined()
    assert [line["faults"][0]["reason"] for line in kept] == ["publish-failed"] * 2
    assert [line["message"]["payload"] for line in kept] == [GOOD["payload"]] * 2
    assert {line["message_id"] for line in kept} == {GOOD["metadata"]["message_id"]}
    assert counts["not-published", ""] == 2
    assert counts["not-published", "publish-failed"] == 2
    errors = [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert errors
    assert errors[0].exc_info


def test_the_agent_goes_on_after_a_pipeline_has_raised(agent_with):
    """Each batch is tried: a publisher may be back."""
    pipeline = RefusingPipeline(RuntimeError("down"))
    agent = agent_with(pipeline)

    for _ in range(3):
        assert agent.handle(GOOD) == set()

    assert pipeline.calls == 3


def test_a_quarantine_that_cannot_be_written_costs_no_sample(
    agent_with, tmp_path, caplog
):
    """The samples there are are published; the loss is logged and counted."""
    (tmp_path / "in-the-way").write_text("a file")
    agent = agent_with(quarantine_dir=tmp_path / "in-the-way" / "quarantine")

    with counted() as counts:
        assert agent.handle(PARTLY, BROKEN) == set()

    assert len(agent.pipeline.publish()) == len(oracle.samples(GOOD)) - 1
    assert counts["not-kept", "FileExistsError"] == 2
    assert counts["partly-metered", ""] == counts["quarantined", ""] == 1
    (error,) = (each for each in caplog.records if each.levelno >= logging.ERROR)
    assert BROKEN["metadata"]["message_id"] in error.getMessage()


def test_a_defect_of_ours_is_loud_and_loses_nothing(agent, caplog, monkeypatch):
    """An exception nobody thought of quarantines its message and the agent runs on."""
    from ceilo_nova_usage import samples
    from ceilo_nova_usage.handlers import base

    def fail(*args):
        raise ZeroDivisionError

    monkeypatch.setattr(base, samples.to_samples.__name__, fail)

    with counted() as counts:
        assert agent.handle(GOOD) == set()

    assert counts["quarantined", "internal-error"] == 1
    (kept,) = agent.quarantined()
    assert kept["faults"][0]["reason"] == "internal-error"
    assert kept["message"]["payload"] == GOOD["payload"]
    assert "ZeroDivisionError" in caplog.text


def test_a_quarantine_with_a_defect_is_loud_and_hands_nothing_back(
    agent, caplog, monkeypatch
):
    """What keeps messages may fail in its own ways: samples go out all the same."""

    def fail(*args):
        raise RecursionError

    monkeypatch.setattr(Quarantine, "keep", fail)

    with counted() as counts:
        assert agent.handle(PARTLY) == set()

    assert agent.pipeline.publish()
    assert counts["not-kept", "RecursionError"] == 1
    assert any(each.levelno >= logging.ERROR for each in caplog.records)


@pytest.mark.parametrize("payload", [[], "x", 5, None, True, [[[]]]], ids=repr)
def test_a_payload_that_is_no_object_is_quarantined(agent, payload):
    """Whatever a sender put there is kept, and costs nobody else."""
    message = {**GOOD, "payload": payload}

    assert agent.meter(message, GOOD) == oracle.samples(GOOD)

    (kept,) = agent.quarantined()
    assert kept["faults"][0]["path"] == "payload"
    assert kept["message"]["payload"] == payload


def test_the_depth_of_a_message_is_no_danger(agent):
    """A message as deep as Python's own reader lets pass is kept like another."""
    deep = 1
    for _ in range(sys.getrecursionlimit() - 100):
        deep = [deep]
    message = handwritten.legacy({**BLOCK, "cpu": deep}, image_meta=deep)

    assert agent.handle(message) == set()

    assert agent.pipeline.publish()
    (kept,) = agent.quarantined()
    assert kept["faults"][0]["path"] == "payload.usage.cpu"


def test_a_user_key_is_metered_by_the_agents_own_options(agent_with, tmp_path):
    """``reserved_metadata_*`` choose the user's metadata, as they do for pollsters."""
    agent = agent_with()
    file = tmp_path / "ceilometer.conf"
    file.write_text(
        "[DEFAULT]\nreserved_metadata_namespace = bill.\n"
        "reserved_metadata_keys = owner\nreserved_metadata_length = 3\n"
        + file.read_text()
    )
    conf = agent.endpoints[0].conf
    conf.reload_config_files()
    agent = type(agent)(conf)

    (sample, *_) = agent.meter(
        handwritten.legacy(
            BLOCK, metadata={"bill.to": "someone", "owner": "me", "metering.x": "y"}
        )
    )

    assert sample["resource_metadata"]["user_metadata"] == {"to": "som", "owner": "me"}


def test_event_types_are_whole_regular_expressions(agent):
    """Ceilometer joins them with a bar: each stands for itself, dots and all."""
    for endpoint in agent.endpoints:
        for pattern in endpoint.event_types:
            assert re.fullmatch(r"\^[a-z]+(\\\.[a-z_]+)+\$", pattern)
