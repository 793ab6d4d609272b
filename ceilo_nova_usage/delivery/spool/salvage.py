# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""What can still be read of a damaged spool."""

import contextlib
import pathlib
import sqlite3
from collections.abc import Iterator
from typing import Any

from ceilo_nova_usage.delivery.spool import schema
from ceilo_nova_usage.delivery.spool.body import Unreadable, unpack

__all__ = ["COLUMNS", "Wreck"]

COLUMNS = "seq, accepted_at, resource_id, publisher, samples, reason, body"
_END_COLUMNS = "resource_id, resource_type, ended_at, associated"
# A page that is broken ends each of these; what one does not reach another may.
_WAYS = (
    "INDEXED BY waiting WHERE reason IS NULL",
    "INDEXED BY refused WHERE reason IS NOT NULL",
    "NOT INDEXED ORDER BY seq",
    "NOT INDEXED ORDER BY seq DESC",
)


class Wreck:
    """A damaged spool's file, open.

    :raises sqlite3.Error: where it is no database any more
    """

    def __init__(self, path: pathlib.Path) -> None:
        self._connection = schema.connect(path)
        #: How many rows were met that cannot be read.
        self.lost = 0

    def close(self) -> None:
        """Close it."""
        # It can fail to be closed well.
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield the rows that can be read, as :data:`COLUMNS`, by their numbers."""
        for seq in sorted(self._numbers()):
            try:
                (row,) = self._connection.execute(
                    f"SELECT {COLUMNS} FROM rows WHERE seq = ?",  # noqa: S608
                    (seq,),
                ).fetchall()
                unpack(row[-1])
            except (sqlite3.DatabaseError, Unreadable, ValueError):
                self.lost += 1
            else:
                yield row

    def ends(self) -> list[tuple[Any, ...]]:
        """Return the ends that can be read: of what, its type, when, associated."""
        return list(self._read(f"SELECT {_END_COLUMNS} FROM ends"))  # noqa: S608

    def _numbers(self) -> set[int]:
        return {
            seq
            for way in _WAYS
            for (seq,) in self._read(f"SELECT seq FROM rows {way}")  # noqa: S608
        }

    def _read(self, statement: str) -> Iterator[tuple[Any, ...]]:
        """Yield what a statement finds, until it fails."""
        with contextlib.suppress(sqlite3.DatabaseError):
            yield from self._connection.execute(statement)
