# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Recorded lives: every message of a server's life, byte for byte, in order.

One body is one file, `EVENT_TYPE/CASE.json`, numbered where a life has several of that
type. `lives/CASE.json` lists the files in their order of arrival, with what the bus
said of each message outside its body. A case is a nova and what was done to it:
`nova-34.0.0` is one with the series applied, `nova-34.0.0-stock` one without. Of
`nova-34.0.0-eventful`, to which everything happens, there is only what has usage;
`nova-21.2.4-xenapi` is one without the series that has some of its own, and
`nova-28.3.1-hyperv` one with it and another hypervisor.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FIXTURES = Path(__file__).parents[1] / "fixtures"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message as the broker delivered it."""

    exchange: str
    routing_key: str
    properties: Mapping[str, Any]
    body: bytes

    @property
    def event_type(self) -> str:
        """The notification's event type."""
        return str(self.notification()["event_type"])

    def notification(self) -> dict[str, Any]:
        """What is in oslo.messaging's envelope."""
        notification: dict[str, Any] = json.loads(self.envelope()["oslo.message"])
        return notification

    def envelope(self) -> dict[str, Any]:
        """The body, parsed once."""
        envelope: dict[str, Any] = json.loads(self.body)
        return envelope


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """The messages of one life, in their order of arrival."""

    case: str
    messages: tuple[Message, ...]

    @classmethod
    def load(cls, case: str, fixtures: Path = FIXTURES) -> Life:
        """Read a life; raises FileNotFoundError where it was never recorded."""
        listed = json.loads(_list(fixtures, case).read_text("utf-8"))
        return cls(
            case=case,
            messages=tuple(
                Message(
                    exchange=each["exchange"],
                    routing_key=each["routing_key"],
                    properties=each["properties"],
                    body=(fixtures / each["file"]).read_bytes(),
                )
                for each in listed["messages"]
            ),
        )

    def save(self, fixtures: Path = FIXTURES) -> None:
        """Write the life in place of an earlier one of the same case."""
        remove(self.case, fixtures)
        listed = []
        for file, message in self.files():
            (fixtures / file).parent.mkdir(parents=True, exist_ok=True)
            (fixtures / file).write_bytes(message.body)
            listed.append(
                {
                    "file": file,
                    "exchange": message.exchange,
                    "routing_key": message.routing_key,
                    "properties": message.properties,
                }
            )
        _list(fixtures, self.case).parent.mkdir(parents=True, exist_ok=True)
        _list(fixtures, self.case).write_text(
            json.dumps({"messages": listed}, indent=2) + "\n", "utf-8"
        )

    def files(self) -> Iterable[tuple[str, Message]]:
        """Each message with the name of its file below the fixtures."""
        total = Counter(message.event_type for message in self.messages)
        seen: Counter[str] = Counter()
        for message in self.messages:
            kind = message.event_type
            seen[kind] += 1
            number = f"-{seen[kind]}" if total[kind] > 1 else ""
            yield f"{kind}/{self.case}{number}.json", message


def cases(fixtures: Path = FIXTURES) -> list[str]:
    """The lives there are."""
    return sorted(path.stem for path in (fixtures / "lives").glob("*.json"))


def plain_cases(fixtures: Path = FIXTURES) -> list[str]:
    """The lives of novas with the series that are recorded whole."""
    return [case for case in cases(fixtures) if case.rpartition("-")[2][0].isdigit()]


def remove(case: str, fixtures: Path = FIXTURES) -> None:
    """Remove a life and its messages, if there is one."""
    listed = _list(fixtures, case)
    if listed.exists():
        for each in json.loads(listed.read_text("utf-8"))["messages"]:
            (fixtures / each["file"]).unlink(missing_ok=True)
        listed.unlink()


def _list(fixtures: Path, case: str) -> Path:
    return fixtures / "lives" / f"{case}.json"
