# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Run tests as `python -m unittest` does, at less cost: the arguments are unittest's.

Nova reads the same policy file twice for each test, with PyYAML's parser in Python
where the one in C gives the same; and the collector of garbage walks time and again
through all that nova's modules are. Over a third of the time went there.
"""

from __future__ import annotations

import gc
import unittest

import yaml


class Program(unittest.TestProgram):
    """`python -m unittest`, which spares the collector what was loaded."""

    def runTests(self) -> None:  # noqa: N802, D102
        gc.collect()
        gc.freeze()
        super().runTests()


if __name__ == "__main__":
    yaml.SafeLoader = yaml.CSafeLoader
    Program(module=None)
