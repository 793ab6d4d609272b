# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Whether agents run on this host, and tell of themselves."""

from collections.abc import Iterator

from ceilo_nova_usage.checks.finding import Finding, note, warning
from ceilo_nova_usage.checks.subject import Subject
from ceilo_nova_usage.delivery.health.findings import FINDINGS

__all__ = ["check"]


def check(subject: Subject) -> Iterator[Finding]:
    """Look for the files that the agents' processes write."""
    for problem in subject.health.problems:
        yield warning(f"{problem}. Check again as the agent's user, or as root.")
    stopped = FINDINGS["stopped"](subject.health, subject.settings)
    if stopped is not None:
        yield warning(stopped)
    else:
        yield note(f"{len(subject.health.running)} agent processes run.")
