# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The memory of the agent's worker while notifications pass through it: it stays.

They are put on the bus as the agent takes them. The first tenth fills whatever is kept
for later: caches, the allocator's reserve.
"""

import datetime
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from ceilo_nova_usage.delivery.spool import Spool
from tests.functional.stack.stack import Stack
from tests.performance.stack import load, plugins
from tests.support.agent_process import Agent, Host
from tests.support.deletes import Instance
from tests.support.processes import wait_until

BATCH = 100
#: Shares of the notifications after which the memory is read.
SHARES = (0.1, 0.25, 0.5, 0.75, 1.0)
# Notifications that are put on the bus at once.
_LOT = 500
_INSTANCES = 100
_SPOOL_BYTES = 1 << 30


def through_nothing(stack: Stack, number: int) -> None:
    """Have so many handled, and published to nobody."""
    print(f"{number:,} notifications, published to nobody")
    config = _configure(stack.host(), "null://")
    _pass(stack, config, number, {})


def through_gnocchi(stack: Stack, number: int) -> None:
    """Have so many published to a Gnocchi that is away for two fifths of them."""
    print(
        f"{number:,} notifications into Gnocchi, which is away from 10 % to 50 %; "
        "the rest waits behind what is in the spool then"
    )
    stack.gnocchi.metricd.stop()
    host = stack.host()
    config = _configure(host, stack.publisher("gnocchi-spool"))
    spool = Spool(host.spool, max_bytes=_SPOOL_BYTES)
    _pass(
        stack,
        config,
        number,
        {0.1: stack.gnocchi.api.stop, 0.5: stack.gnocchi.start_api},
        spool,
    )


def _configure(host: Host, publisher: str) -> Path:
    return host.configure(
        "memory",
        [publisher],
        guarded=True,
        notification={"batch_size": BATCH},
        oslo_messaging_rabbit={"rabbit_qos_prefetch_count": 2 * BATCH},
        nova_usage={"spool_retry_max": 5},
    )


def _pass(
    stack: Stack,
    config: Path,
    number: int,
    acts: Mapping[float, Callable[[], object]],
    spool: Spool | None = None,
) -> None:
    """Pass notifications through an agent; act, and read its memory, on the way."""
    with load.Feed(stack.rabbitmq.url) as feed, plugins.installed():
        agent = stack.agent(config)
        agent.start()
        feed.bus.wait_for_consumers(1)
        sent = 0
        for share in SHARES:
            until = int(number * share)
            while sent < until:
                sent += feed.send(_lot(min(_LOT, until - sent)))
                _wait(feed)
            _show(f"after {share:4.0%}", agent, spool)
            if share in acts:
                acts[share]()
        if spool is not None:
            seconds = wait_until(
                spool.is_empty, f"the spool empties\n{agent.tail(20)}", timeout=1800
            )
            _show(f"{seconds:.0f} s later", agent, spool)
        agent.stop()


def _lot(size: int) -> Iterator[load.Body]:
    """Give deletions of a few instances, each read later than all before."""
    now = datetime.datetime.now(datetime.UTC)
    step = datetime.timedelta(microseconds=1)
    deletes = (
        Instance(
            run="memory", number=index % _INSTANCES, collected_at=now + index * step
        ).versioned()
        for index in range(size)
    )
    return load.again(deletes, size)


def _wait(feed: load.Feed) -> None:
    wait_until(lambda: feed.bus.ready() == 0, "the agent takes all", timeout=900)


def _show(when: str, agent: Agent, spool: Spool | None) -> None:
    (worker,) = agent.workers
    status = Path(f"/proc/{worker}/status").read_text()
    resident = int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) / 1024
    waits = "" if spool is None else f", {spool.state().waiting_rows:6,} rows wait"
    print(f"  {when:12}: {resident:6.1f} MiB{waits}", flush=True)
