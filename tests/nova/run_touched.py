# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Run nova's own tests of everything a series touches, in the patched tree or stock.

The series says which: the test modules it changes, those named after the modules it
changes, and the tables of object hashes and notification samples where it changes
what they are of. Modules that it adds are run a second time, on native threads.
Where other releases' runs have shown what the series does to the rest, the modules that
it changes itself are enough.
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

from tests.nova.environment import MODES, PATCHED, NovaEnvironment, say

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

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
    # All modules of a directory.
    "nova/virt/hyperv/": ["nova/tests/unit/virt/hyperv"],
    "nova/tests/unit/virt/hyperv/": ["nova/tests/unit/virt/hyperv"],
}

#: As nova's own test environments set them.
VARIABLES = {
    "OS_STDOUT_CAPTURE": "1",
    "OS_STDERR_CAPTURE": "1",
    "OS_TEST_TIMEOUT": "160",
    "NOVA_RAISE_ON_GREENLET_LEAK": "True",
}

#: They set up how nova runs, the one up to 2023.2 and the other since; what is loaded
#: before them is not reached.
FIRST = ("nova.monkey_patch", "nova.tests.unit")

#: What runs in nova's interpreter.
INSIDE = Path(__file__).parent / "inside"

#: Seconds for one module, or for all of a directory.
TIMEOUT = 1800.0

_RAN = re.compile(r"^Ran (\d+) tests?", re.MULTILINE)
_OUTCOME = re.compile(r"^(?:OK|FAILED)(?: \((.*)\))?$", re.MULTILINE)
_COUNT = re.compile(r"([a-z ]+)=(\d+)")


def test_modules(paths: Iterable[PurePosixPath]) -> Iterator[str]:
    """The files of tests that changed files call for; not each has to be there."""
    for path in paths:
        if _is_test_module(path):
            yield str(path)
        elif not _is_of_tests(path) and path.suffix == ".py":
            inner = PurePosixPath(*path.parts[1:])
            yield str("nova/tests/unit" / inner.with_name(f"test_{inner.name}"))
        for beginning, modules in LOOKED_AFTER.items():
            if str(path).startswith(beginning):
                yield from modules


def runs_on_threads(file: str, tree: Path) -> bool:
    """Whether nova's tests of this kind can run on native threads in a release.

    A release says which of them cannot: at first of the unit tests, and when all of
    these can, of the functional ones.
    """
    excludes = {
        path.name.split("_")[1] for path in tree.glob("threading_*_excludes.txt")
    }
    kind = PurePosixPath(file).parts[2]
    return bool(excludes) if kind == "unit" else kind in excludes


def _is_of_tests(path: PurePosixPath) -> bool:
    return path.parts[:2] == ("nova", "tests")


def _is_test_module(path: PurePosixPath) -> bool:
    return _is_of_tests(path) and path.name.startswith("test_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How tests went."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    @classmethod
    def from_output(cls, output: str) -> Result:
        """What unittest printed at the end; without an end, that is a failure."""
        ran, outcome = _RAN.search(output), _OUTCOME.search(output)
        if ran is None or outcome is None:
            return cls(failed=1)
        counts = {
            name.strip(): int(count) for name, count in _COUNT.findall(outcome[1] or "")
        }
        skipped = counts.get("skipped", 0)
        failed = sum(
            counts.get(name, 0)
            for name in ("failures", "errors", "unexpected successes")
        )
        return cls(
            passed=max(int(ran[1]) - skipped - failed, 0),
            failed=failed,
            skipped=skipped,
        )

    def __add__(self, other: Result) -> Result:
        return Result(
            passed=self.passed + other.passed,
            failed=self.failed + other.failed,
            skipped=self.skipped + other.skipped,
        )

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """Runs test modules of one tree, some at a time."""

    environment: NovaEnvironment
    tree: Path
    processes: int

    def run(self, files: Iterable[str], mode: str) -> Result:
        """Run those of the files that are in the tree; prints each one's result."""
        there = {self.tree / file for file in files if (self.tree / file).exists()}
        suites = {
            path: sorted(path.glob("test_*.py")) if path.is_dir() else [path]
            for path in there
            if path.parent not in there
        }
        # Functional tests wait most of the time: they begin before all others.
        in_order = sorted(
            suites,
            key=lambda path: (
                "functional" not in path.parts,
                -sum(file.stat().st_size for file in suites[path]),
            ),
        )
        with ThreadPoolExecutor(self.processes) as pool:
            results = pool.map(
                lambda path: self._run_suite(path, suites[path], MODES[mode]),
                in_order,
            )
            return sum(results, Result())

    def _name(self, path: Path) -> str:
        return ".".join(path.relative_to(self.tree).with_suffix("").parts)

    def _run_suite(
        self, path: Path, modules: Iterable[Path], mode: Mapping[str, str]
    ) -> Result:
        """Run the modules of a file or directory in one process."""
        name, began = self._name(path), time.monotonic()
        try:
            output = self.environment.run(
                self.tree,
                *("-m", "suite", *FIRST, *map(self._name, modules)),
                path=[INSIDE],
                variables={**VARIABLES, **mode},
                timeout=TIMEOUT,
            ).stdout
        except subprocess.TimeoutExpired:
            output = f"{name}: no end after {TIMEOUT} s"
        result = Result.from_output(output)
        if result.failed:
            print(output)
        say(f"{name}: {result}, {time.monotonic() - began:.0f} s")
        return result


def main(argv: Sequence[str] | None = None) -> int:
    """Run the touched tests of a release; the last lines are counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--release", choices=PATCHED, default=PATCHED[-1])
    parser.add_argument(
        "--stock", action="store_true", help="run the stock tree, the baseline"
    )
    parser.add_argument(
        "--changed",
        action="store_true",
        help="leave out the test modules that the series does not change itself",
    )
    # Many tests wait: two processors have time for more than two modules.
    parser.add_argument("--processes", type=int, default=3, help="modules at a time")
    wanted = parser.parse_args(argv)
    environment = NovaEnvironment.of(wanted.release)
    environment.python()  # built before several ask for it
    runner = Runner(
        environment=environment,
        tree=environment.stock() if wanted.stock else environment.patched(),
        processes=wanted.processes,
    )
    changes = [
        change for patch in environment.series.patches for change in patch.changes
    ]
    paths = [change.path for change in changes]
    if wanted.changed:
        paths = [path for path in paths if _is_test_module(path)]
    touched = {*test_modules(paths)}
    added = list(test_modules(change.path for change in changes if change.creates))
    results = {"eventlet": runner.run(touched, "eventlet")}
    if not wanted.stock:
        threaded = [file for file in added if runs_on_threads(file, runner.tree)]
        if threaded:
            results["native threads"] = runner.run(threaded, "native threads")
    what = "stock" if wanted.stock else "patched"
    for mode, result in results.items():
        print(f"nova {environment.version} {what}, {mode}: {result}")
    return 1 if any(r.failed or not r.passed for r in results.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
