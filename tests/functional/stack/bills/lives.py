# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Simulated lives of instances: what they use, and what a cloud tells of it.

A host polls its instances every 300 seconds, at a phase of its own. Nova's audit reads
them every hour, and each is read as its deletion begins. An instance has few devices,
as each costs Gnocchi a resource: one disk with two counters.

What is true of a life is known: it uses so much a second while its guest runs.
"""

from __future__ import annotations

import dataclasses
import datetime
import random
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

from tests.support.deletes import Delete, Instance

#: When the first lives begin: late enough in a day for many to see the next.
BEGIN = datetime.datetime(2026, 3, 14, 20, tzinfo=datetime.UTC)
#: So long, in seconds, lives go on beginning.
BIRTHS = 7200.0
POLLED_EVERY = 300.0
HOSTS = 6
PROJECTS = 4
#: Each of these many lives is one whose guest is restarted.
RESTARTED = 10
#: Each of these many is told to be deleted in both forms.
TOLD_TWICE = 7
EXISTS = "compute.instance.exists"

#: A meter of the counters by which it is polled, the total, and the use a second.
METERS = {
    "cpu": ("cpu", "cpu.total", (20_000_000, 2_000_000_000)),
    "read_bytes": (
        "disk.device.read.bytes",
        "disk.read.bytes.total",
        (1_000, 50_000_000),
    ),
    "write_requests": (
        "disk.device.write.requests",
        "disk.write.requests.total",
        (1, 500),
    ),
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """A guest's process: from when to when it runs, in seconds after `BEGIN`."""

    began: float
    ended: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """An instance's life; ``rates`` tells what it uses a second, by counter."""

    number: int
    mean: str
    project: int
    host: int
    created: float
    epochs: Sequence[Epoch]
    rates: dict[str, int]
    #: Whether nova knows when the process began.
    epoch_known: bool

    @property
    def deleted(self) -> float:
        """When its last reading is taken."""
        return self.epochs[-1].ended

    @property
    def was_reset(self) -> bool:
        """Whether its counters ever went back to zero."""
        return len(self.epochs) > 1

    def running(self, at: float) -> Epoch | None:
        """Return the process that runs at a moment."""
        for epoch in self.epochs:
            if epoch.began <= at <= epoch.ended:
                return epoch
        return None

    def counter(self, name: str, at: float) -> int:
        """Return what a counter of the process that runs shows."""
        epoch = self.running(at)
        assert epoch is not None
        return int(self.rates[name] * (at - epoch.began))

    def used(self, name: str, at: float | None = None) -> int:
        """Return what was used until a moment, by all processes: the truth."""
        at = self.deleted if at is None else at
        return sum(
            int(self.rates[name] * (min(at, epoch.ended) - epoch.began))
            for epoch in self.epochs
            if epoch.began <= at
        )

    def block(self, at: float) -> dict[str, Any]:
        """Return the usage block that nova reads at a moment."""
        epoch = self.running(at)
        assert epoch is not None
        # A little earlier than the process.
        began = moment(epoch.began - 0.4).isoformat()
        return {
            "schema": "1.0",
            "driver": "libvirt",
            "origin": "live",
            "collected_at": moment(at).isoformat(timespec="microseconds"),
            "epoch_began_at": began if self.epoch_known else None,
            "instance_name": f"instance-{self.number:08x}",
            "cpu": {"time": self.counter("cpu", at), "number": 2},
            "disks": [
                {
                    "device": "vda",
                    "volume_id": None,
                    "read_bytes": self.counter("read_bytes", at),
                    "write_requests": self.counter("write_requests", at),
                }
            ],
            "interfaces": [],
            "lifetime": {
                "cpu_time": self.used("cpu", at),
                "disk_read_bytes": self.used("read_bytes", at),
                "disk_write_requests": self.used("write_requests", at),
            },
        }


def moment(at: float) -> datetime.datetime:
    """Return the time so many seconds after `BEGIN`."""
    return BEGIN + datetime.timedelta(seconds=at)


def lives(means: dict[str, float], number: int, seed: str) -> list[Life]:
    """Return so many lives, in equal parts of each mean length, in seconds."""
    chance = random.Random(seed)
    titles = list(means)
    return [
        _life(index, titles[index % len(means)], means, chance)
        for index in range(number)
    ]


def _life(
    number: int, title: str, means: dict[str, float], chance: random.Random
) -> Life:
    began = chance.uniform(0, BIRTHS)
    ended = began + max(1.0, chance.expovariate(1 / means[title]))
    epochs = [Epoch(began=began, ended=ended)]
    # Not in step with the means.
    if number // len(means) % RESTARTED == 0:
        stopped = chance.uniform(0.2, 0.6) * (ended - began) + began
        started = stopped + chance.uniform(0.05, 0.2) * (ended - stopped)
        epochs = [
            Epoch(began=began, ended=stopped),
            Epoch(began=started, ended=ended),
        ]
    return Life(
        number=number,
        mean=title,
        project=number // len(means) % PROJECTS,
        host=chance.randrange(HOSTS),
        created=began - chance.uniform(3, 12),
        epochs=epochs,
        rates={name: chance.randint(*rates) for name, (*_, rates) in METERS.items()},
        epoch_known=chance.random() < 0.5,
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that is told of some lives at a moment."""

    at: float
    kind: str
    lives: Sequence[Life]


def events(all_lives: Sequence[Life], seed: str) -> list[Event]:
    """Return every poll, audit and deletion, in their order."""
    chance = random.Random(seed)
    end = max(life.deleted for life in all_lives)
    found = [Event(at=life.deleted, kind="delete", lives=[life]) for life in all_lives]
    for host in range(HOSTS):
        of_host = [life for life in all_lives if life.host == host]
        phase = chance.uniform(0, POLLED_EVERY)
        for at in _every(POLLED_EVERY, phase, end):
            # An agent is never quite in time.
            found.append(_of_running(at + chance.uniform(0, 0.5), "poll", of_host))
        for at in _every(3600.0, 60.0 + host, end):
            found.append(_of_running(at, "exists", of_host))
    return sorted((event for event in found if event.lives), key=lambda event: event.at)


def _every(interval: float, phase: float, end: float) -> Iterator[float]:
    at = phase
    while at < end:
        yield at
        at += interval


def _of_running(at: float, kind: str, among: Sequence[Life]) -> Event:
    # The last reading is taken in the deletion, with the guest not yet gone.
    running = [life for life in among if life.running(at) and at < life.deleted]
    return Event(at=at, kind=kind, lives=running)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Told(Instance):
    """An instance as nova tells of it at some moment of its life."""

    life: Life
    at: float

    @classmethod
    def of(cls, run: str, life: Life, at: float) -> Told:
        """Return what is told of a life; ``run`` keeps its ids from another's."""
        return cls(
            run=run,
            number=life.number,
            collected_at=moment(at),
            life=life,
            at=at,
        )

    @property
    def project(self) -> str:
        """The id of the life's project, in this run."""
        return project(self.run, self.life.project)

    def usage(self) -> dict[str, Any]:
        """Return the block of the moment."""
        return self.life.block(self.at)

    def _born(self) -> datetime.datetime:
        return moment(self.life.created).replace(microsecond=0)

    def legacy(self) -> Delete:
        """Return its deletion, of the life's project."""
        delete = super(Told, self).legacy()
        delete.notification["payload"]["tenant_id"] = self.project
        return delete

    def versioned(self) -> Delete:
        """Return its deletion once more, in the other form."""
        delete = super(Told, self).versioned()
        delete.notification["payload"]["nova_object.data"]["tenant_id"] = self.project
        return delete

    def exists(self) -> Delete:
        """Return what the audit of the hour that is over tells."""
        told = self.legacy().notification
        hour = self.collected_at.replace(minute=0, second=0, microsecond=0)
        payload = {
            **told["payload"],
            "state_description": "",
            "audit_period_beginning": _plain(hour - datetime.timedelta(hours=1)),
            "audit_period_ending": _plain(hour),
            "bandwidth": {},
        }
        ids = {
            name: f"{told[name]}-{hour:%d%H}" for name in ("message_id", "_unique_id")
        }
        return Delete(
            notification={**told, **ids, "event_type": EXISTS, "payload": payload},
            routing_key="notifications.info",
        )


def project(run: str, number: int) -> str:
    """Return the id of a project of a run."""
    return uuid.uuid5(uuid.NAMESPACE_OID, f"{run} {number}").hex


def _plain(at: datetime.datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"
