# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""All or nothing: full disks, missing permissions, killed commands, two at once."""

import contextlib
import fcntl
import json
import os
import pathlib
import resource

import pytest


@pytest.fixture(name="unprivileged")
def _unprivileged(tmp_path):
    """A way to act as a user who owns nothing, whoever runs the tests."""

    @contextlib.contextmanager
    def act():
        if os.geteuid() != 0:
            yield
            return
        for directory in (tmp_path, *tmp_path.parents):
            if directory.stat().st_mode & 0o005 != 0o005:
                directory.chmod(directory.stat().st_mode | 0o055)
        os.seteuid(65534)
        try:
            yield
        finally:
            os.seteuid(0)

    return act


class Stop(BaseException):
    """Stands for a signal that arrives in the middle."""


def fail_at(monkeypatch, module, name, number, failure):
    """Let the ``number``-th call of an operation fail; returns the list of calls."""
    real = getattr(module, name)
    calls = []

    def call(*arguments, **options):
        calls.append(arguments)
        if len(calls) == number:
            raise failure
        return real(*arguments, **options)

    monkeypatch.setattr(module, name, call)
    return calls


@pytest.mark.parametrize("verb", ["apply", "revert"])
@pytest.mark.parametrize(
    ("module", "operation"),
    [
        (os, "link"),
        (os, "fsync"),
        (os, "fchmod"),
        (pathlib.Path, "replace"),
        (pathlib.Path, "mkdir"),
    ],
    ids=["link", "fsync", "fchmod", "replace", "mkdir"],
)
def test_any_failure_leaves_the_tree_as_it_was(
    series, snapshot, monkeypatch, verb, module, operation
):
    """Wherever the system refuses, every file is put back and the error is told."""
    tree = series.unpacked()
    if verb == "revert":
        series.run("apply", tree)
    before = snapshot(tree)
    for number in range(1, 100):
        with monkeypatch.context() as patching:
            failure = OSError(28, "No space left on device", "a file")
            calls = fail_at(patching, module, operation, number, failure)
            result = series.run(verb, tree)
        if len(calls) < number:
            break
        assert result.status == 1
        assert ": No space left on device" in result.err
        assert snapshot(tree) == before
    assert result.status == 0


def test_an_interrupt_leaves_the_tree_as_it_was(series, snapshot, monkeypatch):
    """A key pressed between two files puts the first one back."""
    tree = series.unpacked()
    before = snapshot(tree)
    fail_at(monkeypatch, pathlib.Path, "replace", 3, KeyboardInterrupt())
    assert series.run("apply", tree).status != 0
    assert snapshot(tree) == before


def test_a_full_disk_is_told(series, snapshot):
    """A write that the system cuts off leaves the tree as it was."""
    tree = series.unpacked()
    before = snapshot(tree)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        result = series.run("apply", tree)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (result.status, "nova-usage.json: File too large" in result.err) == (
        1,
        True,
    )
    assert snapshot(tree) == before


def test_a_tree_of_another_user_is_an_error_line(series, snapshot, unprivileged):
    """Without permission to write, the path is named and nothing changes."""
    tree = series.unpacked()
    before = snapshot(tree)
    for directory in (tree, *(p for p in tree.rglob("*") if p.is_dir())):
        directory.chmod(0o555)
    with unprivileged():
        assert series.run("check", tree).status == 0
        result = series.run("apply", tree)
    assert result.status == 1
    assert f"{tree}/nova/.ceilo-nova-usage.json: Permission denied" in result.err
    assert {k: v[1] for k, v in snapshot(tree).items()} == {
        k: v[1] for k, v in before.items()
    }


def test_an_unreadable_file_is_an_error_line(series, unprivileged):
    """Without permission to read, the path is named."""
    tree = series.unpacked()
    manager = tree / "nova/compute/manager.py"
    manager.chmod(0)
    with unprivileged():
        result = series.run("check", tree)
    assert result.status == 1
    assert f"{manager}: Permission denied" in result.err


@pytest.mark.filterwarnings("ignore:Using fork")
@pytest.mark.filterwarnings("ignore:.*use of fork")
def test_a_killed_command_can_be_undone(series, snapshot):
    """Killed at any step, apply leaves a tree that revert brings back."""
    tree = series.unpacked()
    before = snapshot(tree)
    steps = 0
    while True:
        steps += 1
        child = os.fork()
        if child == 0:
            left = steps

            def step(real):
                def call(*arguments, **options):
                    nonlocal left
                    left -= 1
                    if left == 0:
                        os._exit(9)
                    return real(*arguments, **options)

                return call

            os.fsync, os.link = step(os.fsync), step(os.link)
            pathlib.Path.replace = step(pathlib.Path.replace)
            pathlib.Path.mkdir = step(pathlib.Path.mkdir)
            os._exit(series.run("apply", tree).status)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        result = series.run("check", tree, "-f", "json")
        states = {row["state"] for row in json.loads(result.out)}
        if result.status:
            assert "'nova-patch revert' takes it off" in result.err
        else:
            assert states in ({"applies"}, {"applied"})
        assert series.run("revert", tree).status == 0
        assert snapshot(tree) == before
        if status == 0:
            break
        assert status == 9
    assert steps > 20


def test_two_commands_at_once_do_not_meet(series, snapshot):
    """While one command works on a nova, another gives up at once."""
    tree = series.unpacked()
    before = snapshot(tree)
    handle = os.open(tree / "nova", os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    for verb in ("check", "apply", "revert"):
        result = series.run(verb, tree)
        assert (result.status, "another nova-patch" in result.err) == (1, True)
    os.close(handle)
    assert snapshot(tree) == before
    assert series.run("apply", tree).status == 0


def test_a_hard_linked_file_is_not_written_through(series):
    """A package cache that shares its inodes with the tree keeps its content."""
    tree = series.unpacked()
    manager = tree / "nova/compute/manager.py"
    cached = series.top / "cached.py"
    os.link(manager, cached)
    content = cached.read_bytes()
    assert series.run("apply", tree).status == 0
    assert cached.read_bytes() == content != manager.read_bytes()
