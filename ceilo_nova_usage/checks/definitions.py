# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Whether Gnocchi's publishers know our meters."""

from collections.abc import Iterator

from ceilo_nova_usage import gnocchi_resources
from ceilo_nova_usage.checks.finding import Finding, failure, listed, note, warning
from ceilo_nova_usage.checks.subject import CannotTell, Subject

__all__ = ["check"]

_OTHERWISE = ("meter ", "archive policy ")


def check(subject: Subject) -> Iterator[Finding]:
    """Compare the definitions that are configured with those that are recommended."""
    try:
        found = subject.definitions
    except CannotTell as error:
        # Here it is the finding itself.
        yield failure(str(error))
        return
    if not found:
        yield note("No pipeline publishes our meters to Gnocchi.")
    wanted = gnocchi_resources.merged(gnocchi_resources.ceilometers())
    for publisher, definitions in found:
        where = (
            f"The file {publisher.file} of {publisher.url}"
            if publisher.file
            else f"Ceilometer's own file, which {publisher.url} uses,"
        )
        known = gnocchi_resources.meters(definitions)
        unknown = [name for name in subject.meters if name not in known]
        if unknown:
            yield failure(
                f"{where} does not know {listed(unknown)}: their samples are thrown "
                "away. Use the definitions that 'ceilo-nova-usage gnocchi-resources' "
                "prints."
            )
        # What becomes of meters and policies is told here, and by the next check.
        others = [
            str(difference)
            for difference in gnocchi_resources.differences(definitions, wanted)
            if not difference.place.startswith(_OTHERWISE)
        ]
        if others:
            yield warning(
                f"{where} differs from what is recommended: {listed(others)}. "
                "'ceilo-nova-usage gnocchi-resources --check' tells all, and what to "
                "do."
            )
