# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Sending what waits in the spool, so that no row can hold up the others."""

import logging
from collections.abc import Callable, Sequence

from ceilo_nova_usage.delivery.bounded_log import BoundedLog, one_line
from ceilo_nova_usage.delivery.gnocchi.api import Failed, Unavailable
from ceilo_nova_usage.delivery.gnocchi.resources import Accepted, resource_key
from ceilo_nova_usage.delivery.spool import Row, Spool, SpoolError
from ceilo_nova_usage.delivery.tally import DELIVERIES, Delivery

__all__ = ["Backlog", "Write"]

LOG = logging.getLogger(__name__)

#: Writes samples; returns why some were refused, by :func:`resource_key`.
Write = Callable[[Sequence[Accepted]], dict[str, str]]

# Rows, one a resource, that are sent in one request: at most. They get fewer, down to
# one, while Gnocchi fails.
_MOST_ROWS = 500
# So many other resources' rows are tried before Gnocchi is to blame, not the row.
_OTHERS = 5
# The share of the spool that rows which Gnocchi refuses may take.
_REFUSED_PERCENT = 25


class Backlog:
    """The rows that wait. ``writer`` returns what writes those of a publisher."""

    def __init__(
        self, spool: Spool, writer: Callable[[str], Write], log: BoundedLog
    ) -> None:
        self._spool = spool
        self._writer = writer
        self._log = log
        self._rows = _MOST_ROWS

    def deliver(self) -> tuple[int, int]:
        """Send one lot; return how many rows were sent, and how many refused.

        Both are 0 where nothing waits.

        :raises SpoolError: where the spool cannot be used
        :raises Unavailable: where Gnocchi cannot be; the next lot is a smaller one
        """
        rows = self._spool.waiting(self._rows)
        if not rows:
            return 0, 0
        try:
            refused = self._send(rows)
        except SpoolError:
            raise
        except Exception as error:
            # Perhaps it was too much for one request, or it is for one row's sake.
            alone = self._rows == 1 or len(rows) == 1
            self._rows = max(1, len(rows) // 2)
            if not alone or type(error) is Unavailable:
                raise
            refused = self._blame(rows[0], error)
        else:
            self._rows = min(_MOST_ROWS, self._rows * 2)
        return len(rows) - refused, refused

    def _send(self, rows: Sequence[Row]) -> int:
        """Send rows, each as its publisher would; return how many were refused."""
        refused = 0
        for publisher in dict.fromkeys(row.publisher for row in rows):
            write = self._writer(publisher)
            refused += self._send_by(
                write, [row for row in rows if row.publisher == publisher]
            )
        return refused

    def _send_by(self, write: Write, rows: Sequence[Row]) -> int:
        refused = write(_samples(rows))
        said_no: dict[int, str] = {}
        for row in rows:
            key = resource_key(row.resource_id)
            if key not in refused:
                continue
            # Another row of the resource may be to blame.
            alone = write(_samples([row]))
            if key in alone:
                said_no[row.seq] = alone[key]
        for row in rows:
            if row.seq in said_no:
                self._refuse(row, said_no[row.seq])
        self._spool.remove([row.seq for row in rows if row.seq not in said_no])
        return len(said_no)

    def _blame(self, row: Row, error: Exception) -> int:
        """Refuse a row that fails by itself, if others do not.

        :raises Unavailable: where nothing shows that it is the row's fault
        """
        others: dict[str, Row] = {}
        for other in self._spool.waiting(_MOST_ROWS):
            if other.resource_id != row.resource_id and len(others) < _OTHERS:
                others.setdefault(other.resource_id, other)
        if isinstance(error, Failed) and not any(
            self._gets_through(other) for other in others.values()
        ):
            raise error
        if self._gets_through(row):
            return 0
        self._refuse(row, str(error) or type(error).__name__)
        return 1

    def _gets_through(self, row: Row) -> bool:
        try:
            self._send([row])
        except SpoolError:
            raise
        except Exception as error:
            if type(error) is Unavailable:
                raise
            LOG.debug("A row by itself", exc_info=True)
            return False
        return True

    def _refuse(self, row: Row, reason: str) -> None:
        self._spool.refuse([row.seq], reason)
        DELIVERIES.count(Delivery.REFUSED, number=len(row.samples))
        self._log.log(
            logging.ERROR,
            "refused",
            "Gnocchi refuses the samples of %s, which the spool keeps: %s",
            one_line(row.resource_id),
            one_line(reason),
        )
        if dropped := self._spool.trim_refused(_REFUSED_PERCENT):
            DELIVERIES.count(Delivery.DROPPED, number=dropped)
            self._log.log(
                logging.CRITICAL,
                "dropped",
                "The spool holds too much that Gnocchi refuses: the %d oldest rows of "
                "it were dropped",
                dropped,
            )


def _samples(rows: Sequence[Row]) -> list[Accepted]:
    return [(sample, row.accepted_at) for row in rows for sample in row.samples]
