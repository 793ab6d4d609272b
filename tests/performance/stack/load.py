# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Notifications by the thousand, and what waits of them on the bus."""

import contextlib
import dataclasses
import datetime
import itertools
import json
import uuid
from collections.abc import Iterable, Iterator
from typing import Self

from kombu import Connection

from tests.support.bus import EXCHANGE, TOPICS, Bus, Publishable
from tests.support.deletes import CASE, DATA, Delete, Instance
from tests.support.processes import wait_until
from tests.support.recordings import FIXTURES

# What tells an instance from another, in either form.
_OWN = {
    *("uuid", "instance_id", "display_name", "hostname", "host_name"),
    *("created_at", "launched_at", "usage"),
}
FORMS = {
    "legacy": Instance.legacy,
    "versioned": Instance.versioned,
}

#: How long a poll for what waits pauses, in seconds.
PAUSE = 0.02


class Feed:
    """Puts messages on the bus without waiting for each one's confirmation.

    What is there is counted instead, when all have been sent.
    """

    def __init__(self, url: str) -> None:
        self._stack = contextlib.ExitStack()
        self.bus = self._stack.enter_context(Bus(url))
        connection = Connection(url.replace("rabbit://", "amqp://"))
        self._stack.enter_context(connection)
        self._channel = connection.channel()
        self._producer = connection.Producer(self._channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def send(self, messages: Iterable[Publishable]) -> int:
        """Send them, to be kept on the broker's disk; return how many."""
        number = 0
        for message in messages:
            self._producer.publish(
                message.body,
                exchange=EXCHANGE,
                routing_key=message.routing_key,
                content_type="application/json",
                content_encoding="utf-8",
                delivery_mode=2,
            )
            number += 1
        return number

    def preload(self, messages: Iterable[Publishable]) -> int:
        """Send them while no agent runs, and wait until all are there."""
        number = self.send(messages)
        wait_until(lambda: self.bus.ready() == number, f"{number} messages wait")
        return number

    def purge(self) -> None:
        """Remove whatever waits."""
        for topic in TOPICS:
            self._channel.queue_purge(f"{topic}.info")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A message of which only the bytes are kept."""

    body: bytes
    routing_key: str


def instances(run: str, number: int) -> Iterator[Instance]:
    """Give so many instances, read now."""
    now = datetime.datetime.now(datetime.UTC)
    for index in range(number):
        yield Instance(run=run, number=index, collected_at=now)


def again(deletes: Iterable[Delete], number: int) -> Iterator[Body]:
    """Give so many messages: these over and over, but each another one to the agent.

    What it has seen a moment ago it would neither handle nor acknowledge.
    """
    templates = [
        (each.body, each.notification["_unique_id"].encode(), each.routing_key)
        for each in deletes
    ]
    for body, unique_id, routing_key in itertools.islice(
        itertools.cycle(templates), number
    ):
        yield Body(
            body=body.replace(unique_id, uuid.uuid4().hex.encode()),
            routing_key=routing_key,
        )


def exists(instance: Instance) -> Delete:
    """Return what nova's usage audit says of an instance, versioned."""
    return _audited(instance.versioned(), "instance.exists")


def legacy_exists(instance: Instance) -> Delete:
    """Return what nova's usage audit says of an instance, unversioned."""
    return _audited(instance.legacy(), "compute.instance.exists")


def _audited(delete: Delete, event_type: str) -> Delete:
    """Return the recorded audit, with an instance as its deletion tells of it."""
    envelope = json.loads((FIXTURES / event_type / f"{CASE}.json").read_bytes())
    audit = json.loads(envelope["oslo.message"])
    for name in ("message_id", "_unique_id", "timestamp"):
        audit[name] = delete.notification[name]
    payload, of_delete = audit["payload"], delete.notification["payload"]
    payload, of_delete = (each.get(DATA, each) for each in (payload, of_delete))
    payload.update({name: of_delete[name] for name in _OWN & of_delete.keys()})
    return Delete(notification=audit, routing_key=delete.routing_key)
