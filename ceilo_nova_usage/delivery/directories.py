# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Directories for what nobody but the agent's user should read."""

import os
import pathlib

__all__ = ["make_private", "settle"]


def make_private(directory: pathlib.Path) -> None:
    """Make a directory, and those it is in, for their owner alone, to last.

    :raises OSError: where it cannot be made
    """
    if directory.is_dir():
        return
    for place in (*reversed(directory.parents), directory):
        if not place.is_dir():
            place.mkdir(mode=0o700, exist_ok=True)
            settle(place.parent)


def settle(directory: pathlib.Path) -> None:
    """Have a directory's new names on the disk.

    :raises OSError: where that fails
    """
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
