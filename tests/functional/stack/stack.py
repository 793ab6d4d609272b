# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""RabbitMQ, PostgreSQL and Gnocchi as operators run them, all of a test's own.

Private ports, private directories. Every piece can be stopped, killed and started by
itself, and all are stopped by their process ids at the end, also after a failure.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import yaml
from ceilometer.publisher import gnocchi as stock_publisher

from tests.functional.stack.scale import DIVISOR
from tests.support import agent_process, oracle
from tests.support.agent_process import Agent, Host
from tests.support.bus import Bus
from tests.support.gnocchi_server import Gnocchi
from tests.support.postgresql import PostgreSQL
from tests.support.processes import Lasting, Server, wait_until
from tests.support.rabbitmq import RabbitMQ

#: An archive policy that keeps every point for itself: its value, and how often it
#: was taken.
EXACT = "exact"
_EXACT = {
    "name": EXACT,
    "aggregation_methods": ["last", "count"],
    # Late measures count as well.
    "back_window": 7200,
    "definition": [{"granularity": "1s", "points": 86400}],
}


class Stack(Lasting):
    """The servers, up between `start` and `close` or inside a ``with``.

    :ivar rabbitmq: stop it and start it; durable queues outlive that
    :ivar postgresql: ``postgresql.server`` is the process
    :ivar gnocchi: ``gnocchi.api`` and ``gnocchi.metricd`` are processes
    :param bulk: whether Gnocchi's API has the bulk requests
    """

    def __init__(self, *, bulk: bool = False) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="stack-"))
        self.rabbitmq = RabbitMQ()
        self.postgresql = PostgreSQL()
        self.gnocchi = Gnocchi(
            self.directory, self.postgresql.url, few=DIVISOR > 1, bulk=bulk
        )
        #: How long each step of the start took, in seconds.
        self.took: dict[str, float] = {}
        self._agents: list[Agent] = []
        self._hosts = 0

    def start(self) -> None:
        """Start all, make Gnocchi's resource types and the `EXACT` policy.

        :raises ServerError: or BrokerError, with what did not come up
        """
        for name, step in (
            ("rabbitmq", self.rabbitmq.start),
            ("postgresql", self.postgresql.start),
            ("gnocchi-upgrade", self.gnocchi.prepare),
            ("gnocchi", self._start_gnocchi),
            ("ceilometer-upgrade", self._upgrade),
        ):
            begun = time.monotonic()
            step()
            self.took[name] = time.monotonic() - begun
        self.gnocchi.client().archive_policy.create(_EXACT)

    def set_bulk(self, bulk: bool) -> None:
        """Have Gnocchi's API with our bulk requests, or as it is."""
        self.gnocchi.api.stop()
        self.gnocchi.set_bulk(bulk)
        self.gnocchi.start_api()

    def restore(self) -> None:
        """Start whatever a test left stopped."""
        if not self.rabbitmq.running:
            self.rabbitmq.start()
        self.postgresql.start()
        self._start_gnocchi()

    def close(self) -> None:
        """Stop all, whatever state it is in, and remove all that was written."""
        with contextlib.ExitStack() as closing:
            closing.callback(shutil.rmtree, self.directory)
            closing.callback(self.rabbitmq.close)
            closing.callback(self.postgresql.close)
            closing.callback(self.gnocchi.close)
            for agent in self._agents:
                closing.callback(agent.stop)

    def host(self) -> Host:
        """Return another host for agents, with a directory of its own."""
        self._hosts += 1
        directory = self.directory / f"host-{self._hosts}"
        directory.mkdir()
        return Host(
            directory=directory,
            transport_url=self.rabbitmq.url,
            gnocchi_url=self.gnocchi.url,
        )

    def agent(self, config: Path) -> Agent:
        """Return an agent with a configuration of a host's, to be started."""
        agent = Agent(config)
        self._agents.append(agent)
        return agent

    @contextlib.contextmanager
    def agents(self, *configs: Path, workers: int = 1) -> Iterator[list[Agent]]:
        """Run agents of so many workers each; they are stopped with the block."""
        agents = [self.agent(config) for config in configs]
        with contextlib.ExitStack() as stopping, Bus(self.rabbitmq.url) as bus:
            for agent in agents:
                stopping.callback(agent.stop)
                agent.start()
            bus.wait_for_consumers(len(agents) * workers)
            yield agents

    def stop_agents(self) -> None:
        """Stop every agent that runs."""
        with contextlib.ExitStack() as stopping:
            for agent in self._agents:
                stopping.callback(agent.stop)

    def bus(self) -> Bus:
        """Connect to the broker as nova does."""
        return Bus(self.rabbitmq.url)

    def wait_until_handled(self, *, timeout: float = 900.0) -> float:
        """Wait until the agents acknowledged every message; return the seconds."""
        return wait_until(
            lambda: self.rabbitmq.messages() == 0,
            "the agents handle all messages",
            timeout=timeout,
            pause=0.5,
        )

    def logs(self) -> dict[str, str]:
        """The last lines of what each server said, by its name."""
        servers: list[Server] = [
            self.postgresql.server,
            self.gnocchi.api,
            self.gnocchi.metricd,
            *self._agents[-4:],
        ]
        return {server.name: server.tail() for server in servers}

    def exact(self, scheme: str = "gnocchi-spool", **options: str) -> str:
        """Return a publisher's URL under which Gnocchi keeps every single point."""
        options = {"archive_policy": EXACT, **options}
        return self.publisher(scheme, **options)

    def publisher(self, scheme: str, **options: str) -> str:
        """Return a publisher's URL: every meter of ours, no Keystone."""
        options = {
            "enable_filter_project": "false",
            "resources_definition_file": str(self._definitions()),
            **options,
        }
        return f"{scheme}://?" + "&".join(f"{k}={v}" for k, v in options.items())

    def _start_gnocchi(self) -> None:
        self.gnocchi.start_api()
        self.gnocchi.metricd.start()

    def _upgrade(self) -> None:
        agent_process.upgrade(self.host().configure("upgrade", ["test://"]))

    def _definitions(self) -> Path:
        """Ceilometer's own definitions, with the meters that it does not know."""
        file = self.directory / "gnocchi_resources.yaml"
        if not file.exists():
            package = Path(stock_publisher.__file__).parent
            definitions = yaml.safe_load(
                (package / "data" / "gnocchi_resources.yaml").read_text()
            )
            (instance,) = (
                each
                for each in definitions["resources"]
                if each["resource_type"] == "instance"
            )
            for meter in sorted(oracle.SUM_METERS | oracle.TOTAL_METERS):
                instance["metrics"].setdefault(meter, None)
            file.write_text(yaml.safe_dump(definitions))
        return file
