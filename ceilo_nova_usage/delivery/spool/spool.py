# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The spool of a host: samples that wait for Gnocchi, and resources that ended."""

import contextlib
import dataclasses
import datetime
import itertools
import logging
import pathlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from ceilometer.sample import Sample

from ceilo_nova_usage.delivery.bounded_log import BoundedLog, one_line
from ceilo_nova_usage.delivery.directories import make_private
from ceilo_nova_usage.delivery.locks import Lock
from ceilo_nova_usage.delivery.spool import ends as ends_table
from ceilo_nova_usage.delivery.spool.body import Unreadable, pack, unpack
from ceilo_nova_usage.delivery.spool.database import Database
from ceilo_nova_usage.delivery.spool.salvage import COLUMNS, Wreck
from ceilo_nova_usage.delivery.spool.values import (
    Dropped,
    End,
    Held,
    Row,
    Salvaged,
    Selection,
    SpoolState,
    as_key,
    as_micros,
    as_time,
)

__all__ = ["Spool"]

LOG = logging.getLogger(__name__)
_EVERYTHING = Selection()
# Rows that are read at a time, and the letters of a reason that are kept.
_SOME = 200
_LONGEST_REASON = 300


class Spool:
    """Samples on disk, in one file that all agents of a host share.

    Whatever :meth:`append` returned from is there after a ``kill -9`` and after a
    loss of power. Rows leave in the order in which they came. Any thread of any
    process may use it at any time, forked children too.

    Every method raises :class:`SpoolUnavailable` where the file cannot be used, by
    its permissions, its disk or its schema. A damaged file is put aside under
    another name, which is logged as an error, and a new one begun.

    ``max_bytes`` bounds the file. From ``warn_percent`` of that on, or of what the
    disk has room for, an error is logged at most once in ``log_interval`` seconds.
    """

    def __init__(
        self,
        directory: pathlib.Path,
        *,
        max_bytes: int,
        warn_percent: int = 80,
        log_interval: float = 60,
    ) -> None:
        self._directory = directory
        self._warn_percent = warn_percent
        self._database = Database(directory, max_bytes=max_bytes)
        self._log = BoundedLog(LOG, log_interval)

    def append(
        self,
        samples: Iterable[Sample],
        ends: Iterable[End] = (),
        publisher: str = "",
    ) -> None:
        """Keep samples, a row a resource, and ends, all of them or nothing.

        ``publisher`` says by which of several the samples are to be sent.

        :raises SpoolFull: where there is no room
        """
        rows = _rows_of(samples, publisher)
        ends = list(ends)
        if not rows and not ends:
            return

        def append(connection: sqlite3.Connection) -> tuple[int, int]:
            connection.executemany(
                "INSERT INTO rows "
                "(accepted_at, resource_id, publisher, samples, body) "
                "VALUES (?, ?, ?, ?, ?)",
                rows,
            )
            ends_table.record(connection, ends)
            return self._database.room(connection)

        used, bound = self._database.grow(append)
        if used * 100 >= bound * self._warn_percent:
            self._log.log(
                logging.ERROR,
                "nearly full",
                "the spool %s is nearly full: %d of %d bytes; once it is full, "
                "notifications wait on the bus",
                self._directory,
                used,
                bound,
            )

    def is_empty(self) -> bool:
        """Tell whether nothing waits; refused rows do not count."""

        def is_empty(connection: sqlite3.Connection) -> bool:
            found = connection.execute(
                "SELECT 1 FROM rows WHERE reason IS NULL LIMIT 1"
            ).fetchone()
            return found is None

        return self._database.read(is_empty, absent=True)

    def waiting(self, limit: int) -> list[Row]:
        """Return the rows that wait, the oldest first, ``limit`` of them at most.

        What cannot be read any more is refused, and logged as an error.
        """
        while True:
            found = self._read_rows("reason IS NULL", [], limit)
            readable = []
            for fields in found:
                try:
                    readable.append(_row(fields))
                except Unreadable as error:
                    self._refuse_unreadable(fields[0], fields[2], error)
            if readable or not found:
                return readable

    def remove(self, seqs: Iterable[int]) -> None:
        """Forget rows, by their ``seq``; those that are not there are no error."""
        numbers = [(seq,) for seq in seqs]
        self._change("DELETE FROM rows WHERE seq = ?", numbers)

    def refuse(self, seqs: Iterable[int], reason: str) -> None:
        """Keep rows that Gnocchi refused for good, out of the way of the others."""
        reason = as_key(reason)[:_LONGEST_REASON]
        self._change(
            "UPDATE rows SET reason = ? WHERE seq = ?", [(reason, seq) for seq in seqs]
        )

    def trim_refused(self, percent: int) -> int:
        """Drop the oldest refused rows over a share of the bound; return how many.

        What nobody takes must not come to fill the spool, for nothing would go on then.
        """
        bound = self._database.max_bytes * percent // 100

        def trim(connection: sqlite3.Connection) -> int:
            used, _ = self._database.room(connection)
            if used <= bound:
                return 0
            return connection.execute(
                "DELETE FROM rows WHERE seq IN (SELECT seq FROM (SELECT seq, "
                "sum(length(body)) OVER (ORDER BY seq DESC) AS newer FROM rows "
                "WHERE reason IS NOT NULL) WHERE newer > ?)",
                (bound,),
            ).rowcount

        return self._database.change(trim, absent=0)

    def retry_refused(self) -> int:
        """Have refused rows wait again, before all that came later; return how many."""

        def retry(connection: sqlite3.Connection) -> int:
            return connection.execute(
                "UPDATE rows SET reason = NULL WHERE reason IS NOT NULL"
            ).rowcount

        return self._database.change(retry, absent=0)

    def rows(self, selection: Selection = _EVERYTHING) -> Iterator[Row]:
        """Yield rows, the oldest first, waiting and refused ones.

        The file is free for others in between: rows that come or go meanwhile may or
        may not be among them. A row that cannot be read has no samples.
        """
        for found in self._chunks(selection):
            yield from map(_row_or_husk, found)

    def held(self, limit: int) -> list[Held]:
        """Return what is held, by resource and reason, the oldest first."""

        def held(connection: sqlite3.Connection) -> list[Any]:
            return connection.execute(
                "SELECT resource_id, reason, count(*), sum(samples), "
                "min(accepted_at), max(accepted_at) FROM rows "
                "GROUP BY resource_id, reason ORDER BY min(seq) LIMIT ?",
                (limit,),
            ).fetchall()

        found: list[Any] = self._database.read(held, absent=[])
        return [
            Held(
                resource_id=resource_id,
                reason=reason,
                rows=rows,
                samples=samples,
                oldest=as_time(oldest),
                newest=as_time(newest),
            )
            for resource_id, reason, rows, samples, oldest, newest in found
        ]

    def drop(
        self,
        selection: Selection,
        save: Callable[[Sequence[Row]], None] | None = None,
    ) -> Dropped:
        """Drop rows for good; ``save`` is given each of them before it goes."""
        rows = samples = 0
        for found in self._chunks(selection):
            if save is not None:
                save([_row_or_husk(fields) for fields in found])
            self.remove(fields[0] for fields in found)
            rows += len(found)
            samples += sum(fields[3] for fields in found)
        return Dropped(rows=rows, samples=samples)

    def salvage(self, path: pathlib.Path) -> Salvaged:
        """Put back what can be read of a damaged file, in front of what came since.

        Twice does no harm. The file stays as it is.

        :raises SpoolFull: where there is no room for all of it; what fits is put back
        :raises SpoolUnavailable: where the file is no spool at all
        """
        rows = samples = 0
        with (
            self._database.explaining(path),
            contextlib.closing(Wreck(path)) as wreck,
        ):
            found = wreck.rows()
            while some := list(itertools.islice(found, _SOME)):
                self._database.grow(
                    lambda connection, some=some: connection.executemany(  # type: ignore[misc]
                        f"INSERT OR IGNORE INTO rows ({COLUMNS}) "  # noqa: S608
                        "VALUES (?, ?, ?, ?, ?, ?, ?)",
                        some,
                    )
                )
                rows += len(some)
                samples += sum(row[4] for row in some)
            ends = [
                End(
                    resource_id=resource_id,
                    resource_type=resource_type,
                    ended_at=as_time(ended_at),
                    associated=bool(associated),
                )
                for resource_id, resource_type, ended_at, associated in wreck.ends()
            ]
            self.record_ends(ends)
            return Salvaged(rows=rows, samples=samples, ends=len(ends), lost=wreck.lost)

    def state(self) -> SpoolState:
        """Return how full the spool is, and of what."""

        def state(connection: sqlite3.Connection) -> SpoolState:
            counts = "SELECT count(*), coalesce(sum(samples), 0) FROM rows WHERE reason"
            waiting = connection.execute(f"{counts} IS NULL").fetchone()
            refused = connection.execute(f"{counts} IS NOT NULL").fetchone()
            oldest = connection.execute(
                "SELECT accepted_at FROM rows WHERE reason IS NULL ORDER BY seq LIMIT 1"
            ).fetchone()
            used, bound = self._database.room(connection)
            return SpoolState(
                waiting_rows=waiting[0],
                waiting_samples=waiting[1],
                refused_rows=refused[0],
                refused_samples=refused[1],
                bytes_used=used,
                bytes_bound=bound,
                oldest_accepted_at=as_time(oldest[0]) if oldest else None,
            )

        nothing = SpoolState(
            waiting_rows=0,
            waiting_samples=0,
            refused_rows=0,
            refused_samples=0,
            bytes_used=0,
            bytes_bound=self._database.max_bytes,
            oldest_accepted_at=None,
        )
        found = self._database.read(state, absent=nothing)
        return dataclasses.replace(found, damaged=self._database.damaged())

    @contextlib.contextmanager
    def draining(self) -> Iterator[bool]:
        """Be the one on this host that sends what waits; yields False if another is.

        Whoever it is stays it until the ``with`` ends, or its process.
        """
        with self._database.explaining():
            make_private(self._directory)
            lock = Lock(self._directory / "drain")
        with lock:
            yield lock.acquire(wait=False)

    def record_ends(self, ends: Iterable[End]) -> None:
        """Note ends, to be looked at now.

        An end that is known is looked at anew, with the later of the two times.

        :raises SpoolFull: where there is no room
        """
        self.append((), ends)

    def due_ends(self, now: datetime.datetime, limit: int) -> list[End]:
        """Return ends whose next look is due, the longest due first."""
        return self._database.read(
            lambda connection: ends_table.due(connection, now, limit), absent=[]
        )

    def reschedule_ends(self, looks: Iterable[tuple[End, datetime.datetime]]) -> None:
        """Count a look at each of the ends and set the next.

        They are as :meth:`due_ends` gave them: one that ended anew since stays due.
        """
        taken = list(looks)
        self._database.change(
            lambda connection: ends_table.reschedule(connection, taken), absent=None
        )

    def forget_ends(self, resource_ids: Iterable[str]) -> None:
        """Forget the ends of resources."""
        forgotten = list(resource_ids)
        self._database.change(
            lambda connection: ends_table.forget(connection, forgotten), absent=None
        )

    def ended(self, resource_ids: Iterable[str]) -> dict[str, datetime.datetime]:
        """Return when resources ended, of those that did."""
        asked = list(resource_ids)
        return self._database.read(
            lambda connection: ends_table.ended(connection, asked), absent={}
        )

    def close(self) -> None:
        """Close the file; whatever is done next opens it again."""
        self._database.close()

    def _change(self, statement: str, parameters: Sequence[tuple[object, ...]]) -> None:
        if parameters:
            self._database.change(
                lambda connection: connection.executemany(statement, parameters),
                absent=None,
            )

    def _read_rows(
        self, where: str, parameters: Sequence[object], limit: int
    ) -> list[Any]:
        return self._database.read(
            lambda connection: connection.execute(
                "SELECT seq, accepted_at, resource_id, samples, reason, publisher, "  # noqa: S608
                f"body FROM rows WHERE {where} ORDER BY seq LIMIT ?",
                (*parameters, limit),
            ).fetchall(),
            absent=[],
        )

    def _chunks(self, selection: Selection) -> Iterator[list[Any]]:
        """Yield rows' fields, some at a time, each time anew."""
        where, parameters = _condition(selection)
        seq = 0
        while found := self._read_rows(
            f"seq > ? AND {where}", [seq, *parameters], _SOME
        ):
            yield found
            seq = found[-1][0]

    def _refuse_unreadable(self, seq: int, resource_id: str, error: Unreadable) -> None:
        self._log.log(
            logging.ERROR,
            "unreadable",
            "row %d of the spool %s, of the resource %s, cannot be read and was put "
            "among the refused: %s",
            seq,
            self._directory,
            one_line(resource_id),
            one_line(error),
        )
        self.refuse([seq], f"cannot be read: {error}")


def _rows_of(
    samples: Iterable[Sample], publisher: str
) -> list[tuple[int, str, str, int, bytes]]:
    by_resource: dict[str, list[Sample]] = {}
    for sample in samples:
        by_resource.setdefault(as_key(sample.resource_id), []).append(sample)
    now = as_micros(datetime.datetime.now(datetime.UTC))
    return [
        (now, resource_id, publisher, len(samples), pack(samples))
        for resource_id, samples in by_resource.items()
    ]


def _row(fields: Sequence[Any]) -> Row:
    """Make a row of what :meth:`Spool._read_rows` returns.

    :raises Unreadable: where its samples cannot be read
    """
    seq, accepted_at, resource_id, _, reason, publisher, body = fields
    return Row(
        seq=seq,
        accepted_at=as_time(accepted_at),
        resource_id=resource_id,
        samples=unpack(body),
        reason=reason,
        publisher=publisher,
    )


def _row_or_husk(fields: Sequence[Any]) -> Row:
    try:
        return _row(fields)
    except Unreadable:
        return _row([*fields[:-1], pack([])])


def _condition(selection: Selection) -> tuple[str, list[object]]:
    conditions, parameters = ["1"], list[object]()
    if selection.refused:
        conditions.append("reason IS NOT NULL")
    if selection.resource_id is not None:
        conditions.append("resource_id = ?")
        parameters.append(as_key(selection.resource_id))
    if selection.before is not None:
        conditions.append("accepted_at < ?")
        parameters.append(as_micros(selection.before))
    return " AND ".join(conditions), parameters
