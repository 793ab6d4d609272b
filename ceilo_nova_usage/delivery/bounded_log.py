# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Warnings at a bounded rate: one a reason in an interval, the rest counted."""

import logging
import threading
import time
from collections.abc import Callable

__all__ = ["BoundedLog", "one_line"]

_LONGEST = 250


def one_line(said: object) -> str:
    """Return what a sender may have chosen as a short piece of one line, in ASCII."""
    return ascii(str(said))[1:-1][:_LONGEST]


class BoundedLog:
    """Logs the first message of each reason, then one an interval.

    ``interval`` is in seconds; 0 logs everything. ``clock`` returns seconds.
    """

    def __init__(
        self,
        log: logging.Logger,
        interval: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._interval = interval
        self._clock = clock
        self._lock = threading.Lock()
        self._due: dict[str, float] = {}
        self._held: dict[str, int] = {}

    def warning(self, reason: str, message: str, *args: object) -> None:
        """Log, or count, one message of a reason."""
        self.log(logging.WARNING, reason, message, *args)

    def log(
        self,
        level: int,
        reason: str,
        message: str,
        *args: object,
        exc_info: bool = False,
    ) -> None:
        """Log at ``level``, or count, one message of a reason."""
        with self._lock:
            now = self._clock()
            if now < self._due.get(reason, now):
                self._held[reason] = self._held.get(reason, 0) + 1
                return
            self._due[reason] = now + self._interval
            held = self._held.pop(reason, 0)
        if held:
            message += " (%d more like it were held back)"
            args = (*args, held)
        self._log.log(level, message, *args, exc_info=exc_info)
