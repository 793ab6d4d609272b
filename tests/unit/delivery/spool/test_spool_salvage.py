# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""What can be read of a damaged spool is put back."""

import contextlib
import datetime
import shutil
import sqlite3

import pytest

from ceilo_nova_usage.delivery.spool import End, SpoolFull, SpoolUnavailable
from tests.support import command
from tests.support.deployment import Deployment
from tests.support.spooled import large, numbers, sample, waiting

PAGE = 4096
COUNT = 400
END = End(
    resource_type="instance",
    resource_id="vm-1",
    ended_at=datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC),
    associated=True,
)


@pytest.fixture(name="damaged")
def _damaged(spool, directory):
    """A spool of many rows with nonsense in the middle of its file, put aside."""
    spool.append((large(f"vm-{n}", n) for n in range(COUNT)), [END], "policy=high")
    spool.refuse([row.seq for row in spool.waiting(5)], "no such type")
    spool.close()
    (file,) = directory.glob("spool-*.db")
    with file.open("r+b") as written:
        written.seek(file.stat().st_size // PAGE // 2 * PAGE)
        written.write(b"nonsense" * (3 * PAGE // 8))
    waiting(spool)
    (aside,) = spool.state().damaged
    return aside


def test_rows_off_the_damaged_pages_come_back(spool, damaged):
    """But for what was on the damaged pages all rows are there again as they were."""
    salvaged = spool.salvage(damaged)

    rows = list(spool.rows())
    assert salvaged.rows == len(rows) == salvaged.samples
    assert salvaged.lost > 0
    assert COUNT * 0.9 < salvaged.rows < COUNT
    for row in rows:
        (came,) = row.samples
        assert came == large(row.resource_id, came.volume)
        assert row.publisher == "policy=high"
    assert [row.resource_id for row in rows if row.reason == "no such type"] == [
        f"vm-{n}" for n in range(5)
    ]
    assert numbers(rows) == sorted(numbers(rows))


@pytest.mark.parametrize("index", ["waiting", "refused"])
def test_a_broken_index_costs_nothing(spool, directory, index):
    """Rows that an index does not lead to are found without it."""
    spool.append(large(f"vm-{n}", n) for n in range(COUNT))
    spool.refuse([row.seq for row in spool.waiting(5)], "no such type")
    spool.close()
    (file,) = directory.glob("spool-*.db")
    with contextlib.closing(sqlite3.connect(file)) as connection:
        ((page,),) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = ?", (index,)
        )
    with file.open("r+b") as written:
        written.seek((page - 1) * PAGE)
        written.write(b"nonsense" * (PAGE // 8))
    spool.state()
    (aside,) = spool.state().damaged

    salvaged = spool.salvage(aside)

    assert (salvaged.rows, salvaged.lost) == (COUNT, 0)
    assert numbers(spool.rows()) == list(range(COUNT))


def test_what_is_put_back_comes_first(spool, damaged):
    """Samples that were accepted since are sent after those that waited before."""
    spool.append([sample("since", -1)])

    spool.salvage(damaged)

    *before, last = numbers(spool.rows())
    assert last == -1
    assert len(before) > COUNT * 0.9


def test_ends_come_back(spool, damaged):
    """Ends that can be read are looked at again."""
    assert spool.ended(["vm-1"]) == {}

    assert spool.salvage(damaged).ends == 1

    assert spool.due_ends(END.ended_at, 10) == [END]


def test_salvaging_twice_doubles_nothing(spool, damaged):
    """A file may be salvaged any number of times, and stays as it is."""
    content = damaged.read_bytes()
    first = spool.salvage(damaged)

    assert spool.salvage(damaged) == first

    assert len(numbers(spool.rows())) == first.rows
    assert damaged.read_bytes() == content


def test_what_fits_is_put_back(opened, damaged):
    """Where there is no room for all the oldest are there, and the error says so."""
    small = opened(max_bytes=2**19)

    with pytest.raises(SpoolFull):
        small.salvage(damaged)

    found = numbers(small.rows())
    assert 0 < len(found) < COUNT
    assert found == sorted(found)


@pytest.mark.parametrize("content", [b"", b"no database" * 1000])
def test_a_file_that_is_no_spool_is_named(spool, tmp_path, content):
    """Of a file that is no database nothing can be had; the spool is as before."""
    spool.append([sample("a", 1)])
    file = tmp_path / "damaged-spool-x.db"
    file.write_bytes(content)

    with pytest.raises(SpoolUnavailable) as error:
        spool.salvage(file)

    assert error.value.filename == str(file)
    assert numbers(waiting(spool)) == [1]


def test_the_command_puts_back(damaged, directory, tmp_path, spool):
    """The command says how much came back, and by its status whether all did."""
    deployment = Deployment(tmp_path)
    deployment.configure(options={"spool_dir": directory})
    run = ("spool", "salvage", "--config-file", deployment.conf)

    result = command.run(*run, damaged)

    found = len(numbers(spool.rows()))
    assert f"{found} samples in {found} rows and 1 ends were put back" in result.out
    assert result.status == 1

    whole = tmp_path / "whole.db"
    spool.close()
    shutil.copy(next(directory.glob("spool-*.db")), whole)
    result = command.run(*run, whole)
    assert (result.status, "; 0 rows are lost" in result.out) == (0, True)
