# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""A notification as the agent is handed it, opened once."""

import datetime
from collections.abc import Mapping
from typing import Any

import msgspec

from ceilo_nova_usage import wire
from ceilo_nova_usage.errors import Faults, InvalidNotification

__all__ = ["Notification", "message_id_of"]


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """One notification of nova's, in either wire form.

    ``payload`` is the plain object of the legacy form, or the data of the versioned
    form's object; ``path`` is where that stands in the message. ``timestamp`` is the
    envelope's, unread.
    """

    message_id: str | None
    event_type: str
    timestamp: Any
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
        if not isinstance(message, dict):
            faults.wrong_type("message", message, "an object")
            raise InvalidNotification(None, faults)
        metadata = message.get("metadata")
        if not isinstance(metadata, dict):
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
        return cls(
            message_id=message_id,
            event_type=event_type,
            timestamp=metadata.get("timestamp"),
            payload=payload,
            path=path,
        )

    @property
    def created_at(self) -> datetime.datetime | None:
        """When the instance was made, aware, in UTC; None where that cannot be told.

        Nova tells the offset: a time without one is of who knows which zone.
        """
        value = self.payload.get("created_at")
        if not isinstance(value, str):
            return None
        try:
            read = datetime.datetime.fromisoformat(value)
            return None if read.tzinfo is None else read.astimezone(datetime.UTC)
        except (OverflowError, ValueError):
            return None

    @property
    def period_began_at(self) -> datetime.datetime | None:
        """When the period it reports on began; None where there is none, or unread."""
        period = self.payload.get("audit_period", self.payload)
        opened = wire.open_object(period, "", Faults(), any_version=True)
        value = None if opened is None else opened[0].get("audit_period_beginning")
        if not isinstance(value, str):
            return None
        return wire.time(value, "", Faults())

    @property
    def sent_at(self) -> datetime.datetime | None:
        """When it was sent, aware, in UTC; None where that cannot be told."""
        if not isinstance(self.timestamp, str):
            return None
        return wire.time(self.timestamp, "metadata.timestamp", Faults())


def message_id_of(message: Any) -> str | None:
    """Return the id of a message of any shape, where it has a readable one."""
    try:
        return Notification.from_bus(message).message_id
    except InvalidNotification as error:
        return error.message_id
