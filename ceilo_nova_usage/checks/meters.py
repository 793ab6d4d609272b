# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Whether all meters that are installed can be used."""

from collections.abc import Iterator

from ceilo_nova_usage.checks.finding import Finding, failure, note, warning
from ceilo_nova_usage.checks.subject import Subject
from ceilo_nova_usage.meters import table

__all__ = ["check"]


def check(subject: Subject) -> Iterator[Finding]:
    """Load the meters as the handlers do."""
    left_out: list[str] = []
    found = table.in_force(subject.settings.meters, left_out.append)
    for text in left_out:
        yield failure(f"{text} Mend or remove the package that it is from.")
    if not found:
        yield warning(
            "No meter is published: name families of meters in [nova_usage] meters."
        )
    else:
        yield note(f"{len(found)} meters are published.")
