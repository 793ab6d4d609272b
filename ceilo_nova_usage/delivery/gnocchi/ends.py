# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""When a resource ended, and that it stays so."""

import datetime
import json
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, Protocol

from oslo_utils import uuidutils

from ceilo_nova_usage.delivery.bounded_log import one_line
from ceilo_nova_usage.delivery.gnocchi.api import Failed, Found, Gnocchi, Refused
from ceilo_nova_usage.delivery.gnocchi.resources import END_MARGIN, Resource, moment
from ceilo_nova_usage.delivery.spool import End
from ceilo_nova_usage.delivery.tally import DELIVERIES, Delivery

__all__ = ["EndStore", "Ends", "InstanceType", "settle"]

LOG = logging.getLogger(__name__)

_UTC = datetime.UTC
# Between two looks at an end.
_FIRST_PAUSE = datetime.timedelta(seconds=15)
_FACTOR = 2
_LONGEST_PAUSE = datetime.timedelta(days=1)
# Whose disks and interfaces are searched in one request: Gnocchi gives 1000 at most.
_INSTANCES = 20


class EndStore(Protocol):
    """What keeps the ends that are to last; the spool does."""

    def record_ends(self, ends: Iterable[End]) -> None:
        """Keep them, and look at them again soon."""

    def due_ends(self, now: datetime.datetime, limit: int) -> list[End]:
        """Return ends that it is time to look at."""

    def reschedule_ends(self, looks: Iterable[tuple[End, datetime.datetime]]) -> None:
        """Look at them again then."""

    def forget_ends(self, resource_ids: Collection[str]) -> None:
        """Drop them."""

    def ended(self, resource_ids: Collection[str]) -> dict[str, datetime.datetime]:
        """Return when those of the resources ended that are kept."""


class InstanceType:
    """How Ceilometer's definitions name an instance, its disks and its interfaces.

    ``definitions`` are Ceilometer's, ``event_type`` the one that ends an instance.
    """

    def __init__(
        self,
        definitions: Iterable[Any],
        event_type: str = "compute.instance.delete.start",
    ) -> None:
        ending = (each for each in definitions if each.event_match(event_type))
        definition = next(ending, None)
        self.name: str = definition.cfg["resource_type"] if definition else "instance"
        self.associated: Mapping[str, str] = (
            definition.cfg.get("event_associated_resources", {}) if definition else {}
        )

    @property
    def types(self) -> frozenset[str]:
        """The resource types that end with an instance, its own among them."""
        return frozenset((self.name, *self.associated))

    def end(self, instance_id: str, ended_at: datetime.datetime) -> End:
        """Return the end of an instance and of all that is its own."""
        return End(
            resource_type=self.name,
            resource_id=instance_id,
            ended_at=ended_at,
            # Gnocchi falls over a search for what is no UUID.
            associated=uuidutils.is_uuid_like(instance_id),
        )


def settle(
    resource: Resource,
    found: Found | None,
    deleted: datetime.datetime | None,
    window: datetime.timedelta,
) -> datetime.datetime | None:
    """Return when a resource ended, given the measures it is about to get.

    ``found`` is the resource in Gnocchi, None where it has none; ``deleted`` is the end
    of its instance that is known here. None leaves all to Gnocchi, which takes back the
    end of a resource that it gets later measures of.

    - The last measures of an instance end it just after them.
    - A measure of up to ``window`` after the deletion is a late poll of a guest that
      was about to go: the end moves behind it.
    - A measure of a later time comes from a resource that lives again.
    """
    ended = moment(found["ended_at"]) if found else None
    latest = resource.latest
    if resource.end is None:
        if deleted is None or (latest is not None and latest >= deleted + window):
            return None
        end = deleted
    else:
        end = max(resource.end, deleted) if deleted else resource.end
    if ended is not None:
        end = max(end, ended)
    begun = moment(found["started_at"]) if found else resource.earliest
    # Whatever clock said so, no resource ends before it begins, or at its last measure.
    behind = [each + END_MARGIN for each in (latest, begun) if each and each >= end]
    return max(behind, default=end)


class Ends:
    """Sees to it that what was ended stays ended, once Gnocchi has caught up.

    Gnocchi takes back the end of a resource when it works through a measure of that
    time or later, minutes after the measure was sent, and by whomever. So ends are
    looked at again, ever more rarely, for a day.
    """

    def __init__(
        self,
        gnocchi: Gnocchi,
        store: EndStore,
        instance: InstanceType,
        window: datetime.timedelta,
        clock: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(_UTC),
    ) -> None:
        self._gnocchi = gnocchi
        self._store = store
        self._instance = instance
        self._window = window
        self._clock = clock

    def sweep(self, limit: int = 100) -> int:
        """Look at ends that are due; return how many resources had to be ended.

        :raises Unavailable: where Gnocchi is
        :raises SpoolError: where the store is
        """
        now = self._clock()
        due = self._store.due_ends(now, limit)
        if not due:
            return 0
        try:
            count = self.apply(due, now)
        except (Failed, Refused):
            # One of them is to blame: it must not cost the others theirs.
            count = sum(self._apply_alone(end, now) for end in due)
        pauses = {end.resource_id: _FIRST_PAUSE * _FACTOR**end.checks for end in due}
        over = {name for name, pause in pauses.items() if pause > _LONGEST_PAUSE}
        if over:
            self._store.forget_ends(over)
        self._store.reschedule_ends(
            (end, now + pauses[end.resource_id])
            for end in due
            if end.resource_id not in over
        )
        return count

    def _apply_alone(self, end: End, now: datetime.datetime) -> int:
        try:
            return self.apply([end], now)
        except (Failed, Refused) as error:
            LOG.warning("%s cannot be ended: %s", one_line(end.resource_id), error)
            return 0

    def apply(self, ends: Iterable[End], now: datetime.datetime | None = None) -> int:
        """End what has not ended yet; return how many resources had to be.

        :raises Unavailable: where Gnocchi is
        """
        now = now or self._clock()
        by_type: dict[str, dict[str, End]] = {}
        for end in ends:
            by_type.setdefault(end.resource_type, {})[end.resource_id] = end
        count = 0
        for resource_type, wanted in by_type.items():
            found = self._gnocchi.find(resource_type, list(wanted))
            for resource_id, resource in found.items():
                if resource_id in wanted:
                    end = wanted[resource_id]
                    count += self._end(resource_type, resource, end, now)
            for each_type, resource, end in self._associated(wanted):
                count += self._end(each_type, resource, end, now)
        return count

    def _associated(self, ends: Mapping[str, End]) -> Iterator[tuple[str, Found, End]]:
        """Yield the disks and interfaces of instances, those detached long ago too."""
        wanted = [end.resource_id for end in ends.values() if end.associated]
        for resource_type, query in self._instance.associated.items():
            for start in range(0, len(wanted), _INSTANCES):
                queries = [
                    json.loads(query % resource_id)
                    for resource_id in wanted[start : start + _INSTANCES]
                ]
                (attribute,) = queries[0]["="]
                found = self._gnocchi.search(resource_type, {"or": queries})
                for resource in found:
                    end = ends.get(str(resource[attribute]))
                    if end is not None:
                        yield resource_type, resource, end

    def _end(
        self, resource_type: str, resource: Found, end: End, now: datetime.datetime
    ) -> int:
        """End a resource where it has no end, or too early a one."""
        has, wanted = moment(resource["ended_at"]), end.ended_at
        if has is not None and has >= wanted:
            return 0
        taken_back = has is None and end.checks > 0
        if taken_back:
            if self._lives(resource, wanted):
                self._store.forget_ends([end.resource_id])
                DELIVERIES.count(Delivery.REVIVED)
                return 0
            # By a measure that has been worked through: its time is past.
            wanted = max(wanted, now)
        begun = moment(resource["started_at"])
        if begun is not None and begun >= wanted:
            wanted = begun + END_MARGIN
        try:
            self._gnocchi.update(
                resource_type,
                resource["original_resource_id"],
                {"ended_at": wanted.isoformat()},
            )
        except (Failed, Refused) as error:
            # It may be gone; if it is not, it will be looked at again.
            LOG.info("%s was not ended: %s", resource["original_resource_id"], error)
            return 0
        DELIVERIES.count(Delivery.ENDED_AGAIN if taken_back else Delivery.ENDED)
        return 1

    def _lives(self, resource: Found, ended: datetime.datetime) -> bool:
        """Whether there are aggregates of a time well after the end."""
        alive_since = ended + self._window
        for metric_id in resource["metrics"].values():
            newest = moment(
                self._gnocchi.newest_bucket(metric_id, alive_since.isoformat())
            )
            # Gnocchi's answer begins with the bucket that the time asked for is in.
            if newest is not None and newest >= alive_since:
                return True
        return False
