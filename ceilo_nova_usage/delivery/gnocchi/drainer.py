# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The thread that empties the spool and looks after ends."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import tenacity

from ceilo_nova_usage.delivery.bounded_log import BoundedLog
from ceilo_nova_usage.delivery.gnocchi.api import Unavailable
from ceilo_nova_usage.delivery.spool import Spool, SpoolError

__all__ = ["Drainer"]

LOG = logging.getLogger(__name__)

# Seconds: between two looks at an empty spool, and for the drain lock of another.
_PAUSE = 1.0
_PAUSE_WITHOUT_LOCK = 5.0


class Drainer:
    """Delivers what waits in a spool, for as long as the process lives.

    ``deliver`` sends what is due, and returns whether more may be waiting. One process
    of a host does so at a time, the one that holds the spool's lock; another takes over
    as soon as that one is gone, however it went.
    """

    _running: ClassVar[dict[Path, "Drainer"]] = {}
    _start: ClassVar[threading.Lock] = threading.Lock()

    def __init__(
        self,
        spool: Spool,
        deliver: Callable[[], bool],
        *,
        longest_pause: float,
        log_interval: float,
    ) -> None:
        self._spool = spool
        self._deliver = deliver
        self._longest_pause = longest_pause
        self._log = BoundedLog(LOG, log_interval)
        self._wake = threading.Event()

    @classmethod
    def ensure(cls, directory: Path, drainer: Callable[[], "Drainer"]) -> "Drainer":
        """Return the process's drainer of a directory, started where there is none."""
        with cls._start:
            if directory not in cls._running:
                cls._running[directory] = drainer()
                threading.Thread(
                    target=cls._running[directory].run,
                    name="nova-usage-drainer",
                    daemon=True,
                ).start()
            return cls._running[directory]

    def wake(self) -> None:
        """Have it look at once: something was put into the spool."""
        self._wake.set()

    def run(self) -> None:
        """Deliver, for ever."""
        while True:
            try:
                with self._spool.draining() as ours:
                    if ours:
                        self._drain()
            except SpoolError as error:
                self._log.log(
                    logging.ERROR, "spool", "The spool cannot be emptied: %s", error
                )
            except Exception:  # noqa: BLE001
                # A defect: without this thread nothing would ever be delivered again.
                self._log.log(
                    logging.ERROR,
                    "defect",
                    "The spool cannot be emptied; it is tried again",
                    exc_info=True,
                )
            self._pause(_PAUSE_WITHOUT_LOCK)

    def _drain(self) -> None:
        """Deliver for as long as the spool can be used.

        :raises SpoolError: where it cannot
        """
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(Unavailable),
            wait=tenacity.wait_random_exponential(max=self._longest_pause),
            before_sleep=self._say,
            sleep=self._sleep,
        )
        while True:
            if not retrying(self._deliver):
                self._pause(_PAUSE)

    def _say(self, state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        self._log.warning(
            "unavailable",
            "Gnocchi cannot be reached (attempt %d); samples wait in the spool: %s",
            state.attempt_number,
            error,
        )

    def _pause(self, seconds: float) -> None:
        """Wait, or until there is something to do."""
        self._wake.wait(seconds)
        self._wake.clear()

    @staticmethod
    def _sleep(seconds: float) -> None:
        # Not to be woken: what is put into the spool changes nothing about Gnocchi.
        threading.Event().wait(seconds)
