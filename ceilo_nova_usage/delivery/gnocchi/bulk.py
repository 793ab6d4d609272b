# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Many resources or metrics in one request, where Gnocchi's API has such a request."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from ceilo_nova_usage.delivery.bounded_log import BoundedLog
from ceilo_nova_usage.delivery.gnocchi.api import (
    Failed,
    Gnocchi,
    Metrics,
    Refused,
    Unavailable,
)

__all__ = ["Bulk"]

_Body = TypeVar("_Body")

# Seconds after which the API is asked again what it has, and where that went wrong.
_ASK_AGAIN = 600.0
_ASK_SOON = 60.0


class Bulk:
    """The requests of ``ceilo_nova_usage.gnocchi_bulk``, if Gnocchi's API has them.

    They are a short cut: where they are not to be had, or say no, or fall over, nothing
    was made, or it will be found, and Gnocchi's own requests do the same. What makes
    something raises Unavailable where Gnocchi cannot be asked.
    """

    def __init__(
        self, gnocchi: Gnocchi, log: BoundedLog, clock: Callable[[], float]
    ) -> None:
        self._gnocchi = gnocchi
        self._log = log
        self._clock = clock
        self._lock = threading.Lock()
        self._there = False
        self._until = 0.0

    def create(
        self, resources: Mapping[str, Sequence[Mapping[str, Any]]]
    ) -> dict[str, Metrics]:
        """Create resources, by type, with metrics and measures.

        Return the ids of their metrics by their own ids, nothing where none was made.
        """
        return self._ask(self._gnocchi.create_all, resources)

    def create_metrics(
        self, metrics: Mapping[str, Mapping[str, Any]]
    ) -> dict[str, Metrics]:
        """Create metrics, by resource and name, with measures.

        Return their ids, as :meth:`create` does.
        """
        return self._ask(self._gnocchi.create_metrics, metrics)

    def at_hand(self) -> bool:
        """Return whether the API has them, as far as is known."""
        with self._lock:
            if self._clock() >= self._until:
                pause = _ASK_AGAIN
                try:
                    self._there = self._gnocchi.has_bulk()
                except (Refused, Unavailable):
                    # If Gnocchi is away, the request that comes next will tell.
                    self._there, pause = False, _ASK_SOON
                self._until = self._clock() + pause
            return self._there

    def _ask(
        self, request: Callable[[_Body], dict[str, Metrics]], body: _Body
    ) -> dict[str, Metrics]:
        try:
            return request(body)
        except Refused:
            # One may be to blame, or somebody else was first.
            return {}
        except Failed as error:
            with self._lock:
                self._there = False
                self._until = self._clock() + _ASK_SOON
            self._log.log(
                logging.ERROR,
                "bulk",
                "Gnocchi's bulk requests fail, and are not used for %d s: %s",
                _ASK_SOON,
                error,
            )
            return {}
