# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Counts of what came in and what became of it, for one process."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from enum import StrEnum

__all__ = ["DELIVERIES", "TALLY", "Delivery", "Outcome", "Tally"]


class Outcome(StrEnum):
    """What became of a notification of a family that is metered."""

    METERED = "metered"
    WITHOUT_USAGE = "without-usage"
    PARTLY_METERED = "partly-metered"
    QUARANTINED = "quarantined"
    NOT_PUBLISHED = "not-published"
    NOT_KEPT = "not-kept"
    METER_FAILED = "meter-failed"
    ENDPOINT_FAILED = "endpoint-failed"


class Delivery(StrEnum):
    """What became of measures on their way to Gnocchi, and of resources there.

    ``SENT`` counts measures that Gnocchi took, ``SPOOLED`` samples that went to the
    spool first, ``REFUSED`` samples that Gnocchi will not have, ``DROPPED`` rows of
    these that there were too many of, ``NOT_DEFINED`` samples
    of meters that the resource definitions do not name, ``HELD_UP`` the times that
    neither Gnocchi nor the spool took a batch, so that the bus had to keep it. The
    others count resources.
    """

    SENT = "sent"
    SPOOLED = "spooled"
    REFUSED = "refused"
    DROPPED = "dropped"
    NOT_DEFINED = "not-defined"
    HELD_UP = "held-up"
    CREATED = "created"
    UPDATED = "updated"
    ENDED = "ended"
    ENDED_AGAIN = "ended-again"
    REVIVED = "revived"


class Tally:
    """Counts by outcome, and by the reason where something was refused.

    A notification counts once by what reading it came to (with no reason), and once
    for each reason its faults have. ``NOT_PUBLISHED`` and ``NOT_KEPT`` come on top,
    for those that a publisher, or the quarantine, then failed to take;
    ``METER_FAILED`` counts the failures of a meter, by its path, ``meters.NAME``;
    ``ENDPOINT_FAILED`` what another's endpoint, or oslo.messaging, raises for, where
    that is guarded.
    ``began_at`` is when counting began, in seconds since 1970.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._said: Counter[tuple[str, str]] = Counter()
        self._due = clock()
        self._last: dict[str, float] = {}
        self.began_at = time.time()

    def count(self, outcome: str, reason: str = "", number: int = 1) -> None:
        """Count one, or ``number``."""
        with self._lock:
            self._counts[outcome, reason] += number
            self._last[outcome] = time.time()

    def snapshot(self) -> dict[tuple[str, str], int]:
        """Return the counts so far, by ``(outcome, reason)``."""
        with self._lock:
            return dict(self._counts)

    def last(self) -> dict[str, float]:
        """Return when each outcome was last counted, in seconds since 1970."""
        with self._lock:
            return dict(self._last)

    def due(self, interval: float) -> str | None:
        """Return the counts in words, if they changed since ``interval`` seconds ago.

        At most once an interval, for whoever asks first; 0 is never.
        """
        if not interval:
            return None
        now = self._clock()
        with self._lock:
            if now < self._due or self._counts == self._said:
                return None
            self._due, self._said = now + interval, self._counts.copy()
            return ", ".join(
                f"{outcome} {reason}".rstrip() + f" {count}"
                for (outcome, reason), count in sorted(self._counts.items())
            )


#: Of notifications, by :class:`Outcome`.
TALLY = Tally()
#: Of what is delivered to Gnocchi, by :class:`Delivery`.
DELIVERIES = Tally()
