# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Ceilometer's notification service itself, fed with recorded bytes over a bus.

The service is as Ceilometer ships it and reads its configuration from a file. Only
the bus is in memory; what is put on it is what nova put on RabbitMQ.
"""

import contextlib
import json
import pathlib
import subprocess
import sys
import time

import pytest
from ceilometer import messaging, service
from ceilometer.notification import NotificationService
from kombu import Connection

from tests.support import handwritten, oracle
from tests.support.endpoints import counted
from tests.support.recordings import Life

PATIENCE = 60.0
PIPELINE = """\
sources:
  - {{name: all, meters: ["*"], sinks: [file]}}
sinks:
  - {{name: file, publishers: ["file://{path}?json"]}}
"""
CONFIGURATION = """\
[DEFAULT]
transport_url = kombu+memory://
pipeline_cfg_file = {pipeline}
[oslo_messaging_notifications]
topics = notifications,versioned_notifications
[notification]
notification_control_exchanges = nova
pipelines = meter
batch_size = {batch_size}
batch_timeout = 1
[nova_usage]
quarantine_dir = {quarantine}
metrics_dir =
{options}
"""


class Bus:
    """The bus between nova and the agent."""

    def __init__(self, connection):
        self._channel = connection.channel()
        self._producer = connection.Producer(self._channel)
        self._queues = set()

    def send(self, body, exchange, routing_key):
        """Put a message's bytes on the bus."""
        self._producer.publish(
            body,
            exchange=exchange,
            routing_key=routing_key,
            content_type="application/json",
            content_encoding="utf-8",
        )
        self._queues.add(routing_key)

    def replay(self, life):
        """Put a recorded life on the bus, byte for byte."""
        for message in life.messages:
            self.send(message.body, message.exchange, message.routing_key)

    def wait(self):
        """Wait until the agent has taken and acknowledged everything."""
        deadline = time.monotonic() + PATIENCE
        while self._waiting() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert self._waiting() == 0

    def _waiting(self):
        return sum(
            self._channel.queue_declare(queue, passive=True).message_count
            for queue in self._queues
        )


@pytest.fixture(name="running")
def _running(tmp_path):
    """Run the agent, and stop it with its work done."""

    @contextlib.contextmanager
    def run(batch_size=1, options=""):
        pipeline = tmp_path / "pipeline.yaml"
        pipeline.write_text(PIPELINE.format(path=tmp_path / "samples.jsonl"))
        file = tmp_path / "ceilometer.conf"
        file.write_text(
            CONFIGURATION.format(
                pipeline=pipeline,
                quarantine=tmp_path / "quarantine",
                batch_size=batch_size,
                options=options,
            )
        )
        conf = service.prepare_service([], config_files=[str(file)])
        agent = NotificationService(worker_id=0, conf=conf)
        try:
            agent.run()
            with contextlib.closing(Connection("memory://")) as connection:
                bus = Bus(connection)
                yield bus
                bus.wait()
        finally:
            agent.terminate()
            # The agent's process would end here; this one may run another.
            while messaging.TRANSPORTS:
                messaging.TRANSPORTS.popitem()[1].cleanup()

    return run


@pytest.fixture(name="published")
def _published(tmp_path):
    """Return what the file publisher wrote of our meters."""

    def read():
        lines = (tmp_path / "samples.jsonl").read_text("utf-8").splitlines()
        return oracle.ordered(
            [
                {name: sample[name] for name in oracle.FIELDS}
                for sample in map(json.loads, lines)
                if sample["name"] in METERS
            ]
        )

    return read


METERS = {
    meter
    for table in (
        oracle.CPU,
        oracle.DISK,
        oracle.DISK_SUMS,
        oracle.INTERFACE,
        oracle.LIFETIME,
    )
    for meter, _, _ in table
}


def _expected(life):
    return oracle.ordered(
        [
            sample
            for message in life.messages
            for sample in oracle.with_zeros(oracle.dispatched(message.notification()))
        ]
    )


@pytest.mark.parametrize("batch_size", [1, 10])
def test_a_recorded_life_comes_out_as_the_contract_says(running, published, batch_size):
    """The agent publishes exactly the oracle's samples of a patched nova's bytes."""
    life = Life.load("nova-34.0.0")

    with counted() as counts, running(batch_size) as bus:
        bus.replay(life)

    assert published() == _expected(life)
    assert {outcome for outcome, _ in counts} == {"metered"}


def test_a_stock_novas_life_comes_to_nothing(running, published, tmp_path):
    """Without the patches there is no sample of ours, and nothing in quarantine."""
    with running() as bus:
        bus.replay(Life.load("nova-34.0.0-stock"))

    assert published() == []
    assert not (tmp_path / "quarantine").exists()


@pytest.mark.parametrize("batch_size", [1, 7])
def test_poison_among_good_messages_is_set_aside_once(
    running, published, tmp_path, batch_size
):
    """A message that cannot be read is handled once, and costs no other a sample."""
    life = Life.load("nova-34.0.0")
    poison = [
        {"schema": "2.0"},
        5,
        {**handwritten.usage(0, 0), "cpu": {"time": -1}, "collected_at": "now"},
        {**handwritten.usage(0, 0), "driver": "\ud800", "disks": "none"},
    ]

    with counted() as counts, running(batch_size) as bus:
        for number, message in enumerate(life.messages):
            bus.send(message.body, message.exchange, message.routing_key)
            bus.send(_envelope(poison[number % 4]), "nova", "notifications.info")

    expected = _expected(life)
    assert [sample for sample in expected if sample not in published()] == []
    kept = (tmp_path / "quarantine" / "quarantine.jsonl").read_text().splitlines()
    assert len(kept) == len(life.messages)
    assert counts["metered", ""] == len(
        [each for each in life.messages if each.event_type in oracle.METERED]
    )
    assert counts["quarantined", ""] + counts["partly-metered", ""] == len(kept)


def _envelope(block):
    message = handwritten.legacy(None, usage=block)
    notification = {
        "publisher_id": message["publisher_id"],
        "event_type": message["event_type"],
        "priority": "INFO",
        "payload": message["payload"],
        **message["metadata"],
        "_context_auth_token": "token-1",
    }
    return json.dumps(
        {"oslo.version": "2.0", "oslo.message": json.dumps(notification)}
    ).encode()


def test_a_worker_of_the_agents_ends_over_an_option_it_refuses(tmp_path):
    """The command that operators start takes nothing off the bus, and says why."""
    file, log = tmp_path / "ceilometer.conf", tmp_path / "log"
    pipeline = tmp_path / "pipeline.yaml"
    pipeline.write_text(PIPELINE.format(path=tmp_path / "samples"))
    file.write_text(
        CONFIGURATION.format(
            pipeline=pipeline,
            batch_size=1,
            quarantine=tmp_path / "quarantine",
            options="events = delete,bogus",
        )
    )
    with log.open("wb") as output:
        agent = subprocess.Popen(
            [
                pathlib.Path(sys.executable).with_name("ceilometer-agent-notification"),
                f"--config-file={file}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            deadline = time.monotonic() + PATIENCE
            # The second time is another worker: the first one ended.
            while log.read_text().count("The agent cannot start: [nova_usage]") < 2:
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.2)
        finally:
            agent.terminate()
            agent.wait(PATIENCE)
    assert "bogus" in log.read_text()
    assert "TypeError" not in log.read_text()


def test_the_agent_does_not_run_with_an_option_it_refuses(running):
    """The service stops at start, instead of metering nothing from then on."""
    with pytest.raises(SystemExit, match="meters"), running(options="meters = all"):
        pytest.fail("the agent runs")
