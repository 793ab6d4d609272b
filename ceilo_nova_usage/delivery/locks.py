# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Locks between processes that go when their holder does, however it ends.

``flock`` and not the record locks of ``fcntl``: those do not keep apart two users in
one process, and a process loses them when it closes any file of that name.
"""

import fcntl
import os
import pathlib
import weakref
from typing import Self

__all__ = ["Lock"]


class Lock:
    """A lock file that is open, and locked once :meth:`acquire` says so.

    :raises OSError: where the file cannot be opened
    """

    def __init__(self, path: pathlib.Path) -> None:
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        _OPEN.add(self)
        if os.geteuid() == 0:
            # What root makes is of use to the directory's owner as well.
            owner = path.parent.stat()
            os.fchown(self._handle, owner.st_uid, owner.st_gid)

    def acquire(self, *, wait: bool) -> bool:
        """Take the lock; returns False if another has it and ``wait`` is not set."""
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        """Let the lock go; a second time does nothing."""
        if self in _OPEN:
            _OPEN.discard(self)
            os.close(self._handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_OPEN: weakref.WeakSet[Lock] = weakref.WeakSet()


def _let_go_in_child() -> None:
    # A child that kept the file open would keep the lock when the parent is gone.
    for lock in list(_OPEN):
        lock.close()


os.register_at_fork(after_in_child=_let_go_in_child)
