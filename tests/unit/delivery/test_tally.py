# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The counts of what came in."""

import concurrent.futures

from ceilo_nova_usage.delivery.tally import Outcome, Tally


def test_counts_are_by_outcome_and_reason():
    """Each pair has its own count, and what never was has none."""
    tally = Tally()
    tally.count(Outcome.METERED)
    tally.count(Outcome.METERED)
    tally.count(Outcome.QUARANTINED, "missing")

    assert tally.snapshot() == {("metered", ""): 2, ("quarantined", "missing"): 1}


def test_a_snapshot_is_not_changed_by_what_follows():
    """Two snapshots can be compared."""
    tally = Tally()
    before = tally.snapshot()
    tally.count(Outcome.METERED)

    assert before == {}


def test_threads_lose_no_count():
    """The agent's threads count into one tally."""
    tally = Tally()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: tally.count(Outcome.METERED), range(20_000)))

    assert tally.snapshot() == {("metered", ""): 20_000}
