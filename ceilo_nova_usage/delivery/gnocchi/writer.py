# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Writing resources and their measures to Gnocchi, in as few requests as it allows."""

import dataclasses
import datetime
import json
import logging
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from ceilo_nova_usage.delivery.bounded_log import BoundedLog
from ceilo_nova_usage.delivery.gnocchi.api import (
    Exists,
    Found,
    Gnocchi,
    Gone,
    Metrics,
    Refused,
    UnknownResources,
)
from ceilo_nova_usage.delivery.gnocchi.bulk import Bulk
from ceilo_nova_usage.delivery.gnocchi.ends import EndStore, InstanceType, settle
from ceilo_nova_usage.delivery.gnocchi.resources import Resource, moment
from ceilo_nova_usage.delivery.spool import SpoolError
from ceilo_nova_usage.delivery.tally import DELIVERIES, Delivery

__all__ = ["Writer"]

_Refusals = dict[str, str]
# One metric's measures: of which resource, its name, what is sent.
_Measures = tuple[Resource, str, dict[str, Any]]
_Item = TypeVar("_Item")

# How long, in seconds, and of how many resources it is remembered that Gnocchi has
# their attributes as they are.
_REMEMBERED_FOR = 600.0
_REMEMBERED = 20_000
# Somebody else may make or remove a resource between two requests, but not for ever.
_TURNS = 3
# Metrics that one request may have to make: Gnocchi needs a second or two for them, and
# must not come to need longer than a request may take.
_NEW_METRICS = 1000
# Metrics that are there take half a millisecond each.
_KNOWN_METRICS = 1000
# Resources that one bulk request makes: a lot of a hundred instances is four of these.
_NEW_RESOURCES = 125
# Requests at the same time, as Gnocchi has several workers. A resource that is changed
# takes one of its own, and one that is made where there are no bulk requests.
_AT_ONCE = 8


class Writer:
    """Brings resources up to date, then sends all their measures in one request.

    Of more than a thousand measures there are several requests, at the same time: no
    batch makes one that takes Gnocchi, or a proxy before it, too long.

    It looks up what Gnocchi has instead of trying and failing: resources that are
    missing are made with their metrics, those that differ are changed, and no others
    are touched. Metrics are addressed by their ids, which costs Gnocchi half as much.
    What is missing is made by bulk requests where Gnocchi has them.
    """

    def __init__(
        self,
        gnocchi: Gnocchi,
        store: EndStore,
        instance: InstanceType,
        window: datetime.timedelta,
        log: BoundedLog,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._gnocchi = gnocchi
        self._bulk = Bulk(gnocchi, log, clock)
        self._store = store
        self._instance = instance
        self._window = window
        self._current = _Current(clock)
        self._threads = ThreadPoolExecutor(_AT_ONCE, "nova-usage-writer")

    def write(self, resources: Sequence[Resource]) -> _Refusals:
        """Write them; return why Gnocchi refused some, by their ids.

        Of a resource that was refused other measures may have been taken: to send
        them again is harmless.

        :raises Unavailable: where Gnocchi is; some may have been written
        """
        refused: _Refusals = {}
        ended = self._ended(resources)
        found = self._look_up(resources, ended, refused)
        stale = [
            each
            for each in resources
            if each.id not in refused and not self._current.has(each)
        ]
        made = self._create_all([each for each in stale if each.id not in found], ended)
        # Also raises what one of them does.
        list(
            self._threads.map(
                lambda each: self._bring_up_to_date(
                    each, found.get(each.id), ended.get(each.instance_id), refused
                ),
                [each for each in stale if each.id not in made],
            )
        )
        done = refused.keys() | made
        self._post([each for each in resources if each.id not in done], refused)
        self._keep_ends(resources)
        return refused

    def _ended(self, resources: Iterable[Resource]) -> dict[str, datetime.datetime]:
        """Return the ends that are known here of the instances of resources."""
        try:
            return self._store.ended({each.instance_id for each in resources})
        except SpoolError as error:
            # Gnocchi knows of most of them too.
            self._log.log(logging.ERROR, "ended", "No ends can be looked up: %s", error)
            return {}

    def _look_up(
        self,
        resources: Iterable[Resource],
        ended: Mapping[str, datetime.datetime],
        refused: _Refusals,
    ) -> dict[str, Found]:
        """Return those resources that Gnocchi has, leaving out what is known of."""
        wanted: dict[str, list[str]] = {}
        for resource in resources:
            if resource.end is not None or resource.instance_id in ended:
                self._current.forget([resource.id])
            if not self._current.has(resource):
                wanted.setdefault(resource.type, []).append(resource.id)
        found: dict[str, Found] = {}

        for resource_type, ids in wanted.items():
            _halving(
                ids,
                lambda some, of=resource_type: found.update(  # type: ignore[misc]
                    self._gnocchi.find(of, some)
                ),
                str,
                refused,
            )
        return found

    def _create_all(
        self,
        resources: Sequence[Resource],
        ended: Mapping[str, datetime.datetime],
    ) -> set[str]:
        """Make resources by bulk requests; return which were, with their measures.

        The others are to be made by themselves, which finds out what is wrong.
        """
        if not resources or not self._bulk.at_hand():
            return set()
        lots = _lots(resources, _NEW_RESOURCES)
        made = self._threads.map(lambda lot: self._create_lot(lot, ended), lots)
        return {each for those in made for each in those}

    def _create_lot(
        self,
        resources: Sequence[Resource],
        ended: Mapping[str, datetime.datetime],
    ) -> Iterable[str]:
        body: dict[str, list[dict[str, Any]]] = {}
        ends: dict[str, datetime.datetime | None] = {}
        for resource in resources:
            deleted = ended.get(resource.instance_id)
            resource.latest = self._current.latest(resource)
            end = settle(resource, None, deleted, self._window)
            ends[resource.id] = end
            body.setdefault(resource.type, []).append(
                {**_described(resource, end), "metrics": resource.measures}
            )
        made = self._bulk.create(body)
        for resource in resources:
            if resource.id in made:
                DELIVERIES.count(Delivery.CREATED)
                _count(metric["measures"] for metric in resource.measures.values())
                found = {"ended_at": None, "metrics": made[resource.id]}
                deleted = ended.get(resource.instance_id)
                self._settled(resource, found, ends[resource.id], deleted)
        return made

    def _bring_up_to_date(
        self,
        resource: Resource,
        found: Found | None,
        ended: datetime.datetime | None,
        refused: _Refusals,
    ) -> None:
        """Make a resource, or change what differs of it."""
        try:
            # A poll that came by here before the end may have been later than it.
            resource.latest = self._current.latest(resource)
            for _ in range(_TURNS):
                end = settle(resource, found, ended, self._window)
                try:
                    if found is None:
                        found = self._create(resource, end)
                    else:
                        self._update(resource, found, end)
                except (Exists, Gone):
                    again = self._gnocchi.find(resource.type, [resource.id])
                    found = again.get(resource.id)
                    continue
                self._settled(resource, found, end, ended)
                return
            refused[resource.id] = "it is made and removed again and again"
        except Refused as error:
            refused[resource.id] = str(error)

    def _settled(
        self,
        resource: Resource,
        found: Found | None,
        end: datetime.datetime | None,
        ended: datetime.datetime | None,
    ) -> None:
        """Take note of a resource that is as it shall be, with the end it got."""
        if end is None and ended is not None:
            self._forget_end(resource.instance_id)
            DELIVERIES.count(Delivery.REVIVED)
        if found is not None:
            lives = end is None and found["ended_at"] is None
            self._current.remember(resource, found["metrics"], lives=lives)

    def _forget_end(self, instance_id: str) -> None:
        try:
            self._store.forget_ends([instance_id])
        except SpoolError as error:
            self._log.log(logging.ERROR, "forget", "An end stays: %s", error)

    def _create(
        self, resource: Resource, end: datetime.datetime | None
    ) -> Found | None:
        """Make a resource; return it, or None if its metrics are still to be made."""
        body = _described(resource, end)
        # In one transaction with the resource, instead of in one each.
        metrics = {
            name: {each: metric[each] for each in ("archive_policy_name", "unit")}
            for name, metric in resource.measures.items()
        }
        found = None
        try:
            found = self._gnocchi.create(resource.type, {**body, "metrics": metrics})
        except Exists:
            raise
        except Refused:
            # For a metric's sake, perhaps: they are made with their measures then.
            self._gnocchi.create(resource.type, body)
        DELIVERIES.count(Delivery.CREATED)
        return found

    def _update(
        self, resource: Resource, found: Found, end: datetime.datetime | None
    ) -> None:
        changes = {
            name: value
            for name, value in resource.attributes.items()
            if not _same(found.get(name), value)
        }
        if end is not None and moment(found["ended_at"]) != end:
            changes["ended_at"] = end.isoformat()
        if changes:
            self._gnocchi.update(resource.type, resource.id, changes)
            DELIVERIES.count(Delivery.UPDATED)

    def _post(self, resources: Sequence[Resource], refused: _Refusals) -> None:
        """Send measures, down to single metrics where some are refused."""
        known: list[tuple[str, _Measures]] = []
        rest: list[_Measures] = []
        for resource in resources:
            ids = self._current.metrics(resource.id)
            for name, metric in resource.measures.items():
                if name in ids:
                    known.append((ids[name], (resource, name, metric)))
                else:
                    rest.append((resource, name, metric))
        for again in self._threads.map(self._post_known, _lots(known, _KNOWN_METRICS)):
            rest += again
        # Also raises what one of them does.
        list(
            self._threads.map(
                lambda lot: _halving(
                    lot,
                    lambda some: self._post_by_resource(some, refused),
                    lambda measures: measures[0].id,
                    refused,
                ),
                _lots(rest, _NEW_METRICS),
            )
        )

    def _post_known(
        self, known: Sequence[tuple[str, _Measures]]
    ) -> Iterable[_Measures]:
        """Send measures by their metrics' ids; return them if these are not right."""
        # Half the work for Gnocchi, but all or nothing.
        bodies = {metric_id: metric["measures"] for metric_id, (_, _, metric) in known}
        try:
            self._gnocchi.post_to_metrics(bodies)
        except Refused:
            self._current.forget(resource.id for _, (resource, _, _) in known)
            return [measures for _, measures in known]
        _count(bodies.values())
        return ()

    def _post_by_resource(
        self, measures: Sequence[_Measures], refused: _Refusals
    ) -> None:
        body: dict[str, dict[str, Any]] = {}
        for resource, name, metric in measures:
            body.setdefault(resource.id, {})[name] = metric
        if self._bulk.at_hand() and (made := self._bulk.create_metrics(body)):
            self._current.learn(made)
            _count(metric["measures"] for _, _, metric in measures)
            return
        try:
            self._gnocchi.post(body)
        except UnknownResources as error:
            # Removed since they were looked up, or remembered.
            self._current.forget(error.ids)
            for resource in {id(each): each for each, _, _ in measures}.values():
                if resource.id in error.ids:
                    self._bring_up_to_date(resource, None, None, refused)
            self._gnocchi.post(body)
        _count(metric["measures"] for _, _, metric in measures)

    def _keep_ends(self, resources: Iterable[Resource]) -> None:
        """Have the instances that ended looked at again, with all that is theirs."""
        ends: dict[str, datetime.datetime] = {}
        for resource in resources:
            if resource.end is not None:
                known = ends.get(resource.instance_id, resource.end)
                ends[resource.instance_id] = max(known, resource.end)
                DELIVERIES.count(Delivery.ENDED)
        if not ends:
            return
        try:
            self._store.record_ends(
                self._instance.end(instance_id, end)
                for instance_id, end in ends.items()
            )
        except SpoolError as error:
            # They have been ended; only nobody looks at them again.
            self._log.log(
                logging.ERROR, "keep", "%d ends cannot be kept: %s", len(ends), error
            )


def _described(resource: Resource, end: datetime.datetime | None) -> dict[str, Any]:
    """Return what Gnocchi is told of a resource to be made, but for its metrics."""
    body = {"id": resource.id, "user_id": resource.user_id, **resource.attributes}
    # Gnocchi would begin it now, and have no end before that.
    if resource.earliest is not None:
        body["started_at"] = resource.earliest.isoformat()
    if end is not None:
        body["ended_at"] = end.isoformat()
    return body


def _lots(items: Sequence[_Item], size: int) -> Iterator[Sequence[_Item]]:
    """Divide items into lots of at most a size, as even as can be."""
    number = math.ceil(len(items) / size)
    for index in range(number):
        yield items[index * len(items) // number : (index + 1) * len(items) // number]


def _count(measures: Iterable[Sequence[Any]]) -> None:
    DELIVERIES.count(Delivery.SENT, number=sum(map(len, measures)))


def _halving(
    items: Sequence[Any],
    send: Callable[[Sequence[Any]], None],
    owner: Callable[[Any], str],
    refused: _Refusals,
) -> None:
    """Send all at once, and in halves where that is refused, down to the culprits."""
    if not items:
        return
    try:
        send(items)
    except Refused as error:
        if len(items) == 1:
            refused[owner(items[0])] = str(error)
            return
        middle = len(items) // 2
        _halving(items[:middle], send, owner, refused)
        _halving(items[middle:], send, owner, refused)


def _same(has: Any, wanted: Any) -> bool:
    """Whether Gnocchi holds a value already; it writes times in a form of its own."""
    if has == wanted or str(has) == str(wanted):
        return True
    return (when := moment(wanted)) is not None and moment(has) == when


@dataclasses.dataclass(slots=True, kw_only=True)
class _Known:
    """What is known of one resource, until so many seconds on the clock."""

    attributes: str = ""
    metrics: Metrics = dataclasses.field(default_factory=dict)
    latest: datetime.datetime | None = None
    until: float = 0.0


class _Current:
    """The resources that Gnocchi is known to have as they are, for a while."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, _Known] = {}

    def has(self, resource: Resource) -> bool:
        """Whether nothing of a resource needs to be changed."""
        if resource.end is not None:
            return False
        known = self._get(resource.id)
        if self._clock() >= known.until or known.attributes != _text(resource):
            return False
        known.latest = self.latest(resource)
        return True

    def metrics(self, resource_id: str) -> Metrics:
        """Return the ids of a resource's metrics, those that are known, by name."""
        return self._get(resource_id).metrics

    def latest(self, resource: Resource) -> datetime.datetime | None:
        """Return the time of the latest measure, of these and those sent before."""
        before = self._get(resource.id).latest
        times = [each for each in (before, resource.latest) if each is not None]
        return max(times, default=None)

    def remember(self, resource: Resource, metrics: Metrics, *, lives: bool) -> None:
        """Take note of a resource that was just brought up to date, and its metrics.

        Of one that has ended only the metrics: each measure may move its end.
        """
        with self._lock:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[resource.id] = _Known(
                attributes=_text(resource) if lives else "",
                metrics=metrics,
                latest=resource.latest,
                until=self._clock() + _REMEMBERED_FOR,
            )

    def learn(self, made: Mapping[str, Metrics]) -> None:
        """Take note of metrics that were made, by the resource that they are of."""
        with self._lock:
            for resource_id, metrics in made.items():
                if (known := self._known.get(resource_id)) is not None:
                    known.metrics = {**known.metrics, **metrics}

    def forget(self, resource_ids: Iterable[str]) -> None:
        """Look at these in Gnocchi when they come again."""
        with self._lock:
            for resource_id in resource_ids:
                if resource_id in self._known:
                    self._known[resource_id].until = 0.0
                    self._known[resource_id].metrics = {}

    def _get(self, resource_id: str) -> "_Known":
        with self._lock:
            return self._known.get(resource_id) or _Known()


def _text(resource: Resource) -> str:
    return json.dumps(resource.attributes, sort_keys=True, default=str)
