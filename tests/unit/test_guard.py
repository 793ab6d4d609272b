# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The guarded pipeline: Ceilometer's own endpoints raise, and nothing comes back."""

import gc
import json
import threading
import weakref
from contextlib import contextmanager
from importlib import metadata

import pytest
import stevedore
import yaml
from ceilometer.pipeline.sample import (
    SampleEndpoint,
    SamplePipelineManager,
    SampleSink,
    SampleSource,
)
from ceilometer.publisher.test import TestPublisher
from ceilometer.sample import TYPE_GAUGE, Sample
from oslo_config import cfg
from oslo_messaging import NotificationFilter, NotificationResult
from oslo_messaging.notify.dispatcher import BatchNotificationDispatcher

from ceilo_nova_usage import deployment
from ceilo_nova_usage.conf import GROUP
from ceilo_nova_usage.delivery.quarantine import FILE_NAME
from ceilo_nova_usage.errors import AgentRefused
from tests.support import oracle
from tests.support.command import run
from tests.support.deletes import deletes
from tests.support.endpoints import counted
from tests.support.poison import NO_PRIORITY, RAISED_FOR, of_no_priority, raised_for

NAMESPACE = "ceilometer.notification.pipeline"
ENDPOINTS_RAISE = pytest.mark.skipif(
    metadata.version("ceilometer").startswith("21."),
    reason="Ceilometer 21's own endpoints log what they cannot read, and drop it",
)
GOOD = list(deletes("guard", 3))
CEILOMETERS = "ceilometer.meter.notifications.ProcessMeterNotifications"


@contextmanager
def disabled():
    """Have the garbage collector run only where it is told to."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class Incoming:
    """A message as a driver of oslo.messaging hands it to the dispatcher."""

    def __init__(self, message):
        self.ctxt = {}
        self.message = message


class Agent:
    """The endpoints of one pipeline manager behind the agent's dispatcher."""

    def __init__(self, conf, name):
        (extension,) = stevedore.NamedExtensionManager(
            NAMESPACE, [name], invoke_on_load=True, invoke_args=(conf,)
        )
        self._pipelines = extension.obj.pipelines
        self._dispatcher = BatchNotificationDispatcher(
            extension.obj.get_main_endpoints(), None
        )

    def handle(self, messages):
        """Dispatch a batch; tell how many messages would be handed back."""
        return len(self._dispatcher.dispatch([Incoming(each) for each in messages]))

    def publish(self, samples):
        """Hand samples to the pipeline, as an endpoint does."""
        (pipeline,) = self._pipelines
        pipeline.publish_data(samples)

    def samples(self):
        """What has come out of the pipeline."""
        (pipeline,) = self._pipelines
        (publisher,) = pipeline.sink.publishers
        return publisher.samples

    def requests(self):
        """How often the publisher was called."""
        (pipeline,) = self._pipelines
        (publisher,) = pipeline.sink.publishers
        return publisher.calls

    def published(self):
        """The ids of our samples, in order."""
        ids = [each.id for each in self.samples()]
        # Those of Ceilometer's own meters have ids of another kind.
        return sorted(each for each in ids if "|" in each)


@pytest.fixture(autouse=True)
def _unguarded():
    """Leave the process afterwards as it was before an agent began."""
    dispatch = BatchNotificationDispatcher.dispatch
    threshold = gc.get_threshold()
    yield
    BatchNotificationDispatcher.dispatch = dispatch
    gc.unfreeze()
    gc.set_threshold(*threshold)


@pytest.fixture(name="start")
def _start(tmp_path):
    """Start an agent with a pipeline manager; its options are ours."""

    def start(name, meters=("*",), **options):
        pipeline = {
            "sources": [{"name": "all", "meters": [*meters], "sinks": ["sink"]}],
            "sinks": [{"name": "sink", "publishers": ["test://"]}],
        }
        (tmp_path / "pipeline.yaml").write_text(yaml.safe_dump(pipeline))
        conf = cfg.ConfigOpts()
        deployment.register(conf, everything=True)
        conf([], project="ceilometer", default_config_files=[])
        conf.set_override("pipeline_cfg_file", str(tmp_path / "pipeline.yaml"))
        ours = {"quarantine_dir": tmp_path / "quarantine", "metrics_dir": "", **options}
        for option, value in ours.items():
            conf.set_override(option, str(value), group=GROUP.name)
        return Agent(conf, name)

    return start


@pytest.fixture(name="searched")
def _searched(monkeypatch):
    """The names that were looked for among patterns, all of which are found."""
    searched = []
    monkeypatch.setattr(
        SampleSource,
        "is_supported",
        staticmethod(lambda patterns, name: searched.append(name) or True),
    )
    return searched


@pytest.fixture(name="kept")
def _kept(tmp_path):
    """Return what is in the quarantine."""

    def kept():
        file = tmp_path / "quarantine" / FILE_NAME
        lines = file.read_text().splitlines() if file.exists() else ()
        return [json.loads(line) for line in lines]

    return kept


def of_active(handed):
    """An endpoint that is to be handed what tells of active instances alone."""

    class OfActive(SampleEndpoint):
        filter_rule = NotificationFilter(payload={"state": "^active$"})

        def process_notifications(self, priority, notifications):
            """Note whose they are."""
            handed.extend(each["payload"]["instance_id"] for each in notifications)

    return OfActive


@pytest.fixture(name="endpoint")
def _endpoint(monkeypatch):
    """Let the agent have one endpoint, another package's."""

    def endpoint(kind):
        monkeypatch.setattr(
            SamplePipelineManager,
            "get_main_endpoints",
            lambda manager: [kind(manager.conf, manager.publisher())],
        )

    return endpoint


def poison(kinds=raised_for):
    """What something raises for, Ceilometer's own meters mostly: one of each kind."""
    bodies = [json.loads(each.body)["oslo.message"] for each in kinds("guarded from")]
    return [json.loads(body) for body in bodies]


def good():
    """Deletions that anyone can read."""
    return [each.notification for each in GOOD]


def expected():
    """The ids of the samples of these deletions."""
    return sorted(sample["id"] for each in GOOD for sample in each.samples)


@ENDPOINTS_RAISE
def test_unguarded_the_whole_batch_comes_back(start):
    """Ceilometer's manager hands all back for one message: that is what is cured."""
    for message in poison():
        assert start("meter").handle([*good(), message]) == len(GOOD) + 1


@ENDPOINTS_RAISE
def test_guarded_nothing_comes_back(start, kept):
    """Each message is handled once, and those that cannot be read are kept."""
    agent = start("meter-guarded")

    with counted() as counts:
        assert agent.handle([*good()[:1], *poison(), *good()[1:]]) == 0

    assert set(expected()) <= set(agent.published())
    assert len(agent.published()) == len(set(agent.published()))
    # Our own handlers may have kept one of them for what they cannot read in it.
    by_guard = [each for each in kept() if each["faults"][0]["path"] == CEILOMETERS]
    assert sorted(each["message_id"] for each in by_guard) == sorted(
        each["message_id"] for each in poison()
    )
    assert counts["endpoint-failed", "endpoint-failed"] == len(RAISED_FOR)


def test_unguarded_a_priority_that_is_no_text_brings_the_batch_back(start):
    """oslo.messaging's dispatcher raises before it has asked any endpoint."""
    for message in poison(of_no_priority):
        with pytest.raises(AttributeError, match="lower"):
            start("meter").handle([*good(), message])


def test_guarded_a_priority_that_is_no_text_is_kept(start, kept):
    """Such a notification is off the bus after one attempt, and the others metered."""
    agent = start("meter-guarded")
    messages = poison(of_no_priority)

    with counted() as counts:
        assert agent.handle([*good()[:1], *messages, *good()[1:]]) == 0

    assert agent.published() == expected()
    assert [each["message_id"] for each in kept()] == [
        each["message_id"] for each in messages
    ]
    assert {
        (fault["path"], fault["reason"]) for each in kept() for fault in each["faults"]
    } == {("priority", "wrong-type")}
    assert counts["endpoint-failed", "wrong-type"] == len(messages)


def test_what_is_kept_for_its_priority_can_be_replayed(start, tmp_path):
    """It comes to the samples that it would have come to with a priority."""
    messages = poison(of_no_priority)
    start("meter-guarded").handle(messages)

    replayed = run("replay", "-f", "json", tmp_path / "quarantine" / FILE_NAME)

    assert replayed.status == 0
    assert replayed.ids == sorted(
        sample["id"]
        for each in messages
        for sample in oracle.samples(oracle.dispatched(each))
    )


def test_who_keeps_a_priority_that_is_no_text(start, kept, tmp_path):
    """The one that was started last, and that one alone."""
    start("meter-guarded", quarantine_dir=tmp_path / "earlier")
    agent = start("meter-guarded")

    agent.handle(poison(of_no_priority))

    assert len(kept()) == len(NO_PRIORITY)
    assert not (tmp_path / "earlier" / FILE_NAME).exists()


@ENDPOINTS_RAISE
def test_who_raised_and_what_is_said(start, kept):
    """The fault names the endpoint and the error's kind, and nothing a sender chose."""
    agent = start("meter-guarded")
    (message,) = (each for each in poison() if each.get("timestamp") == "soon")

    agent.handle([message])

    ((fault,),) = (each["faults"] for each in kept())
    assert fault["path"] == CEILOMETERS
    assert fault["reason"] == "endpoint-failed"
    assert fault["detail"].startswith("raised ")
    assert "soon" not in fault["detail"]


def test_the_samples_are_those_of_the_unguarded_one(start):
    """What can be read comes to the same, in the same order of notifications."""
    guarded, unguarded = start("meter-guarded"), start("meter")

    assert guarded.handle(good()) == unguarded.handle(good()) == 0

    assert guarded.published() == unguarded.published() == expected()


@pytest.mark.parametrize(
    "meters",
    [("disk.*", "cpu"), ("!network.*", "!cpu"), ("cp?",), ("none",)],
)
def test_a_source_has_the_meters_that_its_patterns_name(start, meters):
    """A pipeline that takes some meters takes the same ones, batch after batch."""
    guarded, unguarded = start("meter-guarded", meters), start("meter", meters)

    for message in good():
        guarded.handle([message])
        unguarded.handle([message])

    assert guarded.published() == unguarded.published() != expected()


def test_a_source_that_has_all_meters(start):
    """It is asked for each meter's name, and takes the samples as they are."""
    guarded = start("meter-guarded", ("!unheard.of",))

    guarded.handle(good())

    assert guarded.published() == expected()


def test_a_name_is_matched_with_the_patterns_once(start, searched):
    """What a source has said of a meter's name it says again without a search."""
    agent = start("meter-guarded")
    agent.handle(good())
    searched.clear()

    agent.handle(good())

    assert searched == []
    assert agent.published() == sorted([*expected(), *expected()])


@pytest.mark.parametrize(("length", "searches"), [(255, 1), (256, 2)])
def test_names_that_a_sender_makes_long_are_not_remembered(
    start, searched, length, searches
):
    """A notification may name a meter: no long name of its stays in memory."""
    agent = start("meter-guarded")
    sample = Sample("m" * length, TYPE_GAUGE, "B", 1, None, None, "resource")

    agent.publish([sample])
    agent.publish([sample])

    assert searched == ["m" * length] * searches


def test_names_that_a_sender_makes_many_do_not_add_up(start, searched):
    """A notification may name a meter: so many are remembered, and then begun anew."""
    agent = start("meter-guarded")
    samples = [
        Sample(f"meter.{number}", TYPE_GAUGE, "B", 1, None, None, "resource")
        for number in range(4097)
    ]
    agent.publish(samples)
    searched.clear()

    agent.publish([samples[-1], samples[0]])

    assert searched == ["meter.0"]


@pytest.mark.parametrize("volume", [0, 1.5, True, "3", "many", None])
def test_a_volume_is_taken_as_ceilometer_takes_it(start, volume):
    """A number passes, so does what reads like one, and all else is dropped."""
    agents = [start("meter-guarded"), start("meter")]
    taken = []
    for agent in agents:
        sample = Sample("cpu", TYPE_GAUGE, "ns", volume, None, None, "resource")
        agent.publish([sample])
        taken.append([(each.name, repr(each.volume)) for each in agent.samples()])

    assert taken[0] == taken[1]
    assert len(taken[0]) == (0 if volume in ("many", None) else 1)


def test_what_is_loaded_is_spared(start):
    """The garbage collector passes over what there is once all is loaded."""
    gc.unfreeze()

    start("meter-guarded")

    assert gc.get_freeze_count() > 0


def test_garbage_is_not_spared(start):
    """What nobody uses any more by then is freed, and not kept for ever."""
    garbage = Incoming("that holds itself")
    garbage.itself = garbage
    there = weakref.ref(garbage)
    del garbage

    with disabled():
        start("meter-guarded")

        assert there() is None


def test_a_batch_does_not_set_off_the_collector(start):
    """It does otherwise, many times."""
    gc.set_threshold(700, 10, 10)  # Python's own up to 3.12
    batch = [each.notification for each in deletes("guard a batch", 100)]
    runs = {}
    for name in ("meter", "meter-guarded"):
        agent, runs[name] = start(name), 0

        def count(phase, _, name=name):
            runs[name] += phase == "start"

        gc.collect()
        gc.callbacks.append(count)
        try:
            agent.handle(batch)
        finally:
            gc.callbacks.remove(count)

    assert runs["meter"] > 3
    assert runs["meter-guarded"] == 0


@pytest.mark.parametrize("threshold", [0, 1_000_000])
def test_a_collector_that_runs_less_often_is_left_alone(start, threshold):
    """By 0 it is off: who wanted that does not want it back."""
    gc.set_threshold(threshold)

    start("meter-guarded")

    assert gc.get_threshold()[0] == threshold


def test_an_option_that_is_refused_ends_the_worker(start):
    """As with the handlers: not an agent that guards less than it says."""
    with pytest.raises(AgentRefused):
        start("meter-guarded", baseline_since="soon")


def test_unguarded_a_filter_that_raises_brings_the_batch_back(start, endpoint):
    """It cannot look into a payload of null, and that leaves the dispatcher."""
    endpoint(of_active([]))

    with pytest.raises(TypeError):
        start("meter").handle([*good(), good()[0] | {"payload": None}])


def test_guarded_what_a_filter_raises_for_is_kept(start, endpoint, kept):
    """The endpoint is handed what its filter lets through, and nothing comes back."""
    handed = []
    endpoint(of_active(handed))
    agent = start("meter-guarded")
    unread = good()[0] | {"payload": None, "message_id": "unread"}
    stopped = good()[1] | {"payload": {"state": "stopped"}}

    assert agent.handle([unread, stopped, good()[2]]) == 0

    assert handed == [good()[2]["payload"]["instance_id"]]
    (record,) = kept()
    assert record["message_id"] == "unread"
    assert [fault["reason"] for fault in record["faults"]] == ["endpoint-failed"]
    assert record["faults"][0]["path"].endswith(".OfActive")


def test_an_endpoint_that_asks_for_it_gets_its_batch_again(start, endpoint):
    """To be handed a message once more, when it says so, is its own affair."""

    class Asking(SampleEndpoint):
        def process_notifications(self, priority, notifications):
            return NotificationResult.REQUEUE

    endpoint(Asking)

    assert start("meter-guarded").handle(good()) == len(GOOD)


def test_other_priorities_stay_as_they_are(start, endpoint):
    """An endpoint is handed the priorities that it takes, one message at a time."""
    taken = []

    class Listening:
        def __init__(self, conf, publisher):
            pass

        def warn(self, notifications):
            """Take warnings."""
            taken.append(len(notifications))

    endpoint(Listening)
    agent = start("meter-guarded")

    assert agent.handle([{**each, "priority": "WARN"} for each in good()]) == 0
    assert agent.handle(good()) == 0

    assert taken == [1] * len(GOOD)


def sample(name, number):
    """A sample of a meter."""
    return Sample(
        name, TYPE_GAUGE, "", number, None, None, "resource", "2026-01-01T00:00:00", {}
    )


def publishing(samples, meanwhile=lambda message: None):
    """An endpoint that publishes samples of each notification, by its number."""

    class Publishing(SampleEndpoint):
        def process_notifications(self, priority, notifications):
            """Publish, as Ceilometer's own do."""
            for message in notifications:
                meanwhile(message)
                with self.publisher as publish:
                    publish(samples(message["payload"]["number"]))

    return Publishing


def numbered(*numbers):
    """Notifications of anything."""
    return [
        {
            "message_id": f"message-{number}",
            "publisher_id": "host",
            "event_type": "anything",
            "priority": "info",
            "payload": {"number": number},
            "timestamp": "2026-01-01 00:00:00",
        }
        for number in numbers
    ]


@pytest.fixture(name="takes_batches")
def _takes_batches(monkeypatch):
    """Have the publisher say so."""
    monkeypatch.setattr(TestPublisher, "TAKES_BATCHES", True, raising=False)


def test_a_publisher_gets_the_samples_of_a_notification(start, endpoint):
    """As ever, unless it says that it takes those of a batch."""
    endpoint(publishing(lambda number: [sample("a", number)]))
    agent = start("meter-guarded")

    assert agent.handle(numbered(1, 2, 3)) == 0

    assert agent.requests() == 3
    assert [each.volume for each in agent.samples()] == [1, 2, 3]


@pytest.mark.usefixtures("takes_batches")
def test_what_a_batch_comes_to_is_published_at_once(start, endpoint):
    """Ceilometer publishes the samples of each notification; guarded, of a batch."""
    endpoint(publishing(lambda number: [sample("a", number), sample("b", number)]))
    guarded, unguarded = start("meter-guarded", ("a",)), start("meter", ("a",))

    for agent in (guarded, unguarded):
        assert agent.handle(numbered(1, 2, 3)) == agent.handle(numbered(4)) == 0
        assert [each.volume for each in agent.samples()] == [1, 2, 3, 4]

    assert (guarded.requests(), unguarded.requests()) == (2, 4)


@pytest.mark.usefixtures("takes_batches")
def test_a_pipeline_that_fails_brings_nothing_back(start, endpoint, kept, monkeypatch):
    """What a batch came to is lost to it; the notifications are kept."""

    def publish_samples(sink, samples):
        raise RuntimeError("no sink")

    endpoint(publishing(lambda number: [sample("a", number)]))
    agent = start("meter-guarded")
    with monkeypatch.context() as patched:
        patched.setattr(SampleSink, "publish_samples", publish_samples)
        assert agent.handle(numbered(1, 2)) == 0

    assert [each["message_id"] for each in kept()] == ["message-1", "message-2"]
    assert agent.handle(numbered(3)) == 0
    assert [each.volume for each in agent.samples()] == [3]


@pytest.mark.usefixtures("takes_batches")
def test_what_cannot_be_published_holds_up_no_other(start, endpoint, kept):
    """Of a notification with a sample that nothing can be said of none is published."""
    endpoint(
        publishing(
            lambda number: [sample("a", number), sample([] if number == 2 else "b", 0)]
        )
    )
    agent = start("meter-guarded")

    assert agent.handle(numbered(1, 2, 3)) == 0

    assert [each.volume for each in agent.samples() if each.name == "a"] == [1, 3]
    assert [each["message_id"] for each in kept()] == ["message-2"]


@pytest.mark.usefixtures("takes_batches")
def test_batches_at_the_same_time_are_published_apart(start, endpoint):
    """A thread that is in the middle of its batch publishes nothing of another's."""
    both = threading.Barrier(2)
    endpoint(
        publishing(
            lambda number: [sample("a", number)],
            lambda message: both.wait(30),
        )
    )
    agent = start("meter-guarded")
    batches = [numbered(1, 2, 3), numbered(4, 5, 6)]

    threads = [threading.Thread(target=agent.handle, args=(each,)) for each in batches]
    for each in threads:
        each.start()
    for each in threads:
        each.join(30)

    assert agent.requests() == 2
    volumes = [each.volume for each in agent.samples()]
    assert sorted([volumes[:3], volumes[3:]]) == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.usefixtures("takes_batches")
def test_what_is_published_outside_of_a_batch_goes_at_once(start, endpoint):
    """An endpoint may publish whenever it likes, from a thread of its own."""
    ways = []

    def meanwhile(message):
        thread = threading.Thread(target=later)
        thread.start()
        thread.join(30)

    def later():
        for publish in ways:
            publish([sample("a", 7)])

    class Made(publishing(lambda number: [sample("a", number)], meanwhile)):
        def __init__(self, *args):
            super().__init__(*args)
            with self.publisher as publish:
                ways.append(publish)

        def process_notifications(self, priority, notifications):
            with self.publisher as publish:
                ways.append(publish)
            super().process_notifications(priority, notifications)

    endpoint(Made)
    agent = start("meter-guarded")

    agent.handle(numbered(1))

    assert [each.volume for each in agent.samples()] == [7, 7, 1]
