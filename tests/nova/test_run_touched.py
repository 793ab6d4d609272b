# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Which of nova's tests are run, how, and what is made of what they print."""

import subprocess
import sys
from pathlib import PurePosixPath

import pytest

from tests.nova import run_touched
from tests.nova.run_touched import INSIDE, Result, runs_on_threads

UNIT = "nova/tests/unit/virt/test_usage.py"
FUNCTIONAL = "nova/tests/functional/libvirt/test_instance_usage.py"


@pytest.mark.parametrize(
    ("excluded", "on_threads"),
    [
        ([], set()),
        (["unit"], {UNIT}),
        (["functional"], {UNIT, FUNCTIONAL}),
    ],
)
def test_what_runs_on_native_threads(tmp_path, excluded, on_threads):
    """At first nothing, then the unit tests, and then the functional ones too."""
    for kind in excluded:
        (tmp_path / f"threading_{kind}_excludes.txt").touch()

    files = {file for file in (UNIT, FUNCTIONAL) if runs_on_threads(file, tmp_path)}

    assert files == on_threads


def test_a_change_calls_for_what_looks_after_it():
    """A module has tests of its name, and some have more; a changed test is one."""
    changed = ["nova/virt/driver.py", "nova/tests/unit/test_utils.py", "nova/x.txt"]

    assert {*run_touched.test_modules(map(PurePosixPath, changed))} == {
        "nova/tests/unit/virt/test_driver.py",
        "nova/tests/unit/virt/test_virt_drivers.py",
        "nova/tests/unit/test_utils.py",
    }


@pytest.mark.parametrize(
    ("tests", "expected"),
    [
        ("def test_a(self): pass", Result(passed=1)),
        (
            "def test_a(self): pass\n"
            "    def test_b(self): self.fail()\n"
            "    def test_c(self): raise OSError\n"
            "    def test_d(self): self.skipTest('')",
            Result(passed=1, failed=2, skipped=1),
        ),
        ("raise OSError", Result(failed=1)),
    ],
)
def test_what_tests_come_to(tmp_path, tests, expected):
    """What runs nova's tests fails where a test does, and where none can be run."""
    module = tmp_path / "test_some.py"
    module.write_text(f"import unittest\nclass Some(unittest.TestCase):\n    {tests}\n")

    run = subprocess.run(
        [sys.executable, INSIDE / "suite.py", "test_some"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )

    assert Result.from_output(run.stdout) == expected
    assert (run.returncode == 0) is (expected.failed == 0)
