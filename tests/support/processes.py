# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""A server of a test's own: started, watched, stopped or killed by its process id.

It does not outlive the test, however that ends: the kernel tells it when its parent is
gone.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Self

#: Seconds.
STOP_TIMEOUT = 60.0
_PAUSE = 0.05

_TICKS = os.sysconf("SC_CLK_TCK")


class ServerError(RuntimeError):
    """A server is not installed, ended by itself, or did what was asked too late."""


class Lasting:
    """What is up between `start` and `close`, or inside a ``with``."""

    def start(self) -> None:
        """Start all of it."""
        raise NotImplementedError

    def close(self) -> None:
        """Stop it, whatever state it is in, and remove all that it wrote."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Server:
    """A program that runs until it is stopped, and may be started again.

    What it and its workers say goes to ``log``, all its lives one after the other.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        log: Path,
        *,
        user: str | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.name = name
        self.log = log
        self._command = [
            *("setpriv", "--pdeathsig", stop_signal.name),
            "--",
            *(str(word) for word in command),
        ]
        self._user = user
        self._stop_signal = stop_signal
        self._process: subprocess.Popen[bytes] | None = None
        self._spent = 0.0

    @property
    def running(self) -> bool:
        """Whether the process that was started is still there."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The id of the process that was started.

        :raises ServerError: where it does not run
        """
        if self._process is None or self._process.poll() is not None:
            raise ServerError(f"{self.name} does not run:\n{self.tail()}")
        return self._process.pid

    @property
    def workers(self) -> list[int]:
        """The ids of the processes that it started, and that those did."""
        return descendants(self.pid)

    @property
    def cpu_seconds(self) -> float:
        """What it and all its workers used so far; the killed ones are not counted."""
        return self._spent + sum(map(cpu_seconds, [self.pid, *self.workers]))

    def start(self) -> None:
        """Start it; see that it is ready by other means."""
        if self.running:
            return
        identity = {}
        if self._user is not None and os.geteuid() == 0:
            identity = {"user": self._user, "group": self._user, "extra_groups": []}
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.log.parent,
                **identity,
            )

    def stop(self) -> None:
        """Ask it to end, and wait; one that does not in time is killed.

        :raises ServerError: where it had to be killed
        """
        if not self.running:
            return
        self._spent = self.cpu_seconds
        workers = self.workers
        os.kill(self.pid, self._stop_signal)
        try:
            self._process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ServerError(
                f"{self.name} did not end in {STOP_TIMEOUT:.0f} s:\n{self.tail()}"
            ) from None
        wait_until(lambda: not any(map(exists, workers)), f"{self.name} ends")

    def kill(self) -> None:
        """Kill it and all its workers, as the kernel does when memory is short."""
        if not self.running:
            return
        # Stopped first: it could start a worker that is not on the list.
        os.kill(self.pid, signal.SIGSTOP)
        victims = [*self.workers, self.pid]
        for victim in victims:
            with contextlib.suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
        self._process.wait()
        wait_until(lambda: not any(map(exists, victims)), f"{self.name} is gone")

    def tail(self, lines: int = 60) -> str:
        """The last lines of what it said."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-lines:])


def wait_until(
    condition: Callable[[], bool],
    what: str,
    *,
    timeout: float = 60.0,
    pause: float = _PAUSE,
) -> float:
    """Wait until a condition holds; return the seconds that took.

    :raises ServerError: saying ``what`` was waited for, where it took too long
    """
    begun = time.monotonic()
    while not condition():
        if time.monotonic() - begun > timeout:
            raise ServerError(f"waited {timeout:.0f} s in vain: {what}")
        time.sleep(pause)
    return time.monotonic() - begun


def descendants(pid: int) -> list[int]:
    """The ids of a process's children and theirs, those that run."""
    return list(_descendants(pid))


def _descendants(pid: int) -> Iterator[int]:
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        children = [
            int(child)
            for thread in threads
            for child in (thread / "children").read_text().split()
        ]
    except (FileNotFoundError, ProcessLookupError):
        return
    for child in children:
        yield child
        yield from _descendants(child)


def exists(pid: int) -> bool:
    """Whether a process runs; one that ended and was not waited for does not."""
    try:
        return _stat(pid)[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def cpu_seconds(pid: int) -> float:
    """The processor time of a process, in user and kernel mode, in seconds."""
    try:
        stat = _stat(pid)
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return (int(stat[11]) + int(stat[12])) / _TICKS


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat, from the state on."""
    # The program's name before them may hold anything.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
