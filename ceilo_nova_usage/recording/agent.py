# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Ceilometer's notification agent within this process, and a bus to feed it."""

import contextlib
import pathlib
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import oslo_messaging
from ceilometer import messaging
from ceilometer.notification import NotificationService
from kombu import connection as amqp

from ceilo_nova_usage.recording.endpoints import configured
from ceilo_nova_usage.recording.recorded import Recorded

__all__ = ["Bus", "StillBusy", "agent"]

_URL = "kombu+memory://"
_EXCHANGE = "nova"
_TOPICS = ("notifications", "versioned_notifications")
# Seconds.
_PATIENCE = 30.0
_PAUSE = 0.01

# kombu tells its types in part only.
_CONNECTION: Any = amqp.Connection


class StillBusy(Exception):
    """The agent has not taken everything off the bus in time."""


@contextlib.contextmanager
def agent(pipeline_file: pathlib.Path) -> Iterator["Bus"]:
    """Run the agent with a meter pipeline; it is stopped with its work done.

    It is Ceilometer's ``NotificationService`` as it is, under Ceilometer's defaults but
    for two: the bus is in memory, and there are no meter definitions beside the sample
    endpoints', as reading Ceilometer's takes seconds.
    """
    conf = configured([], with_ceilometer_options=True)
    messaging.setup()
    # Both register the options that are then given values.
    oslo_messaging.TransportURL.parse(conf, _URL)
    oslo_messaging.get_notification_transport(conf, _URL).cleanup()
    conf.set_override("transport_url", _URL)
    conf.set_override("topics", _TOPICS, group="oslo_messaging_notifications")
    for name, value in (
        ("notification_control_exchanges", [_EXCHANGE]),
        ("pipelines", ["meter"]),
    ):
        conf.set_override(name, value, group="notification")
    conf.set_override("meter_definitions_dirs", [], group="meter")
    conf.set_override("pipeline_cfg_file", str(pipeline_file))
    service = NotificationService(worker_id=0, conf=conf)
    service.run()
    try:
        with contextlib.closing(_CONNECTION("memory://")) as connection:
            bus = Bus(connection)
            yield bus
            bus.wait()
    finally:
        service.terminate()
        # The agent's process would end here; this one may run another.
        while messaging.TRANSPORTS:
            messaging.TRANSPORTS.popitem()[1].cleanup()


class Bus:
    """The bus between nova and the agent."""

    def __init__(self, connection: Any) -> None:
        self._channel = connection.channel()
        self._producer = connection.Producer(self._channel)
        self._keys: set[str] = set()

    def send(self, notifications: Iterable[Recorded]) -> None:
        """Put notifications on the topics that nova sends them to."""
        for each in notifications:
            message = each.message
            key = f"{_topic(message['payload'])}.{message['priority'].lower()}"
            self._keys.add(key)
            self._producer.publish(
                each.envelope(), exchange=_EXCHANGE, routing_key=key, serializer="json"
            )

    def wait(self) -> None:
        """Wait until the agent has taken everything.

        :raises StillBusy: where that takes too long
        """
        deadline = time.monotonic() + _PATIENCE
        while any(
            self._channel.queue_declare(key, passive=True).message_count
            for key in self._keys
        ):
            if time.monotonic() > deadline:
                raise StillBusy(f"the agent was still busy after {_PATIENCE} s")
            time.sleep(_PAUSE)


def _topic(payload: object) -> str:
    is_versioned = isinstance(payload, Mapping) and "nova_object.data" in payload
    return _TOPICS[is_versioned]
