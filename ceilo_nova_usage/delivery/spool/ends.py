# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The spool's table of resources that ended, and when to look at them again."""

import datetime
import sqlite3
from collections.abc import Iterable, Sequence

from ceilo_nova_usage.delivery.spool.values import End, as_key, as_micros, as_time

__all__ = ["due", "ended", "forget", "record", "reschedule"]

# SQLite takes so many parameters in a statement, and more.
_MANY = 500


def record(connection: sqlite3.Connection, ends: Iterable[End]) -> None:
    """Note ends to look at now, known ones again; of two times the later is kept."""
    connection.executemany(
        "INSERT INTO ends VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (resource_id, resource_type) DO UPDATE SET "
        "ended_at = max(ended_at, excluded.ended_at), "
        "associated = excluded.associated, "
        "next_check = excluded.next_check, checks = excluded.checks",
        [
            (
                as_key(end.resource_id),
                end.resource_type,
                as_micros(end.ended_at),
                end.associated,
                0,
                0,
            )
            for end in ends
        ],
    )


def due(
    connection: sqlite3.Connection, now: datetime.datetime, limit: int
) -> list[End]:
    """Return ends whose next look is due, the longest due first."""
    return [
        End(
            resource_type=resource_type,
            resource_id=resource_id,
            ended_at=as_time(ended_at),
            associated=bool(associated),
            checks=checks,
        )
        for resource_type, resource_id, ended_at, associated, checks in (
            connection.execute(
                "SELECT resource_type, resource_id, ended_at, associated, checks "
                "FROM ends WHERE next_check <= ? ORDER BY next_check LIMIT ?",
                (as_micros(now), limit),
            ).fetchall()
        )
    ]


def reschedule(
    connection: sqlite3.Connection, looks: Iterable[tuple[End, datetime.datetime]]
) -> None:
    """Count a look at each end and set the next, unless it changed since."""
    connection.executemany(
        "UPDATE ends SET next_check = ?, checks = checks + 1 "
        "WHERE resource_id = ? AND resource_type = ? AND ended_at = ?",
        [
            (
                as_micros(next_check),
                as_key(end.resource_id),
                end.resource_type,
                as_micros(end.ended_at),
            )
            for end, next_check in looks
        ],
    )


def forget(connection: sqlite3.Connection, resource_ids: Iterable[str]) -> None:
    """Forget the ends of resources."""
    connection.executemany(
        "DELETE FROM ends WHERE resource_id = ?",
        [(as_key(resource_id),) for resource_id in resource_ids],
    )


def ended(
    connection: sqlite3.Connection, resource_ids: Sequence[str]
) -> dict[str, datetime.datetime]:
    """Return when resources ended, the latest time of each, of those that did."""
    found: dict[str, int] = {}
    for begin in range(0, len(resource_ids), _MANY):
        some = [as_key(resource_id) for resource_id in resource_ids[begin:][:_MANY]]
        marks = ", ".join("?" * len(some))
        found |= connection.execute(
            "SELECT resource_id, max(ended_at) FROM ends "  # noqa: S608 - marks alone
            f"WHERE resource_id IN ({marks}) GROUP BY resource_id",
            some,
        ).fetchall()
    return {
        resource_id: as_time(found[as_key(resource_id)])
        for resource_id in resource_ids
        if as_key(resource_id) in found
    }
