# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Whether nova sends what is metered: from the notifications that agents have seen."""

from collections.abc import Iterator

from ceilo_nova_usage.checks.finding import Finding, failure, note, warning
from ceilo_nova_usage.checks.subject import Subject
from ceilo_nova_usage.errors import Reason

__all__ = ["check"]

# Servers that never started have no usage; more than this share is no such case.
_FEW = 0.1
_PATCH = (
    "See that its compute hosts run a nova with the patch series ('ceilo-nova-usage "
    "nova-patch check') and have [instance_usage] enabled = true"
)


def check(subject: Subject) -> Iterator[Finding]:
    """Compare what came with usage, without, and in a schema that is not known."""
    health = subject.health
    unknown = health.total("refusals_total", reason=Reason.UNKNOWN_VERSION)
    unknown = max(unknown, subject.quarantined[Reason.UNKNOWN_VERSION])
    if unknown:
        yield failure(
            f"{unknown:.0f} notifications have usage in a schema that is not known "
            "here: nova's patch series is newer than this plugin. Upgrade the plugin, "
            "then 'ceilo-nova-usage quarantine replay --reason unknown-version'."
        )
    without = health.total("notifications_total", outcome="without-usage")
    seen = health.total("notifications_total")
    if not seen:
        yield warning(
            "No agent of this host has seen a notification that is metered: whether "
            "nova sends usage cannot be told. Delete a server, or wait for nova's "
            "usage audit, then check again."
        )
    elif without == seen:
        yield failure(f"All {seen:.0f} notifications came without usage. {_PATCH}.")
    elif without > seen * _FEW:
        yield warning(
            f"{without:.0f} of {seen:.0f} notifications came without usage. {_PATCH}, "
            "all of them; servers that never started have none."
        )
    else:
        yield note(f"{seen - without:.0f} of {seen:.0f} notifications had usage.")
