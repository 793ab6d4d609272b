# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Replaying at a terminal, and into a pipe that ends."""

import fcntl
import os
import pathlib
import pty
import struct
import subprocess
import sys
import termios

import pytest

from tests.support.recordings import FIXTURES

COMMAND = pathlib.Path(sys.executable).with_name("ceilo-nova-usage")
DELETION = FIXTURES / "compute.instance.delete.start" / "nova-34.0.0.json"


@pytest.fixture(name="path")
def _path(tmp_path):
    """A recording that takes some seconds to replay."""
    path = tmp_path / "recording.jsonl"
    path.write_bytes((DELETION.read_bytes() + b"\n") * 10_000)
    return path


def on_terminal(*command):
    """Run a command with standard error on a terminal; returns what it shows."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                shown += os.read(ours, 4096)
            except OSError:  # the terminal's other side is closed
                break
    os.close(ours)
    assert process.returncode == 0
    return shown.decode()


def test_progress_of_long_work(path):
    """A terminal shows how far a long replay is."""
    assert "%|" in on_terminal(COMMAND, "replay", "-f", "json", path)


def test_no_progress_of_short_work():
    """A terminal shows no progress where there is nothing to wait for."""
    assert "%|" not in on_terminal(COMMAND, "replay", "-f", "json", DELETION)


def test_no_progress_without_terminal(path):
    """A log gets no progress bar."""
    result = subprocess.run(
        [COMMAND, "replay", "-f", "json", path], capture_output=True, check=True
    )

    assert b"%|" not in result.stderr


def test_reader_that_ends(path):
    """A reader that has seen enough ends the replay without a traceback."""
    with subprocess.Popen(
        [COMMAND, "replay", "-f", "json", path],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "[\n"
        process.stdout.close()
        said = process.stderr.read()

    assert "Traceback" not in said
    assert process.returncode != 0
