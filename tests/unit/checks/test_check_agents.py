# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Agents that do not run."""

from oslo_upgradecheck.upgradecheck import Code

TITLE = "Agents"
SUCCESS, WARNING = Code.SUCCESS, Code.WARNING


def test_one_runs(check, count):
    """Its process has written its metrics."""
    count({})

    assert check(TITLE)[0] == SUCCESS


def test_none_runs(check, deployment):
    """Where they would write is named."""
    result, details = check(TITLE)

    assert result == WARNING
    assert str(deployment.metrics) in details


def test_none_is_asked_to_tell(check, deployment):
    """Without a directory nothing can be told of them."""
    deployment.configure(options={"metrics_dir": ""})

    result, details = check(TITLE)

    assert result == WARNING
    assert "metrics_dir" in details
