# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""A Gnocchi of a test's own: its API behind gunicorn, its metricd, files for measures.

``gnocchi-upgrade``, ``gnocchi-metricd`` and ``gunicorn`` are those of the interpreter
that runs the tests.
"""

from __future__ import annotations

import importlib.resources
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import requests
from gnocchiclient import auth, client

from tests.support.processes import Server, ServerError, wait_until
from tests.support.rabbitmq import free_ports

USER = "admin"
PROGRAMS = Path(sys.executable).parent

#: Measures are some files each, that it takes minutes to remove from a disk.
_MEMORY = Path("/dev/shm")
#: What has to be free there. A hundred thousand series with an aggregate a point, as a
#: whole run of the stack's tests makes, need three times as many files.
_BYTES = 1 << 30
_FILES = 1_000_000

# What an operator changes to have the bulk requests.
_ROOT = "root = gnocchi.rest.api.V1Controller"
_BULK_ROOT = "root = ceilo_nova_usage.gnocchi_bulk.V1Controller"

_GNOCCHI = """\
[DEFAULT]
coordination_url = file://{directory}/coordination
parallel_operations = 1
verbose = false
[api]
auth_mode = basic
paste_config = {paste}
[oslo_policy]
policy_file = {policies}
[indexer]
url = {database}
[storage]
driver = file
file_basepath = {measures}/storage
[incoming]
driver = file
file_basepath = {measures}/incoming
[metricd]
workers = 1
metric_processing_delay = 1
metric_reporting_delay = -1
"""

# Gnocchi's application reads the command line of the process that it finds itself in.
_GUNICORN = """\
import sys
sys.argv[1:] = ["--config-file", {config!r}]
wsgi_app = "gnocchi.rest.wsgi:application"
bind = "127.0.0.1:{port}"
worker_class = "gthread"
workers = {workers}
threads = 4
keepalive = 30
timeout = 120
graceful_timeout = 10
control_socket_disable = True
accesslog = {accesses!r}
access_log_format = "%(m)s %(U)s %(s)s"
"""


def _has_room() -> bool:
    if not _MEMORY.is_dir():
        return False
    free = os.statvfs(_MEMORY)
    return free.f_bavail * free.f_frsize >= _BYTES and free.f_favail >= _FILES


class Gnocchi:
    """An API and a metricd, each of which can be stopped, killed and started alone.

    `prepare` first, `close` at the end. The directory is the caller's, and outlives it;
    few measures are in memory where the system has room for that.
    """

    def __init__(
        self,
        directory: Path,
        database: str,
        *,
        few: bool,
        bulk: bool = False,
        workers: int = 2,
    ) -> None:
        memory = _MEMORY if few and _has_room() else None
        self._measures = Path(tempfile.mkdtemp(prefix="gnocchi-", dir=memory))
        (self.port,) = free_ports(1)
        #: Who may do what, over Gnocchi's own: read when the API starts.
        self.policies = directory / "policy.yaml"
        self.policies.write_text("{}")
        self._config = directory / "gnocchi.conf"
        self._config.write_text(
            _GNOCCHI.format(
                directory=directory,
                measures=self._measures,
                database=database,
                paste=directory / "api-paste.ini",
                policies=self.policies,
            )
        )
        self._paste = directory / "api-paste.ini"
        self.set_bulk(bulk)
        self._accesses = directory / "gnocchi-access.log"
        gunicorn = directory / "gunicorn.conf.py"
        gunicorn.write_text(
            _GUNICORN.format(
                config=str(self._config),
                port=self.port,
                workers=workers,
                accesses=str(self._accesses),
            )
        )
        self.api = Server(
            "gnocchi-api",
            [PROGRAMS / "gunicorn", "--config", gunicorn],
            directory / "gnocchi-api.log",
        )
        self.metricd = Server(
            "gnocchi-metricd",
            [PROGRAMS / "gnocchi-metricd", "--config-file", self._config],
            directory / "gnocchi-metricd.log",
        )

    @property
    def url(self) -> str:
        """Where the API listens."""
        return f"http://127.0.0.1:{self.port}"

    def client(self) -> Any:
        """Return a client of the administrator's, `gnocchiclient.v1.client.Client`."""
        basic = auth.GnocchiBasicPlugin(user=USER, endpoint=self.url)
        return client.Client("1", session_options={"auth": basic})

    def prepare(self) -> None:
        """Make the database's tables and the directories.

        :raises ServerError: with what ``gnocchi-upgrade`` said
        """
        done = subprocess.run(
            [PROGRAMS / "gnocchi-upgrade", "--config-file", self._config],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ServerError(f"gnocchi-upgrade failed: {done.stderr}")

    def close(self) -> None:
        """Stop both, whatever state they are in, and remove the measures."""
        self.metricd.stop()
        self.api.stop()
        shutil.rmtree(self._measures)

    def set_bulk(self, bulk: bool) -> None:
        """Have the API, when it starts, have our bulk requests or not."""
        own = importlib.resources.files("gnocchi.rest") / "api-paste.ini"
        text = own.read_text()
        assert _ROOT in text
        self._paste.write_text(text.replace(_ROOT, _BULK_ROOT) if bulk else text)

    def start_api(self) -> None:
        """Start the API, and wait until it answers."""
        self.api.start()
        wait_until(self._answers, f"Gnocchi's API answers\n{self.api.tail()}")

    def requests(self) -> list[str]:
        """What the API was asked: method, path below its version, and status."""
        return self._accesses.read_text().splitlines()

    def wait_until_processed(self, *, timeout: float = 600.0) -> float:
        """Wait until metricd has taken in every measure; return the seconds it took."""
        status = self.client().status
        return wait_until(
            lambda: not status.get(details=False)["storage"]["summary"]["measures"],
            f"metricd has processed all measures\n{self.metricd.tail()}",
            timeout=timeout,
            pause=0.5,
        )

    def _answers(self) -> bool:
        # Raises where the server ended.
        assert self.api.pid
        try:
            return requests.get(self.url, auth=(USER, ""), timeout=5).ok
        except requests.RequestException:
            return False
