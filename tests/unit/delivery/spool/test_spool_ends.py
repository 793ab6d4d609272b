# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Resources that ended are remembered until they need no more looking at."""

import dataclasses
import datetime

import pytest

from ceilo_nova_usage.delivery.spool import End, SpoolFull
from tests.support.spooled import large, sample

NOW = datetime.datetime(2026, 3, 1, 10, 0, 0, 123457, tzinfo=datetime.UTC)
LATER = NOW + datetime.timedelta(minutes=1)
INSTANCE = End(
    resource_type="instance", resource_id="vm-1", ended_at=NOW, associated=True
)
DISK = End(resource_type="instance_disk", resource_id="vm-1-vda", ended_at=NOW)


def test_an_end_is_due_at_once(spool, opened):
    """An end is there as it was noted, to the microsecond, for other processes too."""
    spool.record_ends([INSTANCE, DISK])

    due = opened().due_ends(NOW, 10)

    assert sorted(due, key=lambda end: end.resource_id) == [INSTANCE, DISK]
    assert len(spool.due_ends(NOW, 1)) == 1


def test_ends_come_with_samples_or_not_at_all(opened):
    """Samples and ends of one append are kept together; without room, neither is."""
    spool = opened(max_bytes=2**20)
    spool.append([sample()], [INSTANCE])
    assert spool.ended(["vm-1"]) == {"vm-1": NOW}
    assert not spool.is_empty()

    with pytest.raises(SpoolFull):
        spool.append([large("vm-2", n) for n in range(2000)], [DISK])

    assert spool.ended(["vm-1-vda"]) == {}


def test_a_look_puts_off_the_next(spool):
    """An end that was looked at is due again then, not before, and counts its looks."""
    spool.record_ends([INSTANCE])

    spool.reschedule_ends([(INSTANCE, LATER)])

    assert spool.due_ends(NOW, 10) == []
    assert spool.due_ends(LATER, 10) == [dataclasses.replace(INSTANCE, checks=1)]


def test_the_longest_due_comes_first(spool):
    """Ends are looked at in the order in which they became due."""
    spool.record_ends([INSTANCE, DISK])
    spool.reschedule_ends([(INSTANCE, LATER + datetime.timedelta(seconds=1))])
    spool.reschedule_ends([(DISK, LATER)])

    due = spool.due_ends(LATER + datetime.timedelta(hours=1), 10)

    assert [end.resource_id for end in due] == ["vm-1-vda", "vm-1"]


@pytest.mark.parametrize(
    ("first", "second"), [(NOW, LATER), (LATER, NOW)], ids=["later", "earlier"]
)
def test_of_two_times_the_later_counts(spool, first, second):
    """An end that is noted again is looked at anew, and never moves to the past."""
    spool.record_ends([dataclasses.replace(INSTANCE, ended_at=first)])
    spool.reschedule_ends(
        [(dataclasses.replace(INSTANCE, ended_at=first), LATER + datetime.timedelta(1))]
    )

    spool.record_ends([dataclasses.replace(INSTANCE, ended_at=second)])

    assert spool.due_ends(NOW, 10) == [dataclasses.replace(INSTANCE, ended_at=LATER)]


def test_a_look_at_what_changed_since_puts_nothing_off(spool):
    """An end that is noted anew while the old one is looked at stays due."""
    spool.record_ends([INSTANCE])
    (seen,) = spool.due_ends(NOW, 10)
    spool.record_ends([dataclasses.replace(INSTANCE, ended_at=LATER)])

    spool.reschedule_ends([(seen, LATER + datetime.timedelta(hours=1))])

    assert [end.ended_at for end in spool.due_ends(NOW, 10)] == [LATER]


def test_ends_are_forgotten_by_resource(spool):
    """Nothing is left of a forgotten end; others stay."""
    spool.record_ends([INSTANCE, DISK])

    spool.forget_ends(["vm-1", "vm-without-an-end"])

    assert spool.ended(["vm-1", "vm-1-vda"]) == {"vm-1-vda": NOW}
    assert spool.due_ends(NOW, 10) == [DISK]


def test_any_number_of_resources_can_be_asked_for(spool):
    """A batch of thousands of resources is answered for at once."""
    ends = [dataclasses.replace(DISK, resource_id=f"vm-{n}") for n in range(3000)]
    spool.record_ends(ends)

    asked = [f"vm-{n}" for n in range(0, 6000, 2)]

    assert spool.ended(asked) == dict.fromkeys(asked[:1500], NOW)


def test_without_a_spool_nothing_has_ended(spool, directory):
    """Questions about ends do not begin a spool."""
    assert spool.due_ends(NOW, 10) == []
    assert spool.ended(["vm-1"]) == {}
    spool.forget_ends(["vm-1"])
    spool.reschedule_ends([(INSTANCE, LATER)])
    assert not directory.exists()
