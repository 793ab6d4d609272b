# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Whether samples wait, or were refused, on this host."""

from collections.abc import Iterator

from ceilo_nova_usage.checks.finding import Finding, failure, warning
from ceilo_nova_usage.checks.subject import SPOOLING, Subject, scheme
from ceilo_nova_usage.delivery.health.findings import FINDINGS

__all__ = ["check"]

_FINDINGS = ("spool-full", "spool-old", "refused", "damaged")


def check(subject: Subject) -> Iterator[Finding]:
    """Look how full the spool is, how old, and whether anyone empties it."""
    for name in _FINDINGS:
        text = FINDINGS[name](subject.health, subject.settings)
        if text is not None:
            yield warning(text)
    waiting = subject.health.total("spool_samples", state="waiting")
    if waiting and SPOOLING not in map(scheme, subject.publishers):
        yield failure(
            f"{waiting:.0f} samples wait in {subject.settings.spool_dir}, and no agent "
            f"sends them: the meter pipeline has no {SPOOLING}:// publisher. Name it "
            "there again until the spool is empty."
        )
