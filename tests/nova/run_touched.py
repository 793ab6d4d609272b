# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Run nova's own tests of everything a series touches, in the patched tree or stock.

The series says which: the test modules it changes, those named after the modules it
changes, and the tables of object hashes and notification samples where it changes
what they are of.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from tests.nova.environment import RELEASES, NovaEnvironment, say

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Tests that are named after nothing, by the beginning of the path they look after.
LOOKED_AFTER = {
    "nova/compute/manager.py": [
        "nova/tests/unit/compute/test_compute.py",
        "nova/tests/unit/compute/test_compute_mgr.py",
    ],
    "nova/objects/": ["nova/tests/unit/objects/test_objects.py"],
    "nova/notifications/": [
        "nova/tests/unit/notifications/objects/test_notification.py",
        "nova/tests/functional/notification_sample_tests/test_instance.py",
    ],
    "nova/virt/driver.py": ["nova/tests/unit/virt/test_virt_drivers.py"],
}

#: As nova's own test environments set them.
VARIABLES = {
    "OS_STDOUT_CAPTURE": "1",
    "OS_STDERR_CAPTURE": "1",
    "OS_TEST_TIMEOUT": "160",
    "NOVA_RAISE_ON_GREENLET_LEAK": "True",
}

#: Seconds for one module.
TIMEOUT = 900.0

_RAN = re.compile(r"^Ran (\d+) tests?", re.MULTILINE)
_FAILURES = re.compile(r"^FAILED \(failures=(\d+)\)", re.MULTILINE)


def test_modules(paths: Sequence[PurePosixPath]) -> Iterator[str]:
    """The files of tests that changed files call for; not each has to be there."""
    for path in paths:
        of_tests = path.parts[:2] == ("nova", "tests")
        if of_tests and path.name.startswith("test_"):
            yield str(path)
        elif not of_tests and path.suffix == ".py":
            inner = PurePosixPath(*path.parts[1:])
            yield str("nova/tests/unit" / inner.with_name(f"test_{inner.name}"))
        for beginning, modules in LOOKED_AFTER.items():
            if str(path).startswith(beginning):
                yield from modules


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How the tests of one module went."""

    module: str
    passed: int
    failed: int
    seconds: float
    output: str


def run(
    environment: NovaEnvironment, tree: Path, module: str, mode: dict[str, str]
) -> Result:
    """Run one module; one that ends without a count counts as a failure."""
    began = time.monotonic()
    try:
        done = environment.run(
            tree,
            *("-m", "testtools.run", module),
            variables=VARIABLES | mode,
            timeout=TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        ran, failed, output = 0, 1, f"no end after {TIMEOUT} s"
    else:
        count, failures = _RAN.search(done.stdout), _FAILURES.search(done.stdout)
        ran = int(count[1]) if count else 0
        failed = int(failures[1]) if failures else int(done.returncode != 0)
        output = done.stdout
    seconds = time.monotonic() - began
    return Result(
        module=module,
        passed=max(ran - failed, 0),
        failed=failed,
        seconds=seconds,
        output=output,
    )


def run_all(
    environment: NovaEnvironment, tree: Path, *, threading: bool, processes: int
) -> bool:
    """Run every module that is in the tree; prints a line for each and a last one."""
    changed = [
        change.path for patch in environment.series.patches for change in patch.changes
    ]
    files = sorted(
        {file for file in test_modules(changed) if (tree / file).exists()},
        key=lambda file: -(tree / file).stat().st_size,  # the long ones first
    )
    modules = [file.removesuffix(".py").replace("/", ".") for file in files]
    mode = {"OS_NOVA_DISABLE_EVENTLET_PATCHING": str(threading)}
    environment.python()  # built before anyone races for it
    results = []
    with ThreadPoolExecutor(processes) as pool:
        for result in pool.map(
            lambda module: run(environment, tree, module, mode), modules
        ):
            results.append(result)
            if result.failed:
                print(result.output)
            say(
                f"{result.module}: {result.passed} passed, {result.failed} failed, "
                f"{result.seconds:.0f} s"
            )
    passed = sum(result.passed for result in results)
    failed = sum(result.failed for result in results)
    how = "native threads" if threading else "eventlet"
    print(f"{tree.name} ({how}): {passed} passed, {failed} failed")
    return passed > 0 and failed == 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the touched tests of a release."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--release", choices=RELEASES, default=RELEASES[-1])
    parser.add_argument(
        "--stock", action="store_true", help="run the stock tree, the baseline"
    )
    parser.add_argument(
        "--threading", action="store_true", help="native threads instead of eventlet"
    )
    parser.add_argument("--processes", type=int, default=2, help="modules at a time")
    wanted = parser.parse_args(argv)
    environment = NovaEnvironment.of(wanted.release)
    tree = environment.stock() if wanted.stock else environment.patched()
    passed = run_all(
        environment, tree, threading=wanted.threading, processes=wanted.processes
    )
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
