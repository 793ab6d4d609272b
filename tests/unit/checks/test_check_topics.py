# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Topics that miss what nova sends."""

import pytest
from oslo_upgradecheck.upgradecheck import Code

from ceilo_nova_usage.delivery.tally import Outcome

TITLE = "Notification topics"
SUCCESS, WARNING, FAILURE = Code.SUCCESS, Code.WARNING, Code.FAILURE


@pytest.mark.parametrize(
    ("topics", "expected"),
    [
        ("notifications", WARNING),
        ("notifications,versioned_notifications", SUCCESS),
        ("versioned_notifications", SUCCESS),
        ("billing", WARNING),
    ],
)
def test_topics(check, deployment, topics, expected):
    """Without the versioned topic, half of the novas there are are not heard."""
    group = "[oslo_messaging_notifications]"
    deployment.configure(more=f"{group}\ntopics = {topics}")

    result, details = check(TITLE)

    assert result == expected
    if expected != SUCCESS:
        assert "[oslo_messaging_notifications] topics" in details


def test_what_has_come_is_proof(check, count):
    """Notifications that came show that nova and the agent agree."""
    count({(Outcome.WITHOUT_USAGE, ""): 1})

    assert check(TITLE)[0] == SUCCESS


def test_another_exchange(check, deployment):
    """An agent that listens to other services alone hears nothing of nova."""
    deployment.configure(more="[notification]\nnotification_control_exchanges = glance")

    result, details = check(TITLE)

    assert result == FAILURE
    assert "notification_control_exchanges" in details
