# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Samples as the bytes that the spool keeps, and back."""

import json
import zlib
from collections.abc import Sequence

from ceilometer.sample import Sample

__all__ = ["Unreadable", "pack", "unpack"]

# The arguments that a sample cannot do without.
_REQUIRED = ("name", "type", "unit", "volume", "user_id", "project_id", "resource_id")
# A sample's metadata repeats what the one before it says: little effort finds that.
_EFFORT = 1


class Unreadable(Exception):
    """Bytes that are not what :func:`pack` made."""


def pack(samples: Sequence[Sample]) -> bytes:
    """Return samples as bytes.

    Whatever JSON can say comes back as it was, and so do integers of any size,
    floats that are no finite number, and text that is no valid Unicode. This is why
    it is not msgspec that writes it.
    """
    text = json.dumps(
        [vars(sample) for sample in samples], separators=(",", ":"), default=str
    )
    return zlib.compress(text.encode(), _EFFORT)


def unpack(body: bytes) -> list[Sample]:
    """Return the samples of :func:`pack`.

    :raises Unreadable: where the bytes were damaged
    """
    try:
        return [_sample(fields) for fields in json.loads(zlib.decompress(body))]
    except (zlib.error, ValueError, KeyError, TypeError) as error:
        raise Unreadable(f"{type(error).__name__}: {error}") from error


def _sample(fields: dict[str, object]) -> Sample:
    # Made as Ceilometer makes it, then set to what it was: a sample that one release
    # of Ceilometer put in can be read by another whose samples have other fields.
    sample = Sample(*(fields[name] for name in _REQUIRED), id=fields["id"])
    vars(sample).update(fields)
    return sample
