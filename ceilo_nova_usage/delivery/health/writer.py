# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The thread that keeps a process's metrics on file."""

import logging
import os
import secrets
import threading
import time
from collections.abc import Callable

from prometheus_client.metrics_core import Metric

from ceilo_nova_usage.conf import Settings
from ceilo_nova_usage.delivery import kept
from ceilo_nova_usage.delivery.bounded_log import BoundedLog
from ceilo_nova_usage.delivery.health import files, metrics
from ceilo_nova_usage.delivery.spool import Spool

__all__ = ["SHARED", "Writer", "keep_writing", "shared"]

LOG = logging.getLogger(__name__)

#: The name of the file that all processes of a host share.
SHARED = "host"


class Writer:
    """Writes this process's metrics again and again, and what the host's share.

    The thread ends with the process, however that ends: the next to write removes the
    file then, once it is stale.
    """

    def __init__(self, settings: Settings) -> None:
        if settings.metrics_dir is None:
            raise ValueError("there is no directory for metrics")
        self._settings = settings
        self._directory = settings.metrics_dir
        self._log = BoundedLog(LOG, settings.log_interval)
        self._spool = _spool(settings)
        # In two containers two processes may have one number.
        self.process = f"{os.getpid()}-{secrets.token_hex(2)}"
        self._thread = threading.Thread(
            target=self._run, name="nova-usage-metrics", daemon=True
        )

    def start(self) -> None:
        """Begin; the first files are written at once."""
        self._thread.start()

    def write(self) -> None:
        """Write the files; what goes wrong is logged, at a bounded rate."""
        try:
            files.write(self._directory, self.process, metrics.of_process(self.process))
            with files.alone(self._directory) as alone:
                if alone:
                    files.sweep(self._directory)
                    families = shared(self._settings, self._say, self._spool)
                    files.write(self._directory, SHARED, families)
        except OSError as error:
            self._say("metrics", error)

    def _say(self, what: str, error: OSError) -> None:
        self._log.log(
            logging.ERROR,
            what,
            "Metering goes on, but its health cannot be told: the %s: %s",
            what,
            error,
        )

    def _run(self) -> None:
        while True:
            self.write()
            time.sleep(files.INTERVAL)


def shared(
    settings: Settings,
    failed: Callable[[str, OSError], None],
    spool: Spool | None = None,
) -> list[Metric]:
    """Return the metrics of what a host's processes share, as it is now.

    ``failed`` is told of what cannot be read, ``spool`` or ``quarantine``, and why.
    """
    families: list[Metric] = []
    try:
        families += metrics.of_spool((spool or _spool(settings)).state())
    except OSError as error:
        failed("spool", error)
    if settings.quarantine_dir is not None:
        bound = settings.quarantine_max_bytes * settings.quarantine_max_files
        try:
            state = kept.state(settings.quarantine_dir, bound)
        except OSError as error:
            failed("quarantine", error)
        else:
            families += metrics.of_quarantine(state)
    return families


def _spool(settings: Settings) -> Spool:
    return Spool(settings.spool_dir, max_bytes=settings.spool_max_bytes)


_WRITERS: dict[tuple[int, object], Writer] = {}
_LOCK = threading.Lock()


def keep_writing(settings: Settings) -> None:
    """See to it that this process writes its metrics, and once only."""
    key = (os.getpid(), settings.metrics_dir)
    if settings.metrics_dir is None or key in _WRITERS:
        return
    with _LOCK:
        if key not in _WRITERS:
            _WRITERS[key] = Writer(settings)
            _WRITERS[key].start()
