# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Whatever breaks, every measure comes to Gnocchi, once and as it was sent."""

import contextlib
import errno
import os
import random
import signal
import subprocess
import time

import pytest

from tests.functional.stack.delivery import Delivery, compare_all, configure
from tests.functional.stack.scale import scaled
from tests.support.deletes import deletes
from tests.support.processes import wait_until

DELETES = scaled(1000, least=20)
KILLS = 10
#: Seconds.
OUTAGE = scaled(300, least=10)
MIB = 1024 * 1024


@pytest.fixture(name="delivery")
def _delivery(stack, run):
    return Delivery(stack, run, DELETES)


@pytest.fixture(name="arrived")
def _arrived(delivery, figures):
    """Asserts that everything arrived, and notes after which fault that was."""

    def arrived(fault):
        seconds = delivery.wait_until_arrived()
        comparison = delivery.compare()
        figures.append(
            f"{fault}: {len(delivery.sent)} deletes in {seconds:.0f} s, {comparison}"
        )
        assert comparison.exact, comparison

    return arrived


@pytest.mark.parametrize("victim", ["agent", "worker"])
def test_an_agent_is_killed_again_and_again(stack, delivery, arrived, victim):
    """An agent killed at any moment loses nothing and meters nothing twice."""
    with stack.agents(delivery.configure()) as (agent,):
        for part in delivery.parts(KILLS):
            delivery.publish(part)
            time.sleep(random.uniform(0, 1))
            if victim == "agent":
                agent.kill()
                agent.start()
            else:
                # The master starts another.
                wait_until(lambda: agent.workers, "there is a worker to be killed")
                os.kill(agent.workers[0], signal.SIGKILL)
            with stack.bus() as bus:
                bus.wait_for_consumers(1)
        arrived(f"{victim} killed {KILLS} times")


def test_gnocchi_is_away(stack, delivery, arrived):
    """With neither API nor metricd all is taken off the bus, and sent afterwards."""
    stack.gnocchi.api.kill()
    stack.gnocchi.metricd.kill()
    with stack.agents(delivery.configure()) as (agent,):
        for part in delivery.parts(10):
            delivery.publish(part)
            time.sleep(OUTAGE / 10)
        stack.wait_until_handled()
        assert delivery.waiting() > 0
        assert "Gnocchi does not take samples" in agent.log.read_text("utf-8")

        stack.restore()

        arrived(f"Gnocchi's API and metricd down for {OUTAGE} s")


def test_an_agent_starts_while_gnocchi_is_away(stack, delivery, arrived):
    """What an agent keeps when it is stopped, the next one sends."""
    stack.gnocchi.api.kill()
    with stack.agents(delivery.configure()):
        delivery.publish(delivery.sent)
        stack.wait_until_handled()
    assert delivery.waiting() > 0
    with stack.agents(delivery.configure()):
        stack.restore()
        arrived("the API down, the agent stopped and started")


def test_postgresql_is_restarted(stack, delivery, arrived):
    """The index goes away under requests of all kinds; none of them is lost."""
    with stack.agents(delivery.configure()):
        for part in delivery.parts(3):
            delivery.publish(part)
            time.sleep(1)
            stack.postgresql.server.stop()
            time.sleep(OUTAGE / 10)
            stack.postgresql.start()
        arrived("PostgreSQL restarted 3 times")


def test_rabbitmq_is_restarted(stack, delivery, arrived):
    """The bus goes away with messages on it, and with some at the agent.

    It hands out again what was not acknowledged. oslo.messaging remembers what it has
    seen, passes over that and does not acknowledge it either, so that it is off the bus
    when the agent's connection is: another agent meters it once more.
    """
    config = delivery.configure()
    with stack.agents(config):
        for part in delivery.parts(2):
            delivery.publish(part)
            time.sleep(0.5)
            stack.rabbitmq.stop()
            time.sleep(OUTAGE / 10)
            stack.rabbitmq.start()
        with stack.bus() as bus:
            wait_until(lambda: bus.ready() == 0, "all is handed out", timeout=900)
    with stack.agents(config):
        arrived("RabbitMQ restarted 2 times")


@contextlib.contextmanager
def a_small_disk(directory, size):
    """Have a disk of so many bytes at a directory."""
    directory.mkdir(mode=0o700)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", directory]
    subprocess.run(mount, check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", directory], check=True)


def fill(file):
    """Leave no byte of room on a file's disk."""
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)), file.open("wb") as on:
        while True:
            os.write(on.fileno(), bytes(4096))


@pytest.mark.parametrize("relief", ["room", "gnocchi"])
def test_the_disk_of_the_spool_is_full(stack, delivery, arrived, relief):
    """What neither Gnocchi nor the disk takes waits on the bus, until one of them does.

    A full disk does not keep the spool from being emptied.
    """
    first, second = delivery.parts(2)
    ballast = delivery.host.spool / "ballast"
    with (
        a_small_disk(delivery.host.spool, 64 * MIB),
        stack.agents(delivery.configure(spool_max_bytes=32 * MIB)),
    ):
        stack.gnocchi.api.kill()
        delivery.publish(first)
        stack.wait_until_handled()
        kept = delivery.waiting()
        fill(ballast)
        delivery.publish(second)
        time.sleep(OUTAGE / 3)
        assert 0 < delivery.waiting() < 2 * kept
        assert stack.rabbitmq.messages() > 0

        if relief == "room":
            ballast.unlink()
            stack.wait_until_handled()
            assert delivery.waiting() > kept
        stack.restore()

        arrived(f"the disk of the spool full, then {relief}")


def test_two_agents_with_two_workers_each(stack, delivery, arrived):
    """Four processes share one spool, in trouble and out of it."""
    configs = [delivery.configure(name, workers=2) for name in ("one", "two")]
    with stack.agents(*configs, workers=2) as (one, _):
        for number, part in enumerate(delivery.parts(3)):
            delivery.publish(part)
            time.sleep(0.5)
            if number == 0:
                stack.gnocchi.api.kill()
            if number == 1:
                one.kill()
                stack.restore()
                one.start()
        arrived("two agents of two workers, one killed, the API down")


def test_ceilometers_own_publisher_loses_what_gnocchi_does_not_take(
    stack, run, figures
):
    """Its retries are over in half a minute, and then the samples are gone."""
    sent = list(deletes(run, scaled(200), totals=True))
    config = configure(stack.host(), "stock", stack.exact("gnocchi"))
    with stack.agents(config):
        stack.gnocchi.api.kill()
        begun = time.monotonic()
        with stack.bus() as bus:
            bus.publish(sent)
        stack.wait_until_handled()
        outage = time.monotonic() - begun
        stack.restore()
        stack.gnocchi.wait_until_processed()

    comparison = compare_all(stack, sent)
    figures.append(
        f"gnocchi:// beside it, the API down for {outage:.0f} s: {len(sent)} deletes, "
        f"{comparison}"
    )
    assert comparison.missing
    # What it does deliver is right.
    assert not (comparison.wrong or comparison.doubled or comparison.unsent)
