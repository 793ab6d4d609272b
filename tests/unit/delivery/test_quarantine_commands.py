# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""``quarantine list|show|replay|drop``: looking at what is kept, and another try."""

import copy
import json
import signal
import subprocess
import sys

import pytest

from ceilo_nova_usage.delivery.quarantine import FILE_NAME, Quarantine
from ceilo_nova_usage.errors import Faults, Reason
from tests.support import handwritten, oracle
from tests.support.command import run
from tests.support.deployment import Deployment
from tests.support.endpoints import Agent, configured

BLOCK = handwritten.usage(lifetime=handwritten.lifetime())
GOOD = handwritten.legacy(BLOCK)
BROKEN = handwritten.versioned({**BLOCK, "schema": "2.0"})
PARTLY = handwritten.legacy({**BLOCK, "cpu": "fast"})
# Killed as soon as the samples are published, before the quarantine is touched.
KILLED = """\
import os, signal, sys
from ceilo_nova_usage.cli import app
from ceilo_nova_usage.delivery import kept
kept.rewrite = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
app.main(sys.argv[1:])
"""


@pytest.fixture(name="deployment")
def _deployment(tmp_path):
    """An operator's agent, which publishes into a file."""
    return Deployment(tmp_path)


@pytest.fixture(name="keep")
def _keep(deployment):
    """Keep messages in the quarantine, each named, as an older agent would have."""
    quarantine = Quarantine(deployment.quarantine, max_bytes=65536, max_files=9)

    def keep(*messages, reason=Reason.UNKNOWN_VERSION):
        for number, message in enumerate(messages):
            named = copy.deepcopy(message)
            named["metadata"]["message_id"] = f"message-{number}"
            faults = Faults()
            faults.add("payload.usage.schema", reason, "was not known once")
            quarantine.keep(named, f"message-{number}", faults, 0)

    return keep


@pytest.fixture(name="command")
def _command(deployment):
    """Run a command about the quarantine."""

    def command(name, *arguments):
        return run("quarantine", name, "--config-file", deployment.conf, *arguments)

    return command


@pytest.fixture(name="listed")
def _listed(command):
    """List the quarantine, and return the rows."""

    def listed(*arguments):
        result = command("list", "-f", "json", *arguments)
        assert result.status == 0
        return json.loads(result.out)

    return listed


def _of(instance, collected_at=handwritten.COLLECTED_AT):
    """Return a good notification of an instance of its own."""
    uuid = f"{instance:08x}{handwritten.UUID[8:]}"
    return handwritten.legacy({**BLOCK, "collected_at": collected_at}, instance_id=uuid)


def _ids(samples):
    return sorted(sample["id"] for sample in samples)


def _expected_ids(*messages):
    return sorted(
        {sample["id"] for message in messages for sample in oracle.samples(message)}
    )


def test_the_list_goes_over_all_files(keep, listed, deployment):
    """What was put aside is listed like the rest, the oldest first."""
    keep(*[_of(number) for number in range(60)])

    assert len(list(deployment.quarantine.glob(f"{FILE_NAME}*"))) > 2
    assert [row["message_id"] for row in listed()] == [
        f"message-{number}" for number in range(60)
    ]


def test_a_row_says_what_is_wrong(keep, listed):
    """Reasons and the first fault stand beside whose notification it is."""
    keep(GOOD)

    (row,) = listed()

    assert row["reasons"] == ["unknown-version"]
    assert row["first_fault"] == (
        "payload.usage.schema: was not known once (unknown-version)"
    )
    assert row["event_type"] == GOOD["event_type"]
    assert row["samples"] == 0


@pytest.mark.parametrize("formatter", ["table", "csv", "yaml", "value"])
def test_a_list_of_any_format_holds_every_notification(keep, command, formatter):
    """Whatever the format, each notification is a row of it."""
    keep(*[_of(number) for number in range(5)])

    result = command("list", "-f", formatter)

    assert result.status == 0
    assert all(f"message-{number}" in result.out for number in range(5))


def test_nothing_kept_is_an_empty_list(listed):
    """An agent that kept nothing yet has no directory either."""
    assert listed() == []


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["--id", "message-1"], ["message-1"]),
        (["--id", "message-1", "--id", "message-3"], ["message-1", "message-3"]),
        (["--id", "message"], []),
        (["--reason", "missing"], ["message-0", "message-1"]),
        (["--reason", "missing", "--reason", "duplicate"], ["message-0", "message-1"]),
        (["--reason", "too-many"], []),
        (["--event-type", "instance.delete.start"], ["message-1"]),
        (["--event-type", "*.delete.*"], [f"message-{number}" for number in range(4)]),
        (["--event-type", "delete"], []),
        (["--since", "2000-01-01"], [f"message-{number}" for number in range(4)]),
        (["--until", "2000-01-01"], []),
        (["--since", "2999-01-01T00:00:00+02:00"], []),
        (["--reason", "missing", "--event-type", "instance.*"], ["message-1"]),
    ],
    ids=" ".join,
)
def test_only_what_is_meant_is_listed(keep, listed, arguments, meant):
    """Each option narrows the list; what is given twice widens it."""
    keep(GOOD, BROKEN, reason=Reason.MISSING)
    quarantined = [row["message_id"] for row in listed()]
    assert quarantined == ["message-0", "message-1"]
    keep_more = [GOOD, GOOD, GOOD, GOOD]
    keep(*keep_more)
    rows = {row["id"]: row["message_id"] for row in listed()}
    assert len(rows) == 6

    found = [row["message_id"] for row in listed(*arguments)]

    assert sorted(set(found)) == meant


def test_a_time_splits_the_list_in_two(keep, listed):
    """What is kept at a time or later, and what before, are all there is."""
    keep(_of(1), _of(2), _of(3))
    rows = listed()
    middle = rows[1]["quarantined_at"]

    assert listed("--since", middle) == rows[1:]
    assert listed("--until", middle) == rows[:1]


@pytest.mark.parametrize("option", ["--since", "--until"])
def test_a_time_that_is_none_is_refused(command, option):
    """A mistyped time is told of, and nothing is listed."""
    result = command("list", option, "yesterday")

    assert result.status != 0
    assert "no time in ISO 8601" in result.err


def test_what_a_sender_chose_cannot_command_a_terminal(keep, command):
    """Control characters in names do not reach the table."""
    keep({**GOOD, "event_type": "compute.\x1b[31mred\n\x07"})

    for result in (command("list"), command("show", "message-0")):
        assert result.status == 0
        assert "\x1b" not in result.out
        assert "\x07" not in result.out


def test_a_notification_is_shown_whole(keep, command):
    """Its faults and its payload are there, as they were kept."""
    keep(GOOD, BROKEN)

    shown = json.loads(command("show", "message-1", "-f", "json").out)

    assert shown["message"]["payload"] == BROKEN["payload"]
    assert shown["faults"] == [
        {
            "path": "payload.usage.schema",
            "reason": "unknown-version",
            "detail": "was not known once",
        }
    ]
    assert "was not known once" in command("show", "message-1").out


def test_one_of_two_with_the_same_message_id_is_shown_by_its_own(keep, command, listed):
    """A message id that is there twice names neither; the list's ids name each."""
    keep(GOOD)
    keep(BROKEN)

    result = command("show", "message-0")

    assert result.status == 1
    ids = [row["id"] for row in listed()]
    assert all(each in result.err for each in ids)
    for each, message in zip(ids, (GOOD, BROKEN), strict=True):
        shown = json.loads(command("show", each, "-f", "json").out)
        assert shown["event_type"] == message["event_type"]


def test_what_is_not_there_is_not_shown(command):
    """A mistyped id is an error that repeats it."""
    result = command("show", "nowhere")

    assert result.status == 1
    assert "nowhere" in result.err


def test_what_can_be_read_now_is_published_and_taken_out(
    keep, command, listed, deployment
):
    """After an upgrade the kept notifications come to their samples, and go."""
    messages = [_of(number) for number in range(60)]
    keep(*messages)

    result = command("replay", "-f", "json")

    assert result.status == 0
    assert [row["result"] for row in result.samples] == ["delivered"] * 60
    assert _ids(deployment.samples()) == _expected_ids(*messages)
    assert listed() == []


def test_what_still_cannot_be_read_stays_once_with_its_new_faults(
    keep, command, listed
):
    """The file says what is wrong today, once, however often it is tried."""
    keep(_of(1), BROKEN, PARTLY)

    results = [command("replay", "-f", "json") for _ in range(3)]

    assert [result.status for result in results] == [1, 1, 1]
    rows = listed()
    assert [(row["message_id"], row["reasons"]) for row in rows] == [
        ("message-1", ["unknown-version"]),
        ("message-2", ["wrong-type"]),
    ]
    assert "is no version 1.x" in rows[0]["first_fault"]


def test_what_can_be_read_of_a_notification_is_published_though_it_stays(
    keep, command, deployment, listed
):
    """A bad counter costs that counter, at a replay too."""
    keep(PARTLY)
    without = handwritten.legacy({**BLOCK, "cpu": None})

    command("replay")

    assert _ids(deployment.samples()) == _expected_ids(without)
    (row,) = listed()
    assert row["samples"] == len(oracle.samples(without))


def test_a_replay_repeats_the_ids_of_the_first_time(
    keep, command, deployment, tmp_path
):
    """What an agent published before is told apart by no sink."""
    directory = tmp_path / "agent"
    directory.mkdir()
    agent = Agent(configured(directory, metrics_dir=""))
    agent.handle(PARTLY)
    before = {sample.id: sample.volume for sample in agent.pipeline.publish()}
    keep(PARTLY)

    command("replay")

    again = {sample["id"]: sample["volume"] for sample in deployment.samples()}
    assert again == before


def test_only_what_is_meant_is_replayed(keep, command, listed, deployment):
    """Nothing else is published, nor looked into."""
    keep(_of(1), _of(2), _of(3))

    result = command("replay", "--id", "message-1")

    assert result.status == 0
    assert [row["message_id"] for row in listed()] == ["message-0", "message-2"]
    assert _ids(deployment.samples()) == _expected_ids(_of(2))


def test_a_dry_run_shows_what_would_be_published_and_changes_nothing(
    keep, command, deployment
):
    """Its samples are those of the replay that follows; no file differs after it."""
    keep(_of(1), BROKEN, PARTLY)
    before = {
        path: path.read_bytes() for path in deployment.quarantine.glob(f"{FILE_NAME}*")
    }

    result = command("replay", "--dry-run", "-f", "json")

    assert result.status == 1
    assert "message-1" in result.err
    assert "message-2" in result.err
    assert deployment.samples() == []
    assert before == {
        path: path.read_bytes() for path in deployment.quarantine.glob(f"{FILE_NAME}*")
    }
    command("replay")
    assert result.ids == _ids(deployment.samples())


def test_a_dry_run_shows_what_the_operators_pipeline_lets_through(
    keep, command, deployment
):
    """A meter that the pipeline drops is not shown, as it would not be published."""
    deployment.configure(meters=["cpu.total"])
    keep(_of(1))

    result = command("replay", "--dry-run", "-f", "json")

    assert {sample["name"] for sample in result.samples} == {"cpu.total"}


def test_what_the_pipeline_takes_nothing_of_stays(keep, command, listed, deployment):
    """A notification that would go nowhere is not taken out for having gone there."""
    deployment.configure(meters=["memory"])
    keep(_of(1))
    before = listed()

    result = command("replay", "-f", "json")

    assert result.status == 1
    assert "the pipeline takes none" in result.samples[0]["result"]
    assert listed() == before


@pytest.mark.parametrize(
    "publisher", ["tcp://127.0.0.1:1", "http://127.0.0.1:1/samples?max_retries=0"]
)
def test_what_a_publisher_does_not_take_stays(
    keep, command, listed, deployment, publisher
):
    """Neither a publisher that raises nor one that only logs loses a notification."""
    deployment.configure(publishers=[publisher])
    keep(_of(1), BROKEN)
    before = listed()

    result = command("replay", "-f", "json")

    assert result.status == 1
    assert "not published" in result.samples[0]["result"]
    assert listed()[0] == before[0]
    deployment.configure()
    command("replay")
    assert [row["message_id"] for row in listed()] == ["message-1"]
    assert _ids(deployment.samples()) == _expected_ids(_of(1))


def test_a_publisher_that_is_not_there_is_an_error_before_anything_is_published(
    keep, command, listed, deployment
):
    """The agent would run on without it; a replay does not."""
    deployment.configure(
        publishers=[f"file://{deployment.published}?json=true", "nowhere://"]
    )
    keep(_of(1))

    result = command("replay")

    assert result.status == 1
    assert "cannot be loaded" in result.err
    assert deployment.samples() == []
    assert len(listed()) == 1


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"quarantined_at": "2026', "not whole"),
        (json.dumps({"quarantined_at": "2026-01-01", "message": None}), "NoneType"),
        (
            json.dumps({"quarantined_at": "x", "message_begins": "{", "message": {}}),
            "too large",
        ),
        (
            json.dumps({"quarantined_at": "x", "message": {**GOOD, "event_type": "x"}}),
            "no handler meters",
        ),
        (
            json.dumps({"quarantined_at": "x", "message": handwritten.legacy(None)}),
            "no samples",
        ),
    ],
    ids=["cut off", "no message", "too large", "nobody's", "without usage"],
)
def test_what_no_handler_can_be_given_stays_as_it_is(
    command, deployment, keep, line, told
):
    """It is told of, and neither lost nor changed; the others are replayed."""
    keep(_of(1))
    file = deployment.quarantine / FILE_NAME
    with file.open("a") as lines:
        lines.write(f"{line}\n")

    result = command("replay", "-f", "json")

    assert result.status == 1
    assert told in result.samples[1]["result"]
    assert file.read_text() == f"{line}\n"


def test_killed_after_publishing_a_replay_can_be_repeated(
    keep, command, listed, deployment
):
    """A kill -9 between publishing and taking out costs nothing and counts nothing."""
    messages = [_of(number) for number in range(5)]
    keep(*messages)
    arguments = ("quarantine", "replay", "--config-file", deployment.conf)

    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", KILLED, *arguments], check=False
    )

    assert ended.returncode == -signal.SIGKILL
    assert len(listed()) == 5
    published = deployment.samples()
    assert _ids(published) == _expected_ids(*messages)
    assert command("replay").status == 0
    assert listed() == []
    again = deployment.samples()[len(published) :]
    assert [(each["id"], each["volume"]) for each in again] == [
        (each["id"], each["volume"]) for each in published
    ]


def test_a_replay_leaves_no_metrics_behind(keep, command, deployment):
    """The command is no agent, and does not pass for one."""
    keep(_of(1))

    command("replay")

    assert not deployment.metrics.exists()


def test_what_is_dropped_is_gone(keep, command, listed):
    """The others stay."""
    keep(_of(1), BROKEN)

    result = command("drop", "--event-type", "instance.*")

    assert result.status == 0
    assert "1 notifications dropped" in result.out
    assert [row["message_id"] for row in listed()] == ["message-0"]


def test_what_is_dropped_can_be_saved_and_replayed(
    keep, command, listed, deployment, tmp_path
):
    """The file that is written first is a recording like any other."""
    keep(_of(1), _of(2))
    copy_of_it = tmp_path / "dropped.jsonl"

    result = command("drop", "--all", "--to", copy_of_it)

    assert result.status == 0
    assert listed() == []
    assert run("replay", "-f", "json", copy_of_it).ids == _expected_ids(_of(1), _of(2))


@pytest.mark.parametrize("arguments", [[], ["--all", "--reason", "missing"]])
def test_nothing_is_dropped_that_was_not_named(keep, command, listed, arguments):
    """A command that does not say what it means drops nothing."""
    keep(_of(1))

    result = command("drop", *arguments)

    assert result.status == 2
    assert "say what to drop" in result.err
    assert len(listed()) == 1


def test_a_quarantine_that_is_switched_off_is_an_error(command, deployment):
    """Nobody takes an empty list for good news."""
    deployment.configure(options={"quarantine_dir": ""})

    for name in ("list", "replay"):
        result = command(name)
        assert result.status == 1
        assert "quarantine_dir" in result.err


def test_an_unusable_option_is_named(command, deployment):
    """A command reads the options as the agent does, and refuses as it does."""
    deployment.configure(options={"quarantine_max_files": "one"})

    result = command("list")

    assert result.status == 1
    assert "[nova_usage] quarantine_max_files" in result.err
