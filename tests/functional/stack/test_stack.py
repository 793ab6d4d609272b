# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The stack that the other tests rely on: nothing goes wrong where nothing is done."""

import datetime

import pytest

from tests.functional.stack.measures import compare
from tests.functional.stack.scale import scaled
from tests.support.deletes import Instance, deletes
from tests.support.processes import ServerError, exists


@pytest.mark.parametrize("number_of_disks", [1, 3])
def test_what_is_sent_is_found(stack, run, number_of_disks):
    """Without any fault, Gnocchi holds every measure that the oracle tells of."""
    sent = list(
        deletes(run, scaled(40, least=12), disks=number_of_disks, nics=1, totals=True)
    )
    config = stack.host().configure(
        "stock", [stack.exact("gnocchi")], nova_usage={"baseline": True}
    )

    with stack.bus() as bus, stack.agents(config):
        bus.publish(sent)
        stack.wait_until_handled()
    stack.gnocchi.wait_until_processed()

    comparison = compare(
        stack.gnocchi.client(),
        [sample for each in sent for sample in each.samples + each.zeros],
    )
    assert comparison.expected > 0
    assert comparison.exact, comparison


def test_what_is_not_sent_is_missed(stack, run):
    """The comparison notices a measure that is lost, changed or one too many."""
    first, second = deletes(run, 2, totals=True)
    config = stack.host().configure("stock", [stack.exact("gnocchi")])
    with stack.bus() as bus, stack.agents(config):
        bus.publish([first])
        stack.wait_until_handled()
    stack.gnocchi.wait_until_processed()
    client = stack.gnocchi.client()

    *others, last = first.samples
    changed = compare(client, [*others, {**last, "volume": last["volume"] + 1}])

    assert len(changed.wrong) == 1
    assert len(compare(client, others).unsent) == 1
    assert len(compare(client, second.samples).missing) == len(second.samples)
    assert compare(client, first.samples).exact


def test_both_forms_come_to_the_same_series(run):
    """An instance's two notifications tell of the same samples."""
    now = datetime.datetime.now(datetime.UTC)
    instance = Instance(run=run, number=1, collected_at=now, totals=True)

    legacy, versioned = instance.legacy(), instance.versioned()

    def facts(delete):
        return [
            (each["id"], each["resource_id"], each["volume"]) for each in delete.samples
        ]

    assert facts(legacy) == facts(versioned) != []


@pytest.mark.parametrize("name", ["agent", "api", "metricd", "postgresql"])
def test_a_killed_server_is_gone_and_comes_back(stack, name):
    """Whatever is killed leaves no worker behind, and can be started again."""
    config = stack.host().configure("killed", ["test://"], workers=2)
    with stack.agents(config, workers=2) as (agent,):
        server = {
            "agent": agent,
            "api": stack.gnocchi.api,
            "metricd": stack.gnocchi.metricd,
            "postgresql": stack.postgresql.server,
        }[name]
        family = [server.pid, *server.workers]

        server.kill()

        assert len(family) > 1
        assert not any(exists(pid) for pid in family)
        with pytest.raises(ServerError, match="does not run"):
            assert server.pid
        server.start()
        stack.restore()
        assert server.running
