# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""A RabbitMQ of a test's own: private ports, directories, cookie and epmd.

Nothing is shared with a broker that the machine may run already, and nothing is left
behind: both processes are children, stopped by their ids.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from tests.support.processes import Lasting

#: Debian's unwrapped scripts. The wrappers on PATH switch to a user of its own.
SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
CONTROL = SERVER.with_name("rabbitmqctl")

#: Seconds.
START_TIMEOUT = 90.0
STOP_TIMEOUT = 30.0

#: The kernel ends both processes when the test is gone, however that came about.
_WITH_US = ("setpriv", "--pdeathsig", "TERM", "--")

AMQP_GREETING = b"AMQP\x00\x00\x09\x01"
METHOD_FRAME = b"\x01"


class BrokerError(RuntimeError):
    """The broker is not installed, or did not come up."""


class RabbitMQ(Lasting):
    """A broker on 127.0.0.1, up between `start` and `stop` or inside a `with`.

    Queues that are durable outlive a `stop` followed by a `start`, on the same port, so
    that a test can take the broker away and give it back. `close` removes all it wrote.
    """

    def __init__(self) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="rabbitmq-"))
        self._port, self._distribution_port, self._epmd_port = free_ports(3)
        self._epmd: subprocess.Popen[bytes] | None = None
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        """The AMQP port."""
        return self._port

    @property
    def url(self) -> str:
        """The broker as oslo.messaging's `transport_url` and kombu write it."""
        return f"rabbit://guest:guest@127.0.0.1:{self._port}/"

    @property
    def running(self) -> bool:
        """Whether it was started, and not stopped."""
        return self._server is not None

    @property
    def log(self) -> str:
        """What the broker has said so far."""
        text = [
            path.read_text("utf-8", "replace")
            for path in sorted(self._directory.glob("*.log"))
        ]
        return "".join(text)

    def messages(self) -> int:
        """How many messages it holds: those that wait, and those not acknowledged yet.

        A program is run for it, which takes about a second.
        """
        told = subprocess.run(
            [str(CONTROL), "--quiet", "list_queues", "messages", "--no-table-headers"],
            env=self._environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        return sum(int(line) for line in told.stdout.split())

    def start(self) -> None:
        """Start the broker and wait until it speaks AMQP.

        Raises BrokerError when it is not installed, dies, or takes too long.
        """
        epmd = shutil.which("epmd")
        if epmd is None or not SERVER.exists():
            raise BrokerError(f"{SERVER} or epmd is missing: install rabbitmq-server")
        environment = self._environment()
        with (self._directory / "output.log").open("ab") as output:
            self._epmd = subprocess.Popen(
                [
                    *_WITH_US,
                    *(epmd, "-address", "127.0.0.1", "-port", str(self._epmd_port)),
                ],
                env=environment,
                stdout=output,
                stderr=output,
            )
            # RABBITMQ_ALLOW_INPUT lets the script become the server, so that the id
            # we hold is the server's own; -noinput then takes the input away again.
            self._server = subprocess.Popen(
                [*_WITH_US, str(SERVER), "-noinput"],
                env=environment,
                cwd=self._directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        try:
            self._wait_until_it_speaks()
        except BrokerError:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop both processes; what the broker stored stays for the next `start`."""
        for process in (self._server, self._epmd):
            if process is not None:
                _end(process)
        self._server = self._epmd = None

    def close(self) -> None:
        """Stop, and remove everything the broker wrote."""
        self.stop()
        shutil.rmtree(self._directory)

    def _environment(self) -> dict[str, str]:
        """Nothing of the caller's environment but PATH: every setting is ours."""
        directory = self._directory
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(directory),  # the Erlang cookie lives there
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._epmd_port),
            "RABBITMQ_ALLOW_INPUT": "true",
            "RABBITMQ_CONF_ENV_FILE": str(directory / "none"),
            "RABBITMQ_CONFIG_FILE": str(directory / "rabbitmq"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(directory / "advanced"),
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "enabled_plugins"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(directory / "config"),
            "RABBITMQ_LOG_BASE": str(directory),
            "RABBITMQ_LOGS": str(directory / "server.log"),
            "RABBITMQ_MNESIA_BASE": str(directory / "mnesia"),
            "RABBITMQ_NODENAME": f"test{self._port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self._port),
            "RABBITMQ_PID_FILE": str(directory / "pid"),
            "RABBITMQ_SCHEMA_DIR": str(directory / "schema"),
            # Erlang would start an epmd that nobody owns if ours were late.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}"
            ),
        }

    def _wait_until_it_speaks(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while not speaks_amqp(self._port):
            if self._server is None or self._server.poll() is not None:
                raise BrokerError(f"RabbitMQ ended while starting:\n{self.log}")
            if time.monotonic() > deadline:
                raise BrokerError(f"no AMQP after {START_TIMEOUT} s:\n{self.log}")
            time.sleep(0.1)


def free_ports(number: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody held a moment ago, all different."""
    with contextlib.ExitStack() as held:
        sockets = [
            held.enter_context(socket.create_server(("127.0.0.1", 0)))
            for _ in range(number)
        ]
        return [each.getsockname()[1] for each in sockets]


def speaks_amqp(port: int) -> bool:
    """Whether a broker answers an AMQP 0-9-1 greeting on the port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(AMQP_GREETING)
            return connection.recv(1) == METHOD_FRAME
    except OSError:
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
