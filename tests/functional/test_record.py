# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Recording beside the agents of a real RabbitMQ, which is left as it was."""

import contextlib
import json
import pathlib
import resource
import signal
import socket
import subprocess
import sys
import time

import oslo_messaging
import pytest
from kombu import connection as amqp
from oslo_config import cfg

from tests.support.rabbitmq import RabbitMQ

COMMAND = pathlib.Path(sys.executable).with_name("ceilo-nova-usage")
POOL = "the-recorder"
#: Seconds.
PATIENCE = 60


@pytest.fixture(name="broker", scope="module")
def _broker():
    with RabbitMQ() as broker:
        yield broker


@pytest.fixture(name="exchange")
def _exchange(request):
    """An exchange of the test's own."""
    return f"nova-{request.node.name}"


@pytest.fixture(name="notify")
def _notify(broker, exchange):
    """Send a notification of an event type as nova does."""
    conf = cfg.ConfigOpts()
    conf([])
    url = oslo_messaging.TransportURL.parse(conf, broker.url)
    conf.set_override("control_exchange", exchange)
    transport = oslo_messaging.get_notification_transport(conf, url)
    notifier = oslo_messaging.Notifier(
        transport, "compute.compute1", driver="messagingv2", topics=["notifications"]
    )
    yield lambda event_type: notifier.info({}, event_type, {})
    transport.cleanup()


@pytest.fixture(name="path")
def _path(tmp_path):
    return tmp_path / "recording.jsonl"


@pytest.fixture(name="recording")
def _recording(broker, exchange, path):
    """Start the recorder as an operator does, and wait until it listens."""

    @contextlib.contextmanager
    def recording(*arguments, **options):
        process = subprocess.Popen(
            [
                *(str(COMMAND), "record", "--transport-url", broker.url),
                *("--exchange", exchange, "--pool", POOL, *arguments, str(path)),
            ],
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )
        try:
            assert "Ctrl-C ends it" in process.stderr.readline()
            yield process
        finally:
            process.kill()
            process.communicate()

    return recording


@pytest.fixture(name="channel")
def _channel(broker):
    """A function that opens a new channel: a refused question closes one."""
    with amqp.Connection(broker.url.replace("rabbit", "amqp")) as connection:
        yield connection.channel


def exists(channel, kind, name):
    """Whether the broker has a queue or an exchange of a name."""
    options = {"type": "topic"} if kind == "exchange" else {}
    declare = getattr(channel(), f"{kind}_declare")
    try:
        declare(name, passive=True, **options)
    except channel.__self__.channel_errors:
        return False
    return True


def eventually(condition):
    """Wait until a condition holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def event_types(path):
    """The event types of what is recorded so far."""
    return [json.loads(line)["event_type"] for line in path.read_text().splitlines()]


def test_agents_lose_nothing(notify, recording, path, channel):
    """What is recorded stays in the agents' queue as well."""
    notify("before")
    with recording("--count", "2") as process:
        notify("first")
        notify("second")
        assert process.wait(PATIENCE) == 0

    assert event_types(path) == ["first", "second"]
    agents = channel().queue_declare("notifications.info", passive=True)
    assert agents.message_count == 3
    channel().queue_purge("notifications.info")


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left(end, notify, recording, channel, exchange):
    """Whatever ends the recorder, the broker keeps no queue or exchange of its own."""
    notify("before")
    with recording() as process:
        assert exists(channel, "queue", POOL)
        assert exists(channel, "exchange", POOL)
        process.send_signal(end)
        status = process.wait(PATIENCE)

    eventually(lambda: not exists(channel, "queue", POOL))
    eventually(lambda: not exists(channel, "exchange", POOL))
    assert exists(channel, "exchange", exchange)
    assert status == (-end if end is signal.SIGKILL else 0)


def test_written_as_it_comes(notify, recording, path):
    """A recorder that is killed leaves what it was given until then."""
    notify("before")
    with recording() as process:
        notify("first")
        eventually(lambda: event_types(path) == ["first"])
        process.kill()

    assert event_types(path) == ["first"]


@pytest.mark.parametrize("durable", [False, True])
def test_exchange_stays_as_it_is(durable, channel, exchange, recording):
    """An exchange of either kind is listened to, and not declared again."""
    channel().exchange_declare(exchange, "topic", durable=durable, auto_delete=False)
    with recording("--duration", "0.1") as process:
        assert process.wait(PATIENCE) == 0

    # Another kind would be refused.
    channel().exchange_declare(exchange, "topic", durable=durable, auto_delete=False)


def test_no_exchange(broker, channel, path):
    """An exchange that nobody has made is named, and not made."""
    arguments = ["--transport-url", broker.url, "--exchange", "none-such", path]

    result = subprocess.run(
        [COMMAND, "record", *arguments], stderr=subprocess.PIPE, text=True
    )

    assert result.returncode == 1
    assert "'none-such'" in result.stderr
    assert not exists(channel, "exchange", "none-such")


def test_no_broker(path):
    """A broker that does not answer ends the command at once, with its address."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    url = f"rabbit://guest:guest@127.0.0.1:{port}/"

    result = subprocess.run(
        [COMMAND, "record", "--transport-url", url, path],
        stderr=subprocess.PIPE,
        text=True,
        timeout=PATIENCE,
    )

    assert result.returncode == 1
    assert f"127.0.0.1:{port}" in result.stderr


def test_full_disk(notify, recording, path, channel):
    """A line that can't be written ends the recording; no half of it is left."""

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    notify("before")
    with recording(preexec_fn=limit) as process:
        for number in range(10):
            notify(f"event.{number}")
        status = process.wait(PATIENCE)
        said = process.stderr.read()

    assert status == 1
    assert "File too large" in said
    assert event_types(path)[:2] == ["event.0", "event.1"]
    eventually(lambda: not exists(channel, "queue", POOL))


def test_broker_restart(broker, notify, recording, path):
    """A recording goes on when the broker is back, and says what it may have missed."""
    notify("before")
    with recording() as process:
        broker.stop()
        broker.start()

        def is_recorded():
            notify("after")
            return "after" in event_types(path)

        eventually(is_recorded)
        process.terminate()
        assert process.wait(PATIENCE) == 0
        said = process.stderr.read()
    assert "may not be recorded" in said
    assert "the broker answers again" in said
