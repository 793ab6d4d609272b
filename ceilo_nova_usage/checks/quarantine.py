# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Whether notifications are kept that could not be read."""

from collections.abc import Iterator

from ceilo_nova_usage.checks.finding import Finding, listed, warning
from ceilo_nova_usage.checks.subject import Subject
from ceilo_nova_usage.delivery.health.findings import FINDINGS

__all__ = ["check"]


def check(subject: Subject) -> Iterator[Finding]:
    """Look whether the quarantine is empty, and for what reasons it is not."""
    if subject.settings.quarantine_dir is None:
        yield warning(
            "What cannot be read is thrown away: name a directory in [nova_usage] "
            "quarantine_dir."
        )
        return
    text = FINDINGS["quarantine"](subject.health, subject.settings)
    if text is not None:
        counts = subject.quarantined.most_common()
        told = listed(f"{reason} ({count})" for reason, count in counts)
        yield warning(f"{text} The reasons are: {told}.")
