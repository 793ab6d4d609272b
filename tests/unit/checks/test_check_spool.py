# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Samples that do not reach Gnocchi."""

import pytest
from oslo_upgradecheck.upgradecheck import Code

from ceilo_nova_usage.delivery.health import findings
from tests.unit.checks.conftest import SPOOLING

TITLE = "Spool"
SUCCESS, WARNING, FAILURE = Code.SUCCESS, Code.WARNING, Code.FAILURE


@pytest.fixture(name="spooling", autouse=True)
def _spooling(deployment):
    deployment.configure(publishers=[SPOOLING])


def test_there_is_none(check):
    """An agent that never had to use its spool has none."""
    assert check(TITLE) == (SUCCESS, "")


def test_samples_that_just_came(check, spooled):
    """A Gnocchi that is slow for a moment is no finding."""
    spooled()

    assert check(TITLE) == (SUCCESS, "")


def test_samples_that_wait_for_long(check, monkeypatch, spooled):
    """Somebody should look at Gnocchi."""
    spooled()
    monkeypatch.setattr(findings, "OLD", 0.001)

    assert check(TITLE)[0] == WARNING


def test_samples_that_were_refused(check, spooled):
    """Somebody should look at why."""
    spool = spooled()
    spool.refuse([row.seq for row in spool.waiting(1000)], "no such policy")

    result, details = check(TITLE)

    assert result == WARNING
    assert "spool flush --refused" in details


def test_a_spool_that_is_nearly_full(check, deployment, spooled):
    """Before notifications have to wait on the bus."""
    options_ = {"spool_max_bytes": 2**20, "spool_warn_percent": 1}
    deployment.configure(publishers=[SPOOLING], options=options_)
    spooled()

    assert check(TITLE)[0] == WARNING


def test_samples_that_nobody_sends(check, deployment, spooled):
    """An operator went back to another publisher, and left samples behind."""
    spooled()
    deployment.configure(publishers=["gnocchi://"])

    result, details = check(TITLE)

    assert result == FAILURE
    assert "gnocchi-spool://" in details
