# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Recording from a bus, here one in memory."""

import contextlib
import itertools
import json
import stat
import threading

import oslo_messaging
import pytest
from oslo_config import cfg
from oslo_context import context

from tests.support.command import replay, run
from tests.unit.recording.conftest import DELETION

URL = "kombu+memory://"
SECRET = "correct-horse"


@pytest.fixture(name="notifying")
def _notifying(decoded):
    """Send notifications, numbered, one after the other while the context lasts."""

    @contextlib.contextmanager
    def notifying(exchange, topic="notifications"):
        conf = cfg.ConfigOpts()
        conf([])
        url = oslo_messaging.TransportURL.parse(conf, URL)
        conf.set_override("control_exchange", exchange)
        transport = oslo_messaging.get_notification_transport(conf, url)
        notifier = oslo_messaging.Notifier(
            transport, "compute.compute1", driver="messagingv2", topics=[topic]
        )
        ctxt = context.RequestContext(
            auth_token=SECRET, user_id="someone", overwrite=False
        )
        ended = threading.Event()

        def notify():
            for number in itertools.count():
                if ended.wait(0.01):
                    return
                payload = {**decoded["payload"], "number": number, "adminPass": SECRET}
                notifier.warn(ctxt, "some.other", payload)
                notifier.info(ctxt, decoded["event_type"], payload)

        thread = threading.Thread(target=notify)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            transport.cleanup()

    return notifying


@pytest.fixture(name="exchange")
def _exchange(request):
    """An exchange of the test's own: the bus in memory outlives a test."""
    return f"nova-{request.node.name}"


@pytest.fixture(name="path")
def _path(tmp_path):
    return tmp_path / "recording.jsonl"


def record(exchange, path, *arguments, url=URL):
    """Run the command."""
    return run(
        *("record", "--transport-url", url, "--exchange", exchange), *arguments, path
    )


def lines(path):
    """The recorded messages."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_record(notifying, exchange, path):
    """Notifications are written as they come, in order, and replay as they were."""
    with notifying(exchange):
        result = record(exchange, path, "--count", 5, "--event-type", r"compute\.")

    assert result.status == 0
    assert f"5 notifications recorded in {path}" in result.err
    recorded = lines(path)
    first = recorded[0]["payload"]["number"]
    assert [line["payload"]["number"] for line in recorded] == list(
        range(first, first + 5)
    )
    assert {line["priority"] for line in recorded} == {"INFO"}
    assert replay(path).ids == sorted(5 * replay(DELETION).ids)


def test_every_priority_and_topic(notifying, exchange, path):
    """Without a choice every notification of the exchange is recorded."""
    with notifying(exchange, topic="versioned_notifications"):
        record(exchange, path, "--count", 2)

    assert {line["priority"] for line in lines(path)} == {"INFO", "WARN"}


def test_other_topic(notifying, exchange, path):
    """Another topic is listened to where it is asked for."""
    with notifying(exchange, topic="ceilometer_notifications"):
        record(exchange, path, "--count", 1, "--topic", "ceilometer_notifications")

    assert len(lines(path)) == 1


def test_secrets_are_not_written(notifying, exchange, path):
    """Neither the context's secrets nor the payload's reach the file."""
    with notifying(exchange):
        record(exchange, path, "--count", 2)

    assert SECRET not in path.read_text()
    assert lines(path)[0]["_context_user"] == "someone"


def test_only_the_owner_reads(notifying, exchange, path):
    """A recording can be opened by its owner alone."""
    with notifying(exchange):
        record(exchange, path, "--count", 1)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_added_to(notifying, exchange, path):
    """A second run adds to the file; a line cut off by a crash spoils no other."""
    path.touch(mode=0o600)
    path.write_text('{"event_type": "cut o')
    with notifying(exchange):
        record(exchange, path, "--count", 1)
        record(exchange, path, "--count", 1)

    cut, *recorded = path.read_text().splitlines()
    assert cut == '{"event_type": "cut o'
    assert [json.loads(line)["message_id"] for line in recorded][1:]


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o604])
def test_readable_file_is_refused(mode, exchange, path):
    """A file that others may open is refused and left alone."""
    path.touch()
    path.chmod(mode)

    result = record(exchange, path, "--duration", 0.1)

    assert result.status == 1
    assert f"mode {mode:04o}" in result.err


def test_link_is_refused(exchange, path, tmp_path):
    """A link is not followed: it may lead to another's file."""
    path.symlink_to(tmp_path / "elsewhere")

    assert record(exchange, path, "--duration", 0.1).status == 1
    assert not (tmp_path / "elsewhere").exists()


def test_anonymize(notifying, exchange, path, tmp_path):
    """With one key, two recordings have the same other names, and none of the old."""
    key, again = tmp_path / "key", tmp_path / "again.jsonl"
    key.write_bytes(b"k" * 32)
    arguments = ("--anonymize-key", key, "--count", 1, "--event-type", "compute")
    with notifying(exchange):
        record(exchange, path, *arguments)
        record(exchange, again, *arguments)

    assert "web-1" not in path.read_text()
    (first,), (second,) = lines(path), lines(again)
    names = ("instance_id", "display_name", "host", "tenant_id")
    assert [first["payload"][name] for name in names] == [
        second["payload"][name] for name in names
    ]


def test_anonymize_without_key(notifying, exchange, path, tmp_path):
    """Without a key each recording has names that lead to no other."""
    again = tmp_path / "again.jsonl"
    with notifying(exchange):
        record(exchange, path, "--anonymize", "--count", 1)
        record(exchange, again, "--anonymize", "--count", 1)

    (first,), (second,) = lines(path), lines(again)
    assert first["payload"]["instance_id"] != second["payload"]["instance_id"]


def test_short_key(exchange, path, tmp_path):
    """A key that can be guessed is refused."""
    key = tmp_path / "key"
    key.write_bytes(b"short")

    result = record(exchange, path, "--anonymize-key", key)

    assert result.status == 1
    assert str(key) in result.err
    assert not path.exists()


def test_duration(exchange, path):
    """A duration ends the recording, with whatever came."""
    result = record(exchange, path, "--duration", 0.1)

    assert result.status == 0
    assert f"0 notifications recorded in {path}" in result.err


@pytest.mark.parametrize(
    "arguments", [("--count", 0), ("--duration", -1), ("--event-type", "(")]
)
def test_unusable_arguments(arguments, exchange, path):
    """Arguments that make no sense are refused before anything is touched."""
    assert record(exchange, path, *arguments).status == 2
    assert not path.exists()


@pytest.mark.parametrize("url", ["smoke://signal", "no url"])
def test_unusable_url(url, exchange, path):
    """A transport URL that no driver takes is refused."""
    assert record(exchange, path, url=url).status == 1
