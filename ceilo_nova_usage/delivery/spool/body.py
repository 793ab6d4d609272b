# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Samples as the bytes that the spool keeps, and back."""

import json
import zlib
from collections.abc import Sequence

import msgspec
from ceilometer.sample import Sample

__all__ = ["Unreadable", "pack", "unpack"]

# The arguments that a sample cannot do without.
_REQUIRED = ("name", "type", "unit", "volume", "user_id", "project_id", "resource_id")
# One sample repeats most of what the one before it says: little effort finds that.
_EFFORT = 1
_NOTHING = object()


class Unreadable(Exception):
    """Bytes that are not what :func:`pack` made."""


def pack(samples: Sequence[Sample]) -> bytes:
    """Return samples as bytes.

    Whatever JSON can say comes back as it was, and so do integers of any size,
    floats that are no finite number, and text that is no valid Unicode.
    """
    every = [sample.as_dict() for sample in samples]
    # The samples of a reading have most fields in common, their metadata above all.
    common = {
        name: value
        for name, value in (every[0] if every else {}).items()
        if all(fields.get(name, _NOTHING) is value for fields in every)
    }
    own = [
        {name: value for name, value in fields.items() if name not in common}
        for fields in every
    ]
    try:
        content = msgspec.msgpack.encode((common, own))
    except (OverflowError, TypeError, UnicodeEncodeError):
        # Larger integers, half characters, objects: slow, and takes whatever comes.
        content = json.dumps((common, own), default=str).encode()
    return zlib.compress(content, _EFFORT)


def unpack(body: bytes) -> list[Sample]:
    """Return the samples of :func:`pack`; metadata that all shared is shared again.

    :raises Unreadable: where the bytes were damaged
    """
    try:
        content = zlib.decompress(body)
        decode = json.loads if content.startswith(b"[") else msgspec.msgpack.decode
        common, own = decode(content)
        return [_sample({**common, **fields}) for fields in own]
    except (zlib.error, msgspec.MsgspecError, ValueError, KeyError, TypeError) as error:
        raise Unreadable(f"{type(error).__name__}: {error}") from error


def _sample(fields: dict[str, object]) -> Sample:
    # Made as Ceilometer makes it, then set to what it was: a sample that one release
    # of Ceilometer put in can be read by another whose samples have other fields.
    sample = Sample(*(fields[name] for name in _REQUIRED), id=fields["id"])
    vars(sample).update(fields)
    return sample
