# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Deletes on their way from the bus to Gnocchi, and whether all of them arrived."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ceilo_nova_usage.delivery.spool import Spool
from tests.functional.stack.measures import Comparison, compare
from tests.functional.stack.stack import Stack
from tests.support.agent_process import Host
from tests.support.deletes import Delete, deletes
from tests.support.processes import wait_until


class Delivery:
    """The agents of one host, what they are sent, and what becomes of it.

    They publish by ``gnocchi-spool://``, with the baseline, in batches.

    :param run: what keeps the instances apart from any other test's
    """

    def __init__(self, stack: Stack, run: str, number: int) -> None:
        self.stack = stack
        self.host = stack.host()
        self.sent = list(deletes(run, number, totals=True))
        self._begun = time.monotonic()

    def configure(
        self, name: str = "agent", *, workers: int = 1, **nova_usage: object
    ) -> Path:
        """Write the files of an agent that tries again soon."""
        return configure(
            self.host,
            name,
            self.stack.exact(),
            workers=workers,
            nova_usage={"spool_retry_max": 5, **nova_usage},
        )

    def publish(self, part: Sequence[Delete]) -> None:
        """Put some of the deletes on the bus."""
        with self.stack.bus() as bus:
            bus.publish(part)

    def parts(self, number: int) -> Iterator[Sequence[Delete]]:
        """Give the deletes in so many parts, one as long as the other."""
        for part in range(number):
            size = len(self.sent)
            yield self.sent[part * size // number : (part + 1) * size // number]

    def waiting(self) -> int:
        """How many resources' samples wait in the host's spool."""
        spool = Spool(self.host.spool, max_bytes=2**30)
        try:
            return spool.state().waiting_rows
        finally:
            spool.close()

    def wait_until_arrived(self, *, timeout: float = 900.0) -> float:
        """Wait until nothing is on its way; return the seconds since the beginning."""
        self.stack.wait_until_handled(timeout=timeout)
        wait_until(
            lambda: self.waiting() == 0, "the spool is empty", timeout=timeout, pause=1
        )
        self.stack.gnocchi.wait_until_processed(timeout=timeout)
        return time.monotonic() - self._begun

    def compare(self) -> Comparison:
        """Compare what was sent with what Gnocchi holds."""
        return compare_all(self.stack, self.sent)


def configure(
    host: Host, name: str, publisher: str, *, workers: int = 1, **sections: Any
) -> Path:
    """Write the files of an agent that publishes zeros too, and takes batches."""
    return host.configure(
        name,
        [publisher],
        workers=workers,
        **{
            **sections,
            "notification": {"batch_size": 10, "batch_timeout": 1},
            "nova_usage": {"baseline": True, **sections.get("nova_usage", {})},
        },
    )


def compare_all(stack: Stack, sent: Iterable[Delete]) -> Comparison:
    """Compare the samples of deletes with what Gnocchi holds of their instances."""
    return compare(
        stack.gnocchi.client(),
        [sample for each in sent for sample in each.samples + each.zeros],
    )
