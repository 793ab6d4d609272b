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
        pytest.param(
            resource(latest=9), found(ended=10), None, 10, id="before the end"
        ),
        pytest.param(
            resource(latest=10), found(ended=10), None, 10.001, id="at the end"
        ),
        pytest.param(
            resource(latest=600), found(ended=10), None, 600.001, id="a late poll"
        ),
        pytest.param(
            resource(latest=610), found(ended=10), None, None, id="alive again"
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
    """A resource ends after its last measure, at the latest end that is known."""
    assert settled(measures, in_gnocchi, known_here) == end


@given(
    latest=st.integers(0, 2000),
    last=st.booleans(),
    ended=st.none() | st.integers(0, 2000),
    known=st.none() | st.integers(0, 2000),
    started=st.integers(0, 2000),
)
def test_no_end_before_a_measure(latest, last, ended, known, started):
    """Where there is an end, it lies after every measure and after the beginning."""
    in_gnocchi = found(ended=ended, started=started)
    end = settled(
        resource(latest=latest, end=latest + 0.001 if last else None), in_gnocchi, known
    )
    if end is not None:
        assert end > latest
        assert end >= started
    elif last:
        pytest.fail("the last measures did not end it")
