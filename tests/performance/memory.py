# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The most memory that a replay takes, by the number of notifications: always the same.

A recorded life goes round and round through a pipe into `replay -f json`, a process of
its own each time; its output is thrown away.
"""

import argparse
import itertools
import os
import subprocess
import sys
import time

from tests.support.recordings import Life

CASE = "nova-34.0.0"
NUMBERS = (1_000, 10_000, 100_000)
REPLAY = (
    *(sys.executable, "-c"),
    "import sys; from ceilo_nova_usage.cli.app import main; sys.exit(main())",
    *("--quiet", "replay", "-f", "json", "-"),
)


def replay(number):
    """Replay so many notifications; return the peak in MiB, and the seconds taken.

    :raises RuntimeError: where the replay fails
    """
    bodies = itertools.cycle(message.body for message in Life.load(CASE).messages)
    begun = time.monotonic()
    process = subprocess.Popen(REPLAY, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    with process.stdin as into:
        for body in itertools.islice(bodies, number):
            into.write(body + b"\n")
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"the replay ended with {process.returncode}")
    return usage.ru_maxrss / 1024, time.monotonic() - begun


def main(argv=None):
    """Replay a thousand notifications, ten thousand, a hundred thousand."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--short", action="store_true", help="no hundred thousand")
    numbers = NUMBERS[:2] if parser.parse_args(argv).short else NUMBERS
    for number in numbers:
        peak, seconds = replay(number)
        print(f"{number:7,} notifications: {peak:6.1f} MiB at most, {seconds:5.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
