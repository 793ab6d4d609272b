# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""``spool flush``: what waits goes to Gnocchi without an agent."""

import contextlib
import subprocess

from ceilo_nova_usage.delivery.spool import Spool
from tests.functional.stack.delivery import Delivery
from tests.functional.stack.scale import scaled
from tests.support.gnocchi_server import PROGRAMS


def flush(config, *options):
    """Run the command; return its exit status and what it said."""
    program = PROGRAMS / "ceilo-nova-usage"
    done = subprocess.run(
        [program, "spool", "flush", "--config-file", config, *options],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_flush_sends_what_an_agent_left(stack, run):
    """All that waits goes to Gnocchi, from a host whose agents are gone, and once."""
    delivery = Delivery(stack, run, scaled(200, least=20))
    config = delivery.configure()
    stack.gnocchi.api.stop()
    with stack.agents(config):
        delivery.publish(delivery.sent)
        stack.wait_until_handled()
    assert delivery.waiting() > len(delivery.sent)
    # While Gnocchi is away nothing is sent, and nothing is lost.
    assert flush(config)[0] == 1
    waiting = delivery.waiting()
    stack.gnocchi.start_api()

    status, said = flush(config)

    assert (status, said) == (0, f"{waiting} rows sent, 0 refused, 0 left\n")
    assert delivery.waiting() == 0
    stack.gnocchi.wait_until_processed()
    comparison = delivery.compare()
    assert comparison.exact, comparison


def test_flush_tries_refused_samples_again(stack, run):
    """What was refused goes to Gnocchi with --refused, once Gnocchi will have it."""
    delivery = Delivery(stack, run, 12)
    config = delivery.configure()
    stack.gnocchi.api.stop()
    with stack.agents(config):
        delivery.publish(delivery.sent)
        stack.wait_until_handled()
    with contextlib.closing(Spool(delivery.host.spool, max_bytes=2**30)) as spool:
        rows = spool.waiting(1000)
        spool.refuse([row.seq for row in rows], "no such resource type")
    stack.gnocchi.start_api()
    assert flush(config) == (0, "nothing waits in the spool\n")

    status, said = flush(config, "--refused")

    assert status == 0
    assert said.splitlines() == [
        f"{len(rows)} refused rows wait again",
        f"{len(rows)} rows sent, 0 refused, 0 left",
    ]
    stack.gnocchi.wait_until_processed()
    assert delivery.compare().exact
