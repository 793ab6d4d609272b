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


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        """Return the time."""
        return self.now


def test_counts_are_said_once_an_interval_and_only_where_they_changed():
    """A log has a line for what came, and none for a quiet night."""
    clock = Clock()
    tally = Tally(clock)
    assert tally.due(60) is None

    tally.count(Outcome.METERED)
    tally.count(Outcome.QUARANTINED, "missing")
    assert tally.due(60) == "metered 1, quarantined missing 1"

    tally.count(Outcome.METERED)
    clock.now = 59
    assert tally.due(60) is None
    clock.now = 60
    assert tally.due(60) == "metered 2, quarantined missing 1"
    clock.now = 600
    assert tally.due(60) is None


def test_counts_are_never_said_where_none_are_wanted():
    """An interval of 0 says nothing."""
    tally = Tally()
    tally.count(Outcome.METERED)

    assert tally.due(0) is None
