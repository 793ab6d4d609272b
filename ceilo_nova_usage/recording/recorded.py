# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""A recorded notification, whichever way it was written down."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any, Self

__all__ = ["Broken", "NotANotification", "Recorded", "Source"]

_ENVELOPE_VERSION = "oslo.version"
_ENVELOPE_MESSAGE = "oslo.message"
_CONTEXT_PREFIX = "_context_"
_QUARANTINED = "quarantined_at"
# oslo.messaging's own priorities, each the name of an endpoint's method.
_PRIORITIES = frozenset(
    ("audit", "critical", "debug", "error", "info", "sample", "warn")
)
# What a dispatched message does not say: nova sends its notifications so.
_DISPATCHED_PRIORITY = "INFO"


class NotANotification(ValueError):
    """A JSON value is no notification; the text says what it lacks."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where something was read: a file's name and the number of its first line.

    The line is 0 where the file as a whole is meant.
    """

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A part of a recording that holds no notification that can be read."""

    source: Source
    reason: str

    def __str__(self) -> str:
        return f"{self.source}: {self.reason}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One notification as oslo.messaging's listener hands it to its dispatcher.

    ``ctxt`` is the request's context. ``message`` has ``message_id``,
    ``publisher_id``, ``event_type``, ``priority``, ``payload`` and ``timestamp``.
    """

    source: Source
    ctxt: dict[str, Any]
    message: dict[str, Any]

    @property
    def message_id(self) -> object:
        """The sender's id of the notification, whatever its type."""
        return self.message.get("message_id")

    def envelope(self) -> dict[str, str]:
        """Return the notification as oslo.messaging puts it on the wire."""
        context = {f"{_CONTEXT_PREFIX}{key}": item for key, item in self.ctxt.items()}
        return {
            _ENVELOPE_VERSION: "2.0",
            _ENVELOPE_MESSAGE: json.dumps({**self.message, **context}),
        }

    @classmethod
    def from_json(cls, value: object, source: Source) -> Self:
        """Take a wire envelope, a decoded or a dispatched message.

        - envelope: ``oslo.version`` and ``oslo.message``, a decoded message as text
        - decoded: the message's fields beside the context's, ``_context_...``
        - dispatched: what an endpoint is given, with ``ctxt`` and ``metadata``
        - quarantined: a dispatched message with the faults that were found in it

        :raises NotANotification: where it is none of these
        """
        fields = _object(value, "the value")
        if _ENVELOPE_MESSAGE in fields:
            fields = _opened(fields)
        elif _QUARANTINED in fields:
            if "message_begins" in fields:
                raise NotANotification(
                    "it was too large for the quarantine, which kept its beginning"
                )
            fields = _object(fields.get("message"), "the quarantined message")
        if not isinstance(fields.get("event_type"), str):
            raise NotANotification("it has no event_type")
        if "payload" not in fields:
            raise NotANotification("it has no payload")
        if "ctxt" in fields or "metadata" in fields:
            ctxt, message = _from_dispatched(fields)
        else:
            ctxt, message = _from_decoded(fields)
        priority = message["priority"]
        if not isinstance(priority, str) or priority.lower() not in _PRIORITIES:
            raise NotANotification(f"its priority is {priority!r:.40}")
        return cls(source=source, ctxt=ctxt, message=message)


def _object(value: object, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise NotANotification(f"{name} is {type(value).__name__}, not an object")
    return value


def _opened(envelope: Mapping[str, Any]) -> Mapping[str, Any]:
    version = envelope.get(_ENVELOPE_VERSION)
    if version != "2.0":
        raise NotANotification(f"its {_ENVELOPE_VERSION} is {version!r:.40}, not '2.0'")
    text = envelope[_ENVELOPE_MESSAGE]
    if not isinstance(text, str):
        raise NotANotification(f"its {_ENVELOPE_MESSAGE} is not a string")
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotANotification(
            f"its {_ENVELOPE_MESSAGE} is not JSON: {error}"
        ) from error
    return _object(message, f"its {_ENVELOPE_MESSAGE}")


def _from_decoded(
    fields: Mapping[str, Any],
) -> tuple[dict[str, Any], dict[str, Any]]:
    ctxt = {
        key.removeprefix(_CONTEXT_PREFIX): value
        for key, value in fields.items()
        if key.startswith(_CONTEXT_PREFIX)
    }
    message = {
        "message_id": fields.get("message_id"),
        "publisher_id": fields.get("publisher_id"),
        "event_type": fields["event_type"],
        "priority": fields.get("priority"),
        "payload": fields["payload"],
        "timestamp": fields.get("timestamp"),
    }
    return ctxt, message


def _from_dispatched(
    fields: Mapping[str, Any],
) -> tuple[dict[str, Any], dict[str, Any]]:
    metadata = _object(fields.get("metadata") or {}, "its metadata")
    message = {
        "message_id": metadata.get("message_id"),
        "publisher_id": fields.get("publisher_id"),
        "event_type": fields["event_type"],
        "priority": fields.get("priority", _DISPATCHED_PRIORITY),
        "payload": fields["payload"],
        "timestamp": metadata.get("timestamp"),
    }
    return dict(_object(fields.get("ctxt") or {}, "its ctxt")), message
