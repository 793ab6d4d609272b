# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Ceilometer's publisher to Gnocchi, with a spool behind it that loses nothing."""

import contextlib
import dataclasses
import datetime
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any
from urllib import parse

import tenacity
from ceilometer import gnocchi_client
from ceilometer.event.models import Event
from ceilometer.publisher import gnocchi as stock
from ceilometer.sample import Sample

from ceilo_nova_usage import conf as options
from ceilo_nova_usage.delivery.bounded_log import BoundedLog, one_line
from ceilo_nova_usage.delivery.gnocchi.api import (
    Gnocchi,
    Refused,
    Unavailable,
    unreachable,
)
from ceilo_nova_usage.delivery.gnocchi.backlog import Backlog
from ceilo_nova_usage.delivery.gnocchi.drainer import Drainer
from ceilo_nova_usage.delivery.gnocchi.ends import Ends, InstanceType
from ceilo_nova_usage.delivery.gnocchi.resources import grouped, moment, resource_key
from ceilo_nova_usage.delivery.gnocchi.writer import Writer
from ceilo_nova_usage.delivery.spool import End, Spool, SpoolError
from ceilo_nova_usage.delivery.tally import DELIVERIES, Delivery
from ceilo_nova_usage.errors import AgentRefused

__all__ = ["Drained", "SpoolingGnocchiPublisher"]

LOG = logging.getLogger(__name__)

# Times that Gnocchi is asked when the spool is emptied by hand: each time less is sent.
_ATTEMPTS = 12
# Seconds that one request may take, where the publisher's URL does not say.
_TIMEOUT = "30"
_RESTORED = "compute.instance.restore.end"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """What came of emptying the spool, in rows: one resource's samples of a batch."""

    sent: int
    refused: int
    left: int


class SpoolingGnocchiPublisher(stock.GnocchiPublisher):  # type: ignore[misc]
    """Publishes samples to Gnocchi, or keeps them in the spool until it can.

    ``gnocchi-spool://`` takes the options of Ceilometer's ``gnocchi://``, and its
    resource definitions. A batch of samples goes to Gnocchi at once; where that fails,
    or others wait already, it goes to the spool, whence one thread a host sends all in
    order. Where neither takes it the call does not return: the notifications stay on
    the bus, unacknowledged.

    An instance whose last usage is published, or for which an event says that it is
    deleted, is ended in Gnocchi with its disks and interfaces, and kept so.

    ``background`` is false for whoever calls :meth:`drain`.
    """

    #: A whole batch at once is less work (:mod:`ceilo_nova_usage.guard`).
    TAKES_BATCHES = True

    def __init__(self, conf: Any, parsed_url: Any, *, background: bool = True) -> None:
        try:
            settings = options.load(conf)
            self._client: Any = None
            self._connect: Callable[[], Any]
            self._client_lock = threading.Lock()
            self._url = parsed_url
            self._others: dict[str, SpoolingGnocchiPublisher] = {}
            super().__init__(conf, _with_timeout(parsed_url))
            self._spool = Spool(
                settings.spool_dir,
                max_bytes=settings.spool_max_bytes,
                warn_percent=settings.spool_warn_percent,
                log_interval=settings.log_interval,
            )
            self._spool.is_empty()
        except Exception as error:
            # Ceilometer would log any ordinary exception, and publish nothing for ever.
            LOG.critical("The agent cannot start: gnocchi-spool: %s", error)
            raise AgentRefused(f"ceilo-nova-usage: gnocchi-spool: {error}") from error
        window = datetime.timedelta(seconds=settings.end_window)
        self._log = BoundedLog(LOG, settings.log_interval)
        self._longest_pause = float(settings.spool_retry_max)
        self._instance = InstanceType(self.resources_definition)
        self._api = Gnocchi(self._connected)
        self._writer = Writer(self._api, self._spool, self._instance, window, self._log)
        self._ends = Ends(self._api, self._spool, self._instance, window)
        self._backlog = Backlog(
            self._spool, lambda query: self._publisher_of(query)._write, self._log
        )
        self._drainer: Drainer | None = None
        if background:
            self._drainer = Drainer.ensure(
                settings.spool_dir,
                lambda: Drainer(
                    self._spool,
                    self._deliver_waiting,
                    longest_pause=self._longest_pause,
                    log_interval=settings.log_interval,
                ),
            )

    def publish_samples(self, data: Iterable[Sample]) -> None:
        """Return once Gnocchi has the samples, or the spool has them on disk."""
        accepted_at = _now()
        samples = self._defined(data)
        if not samples:
            return
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(SpoolError),
            wait=tenacity.wait_random_exponential(max=self._longest_pause),
            before_sleep=self._say_held_up,
        )
        retrying(self._take, samples, accepted_at)

    def publish_events(self, events: Iterable[Event]) -> None:
        """End what is deleted, for good; other events are Ceilometer's to handle."""
        others = []
        ends = []
        for event in events:
            definition = self._get_resource_definition_from_event(event.event_type)
            if definition and definition[1] == stock.EVENT_DELETE:
                if (end := self._end_of(definition[0], event)) is not None:
                    ends.append(end)
            elif event.event_type == _RESTORED:
                self._restore(event)
            else:
                others.append(event)
        if ends:
            tenacity.Retrying(
                retry=tenacity.retry_if_exception_type(SpoolError),
                wait=tenacity.wait_random_exponential(max=self._longest_pause),
                before_sleep=self._say_held_up,
            )(self._take_ends, ends)
        if others:
            super().publish_events(others)

    def drain(self) -> Drained:
        """Send what waits in the spool, until it is empty.

        :raises SpoolError: where the spool cannot be used
        :raises Unavailable: where Gnocchi cannot be
        """
        sent = refused = 0
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(
                lambda error: isinstance(error, Unavailable) and not unreachable(error)
            ),
            stop=tenacity.stop_after_attempt(_ATTEMPTS),
            reraise=True,
        )
        while (counts := retrying(self._backlog.deliver)) != (0, 0):
            sent, refused = sent + counts[0], refused + counts[1]
        left = self._spool.state().waiting_rows
        return Drained(sent=sent, refused=refused, left=left)

    def _get_gnocchi_client(self, conf: Any, timeout: Any) -> None:
        """Remember how to connect; an agent starts without Gnocchi and Keystone too."""

        def connect() -> Any:
            return gnocchi_client.get_gnocchiclient(conf, request_timeout=timeout)

        self._connect = connect

    @property
    def _gnocchi(self) -> Any:
        return self._connected()

    @_gnocchi.setter
    def _gnocchi(self, _: None) -> None:
        """Ceilometer's constructor sets what it got; there is nothing yet."""

    def _connected(self) -> Any:
        with self._client_lock:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _defined(self, data: Iterable[Sample]) -> list[Sample]:
        samples = []
        for sample in data:
            if sample.name in self.metric_map:
                samples.append(sample)
                continue
            DELIVERIES.count(Delivery.NOT_DEFINED, sample.name)
            self._log.warning(
                f"not defined {sample.name}",
                "The meter %s is not in the resource definitions: Gnocchi does not get "
                "it ('ceilo-nova-usage gnocchi-resources' tells what is missing)",
                one_line(sample.name),
            )
        return samples

    def _take(self, samples: list[Sample], accepted_at: datetime.datetime) -> None:
        """Hand samples to Gnocchi, or to the spool.

        :raises SpoolError: where neither takes them
        """
        if self._nothing_waits():
            try:
                refused = self._write([(each, accepted_at) for each in samples])
            except Unavailable as error:
                self._log.warning(
                    "spooled",
                    "Gnocchi does not take samples, which go to the spool: %s",
                    one_line(error),
                )
            except Exception:  # noqa: BLE001
                # Ceilometer would log it and drop them all. The spool's thread finds
                # the sample that is to blame.
                self._log.log(
                    logging.ERROR,
                    "defect",
                    "Samples cannot be written to Gnocchi and go to the spool",
                    exc_info=True,
                )
            else:
                # The spool's thread will be told the same, and keep them as refused.
                samples = [
                    each
                    for each in samples
                    if resource_key(each.resource_id) in refused
                ]
        if samples:
            self._spool.append(samples, publisher=self._url.query)
            DELIVERIES.count(Delivery.SPOOLED, number=len(samples))
            self._wake()

    def _take_ends(self, ends: Sequence[End]) -> None:
        """Keep ends in the spool, whose thread applies them; or apply them at once.

        :raises SpoolError: where neither can be
        """
        try:
            self._spool.record_ends(ends)
        except SpoolError as error:
            try:
                self._ends.apply(ends)
            except (Unavailable, Refused) as refusal:
                raise error from refusal
        self._wake()

    def _nothing_waits(self) -> bool:
        try:
            return self._spool.is_empty()
        except SpoolError:
            # Perhaps others wait, but there is no way to wait behind them.
            return True

    def _write(
        self, samples: Sequence[tuple[Sample, datetime.datetime]]
    ) -> dict[str, str]:
        """Write samples to Gnocchi; return why some were refused, by resource.

        :raises Unavailable: where Gnocchi is
        """
        with _unavailable():
            self.ensures_archives_policies()
            wanted = {
                id(each)
                for each in self.filter_gnocchi_activity_openstack(
                    [sample for sample, _ in samples]
                )
            }
        ours = ((each, accepted) for each, accepted in samples if id(each) in wanted)
        return self._writer.write(grouped(ours, self.metric_map, self._instance.types))

    def _deliver_waiting(self) -> bool:
        """Send one lot of what waits, or look after ends; tell if more may wait.

        :raises SpoolError: where the spool cannot be used
        :raises Unavailable: where Gnocchi cannot be
        """
        return self._backlog.deliver() != (0, 0) or self._ends.sweep() > 0

    def _publisher_of(self, query: str) -> "SpoolingGnocchiPublisher":
        """Return the publisher whose URL has these options."""
        if query == self._url.query:
            return self
        if query not in self._others:
            try:
                self._others[query] = SpoolingGnocchiPublisher(
                    self.conf, self._url._replace(query=query), background=False
                )
            except AgentRefused:
                # It was configured otherwise when the samples came.
                LOG.error("Samples of gnocchi-spool://?%s go as this one's", query)
                self._others[query] = self
        return self._others[query]

    def _end_of(self, definition: Any, event: Event) -> End | None:
        attributes = definition.event_attributes(event)
        if "id" not in attributes:
            return None
        resource_id = str(attributes["id"])
        ended_at = moment(event.generated.isoformat()) or _now()
        resource_type = definition.cfg["resource_type"]
        if resource_type == self._instance.name:
            return self._instance.end(resource_id, ended_at)
        return End(
            resource_type=resource_type, resource_id=resource_id, ended_at=ended_at
        )

    def _restore(self, event: Event) -> None:
        """Let an instance live that was not deleted after all.

        Gnocchi's API cannot take an end back; the next measure does.
        """
        traits = {trait.name: trait.value for trait in event.traits}
        try:
            self._spool.forget_ends([str(traits.get("instance_id"))])
        except SpoolError as error:
            self._log.warning("restored", "A restored instance may be ended: %s", error)

    def _wake(self) -> None:
        if self._drainer is not None:
            self._drainer.wake()

    def _say_held_up(self, state: tenacity.RetryCallState) -> None:
        DELIVERIES.count(Delivery.HELD_UP)
        self._log.log(
            logging.CRITICAL,
            "held up",
            "Neither Gnocchi nor the spool takes samples (attempt %d): notifications "
            "stay on the bus until one of them does: %s",
            state.attempt_number,
            state.outcome.exception() if state.outcome else None,
        )


@contextlib.contextmanager
def _unavailable() -> Iterator[None]:
    """Turn whatever Ceilometer's own code raises into Unavailable."""
    try:
        yield
    except Exception as error:
        # Keystone's and Gnocchi's clients, of several generations: all that counts is
        # that the samples cannot be sent now.
        raise Unavailable(f"{type(error).__name__}: {error}") from error


def _with_timeout(url: Any) -> Any:
    """Return the URL with our default of its option ``timeout``."""
    if "timeout" in parse.parse_qs(url.query):
        return url
    query = "&".join(filter(None, (url.query, f"timeout={_TIMEOUT}")))
    return url._replace(query=query)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
