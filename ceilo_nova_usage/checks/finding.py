# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""What a check finds."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from oslo_upgradecheck.upgradecheck import Code

from ceilo_nova_usage.checks.subject import Subject

__all__ = ["Check", "Code", "Finding", "failure", "listed", "note", "warning"]

_SHOWN = 5


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was found, how bad it is, and what to do about it."""

    code: Code
    text: str


Check: TypeAlias = Callable[[Subject], Iterator[Finding]]


def note(text: str) -> Finding:
    """Return a finding that is good to know, and nothing to do about."""
    return Finding(code=Code.SUCCESS, text=text)


def warning(text: str) -> Finding:
    """Return a finding that somebody should look at."""
    return Finding(code=Code.WARNING, text=text)


def failure(text: str) -> Finding:
    """Return a finding by which usage is lost or billed wrongly."""
    return Finding(code=Code.FAILURE, text=text)


def listed(names: Iterable[str]) -> str:
    """Return some names as text, and how many more there are."""
    known = list(names)
    shown = ", ".join(known[:_SHOWN])
    more = len(known) - _SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
