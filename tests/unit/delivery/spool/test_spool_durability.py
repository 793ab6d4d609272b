# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""What was taken is there, whoever is killed, and however many use the spool."""

import concurrent.futures
import itertools
import os
import pathlib
import signal
import threading

import pytest

from tests.support.spooled import numbers, sample, waiting

# Prints a number only after its three samples were appended, and never ends.
APPEND_FOR_EVER = """
import itertools
for n in itertools.count():
    spool.append(sample(f"{name}-{part}", n) for part in range(3))
    print(n, flush=True)
"""
APPEND_FIFTY = """
for n in range(50):
    spool.append(sample(f"{name}-{part}", n) for part in range(3))
"""
DRAIN = """
with spool.draining() as ours:
    print(ours, flush=True)
    {}
"""

# The child is there until the test lets go of its standard input.
FORK = """
    forked, tell = os.pipe()
    if os.fork() == 0:
        os.write(tell, b"!")
    else:
        os.read(forked, 1)
        print("forked", flush=True)
    sys.stdin.read()
"""


def kill(process):
    """Kill a process as nothing can be prevented from; return what it had printed."""
    process.send_signal(signal.SIGKILL)
    # Not communicate, which forgets what was read and not yet asked for.
    printed = process.stdout.read().splitlines()
    process.wait()
    return printed


def by_resource(rows):
    """Return the volumes of the samples of each resource, in order."""
    found = {}
    for row in rows:
        found.setdefault(row.resource_id, []).extend(numbers([row]))
    return found


@pytest.mark.parametrize("after", [1, 2, 10, 40, 200])
def test_what_was_appended_outlives_a_kill(process, spool, after):
    """Everything appended before a kill -9 is there, whole appends, once each."""
    writer = process(f"name = 'vm'\n{APPEND_FOR_EVER}")
    printed = [writer.stdout.readline() for _ in range(after)] + kill(writer)

    found = by_resource(waiting(spool))

    # One append may have been done and not yet told of.
    assert len(found["vm-0"]) - len(printed) in (0, 1)
    assert found == {f"vm-{part}": list(range(len(found["vm-0"]))) for part in range(3)}


def test_a_spool_lives_on_after_kills(process, spool):
    """Each writer that is killed leaves a spool that the next one adds to."""
    for name in "abcd":
        writer = process(f"name = {name!r}\n{APPEND_FOR_EVER}")
        printed = [writer.stdout.readline() for _ in range(7)] + kill(writer)
        assert len(by_resource(waiting(spool))[f"{name}-2"]) - len(printed) in (0, 1)
    assert {row.resource_id[0] for row in waiting(spool)} == set("abcd")


def test_processes_share_a_spool(process, spool):
    """Writers that begin a spool together, one being killed, lose nothing."""
    writers = [process(f"name = {name!r}\n{APPEND_FIFTY}") for name in "abc"]
    victim = process(f"name = 'victim'\n{APPEND_FOR_EVER}")
    printed = [victim.stdout.readline() for _ in range(5)] + kill(victim)

    assert [writer.wait() for writer in writers] == [0, 0, 0]
    found = by_resource(waiting(spool))
    for name, part in itertools.product("abc", range(3)):
        assert found[f"{name}-{part}"] == list(range(50))
    assert len(found["victim-2"]) - len(printed) in (0, 1)


def test_a_sender_and_writers_share_a_spool(process, spool):
    """What a sender takes out while others put in is all that they put in, in order."""
    writers = [process(f"name = {name!r}\n{APPEND_FIFTY}") for name in "ab"]
    sent = []
    while any(writer.poll() is None for writer in writers) or not spool.is_empty():
        rows = spool.waiting(20)
        sent += rows
        spool.remove(row.seq for row in rows)

    assert [writer.returncode for writer in writers] == [0, 0]
    assert by_resource(sent) == {
        f"{name}-{part}": list(range(50)) for name in "ab" for part in range(3)
    }


def test_whether_something_waits_is_seen_by_all(process, spool):
    """A row that another process adds or removes is seen at once."""
    other = process(
        "for line in sys.stdin:\n"
        "    if line.strip() == 'add': spool.append([sample()])\n"
        "    else: spool.remove(row.seq for row in waiting(spool))\n"
        "    print(flush=True)\n"
    )
    assert spool.is_empty()
    for what in ("add", "remove", "add"):
        other.stdin.write(f"{what}\n")
        other.stdin.flush()
        other.stdout.readline()
        assert spool.is_empty() == (what == "remove")


def test_threads_share_a_spool(spool):
    """Threads that append, read and remove at once lose nothing."""

    def write(name):
        for number in range(30):
            spool.append([sample(name, number)])

    sent = []
    with concurrent.futures.ThreadPoolExecutor(5) as threads:
        writers = [threads.submit(write, f"vm-{number}") for number in range(4)]
        while not all(writer.done() for writer in writers) or not spool.is_empty():
            rows = spool.waiting(10)
            sent += rows
            spool.remove(row.seq for row in rows)
    for writer in writers:
        writer.result()

    assert by_resource(sent) == {f"vm-{n}": list(range(30)) for n in range(4)}


def in_children(count, work):
    """Fork children that each do some work; return their exit statuses."""
    children = []
    for number in range(count):
        child = os.fork()
        if child == 0:
            try:
                work(number)
                os._exit(0)
            finally:
                os._exit(1)
        children.append(child)
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_a_spool_that_is_open_can_be_forked(spool):
    """Children of a process that uses its spool, in a thread too, use it as well."""
    ended = threading.Event()

    def write():
        for number in itertools.count():
            spool.append([sample("parent", number)])
            if ended.is_set():
                return

    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        writer = thread.submit(write)
        statuses = in_children(10, lambda child: spool.append([sample("child", child)]))
        ended.set()
    writer.result()

    assert statuses == [0] * 10
    found = by_resource(waiting(spool))
    assert sorted(found["child"]) == list(range(10))
    assert found["parent"] == list(range(len(found["parent"])))


def test_a_forked_child_has_nothing_of_its_parents_open(spool, directory):
    """A child begins without its parent's file: SQLite's state must not be shared."""
    spool.append([sample("parent", 1)])

    def look(_):
        descriptors = [
            place.resolve() for place in pathlib.Path("/proc/self/fd").iterdir()
        ]
        assert not [place for place in descriptors if directory in place.parents]

    assert in_children(1, look) == [0]
    assert by_resource(waiting(spool)) == {"parent": [1]}


def test_one_process_drains(process, spool):
    """While one process drains no other may, until that one ends, by a kill too."""
    drainer = process(DRAIN.format("time.sleep(600)"))
    assert drainer.stdout.readline() == "True\n"

    with spool.draining() as ours:
        assert not ours
    kill(drainer)
    with spool.draining() as ours:
        assert ours

    second = process(DRAIN.format("pass"))
    assert second.stdout.readline() == "True\n"


def test_one_user_within_a_process_drains(spool, opened):
    """Two publishers in one process are two; that one gives up frees nothing."""
    other = opened()
    with spool.draining() as ours:
        assert ours
        for _ in range(2):
            with other.draining() as theirs:
                assert not theirs
    with other.draining() as theirs:
        assert theirs


def test_a_child_does_not_keep_its_parent_draining(process, spool):
    """When a process that drains is killed, its forked children hold nothing up."""
    drainer = process(DRAIN.format(FORK))
    assert drainer.stdout.readline() == "True\n"
    assert drainer.stdout.readline() == "forked\n"

    drainer.send_signal(signal.SIGKILL)
    drainer.wait()

    with spool.draining() as ours:
        assert ours
