# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Compare two recordings of one life in everything but ids and times.

An id becomes the order in which it first appeared, so that ids that changed places are
a difference. A time becomes ten minutes of the life's own clock, in the form it was
written in: a life is led by the clock, and takes seconds between two settings of it.
"""

from __future__ import annotations

import difflib
import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.recordings import Life, Message

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_IDS = re.compile(
    rf"(?P<uuid>{_UUID})"
    r"|\b(?P<hex>[0-9a-f]{32})\b"
    r"|\b(?P<reservation>r-[0-9a-z]{8})\b"
)
_TIME = re.compile(
    r"(?P<minutes>\d{4}-\d\d-\d\d[T ]\d\d:\d)\d:\d\d(?P<fraction>\.\d+)?"
    r"(?P<zone>Z|[+-]\d\d:\d\d)?"
)


class _Names:
    """Names for ids, in the order in which the ids appear."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def replace(self, text: str) -> str:
        return _IDS.sub(self._name, _TIME.sub(_coarse, text))

    def _name(self, found: re.Match[str]) -> str:
        kind = found.lastgroup
        return self._names.setdefault(found[0], f"<{kind} {len(self._names) + 1}>")


def _coarse(found: re.Match[str]) -> str:
    fraction = "." + "f" * (len(found["fraction"]) - 1) if found["fraction"] else ""
    return f"{found['minutes']}x:xx{fraction}{found['zone'] or ''}"


def comparable(life: Life) -> Iterator[tuple[str, str]]:
    """Each message's file, and its text without what differs between recordings."""
    names = _Names()
    for file, message in life.files():
        yield file, names.replace(json.dumps(_parsed(message), indent=1))


def _parsed(message: Message) -> dict[str, Any]:
    envelope = message.envelope()
    return {
        "exchange": message.exchange,
        "routing_key": message.routing_key,
        "properties": message.properties,
        "envelope": envelope | {"oslo.message": message.notification()},
    }


def difference(committed: Life, recorded: Life) -> str:
    """How the two differ, as a diff for a reader; empty where they do not."""
    before, after = dict(comparable(committed)), dict(comparable(recorded))
    if list(before) != list(after):
        return "\n".join(
            difflib.unified_diff(
                list(before), list(after), "committed", "recorded", lineterm=""
            )
        )
    return "\n".join(
        line
        for file, text in before.items()
        for line in difflib.unified_diff(
            text.splitlines(),
            after[file].splitlines(),
            f"committed/{file}",
            f"recorded/{file}",
            lineterm="",
        )
    )
