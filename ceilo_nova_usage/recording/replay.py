# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Recorded notifications through the endpoints, as oslo.messaging hands them over."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ceilometer.pipeline.sample import SampleEndpoint
from ceilometer.sample import Sample
from oslo_messaging.notify.dispatcher import BatchNotificationDispatcher

from ceilo_nova_usage.delivery.bounded_log import one_line
from ceilo_nova_usage.errors import Faults
from ceilo_nova_usage.handlers.base import UsageHandler
from ceilo_nova_usage.recording.endpoints import Collector
from ceilo_nova_usage.recording.recorded import Recorded

__all__ = ["Replayer"]

_SHOWN_FAULTS = 20


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class _Incoming:
    """What oslo.messaging's dispatcher asks of a message off the bus."""

    recorded: Recorded

    @property
    def ctxt(self) -> dict[str, Any]:
        return self.recorded.ctxt

    @property
    def message(self) -> dict[str, Any]:
        return self.recorded.message


class Replayer:
    """Dispatches notifications, ``batch_size`` at a time, and gives back the samples.

    ``report`` is told, in a line of text each, what could not be metered.
    """

    def __init__(
        self,
        endpoints: Iterable[SampleEndpoint],
        collector: Collector,
        batch_size: int,
        report: Callable[[str], None],
    ) -> None:
        self._collector = collector
        self._batch_size = batch_size
        self._report = report
        self._batch: list[_Incoming] = []
        endpoints = list(endpoints)
        for endpoint in endpoints:
            if isinstance(endpoint, UsageHandler):
                endpoint.quarantine = self
        self._dispatcher = BatchNotificationDispatcher(endpoints, serializer=None)

    def samples(self, notifications: Iterable[Recorded]) -> Iterator[Sample]:
        """Yield what the notifications come to, in the order of the endpoints' work."""
        for recorded in notifications:
            self._batch.append(_Incoming(recorded))
            if len(self._batch) == self._batch_size:
                yield from self._dispatched()
        if self._batch:
            yield from self._dispatched()

    def _dispatched(self) -> list[Sample]:
        for incoming in self._dispatcher.dispatch(self._batch):
            self._report(
                f"{_named(incoming.recorded)}: an endpoint raised: the agent would be "
                "given it again, for ever"
            )
        self._batch = []
        return self._collector.take()

    def keep(
        self,
        message: Mapping[str, Any],
        message_id: str | None,
        faults: Faults,
        samples: int,
    ) -> None:
        """Report a notification that a handler would keep in its quarantine."""
        name = next(
            (
                _named(incoming.recorded)
                for incoming in self._batch
                if incoming.recorded.message_id == message_id
            ),
            f"notification {one_line(message_id)}",
        )
        for fault in faults[:_SHOWN_FAULTS]:
            self._report(f"{name}: {one_line(fault)}")
        if len(faults) > _SHOWN_FAULTS:
            self._report(f"{name}: and {len(faults) - _SHOWN_FAULTS} more")


def _named(recorded: Recorded) -> str:
    return f"{recorded.source}: notification {one_line(recorded.message_id)}"
