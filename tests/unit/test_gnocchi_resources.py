# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Gnocchi's resource definitions: nothing of Ceilometer's lost, all of ours there."""

import copy
import csv
import datetime
import logging
import pathlib

import pytest
import yaml
from ceilometer import publisher, service
from ceilometer.publisher.gnocchi import GnocchiPublisher

from ceilo_nova_usage import baseline, gnocchi_resources
from tests.support import oracle
from tests.support.command import run

STOCK = pathlib.Path(publisher.__file__).parent / "data" / "gnocchi_resources.yaml"
OF_TYPE = {
    "instance": {
        meter for meter, _, _ in oracle.CPU + oracle.DISK_SUMS + oracle.LIFETIME
    },
    "instance_disk": {meter for meter, _, _ in oracle.DISK},
    "instance_network_interface": {meter for meter, _, _ in oracle.INTERFACE},
}
OF_OURS_ALONE = oracle.SUM_METERS | oracle.TOTAL_METERS

PIPELINE = """\
sources: [{{name: a, {what}: ["*"], sinks: [b]}}]
sinks: [{{name: b, publishers: {urls}}}]
"""


def _stock():
    return yaml.safe_load(STOCK.read_text("utf-8"))


@pytest.fixture(name="printed")
def _printed():
    """Return what the command prints."""

    def print_(*arguments):
        result = run("gnocchi-resources", *arguments)
        assert result.status == 0
        return result.out

    return print_


@pytest.fixture(name="checked")
def _checked(tmp_path):
    """Run the check of an agent with these publishers; return its status and lines."""

    def check(*arguments, publishers=("gnocchi://",), events=("notifier://",)):
        conf = tmp_path / "ceilometer.conf"
        lines = ["[DEFAULT]"]
        for what, option, urls in (
            ("meters", "pipeline_cfg_file", publishers),
            ("events", "event_pipeline_cfg_file", events),
        ):
            pipeline = tmp_path / f"{what}.yaml"
            pipeline.write_text(PIPELINE.format(what=what, urls=list(urls)))
            lines.append(f"{option} = {pipeline}")
        conf.write_text("\n".join([*lines, ""]))
        result = run("gnocchi-resources", "--check", "--config-file", conf, *arguments)
        return result.status, result.out

    return check


def _loaded(file):
    """Return the definitions and policies as Ceilometer's publisher reads them."""
    conf = service.prepare_service([], config_files=[])
    return GnocchiPublisher._load_definitions(conf, None, str(file))


def test_nothing_of_ceilometers_is_lost(printed):
    """Each meter, attribute, event and policy of the installed Ceilometer is there."""
    stock, ours = _stock(), yaml.safe_load(printed())

    assert (
        ours["archive_policies"][: len(stock["archive_policies"])]
        == (stock["archive_policies"])
    )
    assert [each["resource_type"] for each in ours["resources"]] == [
        each["resource_type"] for each in stock["resources"]
    ]
    assert set(stock) <= set(ours)
    for before, after in zip(stock["resources"], ours["resources"], strict=True):
        metrics = list(before["metrics"])
        assert list(after["metrics"])[: len(metrics)] == metrics
        assert list(after)[: len(before)] == list(before)
        for key, value in before.items():
            if key == "event_delete":
                assert set(_listed(value)) <= set(_listed(after[key]))
            elif key != "metrics":
                assert after[key] == value
        if before["resource_type"] not in OF_TYPE:
            assert after == {**before, "metrics": after["metrics"]}


def _listed(value):
    return value if isinstance(value, list) else [value]


def test_ceilometer_reads_what_is_printed(printed, tmp_path, caplog):
    """Ceilometer's own loader takes every resource type, and finds our meters."""
    file = tmp_path / "printed.yaml"
    file.write_text(printed())

    definitions, policies = _loaded(file)

    assert [record for record in caplog.records if record.levelno > logging.INFO] == []
    assert len(definitions) == len(_stock()["resources"])
    policy_of = {
        (definition.cfg["resource_type"], meter): extra["archive_policy_name"]
        for definition in definitions
        for meter, extra in definition.metrics.items()
    }
    for kind, meters in OF_TYPE.items():
        for meter in meters:
            wanted = "total" if meter in OF_OURS_ALONE else "rate"
            assert policy_of[kind, meter] == f"nova-usage-{wanted}"
    others = {
        (kind, meter): policy
        for (kind, meter), policy in policy_of.items()
        if meter not in OF_TYPE.get(kind, ())
    }
    stock, _ = _loaded(STOCK)
    assert others == {
        (definition.cfg["resource_type"], meter): extra["archive_policy_name"]
        for definition in stock
        for meter, extra in definition.metrics.items()
        if meter not in OF_TYPE.get(definition.cfg["resource_type"], ())
    }
    assert {"nova-usage-rate", "nova-usage-total"} <= {
        each["name"] for each in policies
    }


def test_both_events_of_a_deletion_end_an_instance(printed, tmp_path):
    """The end that delete.start sets is set again when the deletion is done."""
    file = tmp_path / "printed.yaml"
    file.write_text(printed())

    definitions, _ = _loaded(file)

    for event_type in ("compute.instance.delete.start", "compute.instance.delete.end"):
        (ended,) = [
            definition.cfg["resource_type"]
            for definition in definitions
            if definition.event_match(event_type) == "delete"
        ]
        assert ended == "instance"


def _policies():
    return {
        policy["name"]: policy
        for policy in gnocchi_resources.ours()["archive_policies"]
    }


def test_the_policies_keep_what_bills_are_made_of():
    """Both have what a bill takes, beside Ceilometer's own aggregates, each hour."""
    wanted = {"rate:sum", "last", "max", "mean", "rate:mean"}
    for policy in _policies().values():
        assert wanted <= set(policy["aggregation_methods"])
        assert "1 hour" in [each["granularity"] for each in policy["definition"]]


def test_the_documentation_tells_what_the_policies_keep():
    """The table for billing has each policy's buckets and aggregates."""
    page = pathlib.Path(__file__).parents[2] / "doc/source/billing/gnocchi.rst"
    rows = {
        row[0]: row
        for line in page.read_text("utf-8").splitlines()
        if line.startswith('   "``nova-usage-')
        for row in csv.reader([line.replace("``", "").strip()], skipinitialspace=True)
    }
    for name, policy in _policies().items():
        _, _, buckets, aggregates = rows.pop(name)
        assert buckets == ", ".join(
            f"{each['granularity']} for {each['timespan']}"
            for each in policy["definition"]
        )
        assert set(aggregates.split(", ")) == set(policy["aggregation_methods"])
    assert rows == {}


def test_the_pollsters_policy_keeps_what_ceilometers_did():
    """Whoever reads the stock aggregates of a shared series goes on reading them."""
    (stock,) = [
        policy
        for policy in _stock()["archive_policies"]
        if policy["name"] == "ceilometer-low-rate"
    ]
    shared = _policies()["nova-usage-rate"]

    assert set(stock["aggregation_methods"]) <= set(shared["aggregation_methods"])
    assert stock["definition"][0]["granularity"] == "5 minutes"
    assert "5 minutes" in [each["granularity"] for each in shared["definition"]]


@pytest.mark.parametrize("name", ["nova-usage-rate", "nova-usage-total"])
def test_a_zero_reaches_no_further_back_than_the_policies(name):
    """Gnocchi takes a zero as late as one is published: else it would count anew."""
    policy = _policies()[name]
    hours = {"5 minutes": 1 / 12, "1 hour": 1, "1 day": 24}
    block = max(hours[each["granularity"]] for each in policy["definition"])

    # It keeps one block more than the back window for a policy with rates.
    kept = datetime.timedelta(hours=block * (policy["back_window"] + 1))

    assert kept >= baseline.REACH


def test_what_is_merged_once_is_not_changed_again():
    """The file that is printed can be built upon: nothing is added twice."""
    once = gnocchi_resources.merged(gnocchi_resources.ceilometers())

    assert gnocchi_resources.merged(once) == once
    assert list(gnocchi_resources.differences(once, once)) == []


def test_the_base_is_not_changed():
    """What is merged into stays as it was."""
    base = gnocchi_resources.ceilometers()
    before = copy.deepcopy(base)

    gnocchi_resources.merged(base)

    assert base == before


OPERATORS = """\
archive_policy_default: mine
archive_policies:
  - {name: mine, aggregation_methods: [mean], definition: []}
  - {name: nova-usage-rate, aggregation_methods: [mean], definition: []}
resources:
  - resource_type: my_type
    metrics: [my.meter, cpu.total]
    attributes: {my: resource_metadata.my}
  - resource_type: instance
    archive_policy: mine
    metrics:
      memory: {archive_policy_name: theirs, unit: MB}
      cpu: {archive_policy_name: theirs}
      vcpus:
    attributes: {host: resource_metadata.host}
    event_delete: compute.instance.delete.end
"""


def test_an_operators_own_definitions_are_built_upon(printed, tmp_path):
    """Their types, meters, attributes and policies stay; ours are put among them."""
    base = tmp_path / "own.yaml"
    base.write_text(OPERATORS)

    result = yaml.safe_load(printed("--base", str(base)))

    assert result["archive_policy_default"] == "mine"
    assert [each["name"] for each in result["archive_policies"]] == [
        "mine",
        "nova-usage-rate",
        "nova-usage-total",
    ]
    assert result["archive_policies"][1] == _policies()["nova-usage-rate"]
    theirs, instance, *others = result["resources"]
    assert theirs["attributes"] == {"my": "resource_metadata.my"}
    assert instance["attributes"] == {"host": "resource_metadata.host"}
    assert instance["event_delete"] == [
        "compute.instance.delete.end",
        "compute.instance.delete.start",
    ]
    # A meter is of one type; the policy for all would have stood for ours as well.
    assert theirs["metrics"] == {"my.meter": None}
    assert "archive_policy" not in instance
    assert instance["metrics"]["cpu"] == {"archive_policy_name": "nova-usage-rate"}
    assert instance["metrics"]["cpu.total"] == {
        "archive_policy_name": "nova-usage-total"
    }
    assert instance["metrics"]["memory"] == {
        "archive_policy_name": "mine",
        "unit": "MB",
    }
    assert instance["metrics"]["vcpus"] == {"archive_policy_name": "mine"}
    # Without their attributes Gnocchi would refuse these: they are Ceilometer's own.
    stock = {each["resource_type"]: each for each in _stock()["resources"]}
    assert {each["resource_type"] for each in others} == set(OF_TYPE) - {"instance"}
    for other in others:
        assert other["attributes"] == stock[other["resource_type"]]["attributes"]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: [", "it is not YAML"),
        ("- a", "it is not a mapping"),
        ("resources: 5", "resources: is not a list"),
        ("resources: [{metrics: {}}]", "resources.0: has no resource_type"),
        ("resources: [{resource_type: a}]", "resources.0: has no metrics"),
        ("archive_policies: [a]", "archive_policies.0: has no name"),
        ("\x00", "it is not YAML"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path, text, place):
    """What Ceilometer could not use is named by file and place, and nothing printed."""
    base = tmp_path / "own.yaml"
    base.write_text(text)

    result = run("gnocchi-resources", "--base", base)

    assert (result.status, result.out) == (1, "")
    assert f"{base}: {place}" in result.err


def test_ceilometers_own_definitions_lack_ours(checked):
    """Each of our meters and policies is named, with what to do; the status is 1."""
    status, output = checked()

    assert status == 1
    for meters in OF_TYPE.values():
        for meter in meters:
            assert f"  meter {meter}: " in output
    assert "  archive policy nova-usage-total: is missing\n" in output
    assert "event_delete: lacks compute.instance.delete.end" in output
    assert "gnocchi-resources > /etc/ceilometer/gnocchi_resources.yaml.new" in output


@pytest.mark.parametrize("scheme", ["gnocchi", "gnocchi-spool"])
def test_what_is_printed_is_what_is_wanted(checked, printed, tmp_path, scheme):
    """Configured as it is told to be, there is no difference and the status is 0."""
    file = tmp_path / "other_name.yaml"
    file.write_text(printed())

    status, output = checked(
        publishers=[f"{scheme}://?resources_definition_file={file}"]
    )

    assert status == 0
    assert output.endswith(": 0 differences\n")


def test_the_default_file_is_found_beside_the_configuration(checked, printed, tmp_path):
    """Without an option in the URL, what the agent would find is compared."""
    file = tmp_path / "gnocchi_resources.yaml"
    file.write_text(printed())

    status, output = checked()

    assert status == 0
    assert f"{file}: 0 differences" in output


def test_the_events_publisher_is_compared_too(checked, printed, tmp_path):
    """What ends resources is read from the event pipeline's publisher."""
    file = tmp_path / "good.yaml"
    file.write_text(printed())
    good = f"gnocchi://?resources_definition_file={file}"

    status, output = checked(
        publishers=[good, "file:///dev/null"], events=["gnocchi://"]
    )

    assert status == 1
    assert f"{good}, {file}: 0 differences\n" in output
    assert "gnocchi://, Ceilometer's own definitions: " in output


def test_a_policy_in_the_url_stands_before_the_definitions(checked, printed, tmp_path):
    """An archive policy for everything is a difference, wherever the file is right."""
    (tmp_path / "gnocchi_resources.yaml").write_text(printed())

    status, output = checked(publishers=["gnocchi-spool://?archive_policy=low"])

    assert status == 1
    assert "archive_policy=low in the URL" in output
    assert "To do" not in output


def _without(definitions, *path):
    for key in path[:-1]:
        definitions = definitions[key]
    del definitions[path[-1]]


def _index(definitions, kind):
    kinds = [each["resource_type"] for each in definitions["resources"]]
    return kinds.index(kind)


CHANGES = {
    "a meter of ours": (
        lambda it: _without(
            it, "resources", _index(it, "instance"), "metrics", "cpu.total"
        ),
        "meter cpu.total: is not listed at instance",
    ),
    "a meter of ceilometer's": (
        lambda it: _without(
            it, "resources", _index(it, "instance"), "metrics", "memory"
        ),
        "meter memory: is not listed at instance",
    ),
    "an attribute": (
        lambda it: _without(
            it, "resources", _index(it, "instance_disk"), "attributes", "name"
        ),
        "resource type instance_disk, attributes.name: is None",
    ),
    "a policy's back window": (
        lambda it: it["archive_policies"][-1].update(back_window=0),
        "archive policy nova-usage-total, back_window: is 0, not 1",
    ),
    "another policy of ours": (
        lambda it: it["resources"][_index(it, "instance")]["metrics"].update(
            cpu={"archive_policy_name": "ceilometer-low"}
        ),
        "meter cpu: has the archive policy ceilometer-low, not nova-usage-rate",
    ),
    "a policy for all": (
        lambda it: it["resources"][_index(it, "instance_disk")].update(
            archive_policy="low"
        ),
        "meter disk.device.read.bytes: has the archive policy low",
    ),
    "another type": (
        lambda it: it["resources"].append(
            {"resource_type": "mine", "metrics": {"cpu": None}}
        ),
        "meter cpu: is listed at mine, not instance",
    ),
    "an event": (
        lambda it: it["resources"][_index(it, "instance")].update(
            event_delete="compute.instance.delete.start"
        ),
        "resource type instance, event_delete: lacks compute.instance.delete.end",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_each_difference_is_named(checked, tmp_path, change):
    """Whatever is amiss is told by its place, with what it should be."""
    definitions = gnocchi_resources.merged(gnocchi_resources.ceilometers())
    make, told = CHANGES[change]
    make(definitions)
    file = tmp_path / "gnocchi_resources.yaml"
    file.write_text(gnocchi_resources.to_yaml(definitions))

    status, output = checked()

    assert status == 1
    assert told in output


def test_an_operators_additions_are_no_difference(checked, tmp_path):
    """Whatever is there beyond, and the policies of others' meters, are theirs."""
    definitions = gnocchi_resources.merged(gnocchi_resources.ceilometers())
    definitions["archive_policy_default"] = "mine"
    definitions["archive_policies"].append({"name": "mine"})
    definitions["resources"].append({"resource_type": "x", "metrics": {"y": None}})
    instance = definitions["resources"][_index(definitions, "instance")]
    instance["metrics"]["memory"] = {"archive_policy_name": "mine"}
    instance["attributes"]["more"] = "resource_metadata.more"
    file = tmp_path / "gnocchi_resources.yaml"
    file.write_text(gnocchi_resources.to_yaml(definitions))

    status, output = checked()

    assert (status, output.count("0 differences")) == (0, 1)


def test_what_an_operator_left_out_is_no_difference_from_their_own(checked, tmp_path):
    """Against their own base only what is ours can be missing."""
    base = tmp_path / "base.yaml"
    definitions = gnocchi_resources.ceilometers()
    definitions["resources"] = [
        each for each in definitions["resources"] if each["resource_type"] in OF_TYPE
    ]
    base.write_text(gnocchi_resources.to_yaml(definitions))
    file = tmp_path / "gnocchi_resources.yaml"
    file.write_text(gnocchi_resources.to_yaml(gnocchi_resources.merged(definitions)))

    assert checked()[0] == 1
    assert checked("--base", str(base))[0] == 0


def test_an_agent_without_gnocchi_has_nothing_to_compare(checked):
    """A pipeline that publishes elsewhere is told so, and is no success."""
    status, output = checked(publishers=["file:///dev/null"])

    assert status == 1
    assert "No pipeline publishes to Gnocchi" in output
