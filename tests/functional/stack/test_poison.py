# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""What cannot be read is handled once, kept, and costs no other anything."""

import json
import time
from collections import Counter

import pytest

from tests.functional.stack.scale import scaled
from tests.support.deletes import deletes
from tests.support.poison import (
    UNOPENED,
    UNREADABLE,
    of_no_priority,
    raised_for,
    unopened,
    unreadable,
)

GOOD = scaled(10_000)
POISON = scaled(1_000, least=2 * len(UNREADABLE))

#: Seconds.
PATIENCE = 3


@pytest.fixture(name="handle")
def _handle(stack):
    """Let an agent handle messages; return its host, processor seconds and log."""

    def handle(name, messages, batch_size, *, guarded=False):
        host = stack.host()
        config = host.configure(
            name,
            [f"file://{host.directory / 'samples'}?json"],
            guarded=guarded,
            notification={"batch_size": batch_size, "batch_timeout": 1},
        )
        with stack.agents(config) as (agent,):
            begun = agent.cpu_seconds
            with stack.bus() as bus:
                bus.publish(messages)
            stack.wait_until_handled()
            spent = agent.cpu_seconds - begun
        return host, spent, agent.log.read_text("utf-8", "replace")

    return handle


def published(host):
    """How often each of our samples was published, by its id."""
    with (host.directory / "samples").open() as file:
        samples = map(json.loads, file)
        # Those of Ceilometer's own meters have ids of another kind.
        return Counter(each["id"] for each in samples if "|" in each["id"])


def expected(sent):
    """The samples of notifications that can be read, once each."""
    return Counter(sample["id"] for each in sent for sample in each.samples)


def quarantined(host):
    """The ids of the notifications that are kept, as often as they are."""
    return Counter(
        json.loads(line)["message_id"]
        for file in host.quarantine.glob("quarantine.jsonl*")
        for line in file.read_text().splitlines()
    )


def among(good, poison):
    """Mix messages, so that there are some of one kind between those of the other."""
    every = -(-len(good) // len(poison))
    for index, each in enumerate(poison):
        yield each
        yield from good[index * every : (index + 1) * every]


@pytest.mark.parametrize("batch_size", [1, 100])
def test_poison_is_handled_once_and_kept(handle, run, figures, batch_size):
    """Of unreadable notifications every one is kept once; no other is handled twice."""
    good = list(deletes(run, GOOD))
    poison = list(unreadable(f"{run} poison", POISON))

    _, without, _ = handle("good", good, batch_size)
    host, spent, _ = handle("poison", list(among(good, poison)), batch_size)

    # One with a broken part is metered by its other parts.
    assert expected(good) <= published(host)
    assert set(published(host).values()) == {1}
    assert quarantined(host) == Counter(each.message_id for each in poison)
    figures.append(
        f"poison, batches of {batch_size}: {len(poison)} of {len(UNREADABLE)} kinds "
        f"among {len(good)} good, agent's processor {spent:.1f} s, {without:.1f} s "
        f"without; all kept, none handled twice"
    )


def test_what_oslo_messaging_cannot_open_is_dropped_by_it(handle, run, figures):
    """It is off the bus after one attempt, with a line in the log, and nobody has it.

    No endpoint is shown it, and so it cannot be in quarantine.
    """
    good = list(deletes(run, scaled(1_000)))
    poison = list(unopened(f"{run} poison", 2 * len(UNOPENED)))

    host, _, log = handle("unopened", list(among(good, poison)), 10)

    assert published(host) == expected(good)
    assert quarantined(host) == {}
    assert log.count("Failed to process message ... skipping it.") == len(poison)
    figures.append(
        f"messages that oslo.messaging cannot open: {len(poison)} of {len(UNOPENED)} "
        f"kinds among {len(good)} good, each dropped and logged once"
    )


def test_what_others_raise_for(handle, stack, run, figures):
    """Guarded, the agent handles it once and keeps it; unguarded it turns for ever."""
    unasked = list(of_no_priority(f"{run} priority"))
    poison = [*raised_for(f"{run} poison"), *unasked]
    good = list(deletes(run, 20))

    host, _, _ = handle("guarded", list(among(good, poison)), 10, guarded=True)

    assert expected(good) <= published(host)
    assert set(published(host).values()) == {1}
    # Several endpoints may raise for one, but none is asked of one without a priority.
    assert quarantined(host).keys() == {each.message_id for each in poison}
    assert {quarantined(host)[each.message_id] for each in unasked} == {1}
    turns = turns_with_ceilometers_meters(stack, poison[:1])
    assert turns > 2
    figures.append(
        f"messages that Ceilometer's meters or oslo.messaging raise for: {len(poison)} "
        f"kinds among {len(good)} good, guarded, handled once and kept; unguarded, one "
        f"message had {turns} turns in {PATIENCE} s"
    )


def turns_with_ceilometers_meters(stack, messages):
    """How often the agent of an operator who changed nothing tries messages."""
    config = stack.host().configure("stock", ["test://"])
    try:
        with stack.agents(config) as (agent,), stack.bus() as bus:
            bus.publish(messages)
            time.sleep(PATIENCE)
    finally:
        with stack.bus() as bus:
            bus.purge()
    return agent.log.read_text("utf-8", "replace").count("Callback raised an exception")
