# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Opening recordings: plain or compressed files, and standard input."""

import bz2
import contextlib
import gzip
import io
import lzma
import pathlib
import sys
from collections.abc import Callable, Iterator
from typing import BinaryIO, cast

__all__ = ["STDIN", "UNREADABLE", "UnknownCompression", "opened"]

STDIN = "-"


class UnknownCompression(OSError):
    """A file is compressed in a way that is not read here."""


# What reading a damaged file raises, beside the OSError of an unreadable one.
UNREADABLE = (OSError, EOFError, lzma.LZMAError)

_XZ = b"\xfd7zXZ\x00"
_OPENERS: dict[bytes, Callable[[BinaryIO], object]] = {
    b"\x1f\x8b": lambda raw: gzip.GzipFile(fileobj=raw),
    b"BZh": bz2.BZ2File,
    _XZ: lzma.LZMAFile,
}
_ZSTANDARD = b"\x28\xb5\x2f\xfd"


@contextlib.contextmanager
def opened(name: str) -> Iterator[tuple[io.BufferedReader, BinaryIO]]:
    """Open a recording, ``-`` being standard input; tell compression by content.

    Gives the decompressed stream, and the stream under it, whose position tells how
    much of the file is read.

    :raises OSError: where the file cannot be opened
    """
    with contextlib.ExitStack() as stack:
        if name == STDIN:
            raw: BinaryIO = sys.stdin.buffer
        else:
            raw = stack.enter_context(pathlib.Path(name).open("rb"))
        yield _decompressed(cast(io.BufferedReader, raw)), raw


def _decompressed(raw: io.BufferedReader) -> io.BufferedReader:
    start = raw.peek(len(_XZ))
    if start.startswith(_ZSTANDARD):
        raise UnknownCompression(
            "it is compressed with zstd: pipe it in, 'zstd -dc FILE | "
            "ceilo-nova-usage replay -'"
        )
    for magic, opener in _OPENERS.items():
        if start.startswith(magic):
            return io.BufferedReader(cast(io.RawIOBase, opener(raw)))
    return raw
