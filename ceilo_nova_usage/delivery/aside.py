# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""What becomes of a notification that was not, or not all, metered."""

import logging
from typing import Any

from ceilo_nova_usage.conf import Settings
from ceilo_nova_usage.delivery.bounded_log import BoundedLog, one_line
from ceilo_nova_usage.delivery.quarantine import Keeper, Quarantine
from ceilo_nova_usage.delivery.tally import TALLY, Outcome
from ceilo_nova_usage.errors import Faults

__all__ = ["Aside"]

LOG = logging.getLogger(__name__)

_LOGGED_FAULTS = 5


class Aside:
    """Counts, logs and keeps notifications, and never raises.

    :ivar quarantine: what keeps them; None where the options name no directory
    """

    def __init__(self, settings: Settings, log: BoundedLog) -> None:
        self._log = log
        self.quarantine: Keeper | None = None
        if settings.quarantine_dir is not None:
            self.quarantine = Quarantine(
                settings.quarantine_dir,
                max_bytes=settings.quarantine_max_bytes,
                max_files=settings.quarantine_max_files,
            )

    def put(
        self,
        outcome: Outcome,
        message: Any,
        message_id: str | None,
        faults: Faults,
        samples: int = 0,
    ) -> None:
        """Take one with its faults; ``samples`` of it were published all the same."""
        TALLY.count(outcome)
        for reason in {fault.reason for fault in faults}:
            TALLY.count(outcome, reason)
        shown = "; ".join(one_line(fault) for fault in faults[:_LOGGED_FAULTS])
        if len(faults) > _LOGGED_FAULTS:
            shown += f"; and {len(faults) - _LOGGED_FAULTS} more"
        self._log.warning(
            f"{outcome} {faults[0].reason}",
            "Notification %s is %s, %d samples published: %s",
            one_line(message_id),
            outcome,
            samples,
            shown,
        )
        if self.quarantine is None:
            return
        try:
            removed = self.quarantine.keep(message, message_id, faults, samples)
        except Exception as error:  # noqa: BLE001
            # A full disk, mostly; a defect must not hand the message back either.
            TALLY.count(Outcome.NOT_KEPT, type(error).__name__)
            self._log.log(
                logging.ERROR,
                "not-kept",
                "Notification %s cannot be kept in the quarantine: %s",
                one_line(message_id),
                error,
                exc_info=not isinstance(error, OSError),
            )
        else:
            if removed is not None:
                LOG.error("The quarantine is full: its oldest file was removed")
