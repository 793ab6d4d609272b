# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Notifications that could not be read."""

from oslo_upgradecheck.upgradecheck import Code

from ceilo_nova_usage.errors import Reason

TITLE = "Quarantine"
SUCCESS, WARNING = Code.SUCCESS, Code.WARNING


def test_it_is_empty(check):
    """Nothing was kept, ever."""
    assert check(TITLE) == (SUCCESS, "")


def test_it_is_not_empty(check, keep):
    """Their reasons are told, and how to go on."""
    keep(Reason.TOO_MANY)
    keep(Reason.MISSING)
    keep(Reason.MISSING)

    result, details = check(TITLE)

    assert result == WARNING
    assert "missing (2), too-many (1)" in details
    assert "quarantine replay" in details


def test_it_is_switched_off(check, deployment):
    """What cannot be read is lost then."""
    deployment.configure(options={"quarantine_dir": ""})

    assert check(TITLE)[0] == WARNING
