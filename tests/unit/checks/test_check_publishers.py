# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Publishers that lose what they are given."""

import json

import pytest
from oslo_upgradecheck.upgradecheck import Code

TITLE = "Publishers"
SUCCESS, WARNING, FAILURE = Code.SUCCESS, Code.WARNING, Code.FAILURE


@pytest.mark.parametrize(
    ("publishers", "expected"),
    [
        (["gnocchi-spool://"], SUCCESS),
        (["gnocchi://"], WARNING),
        (["gnocchi"], WARNING),
        (["gnocchi-spool://", "gnocchi://?archive_policy=low"], WARNING),
        (["udp://127.0.0.1:4952"], SUCCESS),
        (["nowhere://"], FAILURE),
    ],
    ids=str,
)
def test_of_the_meter_pipeline(check, deployment, publishers, expected):
    """Ceilometer's publisher to Gnocchi loses samples; ours keeps them."""
    deployment.configure(publishers=publishers)

    result, details = check(TITLE)

    assert result == expected
    if expected == WARNING:
        assert "gnocchi-spool://" in details
        assert publishers[-1].partition("://")[2] in details
    if expected == FAILURE:
        assert "nowhere" in details


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        (["notifier://"], SUCCESS),
        (["gnocchi-spool://"], SUCCESS),
        (["gnocchi://"], WARNING),
        (["nowhere://"], FAILURE),
    ],
    ids=str,
)
def test_of_the_event_pipeline(check, deployment, events, expected):
    """Ceilometer's publisher ends instances before their last samples are there."""
    deployment.configure(events=events)

    assert check(TITLE)[0] == expected


def test_a_sink_that_none_of_our_meters_reaches(check, deployment):
    """What becomes of other services' samples is not for us to tell."""
    deployment.pipeline.write_text(
        json.dumps(
            {
                "sources": [
                    {"name": "a", "meters": ["image.*"], "sinks": ["a"]},
                    {"name": "b", "meters": ["!image.*"], "sinks": ["b"]},
                ],
                "sinks": [
                    {"name": "a", "publishers": ["gnocchi://"]},
                    {"name": "b", "publishers": ["gnocchi-spool://"]},
                ],
            }
        )
    )

    assert check(TITLE)[0] == SUCCESS
