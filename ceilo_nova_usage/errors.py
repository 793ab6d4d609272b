# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with a notification, and where in it."""

import dataclasses
import enum

__all__ = [
    "AgentRefused",
    "Fault",
    "Faults",
    "InvalidConfiguration",
    "InvalidNotification",
    "Reason",
]


class Reason(enum.StrEnum):
    """Why a part of a notification was refused: few enough to count by."""

    MISSING = "missing"
    WRONG_TYPE = "wrong-type"
    OUT_OF_RANGE = "out-of-range"
    UNREADABLE_TEXT = "unreadable-text"
    UNREADABLE_TIME = "unreadable-time"
    UNKNOWN_VERSION = "unknown-version"
    TOO_MANY = "too-many"
    DUPLICATE = "duplicate"
    METER_FAILED = "meter-failed"
    PUBLISH_FAILED = "publish-failed"
    ENDPOINT_FAILED = "endpoint-failed"
    INTERNAL_ERROR = "internal-error"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One refused part: its dotted path in the message, the reason, some words."""

    path: str
    reason: Reason
    detail: str

    def __str__(self) -> str:
        return f"{self.path}: {self.detail} ({self.reason})"


class Faults(list[Fault]):
    """The faults found in one message so far, in the order they were met."""

    def add(self, path: str, reason: Reason, detail: str) -> None:
        """Note a fault; ``detail`` must not repeat the value, which may be huge."""
        self.append(Fault(path=path, reason=reason, detail=detail))

    def missing(self, path: str) -> None:
        """Note that a required value is absent or null."""
        self.add(path, Reason.MISSING, "is missing")

    def wrong_type(self, path: str, value: object, wanted: str) -> None:
        """Note a value of another type than the contract's."""
        self.add(path, Reason.WRONG_TYPE, f"is {type(value).__name__}, not {wanted}")


class InvalidNotification(Exception):
    """Nothing of a notification can be metered.

    ``message_id`` is the id given by the sender, or None where it is unreadable;
    ``faults`` holds at least one :class:`Fault`.
    """

    def __init__(self, message_id: str | None, faults: Faults) -> None:
        self.message_id = message_id
        self.faults = faults
        super().__init__(
            f"notification {message_id}: " + "; ".join(str(fault) for fault in faults)
        )


class InvalidConfiguration(Exception):
    """Options that cannot be used: every one of them, each by its name."""


class AgentRefused(SystemExit):
    """The agent must not run on: its worker ends with status 1.

    A message for a status, as ``SystemExit`` takes one, would be an error of its own
    in cotyledon, after which the worker lives on and does nothing.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.code = 1
