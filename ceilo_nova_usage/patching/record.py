# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""What ``apply`` leaves beside the package, so that ``revert`` knows its own work.

The record lists every patched file's digest before and after. It is the first file
that ``apply`` writes and the last that ``revert`` removes: an interrupted command can
be told from a changed tree, and undone.
"""

import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Mapping
from typing import Any

import msgspec

from ceilo_nova_usage.patching import errors, tree

__all__ = ["PATH", "Record", "digest"]

PATH = pathlib.PurePosixPath("nova/.ceilo-nova-usage.json")


def digest(content: bytes | None) -> str | None:
    """A content's SHA-256 in hexadecimal; None for a file that is not there."""
    return None if content is None else hashlib.sha256(content).hexdigest()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What one ``apply`` did."""

    made_by: str
    """The version of ceilo-nova-usage."""
    release: str
    patches: Mapping[str, str]
    """Name and SHA-256 of each patch, in order."""
    before: Mapping[str, str | None]
    """Digest of each file as it was; None where it was not there."""
    after: Mapping[str, str | None]

    @classmethod
    def read(cls, nova: tree.NovaTree) -> "Record | None":
        """The record in a tree, or None; raises :class:`PatchingError` if spoilt."""
        data = nova.read(PATH)
        if data is None:
            return None
        try:
            return msgspec.json.decode(data, type=cls)
        except msgspec.MsgspecError as error:
            raise errors.PatchingError(
                f"{nova.locate(PATH)}: is not a record of nova-patch: {error}; without "
                "it, the files' own lines tell what is applied"
            ) from error

    def to_bytes(self) -> bytes:
        """The record as the JSON that :meth:`read` reads."""
        fields: dict[str, Any] = dataclasses.asdict(self)
        return json.dumps(fields, indent=1).encode() + b"\n"
