# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Notifications a second through RabbitMQ and the agent, against doing nothing.

All wait on the bus before the agent is started, one worker. The rate is that of the
acknowledgements: a worker holds as many messages as it may prefetch, so that each one
that leaves the queue takes the place of one that was acknowledged.

Beside ours and the endpoint that does nothing there is one that publishes as many
samples, always the same: what the pipeline costs, whoever made them. All have the
guarded one, as operators do, but for one that does nothing in Ceilometer's own: it
lacks what the guarded one saves.
"""

import contextlib
import dataclasses
import itertools
import statistics
import time
from collections.abc import Collection, Iterable, Sequence

from tests.functional.stack.stack import Stack
from tests.performance.stack import load, plugins
from tests.support.processes import wait_until

#: At least so much of the rate of an endpoint that does nothing.
WANTED = 0.85
PREFETCH = 200
# Messages that differ; there are more only to be many.
_DIFFERENT = 100


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """An endpoint and a publisher.

    :ivar endpoint: of ours that stands where the handlers are switched off; None
        where they are on
    :ivar guarded: whether it is in the guarded pipeline, or in Ceilometer's own
    """

    publisher: str = "null://"
    endpoint: str | None = None
    guarded: bool = True


NOTHING, READY = "does nothing", "ready samples"
UNGUARDED = "does nothing, in meter"
OURS, TO_A_FILE = "ours", "ours, to a file"
RIVALS = {
    NOTHING: Rival(endpoint="Nothing"),
    UNGUARDED: Rival(endpoint="Nothing", guarded=False),
    READY: Rival(endpoint="Ready"),
    OURS: Rival(),
    TO_A_FILE: Rival(publisher="file:///dev/null?json"),
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One agent's work: messages a second, and of its processor time.

    :ivar cpu: milliseconds a message
    :ivar busy: its share of one core
    """

    rate: float
    cpu: float
    busy: float


def run(
    stack: Stack,
    feed: load.Feed,
    rival: Rival,
    batch: int,
    messages: Iterable[load.Body],
) -> Run:
    """Let an agent handle messages, from the first acknowledgement to the last."""
    config = stack.host().configure(
        "bus",
        [rival.publisher],
        guarded=rival.guarded,
        notification={"batch_size": batch},
        oslo_messaging_rabbit={"rabbit_qos_prefetch_count": PREFETCH},
        nova_usage={"baseline": True, **({"events": ""} if rival.endpoint else {})},
    )
    number = feed.preload(messages)
    ready = feed.bus.ready
    agent = stack.agent(config)
    with plugins.installed(endpoint=rival.endpoint), contextlib.ExitStack() as closing:
        closing.callback(feed.purge)
        agent.start()
        closing.callback(agent.stop)
        wait_until(
            lambda: ready() < number - PREFETCH,
            "the agent acknowledges",
            pause=load.PAUSE,
        )
        counted, begun, spent = ready(), time.monotonic(), agent.cpu_seconds
        wait_until(
            lambda: ready() == 0,
            "the agent takes all",
            timeout=900,
            pause=load.PAUSE,
        )
        seconds, spent = time.monotonic() - begun, agent.cpu_seconds - spent
    return Run(
        rate=counted / seconds,
        cpu=spent / counted * 1e3,
        busy=spent / seconds,
    )


def measure(
    stack: Stack,
    number: int,
    *,
    rounds: int,
    batches: Sequence[int],
    rivals: Collection[str] = RIVALS,
) -> None:
    """Measure both wire forms by each batch size, and print it."""
    with load.Feed(stack.rabbitmq.url) as feed:
        for form, notification in load.FORMS.items():
            bodies = [notification(each) for each in load.instances(form, _DIFFERENT)]
            for batch in batches:
                runs: dict[str, list[Run]] = {name: [] for name in rivals}
                for turn, name in itertools.product(range(rounds), rivals):
                    # It is slow, and not what is compared.
                    if turn and name == TO_A_FILE:
                        continue
                    messages = load.again(bodies, number)
                    runs[name].append(run(stack, feed, RIVALS[name], batch, messages))
                _show(f"{form}, batch_size {batch}", runs)


def _show(title: str, runs: dict[str, list[Run]]) -> None:
    """Print the medians, and the ratios' by the rate and by the processor's time."""
    print(f"{title}, {len(runs[OURS])} rounds")
    for name, those in runs.items():
        rate, cpu, busy = (_median(those, field) for field in ("rate", "cpu", "busy"))
        print(
            f"  {name:22} {rate:7,.0f} notifications/s, {cpu:.3f} ms of processor each,"
            f" one core busy to {busy:4.0%}",
            flush=True,
        )
    for against, wanted in (
        (NOTHING, f" (wanted: {WANTED})"),
        (UNGUARDED, ""),
        (READY, ""),
    ):
        if against not in runs:
            continue
        under, over = runs[against], runs[OURS]
        print(
            f"  ours has {_ratio(over, under, 'rate'):.2f} of the rate of "
            f"{against!r}{wanted}, {_ratio(under, over, 'cpu'):.2f} by the processor",
            flush=True,
        )


def _median(runs: Sequence[Run], field: str) -> float:
    return statistics.median(getattr(run, field) for run in runs)


def _ratio(over: Sequence[Run], under: Sequence[Run], field: str) -> float:
    """Return the median of the rounds' ratios."""
    return statistics.median(
        getattr(a, field) / getattr(b, field) for a, b in zip(over, under, strict=True)
    )
