# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Instances a second into Gnocchi, by our publisher and by Ceilometer's.

A cell is one agent with one worker, its own spool, and a number of notifications that
wait on the bus when it starts. It is done when its publisher has returned from the last
of them and, where there are events, every end has been seen to. Nothing may be left in
the spool.
"""

import contextlib
import dataclasses
import datetime
import statistics
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import tenacity

from ceilo_nova_usage.delivery.spool import Spool
from tests.functional.stack.stack import EXACT, Stack
from tests.performance.stack import load, plugins
from tests.support.agent_process import Agent, Host
from tests.support.deletes import Delete, Instance
from tests.support.processes import wait_until

#: At least so many times Ceilometer's rate.
WANTED = 5.0
OURS, STOCK = "gnocchi-spool", "gnocchi"
# Ceilometer's own meters of an unversioned notification: memory, vcpus and two disks.
_DECLARATIVE = 4
_SPOOL_BYTES = 1 << 30
# Of a cell; what it tells of says why there was another.
_ATTEMPTS = 3
_DEVICE = {"name": "device"}
# Requests at the same time, see ``ceilo_nova_usage.delivery.gnocchi.writer``.
_AT_ONCE = 8
# An instance's: type, what its id ends with, attributes, how many metrics.
_RESOURCES = (
    (
        "instance",
        "",
        {"display_name": "name", "host": "host", "flavor_id": "1", "flavor_name": "1"},
        5,
    ),
    ("instance_disk", "-vda", _DEVICE, 6),
    ("instance_disk", "-vdb", _DEVICE, 6),
    ("instance_network_interface", "-tap0", _DEVICE, 8),
    ("instance_network_interface", "-tap1", _DEVICE, 8),
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a cell's notifications are.

    :ivar notification: makes an instance's
    :ivar samples: how many an instance's notification comes to
    :ivar known: whether Gnocchi has the instances
    :ivar events: whether there is an event pipeline
    """

    title: str
    notification: Callable[[Instance], Delete]
    samples: int
    known: bool = False
    events: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A cell's figures, times in milliseconds an instance."""

    rate: float
    api: float
    database: float
    agent: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """A publisher, the agent's batches, and whether Gnocchi has our bulk requests.

    Ours has the pipeline that goes with it, Ceilometer's its own.
    """

    scheme: str
    batch: int
    bulk: bool = False

    def __str__(self) -> str:
        bulk = ", bulk" if self.bulk else ""
        return f"{self.scheme} batch_size {self.batch}{bulk}"


UNSEEN = Work(title="unseen instances", notification=Instance.versioned, samples=33)
UNSEEN_WITH_EVENTS = Work(
    title="unseen instances, with events",
    notification=Instance.legacy,
    samples=33 + _DECLARATIVE,
    events=True,
)
KNOWN = Work(title="known instances", notification=load.exists, samples=33, known=True)
KNOWN_WITH_EVENTS = Work(
    title="known instances, deleted, with events",
    notification=Instance.legacy,
    samples=33 + _DECLARATIVE,
    known=True,
    events=True,
)


class _Spooled(Exception):
    """Samples wait in the spool: what was measured is not how they reach Gnocchi."""


class Cells:
    """Runs cells on a stack; each one's instances are others, or read later."""

    def __init__(self, stack: Stack, feed: load.Feed) -> None:
        self._stack = stack
        self._feed = feed
        self._begun = datetime.datetime.now(datetime.UTC)
        self._number = 0
        self._bulk: bool | None = None

    def make_known(self, work: Work, number: int) -> None:
        """Have Gnocchi know so many instances, with all their metrics."""
        audit = load.legacy_exists if work.events else load.exists
        work = dataclasses.replace(work, notification=audit, events=False)
        self.run(Rival(scheme=OURS, batch=100), number, work)

    def run(self, rival: Rival, number: int, work: Work) -> Cell:
        """Run one; another where Gnocchi was away for a moment, and tell of it."""
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_Spooled),
            stop=tenacity.stop_after_attempt(_ATTEMPTS),
            before_sleep=lambda state: print(state.outcome.exception(), flush=True),
            reraise=True,
        )(self._run, rival, number, work)

    def _run(self, rival: Rival, number: int, work: Work) -> Cell:
        self._number += 1
        run = "known" if work.known else f"cell {self._number} {time.time_ns()}"
        # Known ones are read again a minute after the last time.
        read_at = self._begun + datetime.timedelta(minutes=self._number)
        self._feed.preload(
            load.Body(body=message.body, routing_key=message.routing_key)
            for message in (
                work.notification(Instance(run=run, number=index, collected_at=read_at))
                for index in range(number)
            )
        )
        host = self._stack.host()
        marks = host.directory / "samples", host.directory / "events"
        if self._bulk != rival.bulk:
            self._stack.set_bulk(rival.bulk)
            self._bulk = rival.bulk
        with _agent(self._stack, host, rival, marks, work) as agent:
            wait_until(lambda: self._feed.bus.ready() < number, "the agent begins")
            servers = (
                self._stack.gnocchi.api,
                self._stack.postgresql.server,
                agent,
            )
            begun, spent = time.monotonic(), [each.cpu_seconds for each in servers]
            wanted = number * work.samples, number if work.events else 0
            wait_until(
                lambda: tuple(map(_given, marks)) == wanted,
                f"{wanted} samples and events reach Gnocchi\n{agent.tail(20)}",
                timeout=900,
            )
            ended = max(map(_last, marks))
            if rival.scheme == OURS:
                spool = Spool(host.spool, max_bytes=_SPOOL_BYTES)
                ended += wait_until(lambda: not _due(spool), "the ends are seen to")
                if not spool.is_empty():
                    raise _Spooled(f"samples wait in the spool\n{agent.tail(20)}")
            spent = [
                (each.cpu_seconds - before) / number * 1e3
                for each, before in zip(servers, spent, strict=True)
            ]
        return Cell(
            rate=number / (ended - begun),
            api=spent[0],
            database=spent[1],
            agent=spent[2],
        )


def measure(
    stack: Stack,
    work: Work,
    number: int,
    *,
    rounds: int,
    rivals: Sequence[Rival],
) -> None:
    """Measure rivals with so many instances in turns, and print what they came to.

    :param number: of instances a cell; a batch's where that is more
    :param rivals: the first is what all are compared with
    """
    with load.Feed(stack.rabbitmq.url) as feed:
        cells = Cells(stack, feed)
        if work.known:
            cells.make_known(work, max(number, *(each.batch for each in rivals)))
        found: dict[str, list[Cell]] = {}
        for _ in range(rounds):
            for rival in rivals:
                cell = cells.run(rival, max(number, rival.batch), work)
                found.setdefault(str(rival), []).append(cell)
            if not work.known:
                cell = _least(stack, number)
                found.setdefault("single requests alone", []).append(cell)
    metricd = "runs" if stack.gnocchi.metricd.running else "stands"
    print(f"{work.title}, {rounds} times {number} or a batch, metricd {metricd}")
    for title, those in found.items():
        _show(title, those, next(iter(found.values())))


def _least(stack: Stack, number: int) -> Cell:
    """Return what it takes to make instances' resources and metrics, at the least.

    Gnocchi makes one resource a request, with its metrics; as many requests are under
    way at once as our publisher has. The measures go in one request together.
    """
    client = stack.gnocchi.client()
    servers = stack.gnocchi.api, stack.postgresql.server
    begun, spent = time.monotonic(), [each.cpu_seconds for each in servers]
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        made = threads.map(
            lambda each: client.resource.create(*each),
            [each for _ in range(number) for each in _instance()],
        )
        metric_ids = [
            each for resource in made for each in resource["metrics"].values()
        ]
    client.metric.batch_metrics_measures(
        {
            each: [{"timestamp": "2026-01-01T00:00:00", "value": 1}]
            for each in metric_ids
        }
    )
    seconds = time.monotonic() - begun
    api, database = (
        (each.cpu_seconds - before) / number * 1e3
        for each, before in zip(servers, spent, strict=True)
    )
    return Cell(rate=number / seconds, api=api, database=database, agent=0.0)


def _instance() -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the resources of an instance that nobody has seen: type and what it is."""
    instance_id = str(uuid.uuid4())
    policy = {"archive_policy_name": EXACT}
    for kind, suffix, attributes, metrics in _RESOURCES:
        if suffix:
            attributes = {**attributes, "instance_id": instance_id}
        yield (
            kind,
            {
                "id": instance_id + suffix,
                **attributes,
                "metrics": {f"meter.{index}": policy for index in range(metrics)},
            },
        )


def _show(title: str, cells: Sequence[Cell], against: Sequence[Cell]) -> None:
    """Print the medians, and those of the rounds' ratios."""
    rate, api, database, agent = (
        statistics.median(getattr(cell, field) for cell in cells)
        for field in ("rate", "api", "database", "agent")
    )
    faster, cheaper = (
        statistics.median(ratio)
        for ratio in zip(
            *(
                (a.rate / b.rate, (b.api + b.database) / (a.api + a.database))
                for a, b in zip(cells, against, strict=True)
            ),
            strict=True,
        )
    )
    print(
        f"  {title:28} {rate:6.1f}/s; ms of processor an instance: API {api:5.1f}, "
        f"PostgreSQL {database:5.1f}, agent {agent:5.1f}; {faster:5.2f} times the "
        f"rate, {cheaper:5.2f} by Gnocchi's processor",
        flush=True,
    )


@contextlib.contextmanager
def _agent(
    stack: Stack, host: Host, rival: Rival, marks: Sequence[Path], work: Work
) -> Iterator[Agent]:
    """Run an agent that notes, in files, what its publishers were done with when."""
    url = stack.publisher(rival.scheme)
    samples, events = ([url, f"null://{mark}"] for mark in marks)
    config = host.configure(
        "agent",
        samples,
        event_publishers=events if work.events else (),
        guarded=rival.scheme == OURS,
        notification={"batch_size": rival.batch},
        oslo_messaging_rabbit={"rabbit_qos_prefetch_count": max(200, 2 * rival.batch)},
    )
    agent = stack.agent(config)
    with plugins.installed():
        agent.start()
        try:
            yield agent
        finally:
            agent.stop()


def _lines(mark: Path) -> list[tuple[float, int]]:
    """Return when how many were given to the publisher that notes it."""
    if not mark.exists():
        return []
    lines = [line.split() for line in mark.read_text().splitlines()]
    return [(float(when), int(number)) for when, number in lines]


def _given(mark: Path) -> int:
    return sum(number for _, number in _lines(mark))


def _last(mark: Path) -> float:
    return max((when for when, _ in _lines(mark)), default=0.0)


def _due(spool: Spool) -> bool:
    return bool(spool.due_ends(datetime.datetime.now(datetime.UTC), 1))
