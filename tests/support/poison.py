# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Notifications that nobody can read, of every kind, as they come off a bus.

Each is the deletion of an instance of its own with one thing broken.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.support.deletes import Delete, deletes

Notification = dict[str, Any]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Poison:
    """A message to put on the bus.

    :ivar message_id: what its sender calls it
    """

    kind: str
    message_id: str
    body: bytes
    routing_key: str = "notifications.info"


def _payload(**changes: Any) -> Callable[[Notification], None]:
    return lambda notification: notification["payload"].update(changes)


def _usage(**changes: Any) -> Callable[[Notification], None]:
    return lambda notification: notification["payload"]["usage"].update(changes)


def _with_payload(value: Any) -> Callable[[Notification], None]:
    return lambda notification: notification.update(payload=value)


def _nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


#: What reaches the handlers, and is no reading of an instance.
UNREADABLE: Mapping[str, Callable[[Notification], None]] = {
    "no payload": lambda notification: notification.pop("payload"),
    "payload null": _with_payload(None),
    "payload a number": _with_payload(5),
    "payload a text": _with_payload("usage"),
    "payload a list": _with_payload([{}]),
    "payload nested 900 deep": _with_payload(_nested(900)),
    "no uuid": lambda notification: notification["payload"].pop("instance_id"),
    "uuid null": _payload(instance_id=None),
    "uuid an object": _payload(instance_id={"uuid": 1}),
    "usage a number": _payload(usage=5),
    "usage nested 900 deep": _payload(usage=_nested(900)),
    "unknown schema": _usage(schema="2.0"),
    "no schema": lambda notification: notification["payload"]["usage"].pop("schema"),
    "read at no time": _usage(collected_at="soon"),
    "read in the year 0": _usage(collected_at="0000-01-01T00:00:00+00:00"),
    "counter negative": _usage(cpu={"time": -1}),
    "counter not a number": _usage(cpu={"time": float("nan")}),
    "counter infinite": _usage(cpu={"time": float("inf")}),
    "counter too large": _usage(cpu={"time": 2**64}),
    "counter a fraction": _usage(cpu={"time": 0.5}),
    "disks a text": _usage(disks="vda"),
    "a time of 100,000 letters": _usage(collected_at="x" * 100_000),
    "text that is no Unicode": _usage(instance_name="\ud800"),
}


def _envelope(text: str, version: object = "2.0") -> bytes:
    return json.dumps({"oslo.version": version, "oslo.message": text}).encode()


#: What oslo.messaging cannot open: no endpoint ever sees it.
UNOPENED: Mapping[str, Callable[[Notification], bytes]] = {
    "not JSON": lambda notification: b"\x00{",
    "JSON, a number": lambda notification: b"5",
    "JSON, null": lambda notification: b"null",
    "envelope of another version": lambda notification: _envelope(
        json.dumps(notification), "3.0"
    ),
    "broken inside": lambda notification: _envelope(json.dumps(notification)[:-1]),
    "a number inside": lambda notification: _envelope("5"),
    "nested too deep": lambda notification: _envelope("[" * 10_000 + "]" * 10_000),
    "a number of 5000 digits": lambda notification: _envelope("1" * 5000),
}


#: What Ceilometer's own meters of notifications raise for, whatever the rest is like.
RAISED_FOR: Mapping[str, Callable[[Notification], None]] = {
    "no event type": lambda notification: notification.pop("event_type"),
    "event type null": lambda notification: notification.update(event_type=None),
    "event type a number": lambda notification: notification.update(event_type=5),
    "no timestamp": lambda notification: notification.pop("timestamp"),
    "timestamp a number": lambda notification: notification.update(timestamp=5),
    "timestamp no time": lambda notification: notification.update(timestamp="soon"),
    "metadata a number": _payload(metadata=5),
    "vcpus an object": _payload(vcpus={}),
}


#: What oslo.messaging's own dispatcher raises for, before it asks an endpoint.
NO_PRIORITY: Mapping[str, Callable[[Notification], None]] = {
    "priority null": lambda notification: notification.update(priority=None),
    "priority a number": lambda notification: notification.update(priority=5),
    "priority a list": lambda notification: notification.update(priority=["INFO"]),
    "priority an object": lambda notification: notification.update(priority={}),
}


def unreadable(run: str, number: int) -> Iterator[Poison]:
    """Give so many notifications of all kinds in turn that cannot be read."""
    yield from _broken(run, number, UNREADABLE)


def raised_for(run: str) -> Iterator[Poison]:
    """Give a notification of each kind that Ceilometer's own meters raise for."""
    yield from _broken(run, len(RAISED_FOR), RAISED_FOR)


def of_no_priority(run: str) -> Iterator[Poison]:
    """Give a notification of each kind that oslo.messaging's dispatcher raises for."""
    yield from _broken(run, len(NO_PRIORITY), NO_PRIORITY)


def _broken(
    run: str, number: int, kinds: Mapping[str, Callable[[Notification], Any]]
) -> Iterator[Poison]:
    for (kind, spoil), each in _spoiled(run, number, kinds):
        spoil(each.notification)
        yield Poison(
            kind=kind,
            message_id=each.notification["message_id"],
            body=each.body,
        )


def unopened(run: str, number: int) -> Iterator[Poison]:
    """Give so many messages of all kinds in turn that cannot be opened."""
    for (kind, body), each in _spoiled(run, number, UNOPENED):
        notification = each.notification
        yield Poison(
            kind=kind,
            message_id=notification["message_id"],
            body=body(notification),
        )


def _spoiled(
    run: str, number: int, kinds: Mapping[str, Callable[[Notification], Any]]
) -> Iterator[tuple[tuple[str, Callable[[Notification], Any]], Delete]]:
    return zip(itertools.cycle(kinds.items()), deletes(run, number), strict=False)
