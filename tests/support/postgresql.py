# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL of a test's own: a private port, directory and user database.

It runs as the user that Debian's package makes for it where the test runs as root: it
refuses to be root.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from tests.support.processes import Lasting, Server, ServerError, wait_until
from tests.support.rabbitmq import free_ports

USER = "postgres"
_PROGRAMS = Path("/usr/lib/postgresql")


class PostgreSQL(Lasting):
    """A server on 127.0.0.1, with the settings that it comes with.

    What it stored outlives a `stop` or `kill` followed by a `start`, on the same port.
    `close` removes all it wrote.
    """

    def __init__(self) -> None:
        # Of its own, not below another: the server's user has to get there.
        self._directory = Path(tempfile.mkdtemp(prefix="postgresql-"))
        self._data = self._directory / "data"
        (self.port,) = free_ports(1)
        self._programs = _programs()
        self.server = Server(
            "postgresql",
            [
                self._programs / "postgres",
                *("-D", self._data, "-p", str(self.port)),
                *("-h", "127.0.0.1", "-k", self._directory),
            ],
            self._directory / "postgresql.log",
            user=USER,
            # A shutdown that does not wait for its clients.
            stop_signal=signal.SIGINT,
        )

    @property
    def url(self) -> str:
        """The server's database, as SQLAlchemy writes it."""
        return f"postgresql+psycopg2://{USER}@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it, made anew where it was not yet, and wait until it answers.

        :raises ServerError: where it is not installed or does not come up
        """
        if not self._data.exists():
            self._initialize()
        self.server.start()
        wait_until(self._answers, f"PostgreSQL answers\n{self.server.tail()}")

    def close(self) -> None:
        """Stop it, and remove everything that it wrote."""
        try:
            self.server.stop()
        finally:
            shutil.rmtree(self._directory)

    def _initialize(self) -> None:
        identity = {}
        if os.geteuid() == 0:
            shutil.chown(self._directory, USER, USER)
            identity = {"user": USER, "group": USER, "extra_groups": []}
        made = subprocess.run(
            [
                self._programs / "initdb",
                *("-D", self._data, "-U", USER, "--auth=trust", "--encoding=UTF8"),
                *("--locale=C.UTF-8", "--no-sync"),
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd=self._directory,
            **identity,
        )
        if made.returncode:
            raise ServerError(f"initdb failed: {made.stderr}")

    def _answers(self) -> bool:
        # Raises where the server ended.
        assert self.server.pid
        asked = subprocess.run(
            [
                self._programs / "pg_isready",
                *("-q", "-h", "127.0.0.1", "-p", str(self.port)),
            ],
            check=False,
        )
        return asked.returncode == 0


def _programs() -> Path:
    """Where the newest PostgreSQL of the machine has its programs."""
    found = sorted(
        _PROGRAMS.glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True
    )
    if not found:
        raise ServerError(f"nothing in {_PROGRAMS}: install postgresql")
    return found[0]
