# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Whether the agent listens to what nova sends."""

from collections.abc import Iterator

from ceilo_nova_usage.checks.finding import Finding, failure, note, warning
from ceilo_nova_usage.checks.subject import Subject

__all__ = ["check"]

_EXCHANGE = "nova"
_LEGACY, _VERSIONED = "notifications", "versioned_notifications"


def check(subject: Subject) -> Iterator[Finding]:
    """Compare exchanges and topics with nova's; what was seen arrives."""
    conf = subject.conf
    if _EXCHANGE not in conf.notification.notification_control_exchanges:
        yield failure(
            f"The agent does not listen to nova's exchange: add '{_EXCHANGE}' to "
            "[notification] notification_control_exchanges."
        )
    topics = list(conf.oslo_messaging_notifications.topics)
    if _VERSIONED in topics:
        return
    seen = subject.health.total("notifications_total")
    told = f"The agent listens to {', '.join(topics) or 'no topic'} alone"
    if seen:
        yield note(f"{told}; {seen:.0f} notifications have come that way.")
    elif _LEGACY in topics:
        yield warning(
            f"{told}, which is enough where nova sends unversioned notifications. "
            "Where its [notifications] notification_format is 'versioned', set "
            f"[oslo_messaging_notifications] topics = {_LEGACY},{_VERSIONED}."
        )
    else:
        yield warning(
            f"{told}. Unless nova sends its notifications there, add {_LEGACY} or "
            f"{_VERSIONED} to [oslo_messaging_notifications] topics, as nova's "
            "[notifications] notification_format is unversioned or versioned."
        )
