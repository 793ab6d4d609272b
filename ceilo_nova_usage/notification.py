# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""A notification as the agent is handed it, opened once."""

import datetime
from collections.abc import Mapping
from typing import Any

import msgspec

from ceilo_nova_usage import wire
from ceilo_nova_usage.errors import Faults, InvalidNotification

__all__ = ["Notification"]


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """One notification of nova's, in either wire form.

    ``payload`` is the plain object of the legacy form, or the data of the versioned
    form's object; ``path`` is where that stands in the message. ``sent_at`` is
    aware, in UTC, or None where the envelope's time is absent or unreadable.
    """

    message_id: str | None
    event_type: str
    sent_at: datetime.datetime | None
    payload: dict[str, Any]
    path: str

    @classmethod
    def from_bus(cls, message: Mapping[str, Any]) -> "Notification":
        """Open what oslo.messaging dispatched.

        ``message`` has ``event_type``, ``payload``, and ``metadata`` with
        ``message_id`` and ``timestamp``; oslo.messaging's naive times are UTC.

        :raises InvalidNotification: where there is no event type or no payload
        """
        faults = Faults()
        if not isinstance(message, Mapping):
            faults.wrong_type("message", message, "an object")
            raise InvalidNotification(None, faults)
        metadata = message.get("metadata")
        if not isinstance(metadata, Mapping):
            metadata = {}
        message_id = metadata.get("message_id")
        if not isinstance(message_id, str):
            message_id = None
        event_type = message.get("event_type")
        if not isinstance(event_type, str):
            faults.wrong_type("event_type", event_type, "a string")
            raise InvalidNotification(message_id, faults)
        opened = wire.open_object(
            message.get("payload"), "payload", faults, any_version=True
        )
        if opened is None:
            raise InvalidNotification(message_id, faults)
        payload, path = opened
        timestamp = metadata.get("timestamp")
        return cls(
            message_id=message_id,
            event_type=event_type,
            sent_at=wire.time(timestamp, "metadata.timestamp", Faults())
            if isinstance(timestamp, str)
            else None,
            payload=payload,
            path=path,
        )
