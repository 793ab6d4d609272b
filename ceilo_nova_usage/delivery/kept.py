# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""What the quarantine has kept: read, and taken out of it again."""

import contextlib
import dataclasses
import datetime
import functools
import hashlib
import json
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

from ceilo_nova_usage.delivery.atomic import replacing
from ceilo_nova_usage.delivery.quarantine import FILE_NAME, files, locked

__all__ = ["Kept", "KeptFault", "State", "read", "rewrite", "state"]

_ID_LENGTH = 12
_MODE = 0o600
_PIECE = 1024 * 1024


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class KeptFault:
    """A fault as it was written down, perhaps by another version."""

    path: str
    reason: str
    detail: str

    def __str__(self) -> str:
        return f"{self.path}: {self.detail} ({self.reason})"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One line of the quarantine.

    ``digest`` tells it from all others. ``record`` is the line as
    :class:`~ceilo_nova_usage.delivery.quarantine.Quarantine` describes it, or None
    where a killed process left half a line; ``source`` is the file's name and the
    line's number.
    """

    digest: str
    source: str
    record: Mapping[str, Any] | None

    @property
    def id(self) -> str:
        """A short name for it; the sender's id may be missing, or there twice."""
        return self.digest[:_ID_LENGTH]

    @property
    def message_id(self) -> str | None:
        """The sender's id."""
        return self._text("message_id")

    @property
    def event_type(self) -> str | None:
        """The notification's event type, where it is text."""
        return self._text("event_type")

    @property
    def quarantined_at(self) -> datetime.datetime | None:
        """When it was kept, aware, in UTC."""
        try:
            when = datetime.datetime.fromisoformat(self._text("quarantined_at") or "")
        except ValueError:
            return None
        return when if when.tzinfo else when.replace(tzinfo=datetime.UTC)

    @property
    def samples(self) -> int:
        """How many of its samples were published all the same."""
        found = (self.record or {}).get("samples")
        return found if type(found) is int else 0

    @property
    def faults(self) -> list[KeptFault]:
        """What was wrong with it."""
        if self.record is None:
            return [
                KeptFault(path="", reason="cut-off", detail="the line is not whole")
            ]
        found = self.record.get("faults")
        return [
            KeptFault(
                **{
                    field.name: str(fault.get(field.name, ""))
                    for field in dataclasses.fields(KeptFault)
                }
            )
            for fault in (found if isinstance(found, list) else [])
            if isinstance(fault, dict)
        ]

    def _text(self, name: str) -> str | None:
        found = (self.record or {}).get(name)
        return found if isinstance(found, str) else None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """How full a quarantine is: ``bytes`` of at most ``bytes_bound``."""

    notifications: int
    files: int
    bytes: int
    bytes_bound: int


def read(directory: pathlib.Path) -> Iterator[Kept]:
    """Yield what is kept at this moment, the oldest first; nothing if there is no such.

    Files may be put aside, and lines be added, in the meantime.

    :raises OSError: where it cannot be read
    """
    with contextlib.ExitStack() as stack:
        opened = []
        if not directory.is_dir():
            return
        with locked(directory):
            for path in files(directory):
                file = stack.enter_context(path.open("rb"))
                opened.append((path.name, file, path.stat().st_size))
        for name, file, size in opened:
            number = 0
            while file.tell() < size:
                number += 1
                line = file.readline()
                yield Kept(
                    digest=_digest(line),
                    source=f"{name}:{number}",
                    record=_record(line),
                )


def rewrite(directory: pathlib.Path, decisions: Mapping[str, bytes | None]) -> int:
    """Take lines out, or put others in their places; returns how many were found.

    ``decisions`` has, by digest, the line that stands instead, or None. A file is
    replaced as a whole, so that nothing is lost if this is killed. What other
    processes keep meanwhile stays.

    :raises OSError: where it cannot be written
    """
    found = 0
    with locked(directory):
        # What one that was killed had begun to write.
        for path in directory.glob(f".{FILE_NAME}*.new"):
            path.unlink()
        for path in files(directory):
            with path.open("rb") as lines:
                here = sum(_digest(line) in decisions for line in lines)
                if not here:
                    continue
                found += here
                lines.seek(0)
                with replacing(path, mode=_MODE) as changed:
                    for line in lines:
                        instead = decisions.get(_digest(line), line)
                        if instead is not None:
                            changed.write(instead)
            if not path.stat().st_size:
                path.unlink()
    return found


def _digest(line: bytes) -> str:
    return hashlib.blake2b(line.rstrip(b"\n"), digest_size=16).hexdigest()


def _record(line: bytes) -> Mapping[str, Any] | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def state(directory: pathlib.Path, bytes_bound: int) -> State:
    """Look how full a quarantine is; one that is not there is empty.

    :raises OSError: where it cannot be read
    """
    lines = size = found = 0
    for path in files(directory):
        try:
            status = path.stat()
            lines += _lines(path, status.st_ino, status.st_size, status.st_mtime_ns)
        except FileNotFoundError:
            # Put aside or emptied since the directory was listed.
            continue
        size += status.st_size
        found += 1
    return State(notifications=lines, files=found, bytes=size, bytes_bound=bytes_bound)


@functools.lru_cache(maxsize=64)
def _lines(path: pathlib.Path, inode: int, size: int, changed_at: int) -> int:
    """Count a file's lines, once for each state that it is found in."""
    with path.open("rb") as file:
        return sum(piece.count(b"\n") for piece in iter(lambda: file.read(_PIECE), b""))
