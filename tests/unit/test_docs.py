# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The documentation says what the code does, and all of it."""

import configparser
import csv
import importlib.metadata
import importlib.util
import json
import pathlib
import re
import sys
from xml.etree import ElementTree

import pytest
import stevedore
import yaml

from ceilo_nova_usage import checks, conf, errors
from ceilo_nova_usage.boundaries import BOUNDARIES
from ceilo_nova_usage.delivery.health import findings, metrics
from ceilo_nova_usage.delivery.kept import State
from ceilo_nova_usage.delivery.spool import SpoolState
from ceilo_nova_usage.delivery.tally import Outcome
from ceilo_nova_usage.handlers.base import UsageHandler
from ceilo_nova_usage.handlers.delete import DeleteHandler
from ceilo_nova_usage.handlers.exists import ExistsHandler
from ceilo_nova_usage.handlers.lifecycle import LifecycleHandler
from ceilo_nova_usage.meters.meter import Meter, Scope
from ceilo_nova_usage.patching import series
from tests.support.command import replay
from tests.support.recordings import FIXTURES, Life, cases

TOP = pathlib.Path(__file__).parents[2]
DOC = TOP / "doc" / "source"
PATCHES = TOP / "patches" / "nova"
SVG = "{http://www.w3.org/2000/svg}"
EXAMPLE = DOC / "developer" / "example"
DELETION = FIXTURES / "compute.instance.delete.start" / "nova-34.0.0.json"

SPOOL = SpoolState(
    waiting_rows=0,
    waiting_samples=0,
    refused_rows=0,
    refused_samples=0,
    bytes_used=0,
    bytes_bound=1,
    oldest_accepted_at=None,
)
QUARANTINE = State(notifications=0, files=0, bytes=0, bytes_bound=1)

RESOURCES = {
    Scope.DISK: "uuid-device",
    Scope.INTERFACE: "nic",
    Scope.NETWORK: "uuid-label",
}
PARTS = {
    Scope.CPU: "cpu.",
    Scope.DISKS: "the sum of disks[].",
    Scope.LIFETIME: "lifetime.",
    Scope.DISK: "disks[].",
    Scope.INTERFACE: "interfaces[].",
    Scope.NETWORK: "bandwidth: ",
}


def table(page, header):
    """The rows of a page's csv-table with that first column, literals bared."""
    lines = iter((DOC / page).read_text("utf-8").splitlines())
    for line in lines:
        if line.strip().startswith(f":header: {header}"):
            break
    rows = []
    for line in lines:
        if line and not line.startswith(" "):
            break
        if line.startswith('   "'):
            (row,) = csv.reader([line.strip()], skipinitialspace=True)
            rows.append([cell.replace("``", "") for cell in row])
    return rows


def entry_points(group):
    """What the package registers in a group."""
    return [
        entry
        for entry in importlib.metadata.entry_points(group=group)
        if entry.module.startswith("ceilo_nova_usage.")
    ]


def meters():
    """Every meter that the package registers."""
    for entry in entry_points("ceilo_nova_usage.meters"):
        found = entry.load()
        yield from [found] if isinstance(found, Meter) else found


def test_every_meter_is_documented():
    """The table of meters is the code's, a row a meter."""
    documented = table("operator/meters.rst", "Meter")
    assert sorted(documented) == sorted(
        [
            meter.name,
            meter.unit,
            RESOURCES.get(meter.scope, "uuid"),
            str(meter.family),
            PARTS[meter.scope] + meter.read,
        ]
        for meter in meters()
    )


def test_every_meter_is_known_or_unknown_with_every_driver():
    """The table of support has a row a meter, and says one of three things of each."""
    rows = table("operator/support.rst", "Meter")

    assert [row[0] for row in rows] == list(
        dict.fromkeys(row[0] for row in table("operator/meters.rst", "Meter"))
    )
    assert all(set(known) <= {"live", "approximated", "unknown"} for _, *known in rows)


@pytest.mark.parametrize("case", [case for case in cases() if "-stock" not in case])
def test_what_is_recorded_is_what_is_said_to_be_known(case):
    """A driver's recordings come to the meters that the table calls known, only."""
    column = {"hyperv": 2, "xenapi": 3}.get(case.rpartition("-")[2], 1)
    files = [FIXTURES / file for file, _ in Life.load(case).files()]

    assert {sample["name"] for sample in replay(*files).samples} == {
        row[0]
        for row in table("operator/support.rst", "Meter")
        if row[column] != "unknown"
    }


def test_every_series_is_documented():
    """Every release that there is a series for is in the table of support."""
    releases = {row[0]: row[1] for row in table("operator/support.rst", "Release")}
    for directory in series.directories(PATCHES).values():
        upstream = series.Upstream.from_directory(directory)
        assert releases[upstream.release] == upstream.version


def test_every_notification_is_documented():
    """The table of notifications is what the handlers listen to, by family."""
    handlers = [
        entry.load()
        for entry in importlib.metadata.entry_points(group="ceilometer.sample.endpoint")
        if entry.module.startswith("ceilo_nova_usage.")
    ]
    assert all(issubclass(handler, UsageHandler) for handler in handlers)
    documented = table("operator/meters.rst", "Family")
    assert [(row[0], name) for row in documented for name in row[1:3] if name] == [
        (handler.family, name) for handler in handlers for name in handler.notifications
    ]


def test_every_event_family_has_a_handler():
    """An event family that can be chosen is one that is documented."""
    documented = table("operator/meters.rst", "Family")
    assert {row[0] for row in documented} == set(conf.EVENT_FAMILIES)


def test_every_reason_is_documented():
    """Whoever finds a reason in the log finds it in the table."""
    documented = [row[0] for row in table("operator/quarantine.rst", "Reason")]
    assert sorted(documented) == sorted(errors.Reason)


def test_every_outcome_is_documented():
    """So it is with what is counted."""
    documented = [row[0] for row in table("operator/quarantine.rst", "Outcome")]
    assert sorted(documented) == sorted(Outcome)


def test_every_metric_is_documented():
    """Whoever finds a metric, or a label of it, finds it in the table."""
    found = {}
    for family in [
        *metrics.of_process("1-abcd"),
        *metrics.of_spool(SPOOL),
        *metrics.of_quarantine(QUARANTINE),
    ]:
        name = family.name.removeprefix(metrics.PREFIX)
        found[name + "_total" * (family.type == "counter")] = {
            label for sample in family.samples for label in sample.labels
        }
    documented = {
        row[0]: set(filter(None, row[1].split(", ")))
        for row in table("operator/health.rst", "Metric")
    }
    assert found.keys() == documented.keys()
    for name, labels in found.items():
        # What did not happen yet has no values.
        assert labels in (documented[name], set())


def test_every_finding_of_the_health_is_documented():
    """What '--fail-on' takes is what the table has."""
    documented = [row[0] for row in table("operator/health.rst", "Finding")]
    assert documented == list(findings.FINDINGS)


def test_every_check_is_documented():
    """The checks are told of in the order in which the command makes them."""
    documented = [row[0] for row in table("operator/upgrade-check.rst", "Check")]
    assert documented == [title for title, _ in checks.CHECKS]


def test_every_option_is_documented():
    """The page shows all the package's options, and each says what it does."""
    page = (DOC / "operator" / "configuration.rst").read_text("utf-8")
    shown = re.findall(r"^\.\. show-options:: (\S+)$", page, re.MULTILINE)
    assert shown == [entry.name for entry in entry_points("oslo.config.opts")]
    for _, options in conf.list_opts():
        assert all(option.help for option in options)


def test_every_command_is_documented():
    """The page shows each command once."""
    page = (DOC / "operator" / "commands.rst").read_text("utf-8")
    shown = re.findall(r"^   :command: (.+)$", page, re.MULTILINE)
    commands = entry_points("ceilo_nova_usage.cli")
    assert shown == sorted(entry.name.replace("_", " ") for entry in commands)


def test_the_shipped_pipeline_passes_every_meter():
    """The pipeline that operators are told to copy from leaves no meter behind."""
    text = (TOP / "ceilo_nova_usage" / "data" / "pipeline.yaml").read_text("utf-8")
    (source,) = yaml.safe_load(text)["sources"]
    passed = [re.escape(each).replace(r"\*", ".*") for each in source["meters"]]
    for meter in meters():
        assert any(re.fullmatch(each, meter.name) for each in passed), meter.name


@pytest.fixture(name="installed_example")
def _installed_example(tmp_path, monkeypatch):
    """The documentation's example package, as its setup.cfg would install it."""
    setup = configparser.ConfigParser()
    setup.read(EXAMPLE / "setup.cfg")
    metadata = setup["metadata"]
    info = tmp_path / f"{metadata['name'].replace('-', '_')}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {metadata['name']}\n"
        f"Version: {metadata['version']}\n"
    )
    groups = setup["options.entry_points"]
    (info / "entry_points.txt").write_text(
        "".join(f"[{group}]{entries}\n" for group, entries in groups.items())
    )
    # stevedore looks once at what is installed.
    monkeypatch.setattr(stevedore.ExtensionManager, "ENTRY_POINT_CACHE", {})
    monkeypatch.syspath_prepend(EXAMPLE)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("installed_example")
def test_the_example_meter_works():
    """The example on the page about meters adds up what the NICs received."""
    payload = json.loads(json.loads(DELETION.read_text("utf-8"))["oslo.message"])[
        "payload"
    ]
    samples = [
        sample
        for sample in replay(DELETION).samples
        if sample["name"] == "acme.network.received"
        # There is one of zero, too, for when the guest was started.
        and sample["volume"]
    ]
    assert [(sample["volume"], sample["resource_id"]) for sample in samples] == [
        (
            sum(nic["rx_bytes"] for nic in payload["usage"]["interfaces"]),
            payload["instance_id"],
        )
    ]


def drawing():
    """The module that draws an instance's life."""
    spec = importlib.util.spec_from_file_location("life", TOP / "doc/drawings/life.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_picture_of_a_life_is_as_drawn():
    """Whoever changes the drawing draws it anew."""
    assert (DOC / "billing" / "life.svg").read_text("utf-8") == drawing().svg()


def test_the_picture_of_a_life_has_every_reading():
    """Each notification that is metered has its place in it, once, and its colour."""
    legacy = {
        event_type.removeprefix("compute.instance."): handler
        for handler in (DeleteHandler, ExistsHandler, LifecycleHandler)
        for event_type in handler.notifications
        if event_type.startswith("compute.") and "force" not in event_type
    }
    readings = {
        boundary.legacy.removeprefix("compute.instance."): boundary.reading
        for boundary in BOUNDARIES
    }
    picture = ElementTree.parse(DOC / "billing" / "life.svg").getroot()
    drawn = [
        each.text for each in picture.iter(f"{SVG}text") if each.get("class") == "label"
    ]
    colours = [each.get("class") for each in picture.iter(f"{SVG}circle")]

    assert sorted(drawn) == sorted(legacy)
    for name, colour in zip(drawn, colours, strict=True):
        assert colour == readings.get(
            name, "last" if legacy[name] is DeleteHandler else "first"
        )
