# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Messages off the bus, opened: what makes one unreadable as a whole."""

import pytest

from ceilo_nova_usage.errors import InvalidNotification
from ceilo_nova_usage.notification import Notification
from tests.support import handwritten

BLOCK = handwritten.usage()


def test_a_legacy_payload_is_taken_as_it_is():
    """The plain object's fields are at ``payload``."""
    message = handwritten.legacy(BLOCK)

    notification = Notification.from_bus(message)

    assert notification.payload == message["payload"]
    assert notification.path == "payload"
    assert notification.event_type == "compute.instance.delete.start"
    assert notification.message_id == message["metadata"]["message_id"]


@pytest.mark.parametrize("version", ["1.0", "1.10", "2.2", "3.0", None])
def test_a_versioned_payload_is_opened_whatever_its_version(version):
    """nova's own payloads may have a new version; the fields are in their data."""
    message = handwritten.versioned(BLOCK)
    message["payload"]["nova_object.version"] = version

    notification = Notification.from_bus(message)

    assert notification.payload == message["payload"]["nova_object.data"]
    assert notification.path == "payload.nova_object.data"


@pytest.mark.parametrize(
    ("timestamp", "iso"),
    [
        ("2026-11-22 17:00:00.200000", "2026-11-22T17:00:00.200000+00:00"),
        ("2026-11-22T17:00:00Z", "2026-11-22T17:00:00+00:00"),
        ("2026-11-22T18:00:00+01:00", "2026-11-22T17:00:00+00:00"),
    ],
)
def test_the_envelopes_naive_time_is_utc(timestamp, iso):
    """oslo.messaging stamps naive times, and means UTC."""
    message = handwritten.legacy(BLOCK)
    message["metadata"]["timestamp"] = timestamp

    assert Notification.from_bus(message).sent_at.isoformat() == iso


@pytest.mark.parametrize("timestamp", [None, 5, "", "soon", ["2026"], "\ud800"])
def test_an_unreadable_time_of_sending_is_unknown(timestamp):
    """A time that only some need makes nobody's notification unreadable."""
    message = handwritten.legacy(BLOCK)
    message["metadata"]["timestamp"] = timestamp

    assert Notification.from_bus(message).sent_at is None


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"payload": None}, "payload"),
        ({"payload": "x"}, "payload"),
        ({"payload": [{}]}, "payload"),
        ({"payload": {"nova_object.data": []}}, "payload.nova_object.data"),
        ({"event_type": None}, "event_type"),
        ({"event_type": 5}, "event_type"),
    ],
    ids=str,
)
def test_a_message_that_cannot_be_opened_names_itself_and_the_fault(change, path):
    """The error holds the message's id and the dotted path of what is wrong."""
    message = {**handwritten.legacy(BLOCK), **change}

    with pytest.raises(InvalidNotification) as caught:
        Notification.from_bus(message)

    assert caught.value.message_id == message["metadata"]["message_id"]
    assert [fault.path for fault in caught.value.faults] == [path]
    assert message["metadata"]["message_id"] in str(caught.value)
    assert path in str(caught.value)


@pytest.mark.parametrize("metadata", [None, [], "x", {}, {"message_id": 5}], ids=str)
def test_a_message_without_an_id_is_opened(metadata):
    """An id that is absent or no string is None."""
    message = {**handwritten.legacy(BLOCK), "metadata": metadata}

    assert Notification.from_bus(message).message_id is None


@pytest.mark.parametrize("message", [None, [], "x", 5])
def test_what_is_no_message_is_refused(message):
    """Anything but an object is refused as one."""
    with pytest.raises(InvalidNotification):
        Notification.from_bus(message)
