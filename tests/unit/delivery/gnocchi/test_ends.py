# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""When a resource ended, by what is known of it."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceilo_nova_usage.delivery.gnocchi.ends import settle
from ceilo_nova_usage.delivery.gnocchi.resources import Resource

BEGUN = datetime.datetime(2026, 11, 1, 10, tzinfo=datetime.UTC)
WINDOW = datetime.timedelta(seconds=600)


def at(seconds):
    """A moment so many seconds after the resource began, None for None."""
    return None if seconds is None else BEGUN + datetime.timedelta(seconds=seconds)


def resource(*, latest, end=None):
    """A resource with measures up to a moment, which are its last up to another."""
    return Resource(
        type="instance",
        id="a",
        instance_id="a",
        attributes={},
        user_id=None,
        earliest=at(latest),
        latest=at(latest),
        end=at(end),
    )


def found(*, ended=None, started=0):
    """The resource as Gnocchi has it."""
    return {
        "started_at": at(started).isoformat(),
        "ended_at": None if ended is None else at(ended).isoformat(),
    }


def settled(resource, found, ended=None):
    """The end, in seconds after the beginning, or None."""
    end = settle(resource, found, at(ended), WINDOW)
    return None if end is None else (end - BEGUN).total_seconds()


@pytest.mark.parametrize(
    ("measures", "in_gnocchi", "known_here", "end"),
    [
        pytest.param(resource(latest=9), None, None, None, id="new"),
        pytest.param(resource(latest=9), found(), None, None, id="alive"),
        pytest.param(resource(latest=9, end=10), None, None, 10, id="new, its last"),
        pytest.param(resource(latest=9, end=10), found(), None, 10, id="its last"),
        pytest.param(
            resource(latest=9, end=10), found(ended=15), None, 15, id="later end found"
        ),
        pytest.param(
            resource(latest=9, end=10), found(ended=5), None, 10, id="earlier end found"
        ),
        pytest.param(resource(latest=9), found(ended=10), 10, 10, id="before the end"),
        pytest.param(resource(latest=10), found(ended=10), 10, 10.001, id="at the end"),
        pytest.param(
            resource(latest=609), found(ended=10), 10, 609.001, id="a late poll"
        ),
        pytest.param(
            resource(latest=300), found(ended=400), 10, 400, id="a late poll, end moved"
        ),
        pytest.param(
            resource(latest=610), found(ended=400), 10, None, id="alive again"
        ),
        pytest.param(
            resource(latest=12), found(ended=10), None, None, id="deleted elsewhere"
        ),
        pytest.param(
            resource(latest=12), None, 10, 12.001, id="a late poll of a new resource"
        ),
        pytest.param(
            resource(latest=12), found(), 10, 12.001, id="a late poll, end not applied"
        ),
        pytest.param(
            resource(latest=2, end=3), found(started=5), None, 5.001, id="clocks differ"
        ),
    ],
)
def test_end(measures, in_gnocchi, known_here, end):
    """A resource ends after its last measure; None leaves its end as it is."""
    assert settled(measures, in_gnocchi, known_here) == end


@given(
    latest=st.integers(0, 2000),
    last=st.booleans(),
    ended=st.none() | st.integers(0, 2000),
    deleted=st.none() | st.integers(0, 2000),
    started=st.integers(0, 2000),
)
def test_no_end_before_a_measure(latest, last, ended, deleted, started):
    """An end lies after every measure and the beginning; last measures have one."""
    end = settled(
        resource(latest=latest, end=latest + 0.001 if last else None),
        found(ended=ended, started=started),
        deleted,
    )
    if last or end is not None:
        assert end is not None
        assert end > latest
        assert end >= started
        assert ended is None or end >= ended


@given(st.lists(st.integers(1, 599), min_size=1, max_size=20))
def test_a_living_resource_is_not_ended_for_ever(gaps):
    """Polls that go on after a deletion take the end back, however close they are."""
    ended, now = 10, 10
    for gap in gaps:
        now += gap
        end = settled(resource(latest=now), found(ended=ended), 10)
        assert (end is None) == (now >= 610)
        if end is None:
            break
        ended = end
