# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The spool's file: whose it is, and what becomes of one that cannot be used."""

import contextlib
import logging
import os
import sqlite3
import stat
import subprocess
import sys

import pytest

from ceilo_nova_usage.delivery.spool import SpoolError, SpoolUnavailable, schema
from ceilo_nova_usage.delivery.spool.reserve import Reserve
from tests.support.spooled import large, numbers, sample, waiting

LOGGER = "ceilo_nova_usage.delivery.spool.database"


def file_of(directory):
    """Return the spool's one file."""
    (file,) = directory.glob("spool-*.db")
    return file


def change(directory, statement):
    """Do something to the file that only SQLite can."""
    with contextlib.closing(sqlite3.connect(file_of(directory))) as connection:
        connection.execute(statement)
        connection.commit()


def overwrite(path, begin):
    """Fill a file with nonsense from some byte on, in another process than ours.

    SQLite's locks are the process's: they would go with a file that it closes.
    """
    code = (
        "import os, sys\n"
        "with open(sys.argv[1], 'r+b') as file:\n"
        "    file.seek(int(sys.argv[2]))\n"
        "    file.write(b'nonsense' * (os.stat(sys.argv[1]).st_size // 8))\n"
    )
    subprocess.run([sys.executable, "-c", code, path, str(begin)], check=True)


def cut(path, size):
    """Shorten a file."""
    os.truncate(path, size)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_only_the_owner_can_open_the_spool(spool, directory, umask):
    """Whatever the process's umask is, files and directories are their owner's."""
    before = os.umask(umask)
    try:
        spool.append([sample()])
        with spool.draining():
            places = [directory.parent, directory]
            files = list(directory.iterdir())
    finally:
        os.umask(before)

    assert any(file.name.endswith("-wal") for file in files)
    assert {stat.S_IMODE(place.stat().st_mode) for place in places} == {0o700}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_looking_begins_no_spool(spool, directory):
    """Whoever only looks, as root perhaps, makes nothing; there is nothing to see."""
    assert spool.is_empty()
    assert waiting(spool) == list(spool.rows()) == spool.held(10) == []
    spool.remove([1])
    spool.refuse([1], "no")
    assert spool.retry_refused() == 0
    state = spool.state()

    assert (state.waiting_rows, state.bytes_used, state.damaged) == (0, 0, ())
    assert not directory.exists()


def test_nothing_to_append_begins_no_spool(spool, directory):
    """An empty batch touches no disk."""
    spool.append([])
    assert not directory.exists()


def test_one_file_is_begun(spool, opened, directory):
    """Everything goes to one file, also when it is opened anew."""
    spool.append([sample("a", 1)])
    spool.close()
    opened().append([sample("b", 2)])

    assert numbers(waiting(opened())) == [1, 2]
    assert file_of(directory)


def garbage(directory):
    """Overwrite all of the file."""
    overwrite(file_of(directory), 0)


def rotten(directory):
    """Overwrite all of the file but its header."""
    overwrite(file_of(directory), 100)


def halved(directory):
    """Cut the file in the middle."""
    cut(file_of(directory), file_of(directory).stat().st_size // 2)


def emptied(directory):
    """Cut the file to nothing."""
    cut(file_of(directory), 0)


@pytest.mark.parametrize("damage", [garbage, rotten, halved, emptied])
@pytest.mark.parametrize("first", ["append", "waiting", "state"])
def test_a_damaged_file_is_put_aside(spool, directory, damage, first, caplog):
    """It keeps its content under another name, loudly, and the spool goes on."""
    spool.append(large(f"vm-{n}", n) for n in range(100))
    spool.close()
    damage(directory)
    name, content = file_of(directory).name, file_of(directory).read_bytes()

    with caplog.at_level(logging.ERROR, LOGGER):
        {
            "append": lambda: None,
            "waiting": lambda: waiting(spool),
            "state": spool.state,
        }[first]()
        spool.append([sample("after", 7)])
        found = numbers(waiting(spool))

    (aside,) = spool.state().damaged
    assert aside == directory / f"damaged-{name}"
    assert aside.read_bytes() == content
    assert found == [7]
    (record,) = caplog.records
    assert str(aside) in record.getMessage()
    assert name in record.getMessage()


def test_what_is_appended_while_a_file_is_put_aside_is_kept(spool, opened, directory):
    """A process that has the damaged file open goes on in the new one."""
    other = opened()
    spool.append(large(f"vm-{n}", n) for n in range(100))
    other.append([sample("before", 1)])
    for file in directory.glob("spool-*"):
        if not file.name.endswith("-shm"):
            overwrite(file, 64)

    assert numbers(waiting(spool)) == []
    other.append([sample("other", 2)])
    spool.append([sample("same", 3)])
    other.close()

    assert numbers(waiting(opened())) == [2, 3]
    (aside,) = spool.state().damaged
    # Most of what it held is in its log.
    assert aside.with_name(f"{aside.name}-wal").exists()


def test_an_append_that_a_put_aside_overtakes_is_done_again(
    spool, opened, directory, monkeypatch
):
    """What was committed to a file that was put aside meanwhile is in the new one."""
    spool.append([sample("before", 1)])
    original = Reserve.hold

    def put_aside(reserve):
        """Do what another process does, at the worst moment."""
        monkeypatch.setattr(Reserve, "hold", original)
        file = file_of(directory)
        for suffix in ("-wal", "-shm", ""):
            name = f"{file.name}{suffix}"
            (directory / name).rename(directory / f"damaged-{name}")
        opened().append([sample("other", 2)])
        original(reserve)

    monkeypatch.setattr(Reserve, "hold", put_aside)
    spool.append([sample("overtaken", 3)])

    assert numbers(waiting(opened())) == [2, 3]


def test_a_row_that_cannot_be_read_is_not_in_the_way(spool, directory, caplog):
    """One broken row is refused, loudly; those around it are sent."""
    spool.append([sample("a", 1), sample("b", 2), sample("c", 3)])
    change(directory, "UPDATE rows SET body = x'0123' WHERE resource_id = 'b'")

    with caplog.at_level(logging.ERROR):
        first = numbers(spool.waiting(1))
        both = numbers(waiting(spool))

    assert (first, both) == ([1], [1, 3])
    (record,) = caplog.records
    assert "resource b" in record.getMessage()
    state = spool.state()
    assert (state.waiting_rows, state.refused_rows) == (2, 1)
    assert [row.samples for row in spool.rows() if row.reason] == [[]]


def test_a_broken_name_does_not_hide_the_samples(spool, directory):
    """Where a bit fell over in a row's resource its samples are still sent."""
    spool.append([sample("a", 1), sample("b", 2)])
    broken = (
        "UPDATE rows SET resource_id = CAST(x'ff61' AS TEXT) WHERE resource_id = 'a'"
    )
    change(directory, broken)

    rows = waiting(spool)

    assert numbers(rows) == [1, 2]
    assert [row.samples[0].resource_id for row in rows] == ["a", "b"]


def test_broken_rows_in_front_hide_none_behind(spool, directory):
    """However many rows in front are broken, whoever asks is given one that is not."""
    spool.append(sample(f"vm-{n}", n) for n in range(10))
    change(directory, "UPDATE rows SET body = 'no bytes' WHERE resource_id < 'vm-7'")

    assert numbers(spool.waiting(2)) == [7]
    assert numbers(spool.waiting(2)) == [7, 8]


def test_the_file_of_a_later_release_is_left_alone(spool, directory):
    """A newer schema is refused by name, and nothing is done to the file."""
    spool.append([sample()])
    spool.close()
    change(directory, "PRAGMA user_version = 99")
    content = file_of(directory).read_bytes()

    for _ in range(2):
        with pytest.raises(
            SpoolUnavailable, match=r"schema 99, of a later release"
        ) as error:
            spool.append([sample()])
        assert error.value.filename == str(file_of(directory))
        with pytest.raises(SpoolUnavailable):
            spool.is_empty()

    assert file_of(directory).read_bytes() == content


def test_a_place_that_cannot_be_is_named(spool, directory):
    """Where the directory cannot be made, the error says which and why."""
    directory.parent.parent.mkdir(exist_ok=True)
    directory.parent.write_text("a file")

    for ask in (lambda: spool.append([sample()]), lambda: spool.draining().__enter__()):
        with pytest.raises(SpoolUnavailable) as error:
            ask()
        assert str(directory.parent) in str(error.value)


def test_a_file_that_is_none_is_no_spool(spool, directory):
    """A directory in the file's place is told of, not worked around."""
    spool.append([sample()])
    spool.close()
    file = file_of(directory)
    file.rename(directory / "elsewhere")
    file.mkdir()

    with pytest.raises(SpoolUnavailable) as error:
        spool.is_empty()

    assert error.value.filename == str(file)


def test_waiting_for_others_has_an_end(spool, directory, monkeypatch):
    """A file that another process does not let go is an error that names it."""
    monkeypatch.setattr(schema, "PATIENCE", 0.01)
    spool.append([sample()])
    with contextlib.closing(sqlite3.connect(file_of(directory))) as greedy:
        greedy.execute("BEGIN IMMEDIATE")
        with pytest.raises(SpoolUnavailable, match="in use") as error:
            spool.close() or spool.append([sample()])
        assert not spool.is_empty()

    assert error.value.filename == str(file_of(directory))
    spool.append([sample()])


def test_every_error_is_the_spools(spool, directory):
    """A caller need only know one exception."""
    directory.parent.mkdir(parents=True)
    directory.write_text("a file")
    for ask in (spool.is_empty, spool.state, lambda: spool.waiting(1)):
        with pytest.raises(SpoolError):
            ask()


def test_a_killed_beginning_is_begun_again(spool, directory):
    """What a process left that was killed while it made the file is in nobody's way."""
    directory.mkdir(parents=True)
    for name in ("begun", "begun-wal", "begun-journal"):
        (directory / name).write_bytes(b"half")

    spool.append([sample("a", 1)])

    assert numbers(waiting(spool)) == [1]
    assert not list(directory.glob("begun*"))
