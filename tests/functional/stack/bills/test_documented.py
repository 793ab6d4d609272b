# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The commands of the documentation on billing, as they stand there."""

import json
import os
import pathlib
import re
import subprocess
import textwrap

import pytest
import requests

from tests.functional.stack.bills import lives
from tests.support.gnocchi_server import PROGRAMS, USER

PAGE = pathlib.Path(__file__).parents[4] / "doc/source/billing/gnocchi.rst"
EVERY_PROJECT = "project_id like '%'"


def block(name):
    """The text of the page's code block of that name."""
    found = re.search(
        rf"^( *)\.\. code-block:: \w+\n\1   :name: {name}\n\n((?:\1   .*\n|\n)+)",
        PAGE.read_text("utf-8"),
        re.MULTILINE,
    )
    assert found, name
    return textwrap.dedent(found[2])


@pytest.fixture(name="shell")
def _shell(simulation, running_stack):
    """Run a block of the page as an administrator of the stack."""

    def run(name, replacing=None, **variables):
        text = block(name)
        for old, new in (replacing or {}).items():
            assert old in text
            text = text.replace(old, new)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            env={
                **os.environ,
                "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
                "PYTHONWARNINGS": "ignore",
                "OS_AUTH_TYPE": "gnocchi-basic",
                "GNOCCHI_USER": USER,
                "GNOCCHI_ENDPOINT": running_stack.gnocchi.url,
                **variables,
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(name="project")
def _project(simulation):
    """A project of ours, and what its lives used of the processor."""
    used = sum(life.used("cpu") for life in simulation.lives if life.project == 1)
    return lives.project(simulation.run, 1), used


def _right(billed, used):
    return used * (1 - 1e-4) <= billed <= used


def _cells(output):
    """The rows of a table as the client prints it."""
    rows = [line.strip("|").split("|") for line in output.splitlines() if "|" in line]
    return [[cell.strip() for cell in row] for row in rows[1:]]


def test_the_usage_of_a_project(shell, project):
    """One command prints one number: what the project used in March."""
    number, used = project

    assert _right(int(shell("bill-project", PROJECT=number)), used)


def test_the_share_of_each_instance(shell, project, simulation):
    """Grouped by instance, the rows are the project's instances, and add up to it."""
    number, used = project

    rows = _cells(shell("bill-instances", PROJECT=number))

    assert {row[0].removeprefix("id: ") for row in rows} == {
        uuid
        for uuid, life in simulation.instances(simulation.run).items()
        if life.project == 1
    }
    assert _right(sum(float(row[-1]) for row in rows), used)


def test_all_projects_and_other_meters(shell, simulation):
    """The loop over meters gives each project's usage of each."""
    projects = {
        lives.project(simulation.run, number): number
        for number in range(lives.PROJECTS)
    }
    search = " or ".join(f"project_id = '{project}'" for project in projects)

    output = shell(
        "bill-projects",
        # Others use the stack too; no life has a network.
        {EVERY_PROJECT: search, " network.outgoing.bytes.total": ""},
    )

    billed = {}
    for group, *_, value in _cells(output):
        if group.startswith("project_id: "):
            billed.setdefault(group.removeprefix("project_id: "), []).append(
                float(value)
            )
    for project, number in projects.items():
        of_project = [life for life in simulation.lives if life.project == number]
        used = sum(
            life.used(name) for life in of_project for name in ("cpu", "read_bytes")
        )
        assert _right(sum(billed[project]), used)


def test_the_request_without_the_client(running_stack, project):
    """The request on the page, sent as it stands, gives the same."""
    number, used = project
    head, body = block("bill-rest").split("\n\n", 1)
    method, path, _ = head.splitlines()[0].split()
    headers = dict(line.split(": ") for line in head.splitlines()[1:])

    response = requests.request(
        method,
        running_stack.gnocchi.url + path,
        data=body.replace("PROJECT", number),
        headers=headers,
        auth=(USER, ""),
        timeout=60,
    )

    response.raise_for_status()
    measures = response.json()["measures"]["aggregated"]
    assert _right(sum(value for *_, value in measures), used)


def test_the_usage_by_the_shared_series(shell, project, simulation):
    """By the pollsters' series the bill is no higher, and right without resets."""
    number, used = project
    of_resets = sum(
        life.used("cpu")
        for life in simulation.lives
        if life.project == 1 and life.was_reset
    )

    billed = int(shell("bill-shared", PROJECT=number))

    assert used - of_resets <= billed * (1 + 1e-4)
    assert billed <= used


def test_what_there_is_to_see(shell, simulation):
    """The policy and an instance's metrics can be looked at."""
    uuid = next(iter(simulation.instances(simulation.run)))

    shown = shell("see-policies", INSTANCE=uuid)

    assert "rate:sum" in shown
    assert "cpu.total" in shown


@pytest.fixture(name="polled_instance")
def _polled_instance(simulation):
    """An instance of the stock agent's, which has a metric of Ceilometer's policy."""
    (resource, *_) = simulation.client.resource.search(
        "instance",
        {"=": {"project_id": lives.project(simulation.stock_run, 0)}},
        limit=1,
    )
    return resource


def test_a_metric_is_put_aside_and_made_anew(shell, simulation, polled_instance):
    """What the old metric holds is there under its new name, the new one is of ours."""
    client, uuid = simulation.client, polled_instance["id"]
    before = client.metric.get_measures(
        polled_instance["metrics"]["cpu"], aggregation="mean"
    )

    shell("move-metric", INSTANCE=uuid)

    metrics = client.resource.get("instance", uuid)["metrics"]
    assert metrics["cpu.before"] == polled_instance["metrics"]["cpu"]
    made = client.metric.get(metrics["cpu"])
    assert made["archive_policy"]["name"] == "nova-usage-rate"
    after = client.metric.get_measures(metrics["cpu.before"], aggregation="mean")
    assert after == before != []


def test_timespans_can_be_changed(shell, simulation):
    """Of a policy in use the timespans can be made longer."""
    policies = simulation.client.archive_policy
    before = policies.get("nova-usage-total")["definition"]
    try:
        shell("change-timespans")

        days = {
            each["granularity"]: each["timespan"].partition(" ")[0]
            for each in policies.get("nova-usage-total")["definition"]
        }
        assert days == {"1:00:00": "200", "1 day, 0:00:00": "2000"}
    finally:
        kept = [
            {name: each[name] for name in ("granularity", "points")} for each in before
        ]
        policies.update("nova-usage-total", {"definition": kept})


def test_an_old_policy_among_the_instances_is_refused(simulation):
    """Gnocchi says so, instead of leaving out what it cannot bill."""
    runs = (simulation.run, simulation.stock_run)
    search = {"in": {"project_id": [lives.project(run, 2) for run in runs]}}

    with pytest.raises(Exception, match="unknown aggregation"):
        simulation.client.aggregates.fetch(
            "(aggregate sum (metric cpu rate:sum))",
            resource_type="instance",
            search=search,
            granularity=3600,
        )
    # Of the totals there are no others.
    assert simulation.client.aggregates.fetch(
        "(aggregate sum (metric cpu.total rate:sum))",
        resource_type="instance",
        search=search,
        granularity=3600,
    )


def test_the_page_has_no_other_commands():
    """Each command with Gnocchi's client is one that was run here."""
    page = PAGE.read_text("utf-8")
    named = re.findall(r":name: (\S+)", page)
    blocks = "".join(block(name) for name in named if name != "cloudkitty-metrics")

    assert page.count("gnocchi aggregates") == blocks.count("gnocchi aggregates")
    assert json.loads(block("bill-rest").split("\n\n", 1)[1])["resource_type"]
