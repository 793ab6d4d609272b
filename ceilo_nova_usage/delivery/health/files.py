# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The directory of metrics: a file a process, and one of what they share."""

import contextlib
import dataclasses
import pathlib
import time
from collections.abc import Iterable, Iterator

from prometheus_client import exposition
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from ceilo_nova_usage.delivery.atomic import replacing
from ceilo_nova_usage.delivery.locks import Lock

__all__ = ["INTERVAL", "STALE", "Written", "alone", "read", "sweep", "text", "write"]

#: Seconds from one writing of a process's file to the next.
INTERVAL = 15.0
#: Seconds after which a file that was not written again is of a process that ended.
STALE = 4 * INTERVAL

_STEM = "ceilo-nova-usage-"
_SUFFIX = ".prom"
# For node_exporter, which runs as another user.
_MODE = 0o644
_DIRECTORY_MODE = 0o755


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A file of metrics, and when it was written, in seconds since 1970."""

    name: str
    written_at: float
    families: list[Metric]

    @property
    def is_current(self) -> bool:
        """Whether the process that wrote it is thought to run."""
        return time.time() - self.written_at < STALE


class _Families:
    """What prometheus_client writes out: anything that collects metrics."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def text(families: Iterable[Metric]) -> bytes:
    """Return metrics in Prometheus's text format."""
    return exposition.generate_latest(_Families(families))


def write(directory: pathlib.Path, name: str, families: Iterable[Metric]) -> None:
    """Replace a file as a whole, for everybody to read; make the directory.

    :raises OSError: where it cannot be written
    """
    _make(directory)
    path = directory / f"{_STEM}{name}{_SUFFIX}"
    with replacing(path, mode=_MODE, durable=False) as file:
        file.write(text(families))


def read(directory: pathlib.Path) -> list[Written]:
    """Return the files that are there, in the order of their names.

    :raises OSError: where one cannot be read
    :raises ValueError: where one is not what :func:`write` made; it names the file
    """
    found = []
    for path in _files(directory):
        with contextlib.suppress(FileNotFoundError):
            written_at = path.stat().st_mtime
            try:
                content = path.read_text(encoding="utf-8")
                families = list(text_string_to_metric_families(content))
            except ValueError as error:
                raise ValueError(f"{path}: no metrics: {error}") from error
            found.append(
                Written(
                    name=path.name[len(_STEM) : -len(_SUFFIX)],
                    written_at=written_at,
                    families=families,
                )
            )
    return found


def sweep(directory: pathlib.Path) -> None:
    """Remove the files of processes that ended.

    :raises OSError: where one cannot be removed
    """
    before = time.time() - STALE
    for path in _files(directory):
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < before:
                path.unlink()


@contextlib.contextmanager
def alone(directory: pathlib.Path) -> Iterator[bool]:
    """Be the one that writes what is shared; yields False if another is.

    :raises OSError: where the directory cannot be written
    """
    _make(directory)
    with Lock(directory / ".lock") as lock:
        yield lock.acquire(wait=False)


def _make(directory: pathlib.Path) -> None:
    if not directory.is_dir():
        directory.mkdir(parents=True, exist_ok=True)
        # Whatever the process's umask is.
        directory.chmod(_DIRECTORY_MODE)


def _files(directory: pathlib.Path) -> list[pathlib.Path]:
    if not directory.is_dir():
        return []
    return sorted(
        path
        for path in directory.iterdir()
        if path.name.startswith(_STEM) and path.name.endswith(_SUFFIX)
    )
