# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""What comes out of the spool is what went in, to the last digit."""

import datetime
import json
import math
import pathlib

import pytest
from ceilometer.sample import TYPES, Sample
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.spooled import sample, waiting

# Any text that JSON can bring: halves of characters too, but not both side by side.
TEXT = st.text(st.characters(exclude_categories=())).filter(
    lambda text: json.loads(json.dumps(text)) == text
)
NUMBERS = st.integers() | st.floats()
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4)
    ),
    max_leaves=10,
)
SAMPLES = st.builds(
    Sample,
    name=TEXT,
    type=st.sampled_from(TYPES),
    unit=TEXT | st.none(),
    volume=st.integers(0, 2**64 - 1) | NUMBERS | st.none(),
    user_id=TEXT | st.none(),
    project_id=TEXT | st.none(),
    resource_id=TEXT | st.none(),
    timestamp=TEXT | st.none(),
    resource_metadata=st.dictionaries(TEXT, VALUES, max_size=5),
    source=TEXT,
    id=TEXT,
    monotonic_time=st.floats() | st.none(),
    user_name=TEXT | st.none(),
    project_name=TEXT | st.none(),
)


def fields(samples):
    """Write down samples so that 1 is not 1.0, and a number that is none is itself."""
    return [repr(sorted(vars(each).items())) for each in samples]


@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(samples=st.lists(SAMPLES, min_size=1, max_size=6))
def test_samples_come_back_as_they_were(spool, samples):
    """Every field of every sample, whatever a sender put there, comes back the same."""
    spool.append(samples)

    rows = waiting(spool)
    spool.remove(row.seq for row in rows)

    came = [each for row in rows for each in row.samples]
    assert sorted(fields(came)) == sorted(fields(samples))


@pytest.mark.parametrize(
    "volume", [0, 2**53 + 1, 2**63, 2**64 - 1, 0.1, math.inf, -0.0, None]
)
def test_a_volume_keeps_its_last_digit(spool, volume):
    """Counters above 2^53 and 2^63, and floats, are neither rounded nor wrapped."""
    original = sample()
    original.volume = volume

    spool.append([original])

    ((came,),) = [row.samples for row in waiting(spool)]
    assert repr(came.volume) == repr(volume)
    assert came == original


def test_a_row_is_one_resources_samples(spool):
    """A resource's samples are a row, in their order; rows are in the resources'."""
    spool.append([sample("b", 1), sample("a", 2), sample("b", 3), sample("a", 4)])

    rows = waiting(spool)

    assert [(row.resource_id, [s.volume for s in row.samples]) for row in rows] == [
        ("b", [1, 3]),
        ("a", [2, 4]),
    ]
    assert rows[0].seq < rows[1].seq
    assert all(row.reason is None for row in rows)


def test_a_row_tells_when_it_was_accepted(spool):
    """A row's time is aware, and that of the append."""
    before = datetime.datetime.now(datetime.UTC)
    spool.append([sample()])
    after = datetime.datetime.now(datetime.UTC)

    (row,) = waiting(spool)

    assert before <= row.accepted_at <= after


def test_a_sample_of_another_ceilometer_can_be_read(spool):
    """Fields that this Ceilometer's samples have not are kept as well."""
    newer = sample()
    newer.flavour_of_the_year = ["vanilla"]

    spool.append([newer])

    ((came,),) = [row.samples for row in waiting(spool)]
    assert vars(came) == vars(newer)


@pytest.mark.parametrize("beside", [0, 2**70, "half of \ud83d"])
def test_a_value_that_no_message_has_is_kept_as_text(spool, beside):
    """A sample made within the process may hold anything; it is never refused."""
    path = pathlib.PurePosixPath("/dev/vda")

    spool.append([sample(metadata={"path": path, "beside": beside})])

    ((came,),) = [row.samples for row in waiting(spool)]
    assert came.resource_metadata == {"path": str(path), "beside": beside}


def test_samples_that_share_metadata_share_it_again(spool):
    """What the samples of one reading have in common is there once, as it was."""
    metadata = {"display_name": "web-1", "flavor": {"vcpus": 2}}
    spool.append(sample("vm-1", n, metadata=metadata) for n in range(3))

    ((first, second, third),) = [row.samples for row in waiting(spool)]

    assert first.resource_metadata == metadata
    assert first.resource_metadata is second.resource_metadata
    assert first.resource_metadata is third.resource_metadata


def test_rows_tell_by_which_publisher_they_are_to_be_sent(spool):
    """Samples of publishers with other options wait in one order, each with its own."""
    spool.append([sample("a")], publisher="archive_policy=high")
    spool.append([sample("b")])

    assert [row.publisher for row in spool.waiting(10)] == ["archive_policy=high", ""]
