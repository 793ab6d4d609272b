# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The spool's file: opened when it is needed, bounded, replaced when it is damaged."""

import contextlib
import datetime
import errno
import logging
import os
import pathlib
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import TypeVar

from ceilo_nova_usage.delivery.directories import make_private, settle
from ceilo_nova_usage.delivery.locks import Lock
from ceilo_nova_usage.delivery.spool import schema
from ceilo_nova_usage.delivery.spool.errors import (
    SpoolError,
    SpoolFull,
    SpoolUnavailable,
)
from ceilo_nova_usage.delivery.spool.reserve import Reserve
from ceilo_nova_usage.delivery.spool.schema import PAGE, PATIENCE

__all__ = ["Database"]

LOG = logging.getLogger(__name__)
T = TypeVar("T")

_CURRENT, _ASIDE, _SUFFIX = "spool-", "damaged-", ".db"
# The write-ahead log goes into the file after so many pages: one fsync more.
_CHECKPOINT = 1000
_RESERVE = 16 * 1024 * 1024
# Times that a file may turn out damaged, or gone, while one thing is done.
_ATTEMPTS = 3
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class Database:
    """One SQLite file in a directory, shared by processes and their threads.

    The file's name is ``spool-TIME.db``, the time being that of its making: no name
    is used twice, so that a process which still has a damaged file open that another
    has put aside can never meet the new one's write-ahead log.

    A thread that comes while another is at work waits for it. Before a fork the file
    is closed; parent and child open it again, each for itself.
    """

    def __init__(self, directory: pathlib.Path, *, max_bytes: int) -> None:
        self.directory = directory
        self.max_bytes = max_bytes
        room = min(_RESERVE, max_bytes // 8)
        self.reserve = Reserve(directory / "reserve", room)
        self._checkpoint = max(1, min(_CHECKPOINT, room // 4 // PAGE))
        self._grown_pages = max_bytes // PAGE
        self._changed_pages = self._grown_pages + room // PAGE
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._path: pathlib.Path | None = None
        self._inode = 0
        _EVERY.add(self)

    def read(self, work: Callable[[sqlite3.Connection], T], absent: T) -> T:
        """Do what only reads; return ``absent`` where no spool was begun yet."""
        return self._do(work, absent, create=False)

    def change(self, work: Callable[[sqlite3.Connection], T], absent: T) -> T:
        """Do what makes room, in one transaction, even when there is none left."""

        def changed(connection: sqlite3.Connection) -> T:
            connection.execute(f"PRAGMA max_page_count = {self._changed_pages}")
            result = _in_transaction(connection, work)
            self._give_back(connection)
            return result

        try:
            return self._do(changed, absent, create=False)
        except SpoolError as error:
            # A disk with a quota fails without a word of room.
            if error.errno not in (errno.ENOSPC, errno.EIO):
                raise
            if not self.reserve.release():
                raise
        return self._do(changed, absent, create=False)

    def grow(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do what takes room, in one transaction, in the bound."""

        def grown(connection: sqlite3.Connection) -> T:
            try:
                self.reserve.hold()
            except OSError:
                # Room in the file itself does as well: it need not become longer.
                if _pragma(connection, "freelist_count") * PAGE < self.reserve.size:
                    raise
            connection.execute(f"PRAGMA max_page_count = {self._grown_pages}")
            return _in_transaction(connection, work)

        return self._do(grown, None, create=True)  # type: ignore[return-value]

    def room(self, connection: sqlite3.Connection) -> tuple[int, int]:
        """Return the bytes that are used, and how many they can come to be."""
        file = _pragma(connection, "page_count") * PAGE
        used = file - _pragma(connection, "freelist_count") * PAGE
        return used, min(self.max_bytes, file + _free(self.directory))

    def damaged(self) -> tuple[pathlib.Path, ...]:
        """Return the files that were put aside, the oldest first."""
        with self.explaining():
            return tuple(sorted(_files(self.directory, _ASIDE)))

    def close(self) -> None:
        """Close the file; whatever is done next opens it again."""
        with self._lock:
            self._forget()

    def _do(
        self, work: Callable[[sqlite3.Connection], T], absent: T, *, create: bool
    ) -> T:
        with self._lock:
            for _ in range(_ATTEMPTS):
                with self.explaining():
                    try:
                        connection = self._opened(create=create)
                        if connection is None:
                            return absent
                        result = work(connection)
                    except sqlite3.DatabaseError as error:
                        if _tells_damage(error):
                            self._put_aside(error)
                        elif self._path is None or self._is_current():
                            raise
                    else:
                        if self._is_current():
                            return result
                    # The file was put aside, perhaps by another process: what was
                    # written into it in the meantime is where nobody looks.
                    self._forget()
        raise SpoolUnavailable(
            errno.EIO, "the spool is damaged each time it is begun", str(self.directory)
        )

    def _opened(self, *, create: bool) -> sqlite3.Connection | None:
        if self._connection is not None and self._is_current():
            return self._connection
        self._forget()
        if create:
            make_private(self.directory)
        elif _newest(self.directory) is None:
            return None
        with Lock(self.directory / "lock") as lock:
            lock.acquire(wait=True)
            path = _newest(self.directory)
            if path is None and not create:
                return None
            if path is None:
                now = datetime.datetime.now(datetime.UTC)
                path = self.directory / f"{_CURRENT}{now:%Y%m%dT%H%M%S.%f}{_SUFFIX}"
                schema.begin(path)
                settle(self.directory)
            self._path, self._inode = path, path.stat().st_ino
            self._connection = schema.connect(path)
        self._connection.execute(f"PRAGMA wal_autocheckpoint = {self._checkpoint}")
        return self._connection

    def _give_back(self, connection: sqlite3.Connection) -> None:
        """Let the disk have the room again, once next to nothing is left."""
        file = _pragma(connection, "page_count") * PAGE
        used = file - _pragma(connection, "freelist_count") * PAGE
        large = file > self.reserve.size or not self.reserve.is_held()
        if not large or used > self.reserve.size // 4 or file < 2 * used:
            return
        try:
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.OperationalError as error:
            if _primary(error) not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL):
                raise
            LOG.debug("the spool's file could not be made smaller yet: %s", error)

    def _is_current(self) -> bool:
        """Tell whether the file that is open still has its name."""
        if self._path is None:
            return False
        try:
            return self._path.stat().st_ino == self._inode
        except FileNotFoundError:
            return False

    def _put_aside(self, error: sqlite3.DatabaseError) -> None:
        """Give the damaged file another name: what can be read in it is still there."""
        with Lock(self.directory / "lock") as lock:
            lock.acquire(wait=True)
            if self._path is not None and self._is_current():
                aside = self._path.with_name(f"{_ASIDE}{self._path.name}")
                # The log first: without its file it would be of no use to anyone.
                for suffix in ("-wal", "-shm", ""):
                    with contextlib.suppress(FileNotFoundError):
                        os.rename(f"{self._path}{suffix}", f"{aside}{suffix}")  # noqa: PTH104
                LOG.error(
                    "the spool %s is damaged (%s): it was put aside as %s with all the "
                    "samples in it that were not sent, and a new one is begun",
                    self._path,
                    error,
                    aside,
                )
        self._forget()

    def _forget(self) -> None:
        connection, self._connection, self._path = self._connection, None, None
        if connection is not None:
            # A damaged file can fail to be closed well; there is no more to be done.
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    @contextlib.contextmanager
    def explaining(self, path: pathlib.Path | None = None) -> Iterator[None]:
        """Say in the spool's own errors what went wrong, and with which file.

        It is the spool's own unless ``path`` is given.
        """
        try:
            yield
        except SpoolError:
            raise
        except sqlite3.Error as error:
            code = _primary(error)
            name = str(path or self._path or self.directory)
            if code == sqlite3.SQLITE_FULL:
                raise self._full(name) from error
            if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise SpoolUnavailable(
                    errno.EAGAIN, f"in use by others for {PATIENCE:.0f} s", name
                ) from error
            if path is None:
                self._forget()
            if isinstance(error, schema.Damaged):
                raise SpoolUnavailable(errno.EIO, str(error), name) from error
            if code is None:
                raise
            raise SpoolUnavailable(
                errno.EIO, f"{error} ({error.sqlite_errorname})", name
            ) from error
        except OSError as error:
            name = str(error.filename or self.directory)
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise self._full(name) from error
            raise SpoolUnavailable(error.errno, error.strerror, name) from error

    def _full(self, name: str) -> SpoolFull:
        return SpoolFull(
            errno.ENOSPC,
            f"the spool is at its bound of {self.max_bytes} bytes or has no room on "
            f"its disk, which has {_free(self.directory)} bytes left",
            name,
        )


_EVERY: weakref.WeakSet[Database] = weakref.WeakSet()
_FORKING: list[Database] = []


def _before_fork() -> None:
    databases = list(_EVERY)
    for database in databases:
        database._lock.acquire()
        database._forget()
    _FORKING[:] = databases


def _after_fork() -> None:
    while _FORKING:
        _FORKING.pop()._lock.release()


os.register_at_fork(
    before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork
)


def _newest(directory: pathlib.Path) -> pathlib.Path | None:
    return max(_files(directory, _CURRENT), default=None)


def _files(directory: pathlib.Path, prefix: str) -> list[pathlib.Path]:
    try:
        names = os.listdir(directory)  # noqa: PTH208 - globs hide what they can't read
    except FileNotFoundError:
        return []
    return [
        directory / name
        for name in names
        if name.startswith(prefix) and name.endswith(_SUFFIX)
    ]


def _in_transaction(
    connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]
) -> T:
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = work(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return result


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    (value,) = connection.execute(f"PRAGMA {name}").fetchone()
    return int(value)


def _primary(error: sqlite3.Error) -> int | None:
    """Return SQLite's result code, without what is added to it; None from Python's."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _tells_damage(error: sqlite3.DatabaseError) -> bool:
    return isinstance(error, schema.Damaged) or _primary(error) in _DAMAGE


def _free(directory: pathlib.Path) -> int:
    try:
        disk = os.statvfs(directory)
    except FileNotFoundError:
        return 0
    return disk.f_bavail * disk.f_frsize
