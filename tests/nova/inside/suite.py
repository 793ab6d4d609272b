# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Run tests as `python -m unittest` does, at less cost: the arguments are unittest's.

Nova loads its policies anew for each test: it reads the same file twice, with PyYAML's
parser in Python where the one in C gives the same, and copies some 200 rules with all
that is in them, which nobody changes. And the collector of garbage walks time and again
through all that nova's modules are. Nearly half of the time went there.
"""

from __future__ import annotations

import copy
import functools
import gc
import unittest
from typing import Any

import yaml


def load_policies_swiftly() -> None:
    """Have a policy file that was read not be read again, and rules be copied alone.

    Of what is loaded before nova's own beginnings its patches of threads do not reach
    anything: this is for when they are done.
    """
    from oslo_policy import policy

    def register_default(enforcer: policy.Enforcer, default: Any) -> None:
        if default.name in enforcer.registered_rules:
            raise policy.DuplicatePolicyError(default.name)
        enforcer.registered_rules[default.name] = copy.copy(default)

    read = functools.cache(policy.parse_file_contents)
    policy.parse_file_contents = lambda data: dict(read(data))
    policy.Enforcer.register_default = register_default


class Program(unittest.TestProgram):
    """`python -m unittest`, which spares the collector what was loaded."""

    def runTests(self) -> None:  # noqa: N802, D102
        load_policies_swiftly()
        gc.collect()
        gc.freeze()
        super().runTests()


if __name__ == "__main__":
    yaml.SafeLoader = yaml.CSafeLoader
    Program(module=None)
