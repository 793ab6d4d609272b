# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The metrics: their names, their labels, what they count."""

import datetime
from collections.abc import Iterable, Mapping
from importlib import metadata
from typing import TypeAlias

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from ceilo_nova_usage.delivery.kept import State
from ceilo_nova_usage.delivery.spool import SpoolState
from ceilo_nova_usage.delivery.tally import DELIVERIES, TALLY, Delivery, Outcome

__all__ = ["PREFIX", "of_process", "of_quarantine", "of_spool"]

PREFIX = "ceilo_nova_usage_"

_Counts: TypeAlias = Mapping[tuple[str, str], int]

# A notification has one of these; the other outcomes come on top.
_NOTIFICATIONS = (
    Outcome.METERED,
    Outcome.PARTLY_METERED,
    Outcome.WITHOUT_USAGE,
    Outcome.QUARANTINED,
)
_SAMPLES = (
    Delivery.SENT,
    Delivery.SPOOLED,
    Delivery.REFUSED,
    Delivery.NOT_DEFINED,
)
_RESOURCES = (
    Delivery.CREATED,
    Delivery.UPDATED,
    Delivery.ENDED,
    Delivery.ENDED_AGAIN,
    Delivery.REVIVED,
)


def of_process(process: str) -> list[Metric]:
    """Return what this process has counted since it began, with its name on it."""
    counted, delivered = TALLY.snapshot(), DELIVERIES.snapshot()
    labels = {"process": process}
    return [
        _gauge(
            "process_start_timestamp_seconds",
            "When this agent process began to count, in seconds since 1970.",
            [(labels, TALLY.began_at)],
        ),
        _gauge(
            "process_info",
            "The version that this agent process runs.",
            [({**labels, "version": metadata.version("ceilo-nova-usage")}, 1)],
        ),
        _counter(
            "notifications",
            "Notifications of the families that are metered, each by what became of "
            "it.",
            [
                ({**labels, "outcome": outcome}, counted.get((outcome, ""), 0))
                for outcome in _NOTIFICATIONS
            ],
        ),
        _counter(
            "refusals",
            "What was refused, by the reason: a notification counts once a reason.",
            [
                ({**labels, "outcome": outcome, "reason": reason}, count)
                for (outcome, reason), count in sorted(counted.items())
                if reason
            ],
        ),
        _gauge(
            "last_notification_timestamp_seconds",
            "When a notification last had this outcome, in seconds since 1970.",
            _last(TALLY.last(), labels),
        ),
        _counter(
            "samples",
            "Samples on their way to Gnocchi, by what became of them; one that the "
            "spool held is sent or refused later.",
            _of_samples(delivered, labels),
        ),
        _counter(
            "resources",
            "Changes that were made to Gnocchi's resources.",
            [
                ({**labels, "outcome": outcome}, delivered.get((outcome, ""), 0))
                for outcome in _RESOURCES
            ],
        ),
        _counter(
            "held_up",
            "How often neither Gnocchi nor the spool took samples, so that "
            "notifications had to wait on the bus.",
            [(labels, delivered.get((Delivery.HELD_UP, ""), 0))],
        ),
        _gauge(
            "last_delivery_timestamp_seconds",
            "When delivery to Gnocchi last had this outcome, in seconds since 1970.",
            _last(DELIVERIES.last(), labels),
        ),
    ]


def of_spool(state: SpoolState) -> list[Metric]:
    """Return the spool's metrics; there is one spool a host."""
    age = 0.0
    if state.oldest_accepted_at is not None:
        waited = datetime.datetime.now(datetime.UTC) - state.oldest_accepted_at
        age = max(waited.total_seconds(), 0.0)
    return [
        _gauge(
            "spool_rows",
            "Rows in the spool, one a resource of a batch, by their state.",
            [
                ({"state": "waiting"}, state.waiting_rows),
                ({"state": "refused"}, state.refused_rows),
            ],
        ),
        _gauge(
            "spool_samples",
            "Samples in the spool, by their state.",
            [
                ({"state": "waiting"}, state.waiting_samples),
                ({"state": "refused"}, state.refused_samples),
            ],
        ),
        _gauge(
            "spool_oldest_seconds",
            "For how long the oldest of what waits has waited; 0 if nothing does.",
            [({}, age)],
        ),
        _gauge("spool_bytes", "How much the spool holds.", [({}, state.bytes_used)]),
        _gauge(
            "spool_bytes_limit",
            "How much the spool can come to hold: its bound, or what its disk has "
            "room for.",
            [({}, state.bytes_bound)],
        ),
        _gauge(
            "spool_damaged_files",
            "Damaged spools that were put aside; nothing in them is sent.",
            [({}, len(state.damaged))],
        ),
    ]


def of_quarantine(state: State) -> list[Metric]:
    """Return the quarantine's metrics; a host's agents share it."""
    return [
        _gauge(
            "quarantine_notifications",
            "Notifications in the quarantine.",
            [({}, state.notifications)],
        ),
        _gauge("quarantine_files", "Files in the quarantine.", [({}, state.files)]),
        _gauge(
            "quarantine_bytes", "How much the quarantine holds.", [({}, state.bytes)]
        ),
        _gauge(
            "quarantine_bytes_limit",
            "How much the quarantine can hold before its oldest file goes.",
            [({}, state.bytes_bound)],
        ),
    ]


_Values: TypeAlias = Iterable[tuple[Mapping[str, str], float]]


def _counter(name: str, documentation: str, values: _Values) -> Metric:
    return _filled(CounterMetricFamily(PREFIX + name, documentation), "_total", values)


def _gauge(name: str, documentation: str, values: _Values) -> Metric:
    return _filled(GaugeMetricFamily(PREFIX + name, documentation), "", values)


def _filled(family: Metric, suffix: str, values: _Values) -> Metric:
    for labels, value in values:
        family.add_sample(family.name + suffix, dict(labels), value)
    return family


def _of_samples(counts: _Counts, labels: Mapping[str, str]) -> _Values:
    shown: dict[tuple[str, str], int] = {(outcome, ""): 0 for outcome in _SAMPLES}
    shown |= {key: count for key, count in counts.items() if key[0] in _SAMPLES}
    return [
        ({**labels, "outcome": outcome, "reason": reason}, count)
        for (outcome, reason), count in sorted(shown.items())
    ]


def _last(times: Mapping[str, float], labels: Mapping[str, str]) -> _Values:
    return [
        ({**labels, "outcome": outcome}, when)
        for outcome, when in sorted(times.items())
    ]
