# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""``ceilo-nova-usage-status upgrade check`` as a whole."""

import json

import pytest
from oslo_upgradecheck.upgradecheck import Code

from ceilo_nova_usage import checks
from ceilo_nova_usage.cli import status
from ceilo_nova_usage.delivery.tally import Outcome
from tests.unit.checks.conftest import SPOOLING

SUCCESS, WARNING, FAILURE = Code.SUCCESS, Code.WARNING, Code.FAILURE


def test_a_stock_ceilometer_is_told_what_to_do(tmp_path, capsys):
    """With no file but an empty one every finding is a sentence, and none a crash."""
    conf = tmp_path / "ceilometer.conf"
    directories = "\n".join(
        f"{name} = {tmp_path / name}"
        for name in ("quarantine_dir", "metrics_dir", "spool_dir")
    )
    conf.write_text(f"[nova_usage]\n{directories}\n")

    code = status.main(["--config-file", str(conf), "upgrade", "check", "--json"])

    printed = capsys.readouterr()
    results = json.loads(printed.out)["checks"]
    assert [each["check"] for each in results] == [title for title, _ in checks.CHECKS]
    assert code == FAILURE
    assert printed.err == ""
    for each in results:
        assert "Traceback" not in str(each["details"])
        if each["result"] != SUCCESS:
            assert each["details"].endswith(".")
    found = {each["check"]: each["result"] for each in results}
    assert found["Meters"] == found["Meter pipeline"] == SUCCESS
    assert found["Handlers"] == found["Publishers"] == WARNING
    assert found["Gnocchi's resource definitions"] == FAILURE
    assert found["Gnocchi's archive policies"] == FAILURE


def test_the_table_says_the_same(command, deployment):
    """What a person reads has every check, and its result in words."""
    deployment.configure(publishers=["gnocchi://"])

    code, out = command()

    assert code == FAILURE
    for title, _ in checks.CHECKS:
        assert f"Check: {title} " in out
    assert "Result: Failure" in out


def test_a_deployment_as_it_should_be_passes_every_check(
    command, deployment, gnocchi, recommended, count
):
    """Nothing is found where all is as recommended, and agents meter."""
    gnocchi(
        ("nova-usage-rate", ["mean", "rate:mean", "rate:sum", "last", "max"]),
        publishers=[recommended()],
        events=[SPOOLING],
    )
    count({(Outcome.METERED, ""): 5})

    code, out = command("--json")

    assert [
        each["details"]
        for each in json.loads(out)["checks"]
        if each["result"] != SUCCESS
    ] == []
    assert code == SUCCESS


@pytest.mark.parametrize("argv", [["--config-file", "/nowhere/ceilometer.conf"]])
def test_a_configuration_that_is_not_there_is_an_error(argv, capsys):
    """A mistyped name is no finding about a deployment."""
    assert status.main([*argv, "upgrade", "check"]) == 255

    assert "/nowhere/ceilometer.conf" in capsys.readouterr().err


@pytest.mark.parametrize("title", [title for title, _ in checks.CHECKS])
def test_no_check_stumbles_over_what_another_one_tells_of(check, deployment, title):
    """With refused options, no pipeline and no definitions there are still results."""
    deployment.configure(options={"meters": "moon"})
    deployment.pipeline.write_text("sources: 5")
    deployment.event_pipeline.unlink()
    deployment.event_pipeline.mkdir()

    result, details = check(title)

    assert result in (WARNING, FAILURE)
    assert details.endswith(".")
