# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""What an operator is told of the running stack, and can do about it."""

import copy
import dataclasses
import json
import subprocess

import pytest

from ceilo_nova_usage.delivery.quarantine import Quarantine
from ceilo_nova_usage.errors import Faults, Reason
from tests.functional.stack.measures import compare
from tests.support import oracle
from tests.support.deletes import deletes
from tests.support.gnocchi_server import PROGRAMS
from tests.support.processes import wait_until

SUCCESS, WARNING, FAILURE = range(3)
PREFIX = "ceilo_nova_usage_"
WORKERS = 2


@pytest.fixture(name="recommended")
def _recommended(stack):
    """A publisher's URL with the definitions that 'gnocchi-resources' prints."""
    file = stack.directory / "recommended.yaml"
    file.write_text(command("gnocchi-resources")[1])
    return stack.publisher("gnocchi-spool", resources_definition_file=str(file))


@pytest.fixture(name="host")
def _host(stack):
    """A host for agents, with a spool, a quarantine and metrics of its own."""
    return stack.host()


@pytest.fixture(name="config")
def _config(host, recommended):
    """An agent's configuration, as it is recommended; it makes our samples alone."""
    no_meters = host.directory / "meters.d"
    no_meters.mkdir()
    return host.configure(
        "agent",
        [recommended],
        event_publishers=[recommended],
        guarded=True,
        workers=WORKERS,
        meter={"meter_definitions_dirs": no_meters},
    )


def command(*arguments, program="ceilo-nova-usage"):
    """Run a command as an operator does; return its status and what it printed."""
    done = subprocess.run(
        [PROGRAMS / program, *arguments], stdout=subprocess.PIPE, text=True, check=False
    )
    return done.returncode, done.stdout


def unreadable(delete):
    """Return a notification whose usage is of a schema that is not known yet."""
    notification = copy.deepcopy(delete.notification)
    notification["payload"]["usage"]["schema"] = "2.0"
    return dataclasses.replace(delete, notification=notification)


def check(config):
    """Check a deployment; return the exit status, and the results by their titles."""
    status, out = command(
        *("--config-file", config, "upgrade", "check", "--json"),
        program="ceilo-nova-usage-status",
    )
    return status, {each["check"]: each for each in json.loads(out)["checks"]}


def health(config, *arguments):
    """Return the exit status of the command, and its values by metric and labels."""
    status, out = command("health", "--config-file", config, "-f", "json", *arguments)
    return status, {
        (row["metric"].removeprefix(PREFIX), row["labels"]): row["value"]
        for row in json.loads(out)
    }


def test_all_is_well_where_all_is_as_it_should_be(stack, run, host, config, figures):
    """No check finds anything, and the numbers are those of what was sent."""
    sent = list(deletes(run, 10, totals=True))
    samples = sum(len(each.samples) for each in sent)
    with stack.bus() as bus, stack.agents(config, workers=WORKERS):
        bus.publish(sent)
        stack.wait_until_handled()
        stack.gnocchi.wait_until_processed()

        def told():
            return health(config)[1].get(("samples_total", "outcome=sent"))

        # The workers write their counts in intervals.
        waited = wait_until(lambda: told() == samples, "all counts are on file")
        status, results = check(config)
        failing, values = health(config, "--fail-on", "any")

    found = {title: each["details"] for title, each in results.items()}
    assert status == SUCCESS, found
    assert failing == 0
    assert values["processes", "state=running"] == WORKERS
    assert values["notifications_total", "outcome=metered"] == len(sent)
    assert values["spool_samples", "state=waiting"] == 0
    figures.append(
        f"health: {len(sent)} notifications, {samples} samples, told after "
        f"{waited:.1f} s"
    )


def test_trouble_is_told_of_while_it_lasts(stack, run, host, config):
    """Gnocchi away, and notifications that cannot be read: each is a finding."""
    good = list(deletes(run, 3, totals=True))
    bad = deletes(f"{run} unreadable", 5)
    with stack.bus() as bus, stack.agents(config, workers=WORKERS):
        stack.gnocchi.api.stop()
        bus.publish(good)
        bus.publish(unreadable(each) for each in bad)
        stack.wait_until_handled()

        status, results = check(config)
        failing, values = health(config, "--fail-on", "quarantine")

        assert status == FAILURE
        policies = results["Gnocchi's archive policies"]
        assert policies["result"] == WARNING
        assert "Gnocchi cannot be asked" in policies["details"]
        assert results["Quarantine"]["result"] == WARNING
        assert "unknown-version (5)" in results["Quarantine"]["details"]
        assert results["Nova's notifications"]["result"] == FAILURE
        assert failing == 1
        assert values["spool_samples", "state=waiting"] == sum(
            len(each.samples) for each in good
        )
        assert values["quarantine_notifications", ""] == 5
        stack.gnocchi.start_api()
        wait_until(
            lambda: health(config)[1]["spool_samples", "state=waiting"] == 0,
            "the spool is empty",
        )


def test_what_was_kept_reaches_gnocchi_once_it_can_be_read(stack, run, host):
    """A replay delivers what an older version could not read, as an agent would."""
    config = host.configure("agent", [stack.exact()])
    sent = list(deletes(run, 3, totals=True))
    quarantine = Quarantine(host.quarantine, max_bytes=2**20, max_files=2)
    faults = Faults()
    faults.add("payload.usage.schema", Reason.UNKNOWN_VERSION, "was not known once")
    for each in sent:
        quarantine.keep(oracle.dispatched(each.notification), None, faults, 0)

    status, out = command("quarantine", "replay", "--config-file", config, "-f", "json")

    assert status == 0
    assert [row["result"] for row in json.loads(out)] == ["delivered"] * len(sent)
    stack.gnocchi.wait_until_processed()
    comparison = compare(
        stack.gnocchi.client(), [sample for each in sent for sample in each.samples]
    )
    assert comparison.exact, comparison
    assert health(config)[1]["quarantine_notifications", ""] == 0
