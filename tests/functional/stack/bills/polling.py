# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Ceilometer's polling agents, as the bus sees them.

The samples are those of Ceilometer's compute pollsters, signed and sent by its own
code; only what they read of a hypervisor is told to them.
"""

from __future__ import annotations

import copy
import datetime
from collections.abc import Iterable
from typing import Any

import oslo_messaging
from ceilometer import messaging, service
from ceilometer.publisher import utils
from ceilometer.sample import Sample
from kombu import Connection

from tests.support import pollsters
from tests.support.agent_process import Host
from tests.support.processes import wait_until

#: Where polling agents send to; the notification agent has to listen there.
EXCHANGE = "ceilometer"


class PollingAgents:
    """Sends what the pollsters of these meters read, under a topic of the bus.

    `close` it at the end.
    """

    def __init__(self, host: Host, topic: str, meters: set[str]) -> None:
        file = host.configure(
            f"polling-{topic}", ["test://"], DEFAULT={"control_exchange": EXCHANGE}
        )
        self._conf = service.prepare_service([], config_files=[str(file)])
        self._url = host.transport_url.replace("rabbit://", "amqp://")
        self._topic = topic
        self._meters = meters
        self._known: dict[str, list[Sample]] = {}
        self._transport = messaging.get_transport(self._conf, cache=False)
        self._notifier = oslo_messaging.Notifier(
            self._transport,
            driver=self._conf.publisher_notifier.telemetry_driver,
            publisher_id="ceilometer.polling",
            topics=[topic],
        )

    def close(self) -> None:
        """Close the connection."""
        self._transport.cleanup()

    def wait_for_listener(self) -> None:
        """Wait until a notification agent takes what is sent."""
        wait_until(self._has_listener, f"an agent listens to {self._topic}")

    def _has_listener(self) -> bool:
        with Connection(self._url) as connection:
            try:
                queue = connection.default_channel.queue_declare(
                    f"{self._topic}.sample", passive=True
                )
            except connection.channel_errors:
                return False
            return bool(queue.consumer_count)

    def send(
        self,
        at: datetime.datetime,
        polled: Iterable[tuple[dict[str, Any], dict[tuple[str, str], int]]],
    ) -> int:
        """Send a cycle: a message a pollster and batch; return how many samples.

        :param polled: a legacy payload of each instance with its first block, and what
            its counters show, by meter and resource
        """
        by_pollster: dict[str, list[dict[str, Any]]] = {}
        for payload, counters in polled:
            for sample in self._samples(payload):
                volume = counters.get((sample.name, sample.resource_id))
                if volume is None:
                    continue
                sample = copy.copy(sample)
                sample.volume = volume
                # As the polling manager has it: the moment of the cycle, naive.
                sample.set_timestamp(at.replace(tzinfo=None).isoformat())
                by_pollster.setdefault(sample.name, []).append(
                    utils.meter_message_from_counter(
                        sample, self._conf.publisher.telemetry_secret
                    )
                )
        size = self._conf.polling.batch_size or 1
        for samples in by_pollster.values():
            for begin in range(0, len(samples), size):
                self._notifier.sample(
                    {}, "telemetry.polling", {"samples": samples[begin : begin + size]}
                )
        return sum(map(len, by_pollster.values()))

    def _samples(self, payload: dict[str, Any]) -> list[Sample]:
        """Return what the pollsters say of an instance, which is looked up once."""
        uuid = payload["instance_id"]
        if uuid not in self._known:
            # The pollsters read every counter; what is not metered here is zero.
            usage = payload["usage"]
            disks = [{**_NO_COUNTERS, **disk} for disk in usage["disks"]]
            self._known[uuid] = pollsters.poll(
                self._conf,
                {**payload, "usage": {**usage, "disks": disks}},
                self._meters,
            )
        return self._known[uuid]


_NO_COUNTERS = dict.fromkeys(
    (
        *("read_requests", "read_bytes", "write_requests", "write_bytes"),
        *("read_time", "write_time"),
    ),
    0,
)
