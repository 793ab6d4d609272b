# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Meters that are not published."""

from oslo_upgradecheck.upgradecheck import Code

TITLE = "Meters"
WARNING, FAILURE = Code.WARNING, Code.FAILURE


def test_an_entry_point_that_cannot_be_loaded(check, install):
    """Another package's meters are missing."""
    install("ceilo_nova_usage.meters", "acme", "acme_usage:METERS")

    result, details = check(TITLE)

    assert result == FAILURE
    assert "The entry point acme in ceilo_nova_usage.meters" in details


def test_no_family_of_meters(check, deployment):
    """An operator may have wanted it so."""
    deployment.configure(options={"meters": ""})

    assert check(TITLE)[0] == WARNING
