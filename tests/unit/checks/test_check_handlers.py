# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Handlers that the agent runs without."""

from oslo_upgradecheck.upgradecheck import Code

TITLE = "Handlers"
SUCCESS, WARNING, FAILURE = Code.SUCCESS, Code.WARNING, Code.FAILURE


def test_all_are_there(check):
    """The package's own handlers load."""
    assert check(TITLE) == (SUCCESS, "")


def test_an_entry_point_that_cannot_be_loaded(check, install):
    """The agent would log one line and meter without it."""
    install("ceilometer.sample.endpoint", "acme", "acme_usage:Handler")

    result, details = check(TITLE)

    assert result == FAILURE
    assert "acme" in details
    assert "ModuleNotFoundError" in details


def test_a_handler_of_ours_that_cannot_be_loaded(check, install):
    """So it is where one of ours is broken."""
    target = "ceilo_nova_usage.handlers.nowhere:Handler"
    install("ceilometer.sample.endpoint", "nova_usage_more", target)

    result, details = check(TITLE)

    assert result == FAILURE
    assert "nova_usage_more" in details


def test_options_that_are_refused(check, deployment):
    """The agent's workers end, each time they are started."""
    deployment.configure(options={"events": "delete,deleted"})

    result, details = check(TITLE)

    assert result == FAILURE
    assert "[nova_usage] events" in details


def test_no_family_of_notifications(check, deployment):
    """An operator may have wanted it so."""
    deployment.configure(options={"events": ""})

    assert check(TITLE)[0] == WARNING


def test_an_agent_that_makes_no_samples(check, deployment):
    """Its meter pipeline is switched off."""
    deployment.configure(pipelines=["event"])

    result, details = check(TITLE)

    assert result == FAILURE
    assert "[notification] pipelines" in details


def test_an_agent_that_can_be_made_to_loop(check, deployment):
    """It loads Ceilometer's endpoints as they are, which raise."""
    deployment.configure(pipelines=["meter", "event"])

    result, details = check(TITLE)

    assert result == WARNING
    assert "meter-guarded" in details
