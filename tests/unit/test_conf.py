# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The options: what they choose, and what is refused."""

import logging
import subprocess
import sys

import pytest
from ceilometer import service
from ceilometer.pipeline.sample import SamplePipelineManager
from oslo_config import cfg

from ceilo_nova_usage import conf as options
from ceilo_nova_usage.errors import InvalidConfiguration
from tests.support import handwritten, oracle
from tests.support.endpoints import Agent, Pipeline, configured, counted, handlers

BLOCK = handwritten.usage(lifetime=handwritten.lifetime())
DELETE = (handwritten.legacy(BLOCK), handwritten.versioned(BLOCK))
EXISTS = (
    handwritten.legacy(BLOCK, "compute.instance.exists"),
    handwritten.versioned(BLOCK, "instance.exists"),
)
REFUSED = {
    "events": "delete,deleted",
    "meters": "pollster,everything",
    "quarantine_max_bytes": "10",
    "quarantine_max_files": "one",
    "baseline": "perhaps",
    "baseline_since": "last Monday",
    "max_devices": "0",
    "log_interval": "-1",
}


def _of_family(family, sample):
    if sample["name"] in oracle.TOTAL_METERS:
        return family == "totals"
    return family == ("sums" if sample["name"] in oracle.SUM_METERS else "pollster")


@pytest.mark.parametrize("families", ["pollster", "sums", "totals", "sums,totals", ""])
@pytest.mark.parametrize("message", (*DELETE, *EXISTS))
def test_only_the_chosen_families_of_meters_are_published(
    agent_with, families, message
):
    """A family that is not named produces nothing; the others are untouched."""
    samples = agent_with(meters=families).meter(message)

    assert samples == [
        sample
        for sample in oracle.samples(message)
        if any(_of_family(family, sample) for family in families.split(","))
    ]


@pytest.mark.parametrize("events", ["delete", "exists", "delete,exists", ""])
def test_only_the_chosen_families_of_notifications_are_metered(agent_with, events):
    """A family that is not named is passed by, and not even counted."""
    agent = agent_with(events=events)
    chosen = [
        message
        for family, messages in (("delete", DELETE), ("exists", EXISTS))
        if family in events.split(",")
        for message in messages
    ]
    broken = handwritten.legacy({"schema": "x"}, "compute.instance.exists")

    with counted() as counts:
        samples = agent.meter(*DELETE, *EXISTS)
        agent.meter(broken)

    assert samples == oracle.ordered(
        [sample for message in chosen for sample in oracle.samples(message)]
    )
    assert counts.get(("metered", ""), 0) == len(chosen)
    assert bool(agent.quarantined()) == ("exists" in events)


@pytest.mark.parametrize("events", ["", "exists"])
def test_the_filter_of_a_family_that_is_not_chosen_matches_nothing(agent_with, events):
    """An unwanted handler has a filter: without one it would be handed everything."""
    delete = agent_with(events=events).endpoints[0]

    assert type(delete).__name__ == "DeleteHandler"
    for event_type in ("", *oracle.METERED, "compute.instance.update", "\n"):
        assert not delete.filter_rule.match({}, "compute.a", event_type, {}, {})


@pytest.mark.parametrize("option", REFUSED)
def test_an_unknown_value_stops_the_agent_and_names_the_option(
    tmp_path, option, caplog
):
    """A handler that cannot be configured does not let the agent run without it."""
    conf = configured(tmp_path, **{option: REFUSED[option]})

    with pytest.raises(SystemExit) as caught:
        handlers(conf, Pipeline())

    assert f"[nova_usage] {option}" in str(caught.value)
    assert f"[nova_usage] {option}" in caplog.text
    assert {record.levelno for record in caplog.records} >= {logging.CRITICAL}


def test_every_refused_option_is_named_at_once(tmp_path):
    """An operator who mistyped several options is told of all of them."""
    with pytest.raises(InvalidConfiguration) as caught:
        options.load(configured(tmp_path, **REFUSED))

    for option in REFUSED:
        assert f"[nova_usage] {option}" in str(caught.value)


def _agent_file(tmp_path, option, value):
    file = tmp_path / "ceilometer.conf"
    pipeline = tmp_path / "pipeline.yaml"
    pipeline.write_text(
        "sources: [{name: a, meters: ['*'], sinks: [b]}]\n"
        f"sinks: [{{name: b, publishers: ['file://{tmp_path}/samples']}}]\n"
    )
    file.write_text(
        f"[DEFAULT]\npipeline_cfg_file = {pipeline}\n"
        f"[nova_usage]\nmetrics_dir =\n{option} = {value}\n"
    )
    return file


@pytest.mark.parametrize("option", ["events", "meters"])
def test_ceilometers_own_loader_lets_the_refusal_through(tmp_path, option):
    """The agent's manager of sample endpoints stops; it does not drop our handler."""
    file = _agent_file(tmp_path, option, REFUSED[option])
    conf = service.prepare_service([], config_files=[str(file)])

    with pytest.raises(SystemExit, match=option):
        SamplePipelineManager(conf).get_main_endpoints()


def test_ceilometers_own_loader_loads_our_handlers(tmp_path):
    """Both handlers are among the agent's endpoints when all is well."""
    file = _agent_file(tmp_path, "events", "delete")
    conf = service.prepare_service([], config_files=[str(file)])

    names = [
        type(endpoint).__name__
        for endpoint in SamplePipelineManager(conf).get_main_endpoints()
    ]

    assert names.count("DeleteHandler") == names.count("ExistsHandler") == 1


def test_the_options_defaults_meter_everything(tmp_path):
    """An agent that is told nothing meters each family of either kind."""
    file = tmp_path / "ceilometer.conf"
    file.write_text("")
    conf = cfg.ConfigOpts()
    conf(args=[], default_config_files=[str(file)], default_config_dirs=[])

    settings = options.load(conf)

    assert settings.events == {"delete", "exists", "lifecycle"}
    assert settings.meters == {"pollster", "sums", "totals"}
    assert settings.quarantine_dir.is_absolute()


def test_an_empty_quarantine_directory_keeps_nothing(agent_with, tmp_path):
    """An operator who wants no copies gets none, and counts all the same."""
    agent = agent_with(quarantine_dir="")

    with counted() as counts:
        assert agent.meter(handwritten.legacy({"schema": "x"})) == []

    assert counts["quarantined", ""] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["ceilometer.conf"]


def test_options_may_be_registered_twice(tmp_path):
    """Every handler registers them on the one configuration there is."""
    conf = configured(tmp_path)

    assert options.load(conf) == options.load(conf)
    assert len(Agent(conf).endpoints) == 3


def test_every_option_has_help():
    """Nothing is left for an operator to guess."""
    ((group, listed),) = options.list_opts()

    assert group.name == "nova_usage"
    assert group.help
    assert listed
    for opt in listed:
        assert opt.help
        assert opt.help.endswith(".")


def test_the_sample_configuration_has_every_option():
    """``oslo-config-generator`` finds the options by their namespace."""
    printed = subprocess.run(
        [
            sys.executable,
            "-c",
            "from oslo_config import generator; generator.main()",
            "--namespace",
            "ceilo_nova_usage",
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout

    assert "[nova_usage]" in printed
    for _, listed in options.list_opts():
        for opt in listed:
            assert f"\n#{opt.name} = " in printed
