# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Simulated lives told to two agents, and what Gnocchi bills of them.

One agent is ours: it gets nova's notifications and the polls. The other is stock, with
Ceilometer's publisher and definitions: it gets the same polls, of instances of its own.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
from collections.abc import Iterable, Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from ceilo_nova_usage.delivery.spool import Spool
from tests.functional.stack.bills import lives
from tests.functional.stack.bills.polling import EXCHANGE, PollingAgents
from tests.functional.stack.stack import Stack
from tests.support.bus import Bus
from tests.support.processes import wait_until

#: Seconds, by what the table calls them.
MEANS = {"two minutes": 120.0, "ten minutes": 600.0, "one hour": 3600.0}
FIVE_MINUTES, HOUR, DAY = 300, 3600, 86400
#: The month that is billed.
START = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)
STOP = datetime.datetime(2026, 4, 1, tzinfo=datetime.UTC)

_SEED = "bills"
_STOCK_TOPIC = "stock"
_CEILOMETERS = resources.files("ceilometer.publisher") / "data/gnocchi_resources.yaml"
_POLLED = {meter for meter, *_ in lives.METERS.values()}
_PATIENCE = 3600.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """Lives that were told of.

    :ivar client: of the Gnocchi that has them
    :ivar run: what makes their ids in the cloud with our agent
    :ivar stock_run: the same in the cloud without
    :ivar polled: how many samples the pollsters sent, to each agent
    """

    client: Any
    lives: Sequence[lives.Life]
    run: str = "bills"
    stock_run: str = "stock bills"
    polled: int = 0

    def instances(self, run: str) -> dict[str, lives.Life]:
        """Return the lives by the ids of their instances in a cloud."""
        return {lives.Told.of(run, life, 0).uuid: life for life in self.lives}

    def seen_by_polls(self, name: str) -> dict[int, int]:
        """Return how far a counter went between polls, by the number of a life."""
        seen: dict[int, int] = {}
        before: dict[int, int] = {}
        for event in lives.events(self.lives, _SEED):
            for life in event.lives if event.kind == "poll" else ():
                counter = life.counter(name, event.at)
                difference = counter - before.get(life.number, counter)
                seen[life.number] = seen.get(life.number, 0) + difference
                before[life.number] = counter
        return seen

    def told(self, stack: Stack, definitions: Path) -> Simulation:
        """Tell everything, in its order, and wait until Gnocchi has it."""
        polled = 0
        with _agents(stack, definitions) as (nova, polling, stock_polling):
            for event in lives.events(self.lives, _SEED):
                if event.kind == "poll":
                    at = lives.moment(event.at)
                    polled += polling.send(at, _read(self.run, event))
                    stock_polling.send(at, _read(self.stock_run, event))
                else:
                    nova.publish(_notifications(self.run, event))
        return dataclasses.replace(self, polled=polled)


def simulate(client: Any, number: int) -> Simulation:
    """Return so many lives, of which nothing is told yet."""
    return Simulation(client=client, lives=lives.lives(MEANS, number, _SEED))


def bills(
    simulation: Simulation,
    run: str,
    operation: str,
    *,
    kind: str = "instance",
    by: str = "id",
    granularity: int = HOUR,
) -> dict[str, float]:
    """Return the sum of an operation's values in March, by resource or project."""
    projects = [lives.project(run, number) for number in range(lives.PROJECTS)]
    groups = simulation.client.aggregates.fetch(
        operation,
        resource_type=kind,
        search={"in": {"project_id": projects}},
        groupby=[by],
        start=START,
        stop=STOP,
        granularity=granularity,
        fill=0,
    )
    return {
        group["group"][by]: sum(
            value for *_, value in group["measures"]["measures"]["aggregated"]
        )
        for group in groups
    }


def total(meter: str, aggregate: str = "rate:sum") -> str:
    """Return the operation that the documentation tells of."""
    return f"(aggregate sum (metric {meter} {aggregate}))"


def by_instance(
    simulation: Simulation, meter: str, granularity: int = HOUR
) -> dict[str, float]:
    """Return the bill of each instance of ours by the differences of a meter."""
    of_disk = meter.startswith("disk.device.")
    return bills(
        simulation,
        simulation.run,
        total(meter),
        kind="instance_disk" if of_disk else "instance",
        by="instance_id" if of_disk else "id",
        granularity=granularity,
    )


@contextlib.contextmanager
def _agents(
    stack: Stack, definitions: Path
) -> Iterator[tuple[Bus, PollingAgents, PollingAgents]]:
    """Run both agents; give nova's bus, and the polling agents of each cloud.

    At the end all that was sent is in Gnocchi.
    """
    host = stack.host()
    notification = {
        "notification_control_exchanges": ["nova", EXCHANGE],
        "batch_size": 50,
    }
    ours = host.configure(
        "ours",
        [stack.publisher("gnocchi-spool", resources_definition_file=str(definitions))],
        notification=notification,
        nova_usage={"baseline": True},
    )
    # With all the time it needs: what it loses in haste is another test's.
    stock = host.configure(
        "stock",
        [
            stack.publisher(
                "gnocchi", resources_definition_file=str(_CEILOMETERS), timeout="120"
            )
        ],
        notification=notification,
        oslo_messaging_notifications={"topics": _STOCK_TOPIC},
        # Polls are minutes apart where time is not simulated: none overtakes another,
        # which under Ceilometer's policies Gnocchi would drop.
        DEFAULT={"max_parallel_requests": 1},
    )
    with contextlib.ExitStack() as stopping:
        polling = [
            stopping.enter_context(
                contextlib.closing(PollingAgents(host, topic, _POLLED))
            )
            for topic in ("notifications", _STOCK_TOPIC)
        ]
        stock_agent = stack.agent(stock)
        stopping.callback(stock_agent.stop)
        stock_agent.start()
        stopping.enter_context(stack.agents(ours))
        for each in polling:
            each.wait_for_listener()
        yield stopping.enter_context(stack.bus()), *polling
        stack.wait_until_handled(timeout=_PATIENCE)
        with contextlib.closing(Spool(host.spool, max_bytes=2**30)) as spool:
            wait_until(spool.is_empty, "the spool is empty", timeout=_PATIENCE, pause=1)
    stack.gnocchi.wait_until_processed(timeout=_PATIENCE)


def _notifications(run: str, event: lives.Event) -> Iterator[Any]:
    for life in event.lives:
        told = lives.Told.of(run, life, event.at)
        if event.kind == "exists":
            yield told.exists()
            continue
        yield told.legacy()
        if life.number % lives.TOLD_TWICE == 0:
            yield told.versioned()


def _read(
    run: str, event: lives.Event
) -> Iterable[tuple[dict[str, Any], dict[tuple[str, str], int]]]:
    """Give what the pollsters read: of whom, and the counters by meter and resource."""
    for life in event.lives:
        told = lives.Told.of(run, life, event.at)
        counters = {
            (meter, told.uuid if meter == "cpu" else f"{told.uuid}-vda"): life.counter(
                name, event.at
            )
            for name, (meter, *_) in lives.METERS.items()
        }
        yield told.legacy().notification["payload"], counters
