# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Samples that Gnocchi will not have are kept, and are in nobody's way."""

import copy
import json
import subprocess

import pytest

from tests.functional.stack.measures import compare
from tests.support.deletes import Delete, deletes
from tests.support.gnocchi_server import PROGRAMS
from tests.support.processes import wait_until

# Gnocchi says 400 to a name that is too long, and falls over one that its database
# cannot hold: our handlers leave that out, Ceilometer's own meters have it.
NAMES = {"too long": "x" * 300, "not text": "a\0b"}


def renamed(delete, name):
    """The same deletion of a server of another name."""
    notification = copy.deepcopy(delete.notification)
    notification["payload"]["display_name"] = name
    return Delete(notification=notification, routing_key=delete.routing_key)


def spool(config, *arguments):
    """What the command says of the agent's spool."""
    told = subprocess.run(
        [
            PROGRAMS / "ceilo-nova-usage",
            "--quiet",
            "spool",
            *arguments,
            "--config-file",
            config,
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    return told.stdout


@pytest.mark.parametrize("name", NAMES)
def test_one_that_is_refused_costs_no_other(stack, run, name):
    """Its instance's row is kept with Gnocchi's reason; all others' are in Gnocchi."""
    config = stack.host().configure(
        "agent",
        [stack.exact()],
        notification={"batch_size": 10, "batch_timeout": 1},
    )
    good = list(deletes(run, 12))
    sent = [*good[:5], renamed(good[5], NAMES[name]), *good[6:]]
    refused = good.pop(5).notification["payload"]["instance_id"]
    with stack.agents(config), stack.bus() as bus:
        bus.publish(sent)
        stack.wait_until_handled()

        def held():
            listed = json.loads(spool(config, "list", "-f", "json"))
            return {(row["resource_id"], row["state"]) for row in listed}

        wait_until(
            lambda: held() == {(refused, "refused")},
            "only the refused rows are left",
            pause=2,
            timeout=120,
        )
    stack.gnocchi.wait_until_processed()

    samples = [sample for delete in good for sample in delete.samples]
    assert compare(stack.gnocchi.client(), samples).exact
