# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Keeping the notifications that could not be read, or not all of them."""

import contextlib
import datetime
import json
import math
import os
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from ceilo_nova_usage.delivery.directories import make_private
from ceilo_nova_usage.delivery.locks import Lock
from ceilo_nova_usage.errors import Faults
from ceilo_nova_usage.recording.redaction import redact

__all__ = ["FILE_NAME", "Keeper", "Quarantine", "files", "locked"]

FILE_NAME = "quarantine.jsonl"
_LOCK_NAME = ".lock"
_DEPTH = 64
_ID_LENGTH = 255
_HUGE = 2**1024


class Keeper(Protocol):
    """What takes a notification that could not be read, or not all of it."""

    def keep(
        self, message: Any, message_id: str | None, faults: Faults, samples: int
    ) -> pathlib.Path | None:
        """Take it; ``samples`` were published all the same.

        Returns the file that was removed to make room, if one was.

        :raises OSError: where it cannot be kept
        """


class Quarantine:
    """A directory of JSON lines that only its owner can read, bounded in size.

    One line a notification: ``quarantined_at``, ``message_id``, ``event_type``,
    ``samples`` (how many were published all the same), ``faults`` (``path``,
    ``reason``, ``detail``) and ``message``, the notification as it was dispatched,
    without the secrets of its context. Several processes may share the directory.
    A line survives the end of the process, by whatever means, as soon as
    :meth:`keep` has returned.
    """

    def __init__(
        self, directory: pathlib.Path, *, max_bytes: int, max_files: int
    ) -> None:
        self._directory = directory
        self._path = directory / FILE_NAME
        self._max_bytes = max_bytes
        self._max_files = max_files

    def keep(
        self, message: Any, message_id: str | None, faults: Faults, samples: int
    ) -> pathlib.Path | None:
        """Append a notification; return the file that was removed to make room.

        :raises OSError: where it cannot be written
        """
        line = self._line(message, message_id, faults, samples)
        make_private(self._directory)
        with locked(self._directory):
            removed = self._make_room(len(line))
            handle = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
            with open(handle, "a+b", buffering=0) as file:  # noqa: PTH123
                _append(file, line)
        return removed

    def _line(
        self, message: Any, message_id: str | None, faults: Faults, samples: int
    ) -> bytes:
        event_type = message.get("event_type") if isinstance(message, dict) else None
        plain = _plain(message)
        record = {
            "quarantined_at": datetime.datetime.now(datetime.UTC).isoformat(),
            "message_id": message_id and message_id[:_ID_LENGTH],
            "event_type": _plain(event_type),
            "samples": samples,
            "faults": [
                {"path": fault.path, "reason": fault.reason, "detail": fault.detail}
                for fault in faults
            ],
            "message": redact(plain) if isinstance(plain, dict) else plain,
        }
        line = json.dumps(record)
        if len(line) >= self._max_bytes:
            # Only its beginning is kept of what no file can hold.
            text = json.dumps(record.pop("message"))
            record["faults"] = record["faults"][:100]
            record["message_bytes"] = len(text)
            record["message_begins"] = text[: self._max_bytes // 4]
            line = json.dumps(record)
        return line.encode() + b"\n"

    def _make_room(self, size: int) -> pathlib.Path | None:
        try:
            begun = self._path.stat().st_size
        except FileNotFoundError:
            return None
        if begun + size <= self._max_bytes:
            return None
        removed = None
        for path in files(self._directory):
            # More than one of them where fewer files are allowed than before.
            if _number(path) >= self._max_files - 1:
                path.unlink()
                removed = path
        for number in range(self._max_files - 2, 0, -1):
            if self._numbered(number).exists():
                self._numbered(number).replace(self._numbered(number + 1))
        self._path.replace(self._numbered(1))
        return removed

    def _numbered(self, number: int) -> pathlib.Path:
        return self._path.with_name(f"{FILE_NAME}.{number}")


@contextlib.contextmanager
def locked(directory: pathlib.Path) -> Iterator[None]:
    """Keep all others from changing a quarantine.

    :raises OSError: where the directory is not there, or is another user's
    """
    with Lock(directory / _LOCK_NAME) as lock:
        lock.acquire(wait=True)
        yield


def files(directory: pathlib.Path) -> list[pathlib.Path]:
    """Return a quarantine's files, the oldest first; none where there is no such.

    :raises OSError: where the directory cannot be read
    """
    if not directory.is_dir():
        return []
    found = [path for path in directory.iterdir() if _number(path) >= 0]
    return sorted(found, key=_number, reverse=True)


def _number(path: pathlib.Path) -> int:
    """Return a file's number: 0 is the current one, -1 is none of the quarantine's."""
    if path.name == FILE_NAME:
        return 0
    suffix = path.name.removeprefix(f"{FILE_NAME}.")
    return int(suffix) if suffix.isdecimal() and suffix.isascii() else -1


def _append(file: Any, line: bytes) -> None:
    """Write a line whole or not at all, on a line of its own."""
    begun = file.seek(0, os.SEEK_END)
    if begun and os.pread(file.fileno(), 1, begun - 1) != b"\n":
        # A process was killed in the middle of a line.
        line = b"\n" + line
    view = memoryview(line)
    try:
        while view:
            view = view[file.write(view) :]
    except OSError:
        file.truncate(begun)
        raise


def _plain(value: Any, depth: int = 0) -> Any:
    """Return what JSON can hold of a value: what it can't is described instead."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else f"<{value}>"
    if isinstance(value, int):
        return value if abs(value) < _HUGE else f"<{value.bit_length()} bit number>"
    if depth == _DEPTH:
        return "<nested deeper>"
    if isinstance(value, Mapping):
        return {
            key if isinstance(key, str) else f"<{type(key).__name__}>": _plain(
                item, depth + 1
            )
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_plain(item, depth + 1) for item in value]
    return f"<{type(value).__name__}>"
