# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The quarantine: what is kept, for whom, how much, and through what."""

import concurrent.futures
import json
import multiprocessing
import os
import signal
import stat
import subprocess
import sys

import pytest

from ceilo_nova_usage.delivery.quarantine import FILE_NAME, Quarantine
from ceilo_nova_usage.errors import Faults, Reason
from tests.support import handwritten

BLOCK = handwritten.usage()
MESSAGE = handwritten.versioned(BLOCK)
MESSAGE_ID = MESSAGE["metadata"]["message_id"]
KEEP = """\
import os, signal, sys, pathlib
from ceilo_nova_usage.delivery.quarantine import Quarantine
from ceilo_nova_usage.errors import Faults
quarantine = Quarantine(pathlib.Path(sys.argv[1]), max_bytes=2**20, max_files=2)
message = {"event_type": "a", "payload": {"text": "x" * int(sys.argv[2])}}
"""


def _faults(detail="is broken"):
    faults = Faults()
    faults.add("payload.usage.cpu", Reason.WRONG_TYPE, detail)
    return faults


def _quarantine(directory, max_bytes=2**20, max_files=4):
    return Quarantine(directory, max_bytes=max_bytes, max_files=max_files)


def _files(directory):
    """Return the quarantine's files, the newest first."""
    return sorted(directory.glob(f"{FILE_NAME}*"))


def _lines(directory):
    """Return all that is kept, the oldest first; every line must be whole."""
    return [
        json.loads(line)
        for file in reversed(_files(directory))
        for line in file.read_text("ascii").splitlines()
    ]


def test_a_message_is_kept_whole_with_its_faults(tmp_path):
    """A line holds what came, what was wrong where, and what was made of it."""
    _quarantine(tmp_path).keep(MESSAGE, MESSAGE_ID, _faults(), 7)

    (kept,) = _lines(tmp_path)
    assert kept["message"] == {**MESSAGE, "ctxt": {"request_id": "req-1"}}
    assert kept["message_id"] == MESSAGE_ID
    assert kept["event_type"] == "instance.delete.start"
    assert kept["samples"] == 7
    assert kept["faults"] == [
        {"path": "payload.usage.cpu", "reason": "wrong-type", "detail": "is broken"}
    ]
    assert kept["quarantined_at"].endswith("+00:00")


def test_the_contexts_secrets_are_not_kept(tmp_path):
    """Tokens, the service catalogue and what is unknown stay out of the file."""
    message = handwritten.legacy(BLOCK)
    message["ctxt"] |= {
        "auth_token": "token-1",
        "service_catalog": [{"type": "secret-catalogue"}],
        "remote_address": "203.0.113.9",
        "later": "secret-later",
        "project_id": "kept",
    }
    message["payload"]["admin_password"] = "secret-password"

    _quarantine(tmp_path).keep(message, None, _faults(), 0)

    text = (tmp_path / FILE_NAME).read_text()
    for secret in ("token-1", "secret-", "203.0.113.9"):
        assert secret not in text
    assert _lines(tmp_path)[0]["message"]["ctxt"]["project_id"] == "kept"


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_only_the_owner_can_open_what_is_kept(tmp_path, umask):
    """Whatever the process's umask is, files and directories are their owner's."""
    directory = tmp_path / "made" / "quarantine"
    before = os.umask(umask)
    try:
        for _ in range(3):
            _quarantine(directory, max_bytes=3000).keep(MESSAGE, None, _faults(), 0)
    finally:
        os.umask(before)

    assert len(_files(directory)) > 1
    for place in (directory.parent, directory):
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
    for file in _files(directory):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_quarantines_size_is_bounded(tmp_path):
    """The newest lines are kept, in so many files of so many bytes at most."""
    quarantine = _quarantine(tmp_path, max_bytes=20_000, max_files=3)

    removed = [
        quarantine.keep({"number": number, "payload": "x" * 900}, None, _faults(), 0)
        for number in range(200)
    ]

    files = _files(tmp_path)
    assert len(files) == 3
    assert all(file.stat().st_size <= 20_000 for file in files)
    numbers = [line["message"]["number"] for line in _lines(tmp_path)]
    assert numbers == list(range(200 - len(numbers), 200))
    assert len(numbers) > 30
    assert any(removed)
    assert set(removed) == {None, files[-1]}


def test_fewer_files_are_kept_where_fewer_are_allowed_than_before(tmp_path):
    """An option that was lowered holds from the next file on."""
    for max_files in (8, 2):
        quarantine = _quarantine(tmp_path, max_bytes=5_000, max_files=max_files)
        for number in range(100):
            quarantine.keep(
                {"number": number, "payload": "x" * 900}, None, _faults(), 0
            )
        assert len(_files(tmp_path)) == max_files


def test_nothing_is_removed_before_there_is_no_room(tmp_path):
    """As long as nothing is said to be removed, every line is there."""
    quarantine = _quarantine(tmp_path, max_bytes=5_000, max_files=4)

    for number in range(100):
        if quarantine.keep({"number": number}, None, _faults(), 0) is not None:
            break
        assert len(_lines(tmp_path)) == number + 1
    else:
        raise AssertionError("the quarantine was never full")


@pytest.mark.parametrize(
    ("message", "message_id"),
    [
        ({"event_type": "a", "payload": "x" * 500_000}, "id"),
        ({"event_type": "a", "payload": {"\\" * 500_000: '"' * 500_000}}, "id"),
        ({"event_type": "a", "payload": ["é" * 200_000]}, "é" * 500_000),
    ],
    ids=["text", "what JSON escapes", "its id too"],
)
def test_a_message_that_no_file_can_hold_is_kept_in_part(tmp_path, message, message_id):
    """Of a message over the bound its beginning is kept, and its size."""
    faults = _faults()
    for number in range(10_000):
        faults.add(f"payload.disks.{number}", Reason.MISSING, "is missing")

    _quarantine(tmp_path, max_bytes=65_536).keep(message, message_id, faults, 0)

    assert (tmp_path / FILE_NAME).stat().st_size <= 65_536
    (kept,) = _lines(tmp_path)
    assert kept["message_bytes"] > 500_000
    assert kept["message_begins"].startswith('{"event_type": "a", "payload": ')
    assert kept["faults"]


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (2**1000, 2**1000),
        (10**5000, "<16610 bit number>"),
        (-(10**5000), "<16610 bit number>"),
        (float("nan"), "<nan>"),
        (float("-inf"), "<-inf>"),
        (1.5, 1.5),
        (True, True),
        ("\ud800\x00\n", "\ud800\x00\n"),
        (b"raw", "<bytes>"),
        ({1: 2}, {"<int>": 2}),
        ((1, 2), [1, 2]),
        ("x" * 100_000, "x" * 100_000),
    ],
    ids=lambda value: f"{type(value).__name__}",
)
def test_what_json_cannot_hold_is_described(tmp_path, value, kept):
    """Every line is JSON to a strict reader, and says what could not be in it."""
    _quarantine(tmp_path).keep({"payload": value}, None, _faults(), 0)

    (line,) = (tmp_path / FILE_NAME).read_text().splitlines()
    read = json.loads(line, parse_constant=lambda name: pytest.fail(f"has {name}"))
    assert read["message"]["payload"] == kept


@pytest.mark.parametrize("message", [None, [], "x", 5, [{"auth_token": "x"}]], ids=str)
def test_anything_can_be_kept(tmp_path, message):
    """What is no message at all is kept like one."""
    _quarantine(tmp_path).keep(message, None, _faults(), 0)

    assert _lines(tmp_path)[0]["message_id"] is None


def test_a_message_deeper_than_a_reader_goes_is_kept_to_some_depth(tmp_path):
    """Depth neither fails the keeping nor the reading."""
    deep = {}
    for _ in range(900):
        deep = {"in": deep}

    _quarantine(tmp_path).keep({"payload": deep}, None, _faults(), 0)

    assert "nested deeper" in json.dumps(_lines(tmp_path))


def _keep_many(directory, who, count, max_bytes):
    quarantine = _quarantine(directory, max_bytes=max_bytes, max_files=4)
    for number in range(count):
        message = {"who": who, "number": number, "text": "x" * (number * 37 % 5000)}
        quarantine.keep(message, None, _faults(), 0)


def _together(directory, workers, count, max_bytes):
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=_keep_many, args=(directory, who, count, max_bytes))
        for who in range(workers)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0


def test_several_agents_lose_and_tear_nothing(tmp_path):
    """Processes that write at once leave every line of each, whole and in order."""
    _together(tmp_path, workers=3, count=100, max_bytes=2**24)

    kept = [
        (each["message"]["who"], each["message"]["number"]) for each in _lines(tmp_path)
    ]
    for who in range(3):
        assert [number for by, number in kept if by == who] == list(range(100))


def test_several_agents_make_room_together(tmp_path):
    """Files that are put aside while others write hold whole lines, within bounds."""
    _together(tmp_path, workers=3, count=100, max_bytes=65_536)

    assert len(_files(tmp_path)) == 4
    assert all(file.stat().st_size <= 65_536 for file in _files(tmp_path))
    newest = {
        each["message"]["who"]: each["message"]["number"] for each in _lines(tmp_path)
    }
    assert 99 in newest.values()


def test_several_threads_lose_and_tear_nothing(tmp_path):
    """The threads of one agent share its quarantine."""
    quarantine = _quarantine(tmp_path, max_bytes=2**24)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(
            pool.map(
                lambda number: quarantine.keep({"n": number}, None, _faults(), 0),
                range(400),
            )
        )

    assert sorted(each["message"]["n"] for each in _lines(tmp_path)) == list(range(400))


def test_a_line_outlives_a_process_that_is_killed_right_after(tmp_path):
    """What was kept is on file when keeping has returned, whatever comes then."""
    code = KEEP + (
        "quarantine.keep(message, 'id', Faults(), 0)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )

    ended = subprocess.run([sys.executable, "-c", code, tmp_path, "1000"], check=False)

    assert ended.returncode == -signal.SIGKILL
    assert [each["message_id"] for each in _lines(tmp_path)] == ["id"]


def test_a_line_that_was_cut_off_spoils_no_other(tmp_path):
    """What a killed process left half-written stays apart from what follows."""
    quarantine = _quarantine(tmp_path)
    quarantine.keep({"number": 1}, None, _faults(), 0)
    with (tmp_path / FILE_NAME).open("a") as file:
        file.write('{"quarantined_at": "2026')

    quarantine.keep({"number": 2}, None, _faults(), 0)

    first, cut, second = (tmp_path / FILE_NAME).read_text().splitlines()
    assert json.loads(first)["message"] == {"number": 1}
    assert cut == '{"quarantined_at": "2026'
    assert json.loads(second)["message"] == {"number": 2}


def test_a_full_disk_is_an_error_and_leaves_no_half_line(tmp_path):
    """What does not fit is refused whole; what was there stays readable."""
    code = KEEP + (
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))\n"
        "quarantine.keep(message, 'first', Faults(), 0)\n"
        "try:\n"
        "    quarantine.keep(message, 'second', Faults(), 0)\n"
        "except OSError as error:\n"
        "    print(error.errno)\n"
    )

    ended = subprocess.run(
        [sys.executable, "-c", code, tmp_path, "6000"],
        check=True,
        capture_output=True,
        text=True,
    )

    assert ended.stdout.strip() == "27", ended.stderr  # EFBIG
    assert [each["message_id"] for each in _lines(tmp_path)] == ["first"]


def test_a_directory_that_cannot_be_made_is_an_error(tmp_path):
    """Whoever asked to keep something is told that it was not."""
    (tmp_path / "file").write_text("")

    with pytest.raises(OSError, match=str(tmp_path / "file")):
        _quarantine(tmp_path / "file" / "quarantine").keep(MESSAGE, None, _faults(), 0)


def test_a_directory_that_was_taken_away_is_made_again(tmp_path):
    """An operator may clear the quarantine while agents run."""
    quarantine = _quarantine(tmp_path / "quarantine")
    quarantine.keep({"number": 1}, None, _faults(), 0)
    for file in (tmp_path / "quarantine").iterdir():
        file.unlink()
    (tmp_path / "quarantine").rmdir()

    quarantine.keep({"number": 2}, None, _faults(), 0)

    (kept,) = _lines(tmp_path / "quarantine")
    assert kept["message"] == {"number": 2}


def test_a_file_that_is_there_is_added_to(tmp_path):
    """An agent that is started again keeps what earlier ones kept."""
    for number in (1, 2):
        _quarantine(tmp_path).keep({"number": number}, None, _faults(), 0)

    assert [each["message"]["number"] for each in _lines(tmp_path)] == [1, 2]
