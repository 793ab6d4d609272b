# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""``spool list``, ``flush`` and ``drop``, on the spool that a configuration names."""

import json
import stat

import pytest

from tests.support import command
from tests.support.deployment import Deployment
from tests.support.spooled import numbers, sample, waiting

# Where nothing listens.
NOBODY = """\
[service_credentials]
auth_type = gnocchi-basic
user = admin
endpoint = http://127.0.0.1:9
"""
OURS = "gnocchi-spool://?enable_filter_project=false"


@pytest.fixture(name="deployment")
def _deployment(tmp_path, directory):
    """An operator's agent with the test's spool."""
    deployment = Deployment(tmp_path)
    deployment.configure(
        publishers=["log://", OURS], options={"spool_dir": directory}, more=NOBODY
    )
    return deployment


@pytest.fixture(name="run")
def _run(deployment):
    """Run a command about the spool."""

    def run(what, *arguments):
        return command.run("spool", what, "--config-file", deployment.conf, *arguments)

    return run


@pytest.fixture(name="filled")
def _filled(spool):
    """A spool in which one of three resources is refused."""
    spool.append([sample("vm-1", 1), sample("vm-1", 2), sample("vm-2", 3)])
    spool.append([sample("vm-3", 4), sample("vm-1", 5)])
    (row,) = (row for row in waiting(spool) if row.resource_id == "vm-2")
    spool.refuse([row.seq], "no such resource type")
    return spool


def test_list_shows_every_resource(run, filled):
    """A line a resource: how many samples, since when, and why they were refused."""
    rows = json.loads(run("list", "-f", "json").out)

    assert [(row["resource_id"], row["state"], row["samples"]) for row in rows] == [
        ("vm-1", "waiting", 3),
        ("vm-2", "refused", 1),
        ("vm-3", "waiting", 1),
    ]
    assert [row["rows"] for row in rows] == [2, 1, 1]
    assert [row["reason"] for row in rows] == ["", "no such resource type", ""]
    assert all(row["age"] >= 0 for row in rows)
    (oldest,) = filled.waiting(1)
    assert rows[0]["oldest"] == oldest.accepted_at.isoformat()


def test_list_sums_up(run, filled, directory):
    """Standard error says how much waits, since when, is refused, and of what room."""
    summary = run("list").err

    assert str(directory) in summary
    assert "4 samples wait in 3 rows, the oldest for " in summary
    assert "1 samples in 1 rows were refused" in summary
    assert f"{filled.state().bytes_used} of {2**30} bytes" in summary


def test_list_is_quiet_when_told_to(deployment, filled):
    """With --quiet there is nothing but the rows."""
    result = command.run("--quiet", "spool", "list", "--config-file", deployment.conf)

    assert (result.status, result.err) == (0, "")


def test_list_shows_the_oldest(run, filled):
    """A long list can be cut, and then says that it is."""
    result = run("list", "-f", "json", "--limit", 1)

    assert [row["resource_id"] for row in json.loads(result.out)] == ["vm-1"]
    assert "only the 1 oldest" in result.err


def test_list_without_a_spool(run, directory):
    """Where no spool was begun nothing waits, and none is begun."""
    result = run("list", "-f", "json")

    assert (result.status, json.loads(result.out)) == (0, [])
    assert "0 samples wait in 0 rows;" in result.err
    assert not directory.exists()


def test_list_tells_of_damaged_files(run, spool, directory):
    """What was put aside as damaged is not forgotten."""
    spool.append([sample()])
    spool.close()
    next(directory.glob("spool-*.db")).write_bytes(b"no database" * 1000)

    run("list")
    told = run("list").err

    (aside,) = directory.glob("damaged-*.db")
    assert str(aside) in told


@pytest.mark.parametrize(
    ("arguments", "left"),
    [
        (["--all"], []),
        (["--refused"], [1, 2, 4, 5]),
        (["--resource", "vm-1"], [3, 4]),
        (["--resource", "vm-1", "--refused"], [1, 2, 3, 4, 5]),
        (["--before", "2020-01-01"], [1, 2, 3, 4, 5]),
        (["--before", "2999-01-01T00:00:00+02:00"], []),
    ],
)
def test_drop_drops_what_is_meant(run, filled, arguments, left):
    """Rows that fit every option are gone, and how many is printed; no others are."""
    result = run("drop", *arguments)

    assert result.status == 0
    assert f"{5 - len(left)} samples in " in result.out
    assert sorted(numbers(filled.rows())) == left


@pytest.mark.parametrize("arguments", [[], ["--all", "--refused"], ["--to", "x"]])
def test_drop_does_not_guess(run, filled, arguments):
    """Unless it is clear what is meant nothing is dropped."""
    result = run("drop", *arguments)

    assert result.status == 2
    assert "--all" in result.err
    assert len(numbers(filled.rows())) == 5


def test_drop_saves_first(run, filled, tmp_path):
    """With --to every sample is a line in a private file, with its reason and time."""
    file = tmp_path / "dropped.jsonl"
    rows = list(filled.rows())

    assert run("drop", "--all", "--to", file).status == 0

    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["volume"] for line in lines] == numbers(rows)
    assert {line["resource_id"]: line["reason"] for line in lines} == {
        "vm-1": None,
        "vm-2": "no such resource type",
        "vm-3": None,
    }
    assert lines[0]["accepted_at"] == rows[0].accepted_at.isoformat()
    assert lines[0]["resource_metadata"] == {"display_name": "web-1"}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(filled.rows()) == []


def test_drop_keeps_what_it_cannot_save(run, filled, tmp_path):
    """Where the file cannot be written nothing is dropped."""
    result = run("drop", "--all", "--to", tmp_path / "no" / "such" / "place")

    assert result.status == 1
    assert len(numbers(filled.rows())) == 5


def test_flush_with_nothing_to_send(run, directory):
    """An empty spool is flushed, and none is begun for that."""
    result = run("flush")

    assert result.status == 0
    assert "nothing waits" in result.out
    assert not directory.exists()


def test_flush_without_gnocchi_loses_nothing(run, filled):
    """Where nobody answers the status tells, soon, and all still waits."""
    result = run("flush")

    assert result.status == 1
    assert "Unable to establish connection" in result.err
    assert numbers(waiting(filled)) == [1, 2, 4, 5]


def test_flush_leaves_it_to_a_running_agent(run, filled):
    """While an agent of the host sends, the command does not send as well."""
    with filled.draining() as ours:
        assert ours
        plain = run("flush")
        again = run("flush", "--refused")

    assert plain.status == 1
    assert "3 rows that wait" in plain.out
    assert again.status == 0
    assert "1 refused rows wait again" in again.out
    assert sorted(numbers(waiting(filled))) == [1, 2, 3, 4, 5]


def test_flush_needs_our_publisher(run, deployment, directory, filled):
    """A pipeline without the publisher is named: there is nothing to send with."""
    deployment.configure(publishers=["gnocchi://"], options={"spool_dir": directory})

    result = run("flush")

    assert result.status == 1
    assert "pipeline.yaml has a gnocchi-spool:// publisher" in result.err
    assert numbers(waiting(filled)) == [1, 2, 4, 5]


@pytest.mark.parametrize("what", [["list"], ["flush"], ["drop", "--all"]])
def test_options_that_are_refused_are_named(run, deployment, what):
    """A configuration that the agent would not start with is told of as such."""
    deployment.configure(publishers=[OURS], options={"spool_dir": ""})

    result = run(*what)

    assert result.status == 1
    assert "[nova_usage] spool_dir" in result.err
