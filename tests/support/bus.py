# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""nova's side of a RabbitMQ: puts notifications on it, and tells what waits there."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Protocol, Self

import amqp
from kombu import Connection, Exchange, Queue

from tests.support.processes import wait_until

EXCHANGE = "nova"
TOPICS = ("notifications", "versioned_notifications")


class Publishable(Protocol):
    """What can be put on the bus: where to, and the bytes."""

    routing_key: str
    body: bytes


class Bus:
    """A connection to the broker; every message is confirmed, and kept on its disk.

    The queues are declared as the agent declares them, so that they take messages
    before it does.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        exchange = Exchange(EXCHANGE, "topic", durable=True, auto_delete=False)
        self._queues = [
            Queue(key, exchange, key, durable=True, auto_delete=False)
            for key in (f"{topic}.info" for topic in TOPICS)
        ]
        self._connect()

    def _connect(self) -> None:
        self._connection = Connection(
            self._url.replace("rabbit://", "amqp://"),
            transport_options={"confirm_publish": True},
        )
        self._channel = self._connection.channel()
        for queue in self._queues:
            queue(self._channel).declare()

    def close(self) -> None:
        """Close the connection."""
        with contextlib.suppress(*self._connection.connection_errors, OSError):
            self._connection.close()

    def reconnect(self) -> None:
        """Connect anew, to a broker that was away."""
        self.close()
        self._connect()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def publish(self, messages: Iterable[Publishable]) -> int:
        """Put messages on the bus, each confirmed; return how many."""
        number = 0
        for message in messages:
            self._channel.basic_publish(
                amqp.Message(
                    message.body,
                    content_type="application/json",
                    content_encoding="utf-8",
                    delivery_mode=2,
                    application_headers={},
                ),
                exchange=EXCHANGE,
                routing_key=message.routing_key,
            )
            number += 1
        return number

    def purge(self) -> None:
        """Take away every message that waits to be delivered."""
        for queue in self._queues:
            queue(self._channel).purge()

    def ready(self) -> int:
        """How many messages wait to be delivered; those at an agent do not count."""
        return sum(
            queue(self._channel).queue_declare(passive=True).message_count
            for queue in self._queues
        )

    def consumers(self) -> int:
        """How many workers listen to each of the queues, at least."""
        return min(
            queue(self._channel).queue_declare(passive=True).consumer_count
            for queue in self._queues
        )

    def wait_for_consumers(self, number: int, *, timeout: float = 60.0) -> float:
        """Wait until so many workers listen; return the seconds that took."""
        return wait_until(
            lambda: self.consumers() == number,
            f"{number} workers listen",
            timeout=timeout,
        )
