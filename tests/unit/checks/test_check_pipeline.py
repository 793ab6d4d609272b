# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Meters that the pipeline drops."""

import pytest
from oslo_upgradecheck.upgradecheck import Code

TITLE = "Meter pipeline"
SUCCESS, WARNING, FAILURE = Code.SUCCESS, Code.WARNING, Code.FAILURE
TOTALS = {"meters": "totals"}


@pytest.mark.parametrize(
    ("meters", "expected", "dropped"),
    [
        (["*"], SUCCESS, ""),
        (["!memory*"], SUCCESS, ""),
        (["cpu", "disk.*", "network.*"], WARNING, "cpu.total"),
        (["!cpu"], WARNING, "cpu"),
        (["memory"], FAILURE, "cpu"),
    ],
    ids=str,
)
def test_sources(check, deployment, meters, expected, dropped):
    """A meter that no source takes is named; Ceilometer decides who takes what."""
    deployment.configure(meters=meters)

    result, details = check(TITLE)

    assert result == expected
    if dropped:
        assert f" {dropped}" in details
        assert str(deployment.pipeline) in details


def test_a_family_that_is_not_published_is_not_missed(check, deployment):
    """Whoever wants the totals alone may have a pipeline for the totals alone."""
    deployment.configure(meters=["*.total"], options=TOTALS)

    assert check(TITLE)[0] == SUCCESS


@pytest.mark.parametrize("text", ["sources: 5", "[", "- a", "sinks: []"])
def test_a_file_that_ceilometer_refuses(check, deployment, text):
    """The agent does not start with it."""
    deployment.pipeline.write_text(text)

    result, details = check(TITLE)

    assert result == FAILURE
    assert str(deployment.pipeline) in details
