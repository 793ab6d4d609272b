# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Directories for what nobody but the agent's user should read."""

import os
import pathlib

__all__ = ["give_to_owner", "make_private", "settle"]


def make_private(directory: pathlib.Path) -> None:
    """Make a directory, and those it is in, for their owner alone, to last.

    :raises OSError: where it cannot be made
    """
    if directory.is_dir():
        return
    for place in (*reversed(directory.parents), directory):
        if not place.is_dir():
            place.mkdir(mode=0o700, exist_ok=True)
            give_to_owner(place)
            settle(place.parent)


def give_to_owner(path: pathlib.Path) -> None:
    """Have what root made belong to whom the directory belongs that it is in.

    A command that root ran must not lock the agent's user out.

    :raises OSError: where that cannot be
    """
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def settle(directory: pathlib.Path) -> None:
    """Have a directory's new names on the disk.

    :raises OSError: where that fails
    """
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
