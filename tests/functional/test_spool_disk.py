# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The spool and the disk that it is on: what reaches it, and when it is full."""

import json
import os
import re
import subprocess
import sys

import pytest

BEGIN = """
import itertools, json, os, pathlib, sys
from ceilo_nova_usage.delivery.spool import Selection, Spool, SpoolError, SpoolFull
from tests.support.spooled import large, numbers, sample, waiting

disk = pathlib.Path(sys.argv[1])
spool = Spool(disk / "spool", max_bytes=2**30)

def fill(begin=0):
    for number in itertools.count(begin):
        try:
            spool.append(large(f"vm-{n}", number * 10 + n) for n in range(10))
        except SpoolFull as error:
            return number

def hog():
    with open(disk / "hog", "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass

def drain():
    sent = []
    while rows := spool.waiting(20):
        sent += numbers(rows)
        spool.remove(row.seq for row in rows)
    return sent
"""
# Room for the spool's reserve and logs, and some twenty megabytes of samples.
SIZE = "48m"


@pytest.fixture(name="on_a_disk")
def _on_a_disk(tmp_path):
    """Run code on a small disk of its own; return what it prints."""

    def on_a_disk(code):
        whose = [] if os.geteuid() == 0 else ["--map-root-user"]
        run = (
            f'mount -t tmpfs -o size={SIZE} none "$1" '
            '&& exec "$2" -W ignore -c "$3" "$1"'
        )
        command = ["unshare", "--mount", *whose, "sh", "-c", run, "sh"]
        done = subprocess.run(
            [*command, tmp_path, sys.executable, BEGIN + code],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return on_a_disk


HOGGED = pytest.mark.parametrize("hogged", [False, True], ids=["alone", "with others"])


@HOGGED
def test_a_full_disk_loses_nothing_and_empties(on_a_disk, hogged):
    """On a disk that is full to the last byte all that was taken can still be sent."""
    result = on_a_disk(f"""
count = fill()
{"hog()" if hogged else ""}
free = os.statvfs(disk).f_bavail * 4096
print(json.dumps({{"count": count, "free": free, "sent": drain()}}))
""")

    assert result["count"] > 100
    assert result["free"] < 2**20
    assert result["sent"] == list(range(result["count"] * 10))


@HOGGED
def test_a_disk_that_was_full_is_used_again(on_a_disk, hogged):
    """Once samples were sent, and others gave their part back, as many fit again."""
    first, second, sent = on_a_disk(f"""
first = fill()
{"hog()" if hogged else ""}
sent = drain()
if (disk / "hog").exists():
    (disk / "hog").unlink()
second = fill(first)
print(json.dumps([first, second, sent + drain()]))
""")

    assert second - first > first * 0.9
    assert sent == list(range(second * 10))


def test_a_full_disk_takes_more_as_it_is_emptied(on_a_disk):
    """A spool on a full disk need not be empty before it takes samples again."""
    first, second, left = on_a_disk("""
first = fill()
rows = waiting(spool)
while len(rows) > first * 10 // 4:
    spool.remove(row.seq for row in rows[:20])
    del rows[:20]
left = len(rows)
second = fill(first)
print(json.dumps([first, second, left]))
""")

    assert left > 0
    assert second > first


def test_others_take_the_disk_while_there_is_room_in_the_bound(on_a_disk):
    """A disk without room is told of as such, and nothing is half kept."""
    result = on_a_disk("""
spool.append([sample("a", 1)])
hog()
try:
    spool.append(large(f"vm-{n}", n) for n in range(10_000))
except SpoolFull as error:
    told = str(error)
found = numbers(waiting(spool))
spool.refuse([row.seq for row in waiting(spool)], "no")
print(json.dumps({"told": told, "found": found, "left": spool.state().refused_rows}))
""")

    assert "no room on its disk" in result["told"]
    assert "/spool/spool-" in result["told"]
    assert result["found"] == [1]
    assert result["left"] == 1


def test_a_spool_that_cannot_be_begun_begins_later(on_a_disk):
    """On a disk that was full from the outset it is begun once there is room."""
    told, found = on_a_disk("""
hog()
try:
    spool.append([sample("a", 1)])
except SpoolFull as error:
    told = str(error)
assert spool.is_empty()
(disk / "hog").unlink()
spool.append([sample("b", 2)])
print(json.dumps([told, numbers(waiting(spool))]))
""")

    assert "no room on its disk" in told
    assert found == [2]


def test_an_append_returns_once_it_is_on_the_disk(tmp_path):
    """Between what is written and the end of an append lies an fsync, each time."""
    code = (
        f"{BEGIN}\n"
        "for number in range(20):\n"
        "    spool.append([sample('vm-1', number)])\n"
        "    os.write(1, b'appended')\n"
    )
    log = tmp_path / "calls"
    subprocess.run(
        [
            *("strace", "-f", "-y", "-o", log),
            *("-e", "trace=write,pwrite64,fsync,fdatasync"),
            *(sys.executable, "-W", "ignore", "-c", code, tmp_path),
        ],
        stdout=subprocess.DEVNULL,
        check=True,
    )

    unsynced, appended = set(), 0
    for line in log.read_text().splitlines():
        call = re.search(r"(\w+)\(\d+<(.*?)>", line)
        if call is None:
            continue
        name, path = call.groups()
        if "appended" in line:
            appended += 1
            assert not {each for each in unsynced if each.endswith("-wal")}
        elif name in ("fsync", "fdatasync"):
            unsynced.discard(path)
        elif "/spool/" in path:
            unsynced.add(path)
    assert appended == 20
