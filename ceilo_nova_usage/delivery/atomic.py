# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Files that are replaced as a whole, or not at all."""

import contextlib
import os
import pathlib
from collections.abc import Iterator
from typing import BinaryIO

__all__ = ["replacing"]


@contextlib.contextmanager
def replacing(
    path: pathlib.Path, *, mode: int, durable: bool = True
) -> Iterator[BinaryIO]:
    """Give a file to write, which takes the place of ``path`` when the block ends.

    Whoever opens ``path`` finds the old content or the new. Two must not replace one
    file at once: both would write to ``.NAME.new`` beside it. What root writes belongs
    to the directory's owner. ``durable`` outlives the host, not only the process.

    :raises OSError: where it cannot be written; ``path`` is as it was then
    """
    beside = path.with_name(f".{path.name}.new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    try:
        with open(os.open(beside, flags, mode), "wb") as file:  # noqa: PTH123
            os.fchmod(file.fileno(), mode)
            if os.geteuid() == 0:
                owner = path.parent.stat()
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
