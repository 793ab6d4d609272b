# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Spools in a test's own directory."""

import subprocess
import sys

import pytest

from ceilo_nova_usage.delivery.spool import Spool

BOUND = 8 * 1024 * 1024


@pytest.fixture(name="directory")
def _directory(tmp_path):
    """Where the spool is; it is not there yet."""
    return tmp_path / "nova-usage" / "spool"


@pytest.fixture(name="opened")
def _opened(directory):
    """Open the spool once more, as another process would."""
    spools = []

    def opened(max_bytes=BOUND, **options):
        spools.append(Spool(directory, max_bytes=max_bytes, **options))
        return spools[-1]

    yield opened
    for spool in spools:
        spool.close()


@pytest.fixture(name="spool")
def _spool(opened):
    return opened()


@pytest.fixture(name="process")
def _process(directory):
    """Start a Python process, with a spool, that runs some lines of code."""
    started = []

    def process(code):
        begin = (
            "import os, pathlib, sys, time\n"
            "from ceilo_nova_usage.delivery.spool import Spool\n"
            "from tests.support.spooled import numbers, sample, waiting\n"
            f"spool = Spool(pathlib.Path({str(directory)!r}), max_bytes={BOUND})\n"
        )
        started.append(
            subprocess.Popen(
                [sys.executable, "-W", "ignore", "-c", begin + code],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        return started[-1]

    yield process
    for each in started:
        each.kill()
        each.communicate()
