# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Archive policies of which no bill can be made."""

import pytest
from oslo_upgradecheck.upgradecheck import Code

from tests.unit.checks.conftest import SPOOLING

TITLE = "Gnocchi's archive policies"
SUCCESS, WARNING, FAILURE = Code.SUCCESS, Code.WARNING, Code.FAILURE
POLLSTER = {"meters": "pollster"}


def test_those_that_are_recommended(check, gnocchi, recommended):
    """A Gnocchi that has none of them yet is given them."""
    gnocchi(publishers=[recommended()])

    assert check(TITLE)[0] == SUCCESS


@pytest.mark.parametrize(
    ("methods", "expected"),
    [
        (["mean"], FAILURE),
        (["mean", "rate:mean", "min"], FAILURE),
        (["rate:sum"], SUCCESS),
        (["mean", "last"], SUCCESS),
        (["max"], SUCCESS),
    ],
    ids=str,
)
def test_gnocchis_own_is_in_force(check, gnocchi, recommended, methods, expected):
    """A policy that exists is not changed by the definitions."""
    gnocchi(("nova-usage-rate", methods), publishers=[recommended()])

    result, details = check(TITLE)

    assert result == expected
    if expected == FAILURE:
        assert "nova-usage-rate" in details
        assert "in Gnocchi" in details


@pytest.mark.parametrize("methods", [["mean"], ["rate:sum"]], ids=str)
def test_one_that_stands_for_all(check, gnocchi, recommended, methods):
    """A policy in the publisher's URL takes the place of each meter's."""
    url = f"{recommended()}&archive_policy=medium"
    gnocchi(("medium", methods), publishers=[url])

    result, details = check(TITLE)

    assert result == (FAILURE if methods == ["mean"] else SUCCESS)
    assert ("medium" in details) == (result == FAILURE)


def test_one_that_is_nowhere(check, gnocchi, recommended):
    """Gnocchi refuses samples for a policy that it has not."""
    gnocchi(publishers=[f"{recommended()}&archive_policy=mine"])

    result, details = check(TITLE)

    assert result == FAILURE
    assert "mine" in details


def test_ceilometers_own(check, gnocchi):
    """A last sample can lower what a mean of rates says."""
    gnocchi(publishers=[SPOOLING], options=POLLSTER)

    result, details = check(TITLE)

    assert result == FAILURE
    assert "ceilometer-low-rate" in details


def test_a_gnocchi_that_does_not_answer(check, deployment, recommended):
    """What cannot be looked at is said, and is no failure."""
    deployment.configure(
        publishers=[recommended()],
        more="[service_credentials]\nauth_type = gnocchi-basic\nuser = admin\n"
        "endpoint = http://127.0.0.1:1",
    )

    result, details = check(TITLE)

    assert result == WARNING
    assert "Gnocchi cannot be asked" in details
