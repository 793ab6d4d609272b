# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Room on the disk that is kept for taking rows out of a spool.

Taking something out writes, too. On a disk that is full to the last byte nothing
could ever leave again, and the disk would stay full.
"""

import os
import pathlib

from ceilo_nova_usage.delivery.directories import give_to_owner

__all__ = ["Reserve"]


class Reserve:
    """A file that holds nothing but its place on the disk, ``size`` bytes."""

    def __init__(self, path: pathlib.Path, size: int) -> None:
        self._path = path
        self.size = size

    def is_held(self) -> bool:
        """Tell whether the room is had."""
        try:
            return self._path.stat().st_size >= self.size
        except FileNotFoundError:
            return False

    def hold(self) -> None:
        """Have the room, from now on.

        :raises OSError: where the disk has not that much left
        """
        if self.is_held():
            return
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            give_to_owner(self._path)
            os.posix_fallocate(handle, 0, self.size)
        except OSError:
            # Some of it is of no use, and others may need it.
            self.release()
            raise
        finally:
            os.close(handle)

    def release(self) -> bool:
        """Give the room to whoever needs it; tells whether there was any."""
        try:
            self._path.unlink()
        except FileNotFoundError:
            return False
        return True
