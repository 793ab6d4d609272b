# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""What a spool holds, as its callers see it."""

import dataclasses
import datetime
import pathlib

from ceilometer.sample import Sample

__all__ = [
    "Dropped",
    "End",
    "Held",
    "Row",
    "Salvaged",
    "Selection",
    "SpoolState",
    "as_key",
    "as_micros",
    "as_time",
]

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND = datetime.timedelta(microseconds=1)


def as_micros(time: datetime.datetime) -> int:
    """Return an aware time as SQLite keeps it: microseconds since 1970, exactly."""
    return (time - _EPOCH) // _MICROSECOND


def as_time(micros: int) -> datetime.datetime:
    """Return the time, in UTC, of :func:`as_micros`."""
    return _EPOCH + micros * _MICROSECOND


def as_key(text: object) -> str:
    """Return text as SQLite can keep it; a None is empty.

    A sender may have put anything there: text that is no valid Unicode is escaped.
    """
    if text is None:
        return ""
    return str(text).encode(errors="backslashreplace").decode()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The samples of one resource that came together, in the order they came.

    ``seq`` grows from row to row and is never given twice; ``reason`` says why
    Gnocchi refused the samples for good, and is None while they wait. ``publisher`` is
    what :meth:`Spool.append` was told.
    """

    seq: int
    accepted_at: datetime.datetime
    resource_id: str
    samples: list[Sample]
    reason: str | None = None
    publisher: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which rows are meant: those that fit all that is given, or every row.

    ``resource_id`` names one resource; ``before`` is aware, and means what was
    accepted earlier.
    """

    refused: bool = False
    resource_id: str | None = None
    before: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What is held of one resource: all that waits, or all refused for one reason."""

    resource_id: str
    reason: str | None
    rows: int
    samples: int
    oldest: datetime.datetime
    newest: datetime.datetime


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """How much was dropped."""

    rows: int = 0
    samples: int = 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Salvaged:
    """How much of a damaged spool was put back, and how many rows were lost."""

    rows: int
    samples: int
    ends: int
    lost: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SpoolState:
    """How full a spool is, and of what.

    ``bytes_bound`` is the most that it can come to hold: its own bound, or less where
    its disk has less room. ``oldest_accepted_at`` is of what waits, None where
    nothing does. ``damaged`` are files that were put aside, the oldest first.
    """

    waiting_rows: int
    waiting_samples: int
    refused_rows: int
    refused_samples: int
    bytes_used: int
    bytes_bound: int
    oldest_accepted_at: datetime.datetime | None
    damaged: tuple[pathlib.Path, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """A resource that ended, or, if ``associated``, those of an instance that did.

    ``resource_type`` is Gnocchi's. ``resource_id`` is the resource's, or the
    instance's where the resources are told by it. ``ended_at`` is aware. ``checks``
    counts how often it was looked at since.
    """

    resource_type: str
    resource_id: str
    ended_at: datetime.datetime
    associated: bool = False
    checks: int = 0
