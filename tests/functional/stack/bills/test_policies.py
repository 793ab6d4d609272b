# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""What Gnocchi makes of points under the archive policies that are shipped."""

import datetime

import pytest

from ceilo_nova_usage import gnocchi_resources

RATE, TOTAL, STOCK = "nova-usage-rate", "nova-usage-total", "ceilometer-low-rate"
FIVE_MINUTES, HOUR, DAY = 300, 3600, 86400
BEGIN = datetime.datetime(2026, 3, 14, 10, tzinfo=datetime.UTC)


@pytest.fixture(name="kept", scope="module")
def _kept(running_stack):
    """Return what Gnocchi keeps of points, as a rate's buckets by their minutes.

    Points are (minute, value); those of one batch come and are worked through together.
    """
    running_stack.restore()
    client = running_stack.gnocchi.client()
    there = {policy["name"] for policy in client.archive_policy.list()}
    merged = gnocchi_resources.merged(gnocchi_resources.ceilometers())
    for policy in merged["archive_policies"]:
        if policy["name"] not in there:
            client.archive_policy.create(policy)

    def rates(policy, *batches, granularity=HOUR, aggregate="rate:sum"):
        metric = client.metric.create({"archive_policy_name": policy})["id"]
        for batch in batches:
            client.metric.add_measures(
                metric,
                [{"timestamp": _at(minute), "value": value} for minute, value in batch],
            )
            # What metricd would do a moment later is done before the answer.
            measures = client.metric.get_measures(
                metric, aggregation=aggregate, granularity=granularity, refresh=True
            )
        return {
            (at - BEGIN) // datetime.timedelta(minutes=1): value
            for at, _, value in measures
        }

    return rates


def _at(minute):
    return (BEGIN + datetime.timedelta(minutes=minute)).isoformat()


def _polls(hours, every=5):
    """Polls of a counter that goes up by 10 a minute, from the first minute on."""
    return [(minute, 10 * minute) for minute in range(1, 60 * hours, every)]


def test_a_last_reading_in_a_polled_bucket_lowers_the_stock_bill(kept):
    """Why the policies: a mean of differences is less with one more difference."""
    points = [[(1, 100)], [(6, 130)]]
    stock = {"granularity": FIVE_MINUTES, "aggregate": "rate:mean"}

    assert kept(STOCK, *points, **stock) == {5: 30}
    assert kept(STOCK, *points, [(8, 150)], **stock) == {5: 25}


def test_a_last_reading_in_a_polled_bucket_adds_to_ours(kept):
    """With the sum of differences the last reading is billed, and so is the rest."""
    points = [[(1, 100)], [(6, 130)], [(8, 150)]]

    for granularity, bucket in ((FIVE_MINUTES, 5), (HOUR, 0)):
        assert kept(RATE, *points, granularity=granularity) == {bucket: 50}


def test_a_zero_makes_the_first_interval_billable(kept):
    """A life that is read once is billed whole, if the zero comes with the reading."""
    assert kept(TOTAL, [(3, 70)]) == {}
    assert kept(TOTAL, [(0, 0), (3, 70)]) == {0: 70}
    # However long ago it was, in buckets that nothing else fell into.
    assert kept(TOTAL, [(0, 0), (24 * 60, 70)]) == {24 * 60: 70}
    assert kept(RATE, [(0, 0), (24 * 60, 70)]) == {24 * 60: 70}


@pytest.mark.parametrize("policy", [RATE, TOTAL])
def test_a_zero_after_the_polls_is_in_time(kept, policy):
    """A zero that comes with the last reading is put before the first poll."""
    polls = [_polls(hours=3)]

    without = kept(policy, *polls, [(185, 1850)])
    with_zero = kept(policy, *polls, [(0, 0), (185, 1850)])

    assert sum(without.values()) == 1840
    assert sum(with_zero.values()) == 1850


@pytest.mark.parametrize("policy", [RATE, TOTAL])
def test_a_zero_that_comes_again_changes_nothing(kept, policy):
    """Both forms of a notification, and a message delivered twice, add nothing."""
    last = [(0, 0), (185, 1850)]

    once = kept(policy, _polls(hours=3), last)

    assert kept(policy, _polls(hours=3), last, last) == once


@pytest.mark.parametrize("policy", [RATE, TOTAL])
def test_a_zero_as_late_as_one_is_sent_is_in_time(kept, policy):
    """A zero of 25 hours before the reading does what an earlier one would have."""
    polls = _polls(hours=25)
    last = 25 * 60

    kept_rates = kept(policy, polls, [(0, 0), (last, 10 * last)])

    assert sum(kept_rates.values()) == 10 * last


def test_a_zero_from_before_what_is_kept_would_count_anew(kept):
    """Why none is sent later: Gnocchi drops it, and counts a bucket without its begin.

    It recomputes from the first point it keeps, and forgot the one before that.
    """
    polls = _polls(hours=30)

    right = kept(RATE, polls)
    spoiled = kept(RATE, polls, [(0, 0)])

    assert sum(spoiled.values()) < sum(right.values())


@pytest.mark.parametrize("policy", [RATE, TOTAL])
def test_points_out_of_order_count(kept, policy):
    """What a spool or a slow agent brings hours later falls into its place."""
    first, *middle, last = _polls(hours=20, every=30)

    in_order = kept(policy, [first, *middle, last])

    assert kept(policy, [first], [last], middle) == in_order
    assert sum(in_order.values()) == last[1] - first[1]


@pytest.mark.parametrize(
    ("policy", "granularity", "gap", "counted"),
    [
        (RATE, FIVE_MINUTES, 9, True),
        (RATE, FIVE_MINUTES, 10, False),
        (RATE, HOUR, 119, True),
        (RATE, HOUR, 120, False),
        (TOTAL, HOUR, 119, True),
        (TOTAL, HOUR, 120, False),
        (TOTAL, DAY, 33 * 60 + 59, True),
        (TOTAL, DAY, 38 * 60, False),
    ],
)
def test_a_difference_reaches_back_one_bucket(kept, policy, granularity, gap, counted):
    """A reading counts if the one before is in the same bucket or in the one before.

    Gnocchi looks no further back when it takes the later one in by itself.
    """
    rates = kept(policy, [(0, 100)], [(gap, 150)], granularity=granularity)

    assert sum(rates.values()) == (50 if counted else 0)


def test_a_counter_that_went_back_is_negative(kept):
    """A reset shows as what it is: the totals are there not to have any."""
    rates = kept(RATE, [(1, 100), (61, 160), (121, 40)])

    assert rates == {60: 60, 120: -120}
