# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""What the quarantine has kept: read, and taken out again while agents run."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from ceilo_nova_usage.delivery import kept
from ceilo_nova_usage.delivery.quarantine import FILE_NAME, Quarantine
from ceilo_nova_usage.errors import Faults, Reason

REWRITE = """\
import itertools, json, pathlib, sys
from ceilo_nova_usage.delivery import kept
directory = pathlib.Path(sys.argv[1])
print("ready", flush=True)
for turn in itertools.count():
    if turn == 1:
        print("all rewritten", flush=True)
    for each in kept.read(directory):
        if each.record["message"]["number"] % 2:
            other = {**each.record, "tried": each.record.get("tried", 0) + 1}
            kept.rewrite(directory, {each.digest: json.dumps(other).encode() + b"\\n"})
"""
KEEP = """\
import pathlib, sys
from ceilo_nova_usage.delivery.quarantine import Quarantine
from ceilo_nova_usage.errors import Faults
quarantine = Quarantine(pathlib.Path(sys.argv[1]), max_bytes=2**16, max_files=50)
for number in range(int(sys.argv[2]), int(sys.argv[3])):
    message = {"number": number, "payload": "x" * 3000}
    quarantine.keep(message, str(number), Faults(), 0)
"""


def _faults(reason=Reason.MISSING):
    faults = Faults()
    faults.add("payload", reason, "is missing")
    return faults


def _keep(directory, numbers, max_files=20):
    quarantine = Quarantine(directory, max_bytes=4096, max_files=max_files)
    for number in numbers:
        message = {"number": number, "payload": "x" * 900}
        quarantine.keep(message, str(number), _faults(), 0)


def _numbers(directory):
    return [each.record["message"]["number"] for each in kept.read(directory)]


def test_everything_kept_is_read_the_oldest_first(tmp_path):
    """However many files the lines are in, they come in the order they were kept."""
    _keep(tmp_path, range(40))

    assert len(list(tmp_path.glob(f"{FILE_NAME}*"))) > 9
    assert _numbers(tmp_path) == list(range(40))


@pytest.mark.parametrize("made", [True, False])
def test_a_quarantine_without_anything_in_it_is_empty(tmp_path, made):
    """Neither an empty directory nor one that is not there is an error."""
    directory = tmp_path / "quarantine"
    if made:
        directory.mkdir()

    assert list(kept.read(directory)) == []
    assert kept.state(directory, 10).notifications == 0


def test_a_line_says_what_was_written(tmp_path):
    """What the quarantine wrote down is what is read, in words and types."""
    Quarantine(tmp_path, max_bytes=4096, max_files=2).keep(
        {"event_type": "a", "payload": {}}, "id-1", _faults(), 7
    )

    (each,) = kept.read(tmp_path)

    assert (each.message_id, each.event_type, each.samples) == ("id-1", "a", 7)
    assert [str(fault) for fault in each.faults] == ["payload: is missing (missing)"]
    assert each.quarantined_at.tzinfo is not None
    assert each.source == f"{FILE_NAME}:1"


@pytest.mark.parametrize(
    "line",
    [
        '{"quarantined_at": "2026',
        "[]",
        "5",
        "",
        '{"faults": 5, "samples": "x", "message_id": 5, "quarantined_at": 5}',
        '{"faults": [5, {"path": 5}], "quarantined_at": "soon"}',
        "[" * 100_000,
    ],
    ids=lambda line: line[:20],
)
def test_a_line_of_any_content_can_be_looked_at(tmp_path, line):
    """Half a line, or one that somebody edited, is in nobody's way."""
    (tmp_path / FILE_NAME).write_text(f"{line}\n")

    (each,) = kept.read(tmp_path)

    assert each.message_id is None
    assert each.event_type is None
    assert each.quarantined_at is None
    assert each.samples == 0
    assert all(str(fault) for fault in each.faults)


def test_what_is_taken_out_is_gone_and_nothing_else(tmp_path):
    """Lines leave whichever file they are in; the others stay, in their order."""
    _keep(tmp_path, range(40))
    taken = {
        each.digest: None
        for each in kept.read(tmp_path)
        if each.record["message"]["number"] % 3 == 0
    }

    assert kept.rewrite(tmp_path, taken) == len(taken)

    assert _numbers(tmp_path) == [number for number in range(40) if number % 3]


def test_a_line_is_replaced_where_it_stands(tmp_path):
    """What stands instead of a line stands in its place."""
    _keep(tmp_path, range(10))
    chosen = list(kept.read(tmp_path))[4]
    instead = json.dumps({**chosen.record, "message": {"number": 400}}).encode()

    kept.rewrite(tmp_path, {chosen.digest: instead + b"\n"})

    assert _numbers(tmp_path) == [0, 1, 2, 3, 400, 5, 6, 7, 8, 9]


def test_a_file_that_is_emptied_goes(tmp_path):
    """No empty file takes the place of one with something in it."""
    _keep(tmp_path, range(12))

    kept.rewrite(tmp_path, {each.digest: None for each in kept.read(tmp_path)})

    assert list(tmp_path.glob(f"*{FILE_NAME}*")) == []
    _keep(tmp_path, [12])
    assert _numbers(tmp_path) == [12]


def test_what_is_kept_after_reading_began_is_not_lost(tmp_path):
    """Lines that come, and files put aside, between reading and taking out stay."""
    _keep(tmp_path, range(3))
    read = {each.digest: None for each in kept.read(tmp_path)}
    _keep(tmp_path, range(3, 12))

    kept.rewrite(tmp_path, read)

    assert _numbers(tmp_path) == list(range(3, 12))


def test_files_that_have_nothing_to_change_are_not_touched(tmp_path):
    """Taking one line out rewrites one file."""
    _keep(tmp_path, range(12))
    before = {path: path.stat().st_ino for path in tmp_path.glob(f"{FILE_NAME}*")}
    (first, *_) = kept.read(tmp_path)

    kept.rewrite(tmp_path, {first.digest: None})

    after = {path: path.stat().st_ino for path in tmp_path.glob(f"{FILE_NAME}*")}
    assert sum(after[path] != inode for path, inode in before.items()) == 1


def test_a_file_keeps_its_owner_and_its_mode(tmp_path):
    """An agent can still write where root, or whoever else may, took something out."""
    _keep(tmp_path, range(2))
    file = tmp_path / FILE_NAME
    if os.geteuid() == 0:
        os.chown(tmp_path, 12345, 12346)
        os.chown(file, 12345, 12346)
    before = file.stat()
    (first, *_) = kept.read(tmp_path)

    kept.rewrite(tmp_path, {first.digest: None})

    after = file.stat()
    assert after.st_ino != before.st_ino
    assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)
    assert after.st_mode == before.st_mode


def test_killed_at_any_moment_a_rewriting_loses_and_doubles_nothing(tmp_path):
    """After each kill -9 every line is there once, whole, in its place."""
    _keep(tmp_path, range(20))
    seed = random.Random(4)
    for turn in range(10):
        command = [sys.executable, "-c", REWRITE, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout.readline() == b"ready\n"
            if turn == 0:  # however slow the disk is
                assert process.stdout.readline() == b"all rewritten\n"
            time.sleep(seed.uniform(0, 0.05))
            process.send_signal(signal.SIGKILL)

        assert _numbers(tmp_path) == list(range(20))
    (first, *_) = kept.read(tmp_path)
    kept.rewrite(tmp_path, {first.digest: json.dumps(first.record).encode() + b"\n"})
    assert not any(path.suffix == ".new" for path in tmp_path.iterdir())
    tried = [each.record.get("tried", 0) for each in kept.read(tmp_path)]
    assert all(tried[1::2])
    assert not any(tried[0::2])


def test_a_full_disk_is_an_error_and_loses_nothing(tmp_path):
    """A file that cannot be written anew stays as it is."""
    _keep(tmp_path, range(10))
    code = (
        "import pathlib, resource, sys\n"
        "from ceilo_nova_usage.delivery import kept\n"
        "directory = pathlib.Path(sys.argv[1])\n"
        "(first, *_) = kept.read(directory)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n"
        "    kept.rewrite(directory, {first.digest: None})\n"
        "except OSError as error:\n"
        "    print(error.errno)\n"
    )

    ended = subprocess.run(
        [sys.executable, "-c", code, tmp_path], check=True, capture_output=True
    )

    assert ended.stdout.strip() == b"27"  # EFBIG
    assert _numbers(tmp_path) == list(range(10))


def test_agents_keep_on_keeping_while_lines_are_taken_out(tmp_path):
    """What other processes keep meanwhile is there afterwards, once each."""
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", KEEP, str(tmp_path), str(first), str(first + 100)]
        )
        for first in (0, 1000)
    ]
    taken = []
    while any(writer.poll() is None for writer in writers) or _numbers(tmp_path):
        found = list(kept.read(tmp_path))
        kept_now = {each.digest: None for each in found}
        if kept_now:
            assert kept.rewrite(tmp_path, kept_now) == len(found)
        taken += [each.record["message"]["number"] for each in found]

    assert [writer.returncode for writer in writers] == [0, 0]
    assert sorted(taken) == [*range(100), *range(1000, 1100)]


def test_the_state_is_what_is_there(tmp_path):
    """Notifications, files and bytes are counted as they are, before and after."""
    _keep(tmp_path, range(30))
    files = list(tmp_path.glob(f"{FILE_NAME}*"))

    state = kept.state(tmp_path, 4096 * 20)

    assert (state.notifications, state.files) == (30, len(files))
    assert state.bytes == sum(file.stat().st_size for file in files)
    assert state.bytes_bound == 4096 * 20
    (first, *_) = kept.read(tmp_path)
    kept.rewrite(tmp_path, {first.digest: None})
    assert kept.state(tmp_path, 4096 * 20).notifications == 29
    _keep(tmp_path, [30])
    assert kept.state(tmp_path, 4096 * 20).notifications == 30
