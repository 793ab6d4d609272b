# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Rows leave in the order in which they came, whatever else is done."""

import pathlib
import tempfile

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
)

from ceilo_nova_usage.delivery.spool import Selection, Spool
from tests.support.spooled import numbers, sample, waiting

RESOURCES = st.sampled_from(["vm-1", "vm-1-vda", "", None, "vm-\ud800", "vm-2"])
REASONS = st.sampled_from(["no such meter", "none of \udfff these"])


class SpoolMachine(RuleBasedStateMachine):
    """A spool, used by two, beside a list that does the same."""

    def __init__(self):
        super().__init__()
        self.place = tempfile.TemporaryDirectory()
        directory = pathlib.Path(self.place.name) / "spool"
        self.spools = [Spool(directory, max_bytes=2**23) for _ in range(2)]
        self.number = 0
        # Of each row: its resource, its samples' numbers, whether it is refused.
        self.model = []

    def teardown(self):
        """Leave nothing behind."""
        for spool in self.spools:
            spool.close()
        self.place.cleanup()

    @property
    def spool(self):
        """The one or the other, by turns: they see the same."""
        self.spools.reverse()
        return self.spools[0]

    def known(self, refused=False):
        """Return the model's rows that wait, or are refused."""
        return [row for row in self.model if row["refused"] == refused]

    @rule(resources=st.lists(RESOURCES, max_size=5))
    def append(self, resources):
        """Add samples: a row for each resource."""
        rows = {}
        samples = []
        for resource_id in resources:
            self.number += 1
            samples.append(sample(resource_id, self.number))
            # One without an id is like one whose id is empty.
            rows.setdefault(resource_id or "", []).append(self.number)
        self.spool.append(samples)
        self.model += [
            {"resource": resource, "numbers": each, "refused": False}
            for resource, each in rows.items()
        ]

    @rule(count=st.integers(1, 4))
    def send_the_oldest(self, count):
        """Take away what waits the longest."""
        rows = self.spool.waiting(count)
        self.spool.remove(row.seq for row in rows)
        sent = self.known()[:count]
        assert numbers(rows) == [n for row in sent for n in row["numbers"]]
        self.model = [row for row in self.model if row not in sent]

    @rule(data=st.data(), reason=REASONS)
    def refuse(self, data, reason):
        """Refuse any of the rows that wait."""
        rows = waiting(self.spool)
        chosen = data.draw(
            st.sets(st.sampled_from(range(len(rows)))) if rows else st.just(set())
        )
        self.spool.refuse([rows[index].seq for index in chosen], reason)
        for index, row in enumerate(self.known()):
            row["refused"] |= index in chosen

    @rule()
    def retry_refused(self):
        """Have all refused rows wait again."""
        assert self.spool.retry_refused() == len(self.known(refused=True))
        for row in self.model:
            row["refused"] = False

    @precondition(lambda self: len(self.model) > 5)
    @rule(refused=st.booleans(), resource=st.none() | st.sampled_from(["vm-1", "vm-2"]))
    def drop(self, refused, resource):
        """Drop rows, waiting or not, that fit a choice."""
        gone = [
            row
            for row in self.model
            if (row["refused"] or not refused)
            and (resource is None or row["resource"] == resource)
        ]
        selection = Selection(refused=refused, resource_id=resource)
        dropped = self.spool.drop(selection)
        assert dropped.rows == len(gone)
        assert dropped.samples == sum(len(row["numbers"]) for row in gone)
        self.model = [row for row in self.model if row not in gone]

    @rule()
    def close(self):
        """Close the file; it is opened again when it is needed."""
        self.spool.close()

    @invariant()
    def holds_the_same(self):
        """What waits is what is known to wait, in that order; and so is the rest."""
        spool, known, refused = self.spool, self.known(), self.known(refused=True)
        assert numbers(waiting(spool)) == [n for row in known for n in row["numbers"]]
        assert spool.is_empty() == (not known)
        assert numbers(spool.rows()) == [
            n for row in self.model for n in row["numbers"]
        ]
        state = spool.state()
        assert (state.waiting_rows, state.refused_rows) == (len(known), len(refused))
        assert state.waiting_samples == sum(len(row["numbers"]) for row in known)
        assert state.refused_samples == sum(len(row["numbers"]) for row in refused)
        assert (state.oldest_accepted_at is None) == (not known)


TestSpoolMachine = SpoolMachine.TestCase
TestSpoolMachine.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None
)
TestSpoolMachine.__doc__ = "Whatever is done to a spool, its rows keep their order."


def test_numbers_are_never_given_twice(spool, directory, opened):
    """A row's number means that row alone, even after the whole spool was deleted."""
    spool.append([sample("a"), sample("b")])
    old = [row.seq for row in waiting(spool)]
    for file in directory.iterdir():
        file.unlink()

    spool.append([sample("c"), sample("d")])
    opened().remove(old)

    assert [row.resource_id for row in waiting(spool)] == ["c", "d"]


def test_retried_rows_come_before_what_came_later(spool):
    """What was refused goes back to its place, in front."""
    for number in range(4):
        spool.append([sample("vm-1", number)])
    spool.refuse([row.seq for row in spool.waiting(2)], "no")
    assert numbers(waiting(spool)) == [2, 3]

    spool.retry_refused()

    assert numbers(waiting(spool)) == [0, 1, 2, 3]


def test_a_refused_row_tells_why(spool):
    """The reason is kept with the row, and shown by resource."""
    spool.append([sample("a", 1), sample("b", 2)])
    spool.refuse([spool.waiting(1)[0].seq], "bad resource")

    assert [(r.resource_id, r.reason) for r in spool.rows()] == [
        ("a", "bad resource"),
        ("b", None),
    ]
    assert [(held.resource_id, held.reason) for held in spool.held(10)] == [
        ("a", "bad resource"),
        ("b", None),
    ]
    assert [row.resource_id for row in spool.rows(Selection(refused=True))] == ["a"]


def test_what_is_held_is_summed_up_by_resource(spool):
    """A line a resource counts its rows and samples, from the oldest to the newest."""
    spool.append([sample("a", 1), sample("b", 2)])
    spool.append([sample("b", 3), sample("b", 4)])
    rows = [row for row in waiting(spool) if row.resource_id == "b"]

    (_, held) = spool.held(10)

    assert (held.resource_id, held.rows, held.samples) == ("b", 2, 3)
    assert (held.oldest, held.newest) == (rows[0].accepted_at, rows[1].accepted_at)
    assert [each.resource_id for each in spool.held(1)] == ["a"]


def test_what_is_dropped_can_be_saved_first(spool):
    """Whoever saves is given every row before it goes; where that fails, none goes."""
    spool.append([sample(f"vm-{number}", number) for number in range(500)])
    saved = []

    dropped = spool.drop(Selection(), saved.extend)

    assert dropped.samples == 500
    assert numbers(saved) == list(range(500))
    assert spool.is_empty()

    def fail(rows):
        raise OSError("no room")

    spool.append([sample()])
    with pytest.raises(OSError, match="no room"):
        spool.drop(Selection(), fail)
    assert not spool.is_empty()


def test_what_came_before_a_time_can_be_dropped(spool):
    """Only rows that were accepted earlier go."""
    spool.append([sample("a", 1)])
    spool.append([sample("b", 2)])
    (_, second) = waiting(spool)

    spool.drop(Selection(before=second.accepted_at))

    assert numbers(waiting(spool)) == [2]
