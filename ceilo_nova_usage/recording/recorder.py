# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Writing notifications down as they come from the bus."""

import json
import os
import pathlib
import stat
import threading
from collections.abc import Callable, Mapping
from typing import Any

import oslo_messaging

from ceilo_nova_usage.recording.redaction import redact

__all__ = ["Recorder", "RecordingFile", "UnsafeFile"]


class UnsafeFile(Exception):
    """A file that notifications must not be written to."""


class RecordingFile:
    """A file of JSON lines that its owner alone can read; lines are added to it.

    A line is in the file, whole, when :meth:`write` has returned. A line that another
    run was stopped in the middle of is ended, so that it spoils no other.

    :raises OSError: where the file cannot be opened
    :raises UnsafeFile: where others can read it, or it is no file
    """

    def __init__(self, path: pathlib.Path) -> None:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self._handle = os.open(path, flags, 0o600)
        try:
            status = os.fstat(self._handle)
            if not stat.S_ISREG(status.st_mode):
                raise UnsafeFile(f"{path}: it is not a file")
            if status.st_mode & 0o077:
                mode = stat.S_IMODE(status.st_mode)
                raise UnsafeFile(
                    f"{path}: others than its owner may open it (mode {mode:04o}); "
                    "recordings hold names of users and servers: chmod it to 0600"
                )
            size = status.st_size
            if size and os.pread(self._handle, 1, size - 1) != b"\n":
                os.write(self._handle, b"\n")
        except (OSError, UnsafeFile):
            self.close()
            raise

    def write(self, message: Mapping[str, Any]) -> None:
        """Add a line: all of it, or nothing.

        :raises OSError: where it cannot be written
        """
        line = memoryview(json.dumps(message).encode() + b"\n")
        size = os.fstat(self._handle).st_size
        try:
            while line:
                line = line[os.write(self._handle, line) :]
        except OSError:
            os.ftruncate(self._handle, size)
            raise

    def sync(self) -> None:
        """Return once what was written is on the disk.

        :raises OSError: where it cannot be written
        """
        os.fsync(self._handle)

    def close(self) -> None:
        """Close the file."""
        os.close(self._handle)


class Recorder:
    """An endpoint for all priorities that writes what it is given to a file.

    It takes ``limit`` notifications, or any number, and sets ``ended`` then. What its
    ``change`` (redaction, and maybe anonymization) or the file raises ends it too;
    ``failure`` is that exception.
    """

    def __init__(
        self,
        file: RecordingFile,
        *,
        event_type: str | None = None,
        limit: int | None = None,
        change: Callable[[Mapping[str, Any]], Mapping[str, Any]] = redact,
    ) -> None:
        if event_type is not None:
            self.filter_rule = oslo_messaging.NotificationFilter(event_type=event_type)
        self.ended = threading.Event()
        self.failure: Exception | None = None
        self.count = 0
        self._file = file
        self._limit = limit
        self._change = change
        self._lock = threading.Lock()

    def audit(self, *args: Any) -> None:
        """Record a notification of this priority."""
        self._record("AUDIT", *args)

    def critical(self, *args: Any) -> None:
        """Record a notification of this priority."""
        self._record("CRITICAL", *args)

    def debug(self, *args: Any) -> None:
        """Record a notification of this priority."""
        self._record("DEBUG", *args)

    def error(self, *args: Any) -> None:
        """Record a notification of this priority."""
        self._record("ERROR", *args)

    def info(self, *args: Any) -> None:
        """Record a notification of this priority."""
        self._record("INFO", *args)

    def sample(self, *args: Any) -> None:
        """Record a notification of this priority."""
        self._record("SAMPLE", *args)

    def warn(self, *args: Any) -> None:
        """Record a notification of this priority."""
        self._record("WARN", *args)

    def _record(
        self,
        priority: str,
        ctxt: Mapping[str, Any],
        publisher_id: object,
        event_type: object,
        payload: object,
        metadata: Mapping[str, Any],
    ) -> None:
        message = {
            "message_id": metadata.get("message_id"),
            "publisher_id": publisher_id,
            "event_type": event_type,
            "priority": priority,
            "payload": payload,
            "timestamp": metadata.get("timestamp"),
            **{f"_context_{name}": value for name, value in ctxt.items()},
        }
        with self._lock:
            if self.ended.is_set():
                return
            try:
                self._file.write(self._change(message))
            except Exception as error:  # noqa: BLE001
                # What leaves an endpoint makes the bus hand the message back at once,
                # for ever. Whoever waits for the end is told instead.
                self.failure = error
                self.ended.set()
                return
            self.count += 1
            if self.count == self._limit:
                self.ended.set()
