# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""A spool takes what fits its bound, says loudly that it fills, and reuses its room."""

import itertools
import logging

import pytest

from ceilo_nova_usage.delivery.spool import Selection, SpoolError, SpoolFull
from tests.support.spooled import large, numbers, sample, waiting

BOUND = 2**20
LOGGER = "ceilo_nova_usage.delivery.spool.spool"


def fill(spool, begin=0):
    """Append batches of ten samples until one does not fit; return how many did."""
    for number in itertools.count():
        try:
            spool.append(large(f"vm-{n}", begin + number * 10 + n) for n in range(10))
        except SpoolFull:
            return number
    return None


def size(directory):
    """Return the bytes of the spool's file."""
    (file,) = directory.glob("spool-*.db")
    return file.stat().st_size


def test_the_file_stays_in_its_bound(opened, directory):
    """A spool takes most of what its bound allows for, and not a byte more."""
    spool = opened(max_bytes=BOUND)
    fill(spool)

    state = spool.state()
    spool.close()

    assert size(directory) <= BOUND
    assert state.bytes_bound == BOUND
    assert BOUND * 0.9 < state.bytes_used <= BOUND


def test_a_full_spool_says_so(opened, directory):
    """The error is an OSError of the spool's that names the file and its bound."""
    spool = opened(max_bytes=BOUND)
    fill(spool)

    with pytest.raises(SpoolFull, match=str(BOUND)) as raised:
        spool.append(large(f"vm-{n}", n) for n in range(10))

    assert isinstance(raised.value, SpoolError | OSError)
    assert raised.value.filename == str(next(directory.glob("spool-*.db")))
    assert raised.value.filename in str(raised.value)


def test_what_does_not_fit_leaves_nothing(opened):
    """An append that fails added none of its samples; what was there still is."""
    spool = opened(max_bytes=BOUND)
    count = fill(spool)

    with pytest.raises(SpoolFull):
        spool.append(large("vm-0", -1 - n) for n in range(1000))

    assert sorted(numbers(waiting(spool))) == list(range(count * 10))


def test_a_full_spool_can_be_read_and_sorted_out(opened):
    """Without room, rows can be refused, tried again, sent and dropped all the same."""
    spool = opened(max_bytes=BOUND)
    fill(spool)
    rows = waiting(spool)

    spool.refuse([row.seq for row in rows], "why not " * 30)
    assert spool.is_empty()
    assert spool.retry_refused() == len(rows)
    spool.remove(row.seq for row in rows[:10])
    assert spool.drop(Selection()).rows == len(rows) - 10


def test_room_is_used_again(opened, directory):
    """What was sent makes room for as much: round by round, in the same bound."""
    spool = opened(max_bytes=BOUND)
    first = fill(spool)
    for turn in range(1, 4):
        half = waiting(spool)[: first * 5]
        spool.remove(row.seq for row in half)

        assert fill(spool, turn * 10_000) >= first // 2 - 1

    spool.close()
    assert size(directory) <= BOUND


def test_an_emptied_spool_gives_its_room_back(opened, directory):
    """Once nothing is left the file does not keep the disk's room for itself."""
    spool = opened(max_bytes=BOUND)
    fill(spool)
    spool.close()
    full = size(directory)

    spool.remove(row.seq for row in waiting(spool))

    spool.close()
    assert size(directory) < full / 4


def test_a_spool_that_fills_is_an_error_in_the_log(opened, caplog):
    """Above the percentage errors say how full it is, one in an interval."""
    spool = opened(max_bytes=BOUND, warn_percent=50, log_interval=3600)
    with caplog.at_level(logging.ERROR, LOGGER):
        while (state := spool.state()).bytes_used < BOUND * 0.45:
            spool.append([large("vm-1", 0)])
        assert caplog.records == []

        fill(spool)

    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert f"of {state.bytes_bound} bytes" in record.getMessage()


def test_every_append_tells_where_no_interval_is_set(opened, caplog):
    """An interval of 0 logs each time, from the percentage on."""
    spool = opened(max_bytes=BOUND, warn_percent=1, log_interval=0)

    for _ in range(3):
        spool.append([sample()])

    assert len([r for r in caplog.records if r.name == LOGGER]) == 3


def test_what_is_refused_counts_as_room_but_not_as_waiting(opened):
    """Refused rows use the bound's bytes, and do not make samples wait behind them."""
    spool = opened(max_bytes=BOUND)
    fill(spool)
    used = spool.state().bytes_used

    spool.refuse([row.seq for row in waiting(spool)], "no")

    assert spool.is_empty()
    assert spool.state().bytes_used >= used
    with pytest.raises(SpoolFull):
        spool.append(large(f"vm-{n}", n) for n in range(100))
