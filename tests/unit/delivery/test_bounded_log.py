# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The log at a bounded rate."""

import logging

import pytest

from ceilo_nova_usage.delivery.bounded_log import BoundedLog

LOGGER = logging.getLogger("tests.bounded")


@pytest.fixture(name="clock")
def _clock():
    return [1000.0]


@pytest.fixture(name="bounded")
def _bounded(clock):
    return BoundedLog(LOGGER, 60, lambda: clock[0])


def test_the_first_of_each_reason_is_logged_at_once(bounded, caplog):
    """One reason's flood does not hide another's first sign."""
    for _ in range(10):
        bounded.warning("a", "a happened to %s", "x")
    bounded.warning("b", "b happened")

    assert caplog.messages == ["a happened to x", "b happened"]


def test_what_is_held_back_is_counted_in_the_next_line(bounded, clock, caplog):
    """After the interval one more line tells how many there were since."""
    for _ in range(10):
        bounded.warning("a", "a happened")
    clock[0] += 59.9
    bounded.warning("a", "a happened")
    clock[0] += 0.1
    bounded.warning("a", "a happened")
    clock[0] += 60
    bounded.warning("a", "a happened")

    assert caplog.messages == [
        "a happened",
        "a happened (10 more like it were held back)",
        "a happened",
    ]


def test_an_interval_of_zero_logs_everything(caplog):
    """An operator who looks for something may see it all."""
    bounded = BoundedLog(LOGGER, 0)

    for _ in range(5):
        bounded.warning("a", "a happened")

    assert caplog.messages == ["a happened"] * 5


def test_a_level_and_a_traceback_are_passed_on(bounded, caplog):
    """A defect is an error with its traceback."""
    try:
        raise KeyError("x")
    except KeyError:
        bounded.log(logging.ERROR, "a", "failed", exc_info=True)

    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.exc_info[0] is KeyError


def test_a_text_with_a_percent_sign_is_no_format(bounded, clock, caplog):
    """What a message says is never read as a format."""
    bounded.warning("a", "%s", "100 % %s %d")
    bounded.warning("a", "%s", "100 %")
    clock[0] += 60
    bounded.warning("a", "%s", "100 % %s")

    assert caplog.messages == [
        "100 % %s %d",
        "100 % %s (1 more like it were held back)",
    ]
