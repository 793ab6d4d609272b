# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""What is in the spool's file, and how it is begun and opened."""

import errno
import os
import pathlib
import sqlite3
import stat
import time
import urllib.parse

from ceilo_nova_usage.delivery.directories import give_to_owner
from ceilo_nova_usage.delivery.spool.errors import SpoolUnavailable

__all__ = ["PAGE", "PATIENCE", "VERSION", "Damaged", "begin", "connect"]

VERSION = 1
PAGE = 4096
# Seconds that one process waits for another to end its transaction.
PATIENCE = 30.0

# Either index of rows answers "how many rows and samples" without the table.
_STATEMENTS = (
    """
    CREATE TABLE rows (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        accepted_at INTEGER NOT NULL,
        resource_id TEXT NOT NULL,
        publisher TEXT NOT NULL,
        samples INTEGER NOT NULL,
        reason TEXT,
        body BLOB NOT NULL
    )
    """,
    "CREATE INDEX waiting ON rows (seq, samples) WHERE reason IS NULL",
    "CREATE INDEX refused ON rows (seq, samples) WHERE reason IS NOT NULL",
    """
    CREATE TABLE ends (
        resource_id TEXT NOT NULL,
        resource_type TEXT NOT NULL,
        ended_at INTEGER NOT NULL,
        associated INTEGER NOT NULL,
        next_check INTEGER NOT NULL,
        checks INTEGER NOT NULL,
        PRIMARY KEY (resource_id, resource_type)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX due ON ends (next_check)",
    f"PRAGMA user_version = {VERSION}",
)


class Damaged(sqlite3.DatabaseError):
    """A database, for SQLite, but not what was made here."""


def begin(path: pathlib.Path) -> None:
    """Make an empty spool, which has its name only once it is whole.

    :raises OSError, sqlite3.Error: where it cannot be made
    """
    begun = path.with_name("begun")
    for suffix in ("", "-wal", "-shm", "-journal"):
        # What a process left that was killed here.
        pathlib.Path(f"{begun}{suffix}").unlink(missing_ok=True)
    # By mknod, since SQLite's files are everybody's to read.
    os.mknod(begun, stat.S_IFREG | 0o600)
    # The files beside it get the same owner, from SQLite.
    give_to_owner(begun)
    connection = _open(begun)
    try:
        connection.execute(f"PRAGMA page_size = {PAGE}")
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise SpoolUnavailable(
                errno.ENOTSUP,
                "its file system has no memory that processes share",
                str(path.parent),
            )
        connection.execute("BEGIN IMMEDIATE")
        for statement in _STATEMENTS:
            connection.execute(statement)
        # The numbers of a spool that was here before mean nothing in this one.
        connection.execute(
            "INSERT INTO sqlite_sequence VALUES ('rows', ?)", (time.time_ns() // 1000,)
        )
        connection.execute("COMMIT")
    finally:
        connection.close()
    begun.rename(path)


def connect(path: pathlib.Path) -> sqlite3.Connection:
    """Open a spool; a commit is on the disk when it returns.

    :raises SpoolUnavailable: where a later release made it
    :raises sqlite3.Error: where it cannot be opened; :class:`Damaged` is one of them
    """
    connection = _open(path)
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise SpoolUnavailable(
                errno.EPROTO,
                f"has schema {version}, of a later release; this one reads {VERSION}",
                str(path),
            )
        if version == 0:
            raise Damaged("it was cut to nothing")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA temp_store = MEMORY")
    except BaseException:
        connection.close()
        raise
    return connection


def _open(path: pathlib.Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{urllib.parse.quote(str(path))}?mode=rw",
        uri=True,
        timeout=PATIENCE,
        isolation_level=None,
        check_same_thread=False,
    )
    # A bit that fell over in some text must not take the other rows along.
    connection.text_factory = lambda text: text.decode(errors="backslashreplace")
    return connection
