# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""A nova without our series, or with another."""

import pytest
from oslo_upgradecheck.upgradecheck import Code

from ceilo_nova_usage.delivery.tally import Outcome
from ceilo_nova_usage.errors import Reason

TITLE = "Nova's notifications"
SUCCESS, WARNING, FAILURE = Code.SUCCESS, Code.WARNING, Code.FAILURE


@pytest.mark.parametrize(
    ("metered", "without", "expected"),
    [
        (0, 0, WARNING),
        (100, 0, SUCCESS),
        (100, 5, SUCCESS),
        (100, 50, WARNING),
        (0, 3, FAILURE),
    ],
)
def test_notifications_without_usage(check, count, metered, without, expected):
    """All, or many, that come without usage come from a nova without the series."""
    count({(Outcome.METERED, ""): metered, (Outcome.WITHOUT_USAGE, ""): without})

    result, details = check(TITLE)

    assert result == expected
    if without > 5:
        assert "nova-patch check" in details


def test_a_schema_that_is_not_known(check, count):
    """The plugin is older than nova's series."""
    key = (Outcome.QUARANTINED, Reason.UNKNOWN_VERSION)
    count({(Outcome.METERED, ""): 9, (Outcome.QUARANTINED, ""): 1, key: 1})

    result, details = check(TITLE)

    assert result == FAILURE
    assert "Upgrade the plugin" in details


def test_a_schema_that_was_not_known_to_an_agent_that_ended(check, count, keep):
    """The quarantine remembers."""
    count({(Outcome.METERED, ""): 9})
    keep(Reason.UNKNOWN_VERSION)

    assert check(TITLE)[0] == FAILURE
