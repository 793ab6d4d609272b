# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Whether Gnocchi keeps of our meters what bills can be made of."""

from collections.abc import Iterator, Mapping
from typing import Any

from ceilo_nova_usage import gnocchi_resources
from ceilo_nova_usage.checks.finding import Finding, failure, listed, note, warning
from ceilo_nova_usage.checks.subject import CannotTell, Subject

__all__ = ["check"]

# Of any of them a counter's growth can be told; of means, and means of rates, not.
_USABLE = frozenset(("rate:sum", "last", "max"))


def check(subject: Subject) -> Iterator[Finding]:
    """Look at the aggregates of each policy in force: Gnocchi's, if it has it."""
    if not subject.definitions:
        return
    existing: Mapping[str, Any] | None = None
    try:
        existing = subject.archive_policies
    except CannotTell as error:
        yield warning(f"{error} Its own archive policies were not looked at.")
    for publisher, definitions in subject.definitions:
        defined = {each["name"]: each for each in definitions["archive_policies"]}
        for name, meters in _in_use(subject, publisher.override, definitions).items():
            of = f"The archive policy {name}, of {listed(meters)},"
            policy = (existing or {}).get(name) or defined.get(name)
            if policy is None:
                if existing is not None:
                    yield failure(
                        f"{of} is neither in Gnocchi nor in the definitions: Gnocchi "
                        "refuses the samples. Define it, or name another policy."
                    )
                continue
            methods = policy.get("aggregation_methods")
            # Gnocchi's own default has max.
            if methods is None or _USABLE.intersection(methods):
                continue
            where = "in Gnocchi" if name in (existing or {}) else "as it is defined"
            yield failure(
                f"{of} {where}, keeps {', '.join(methods)} alone: no bill can be made "
                "of that. Use the definitions that 'ceilo-nova-usage "
                "gnocchi-resources' prints; metrics that exist keep their policy."
            )
    if existing is not None:
        yield note(f"Gnocchi answered; it has {len(existing)} archive policies.")


def _in_use(
    subject: Subject, override: str | None, definitions: gnocchi_resources.Definitions
) -> dict[str, list[str]]:
    """Return the meters of ours that each policy is for, by the policy's name."""
    known = gnocchi_resources.meters(definitions)
    policies: dict[str, list[str]] = {}
    for name in subject.meters:
        if name in known:
            _, policy = known[name]
            policies.setdefault(override or policy, []).append(name)
    return policies
