# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Compare two recordings of one life in everything but ids and times.

Ids are paired where they first stand in the same place, one to one, so that ids that
changed places are a difference. A time becomes ten minutes of the life's own clock, in
the form it was written in: a life is led by the clock, and takes seconds between two
settings of it.
"""

from __future__ import annotations

import difflib
import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.recordings import Life, Message

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_ID = re.compile(
    rf"(?P<uuid>{_UUID})|\b(?P<hex>[0-9a-f]{{32}})\b|\b(?P<reservation>r-[0-9a-z]{{8}})\b"
)
_TIME = re.compile(
    r"(?P<minutes>\d{4}-\d\d-\d\d[T ]\d\d:\d)\d:\d\d(?P<fraction>\.\d+)?"
    r"(?P<zone>Z|[+-]\d\d:\d\d)?"
)


def difference(committed: Life, recorded: Life) -> str:
    """How the two differ, as a diff for a reader; empty where they do not."""
    before = {file: _parsed(message) for file, message in committed.files()}
    after = {file: _parsed(message) for file, message in recorded.files()}
    if list(before) != list(after):
        return "\n".join(_diff(list(before), list(after), ""))
    pairs = _Pairs()
    for file, parsed in before.items():
        pairs.find(parsed, after[file])
    return "\n".join(
        line
        for file, parsed in before.items()
        for line in _diff(
            _TIME.sub(_coarse, json.dumps(parsed, indent=1)).splitlines(),
            pairs.rename(
                _TIME.sub(_coarse, json.dumps(after[file], indent=1))
            ).splitlines(),
            f"/{file}",
        )
    )


class _Pairs:
    """Which recorded id stands for which committed one."""

    def __init__(self) -> None:
        self._committed: dict[str, str] = {}

    def find(self, before: Any, after: Any) -> None:
        """Pair the ids that stand in the same places of two documents."""
        if isinstance(before, dict) and isinstance(after, dict):
            for key, value in before.items():
                if key in after:
                    self.find(value, after[key])
        elif isinstance(before, list) and isinstance(after, list):
            for one, other in zip(before, after, strict=False):
                self.find(one, other)
        elif isinstance(before, str) and isinstance(after, str):
            ids, others = [*_ID.finditer(before)], [*_ID.finditer(after)]
            if [each.lastgroup for each in ids] == [each.lastgroup for each in others]:
                for one, other in zip(ids, others, strict=True):
                    self._pair(one[0], other[0])

    def _pair(self, before: str, after: str) -> None:
        if before not in self._committed.values():
            self._committed.setdefault(after, before)

    def rename(self, text: str) -> str:
        """A recorded text with the committed ids."""
        return _ID.sub(lambda found: self._committed.get(found[0], found[0]), text)


def _parsed(message: Message) -> dict[str, Any]:
    return {
        "exchange": message.exchange,
        "routing_key": message.routing_key,
        "properties": message.properties,
        "envelope": message.envelope() | {"oslo.message": message.notification()},
    }


def _coarse(found: re.Match[str]) -> str:
    fraction = "." + "f" * (len(found["fraction"]) - 1) if found["fraction"] else ""
    return f"{found['minutes']}x:xx{fraction}{found['zone'] or ''}"


def _diff(before: Sequence[str], after: Sequence[str], name: str) -> list[str]:
    return list(
        difflib.unified_diff(
            before, after, f"committed{name}", f"recorded{name}", lineterm=""
        )
    )
