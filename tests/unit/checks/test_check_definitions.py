# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Meters that Gnocchi's publishers do not know."""

import pytest
from oslo_upgradecheck.upgradecheck import Code

from tests.unit.checks.conftest import SPOOLING

TITLE = "Gnocchi's resource definitions"
SUCCESS, WARNING, FAILURE = Code.SUCCESS, Code.WARNING, Code.FAILURE
TOTALS = {"meters": "totals"}


def test_those_that_are_recommended(check, deployment, recommended):
    """What 'gnocchi-resources' prints knows every meter."""
    deployment.configure(publishers=[recommended()])

    assert check(TITLE) == (SUCCESS, "")


def test_ceilometers_own(check, deployment):
    """They do not know the totals."""
    deployment.configure(publishers=[SPOOLING], options=TOTALS)

    result, details = check(TITLE)

    assert result == FAILURE
    assert "cpu.total" in details
    assert "ceilo-nova-usage gnocchi-resources" in details


def test_an_attribute_that_is_left_out(check, deployment, recommended):
    """What differs otherwise is for the operator to look at."""

    def change(definitions):
        for resource in definitions["resources"]:
            if resource["resource_type"] == "instance":
                del resource["attributes"]["display_name"]

    deployment.configure(publishers=[recommended(change)])

    result, details = check(TITLE)

    assert result == WARNING
    assert "display_name" in details


@pytest.mark.parametrize("text", ["resources: 5", "[", "- a"])
def test_a_file_that_cannot_be_used(check, deployment, tmp_path, text):
    """The publisher cannot be made with it."""
    file = tmp_path / "gnocchi_resources.yaml"
    file.write_text(text)
    url = f"gnocchi-spool://?resources_definition_file={file}"
    deployment.configure(publishers=[url])

    result, details = check(TITLE)

    assert result == FAILURE
    assert str(file) in details


def test_no_publisher_to_gnocchi(check, deployment):
    """Whoever publishes elsewhere needs no definitions."""
    deployment.configure(publishers=["udp://127.0.0.1:4952"])

    assert check(TITLE)[0] == SUCCESS
