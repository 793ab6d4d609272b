# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Meters from entry points: an operator's own, and broken ones."""

import importlib
import logging

import pytest

from ceilo_nova_usage.meters import table
from ceilo_nova_usage.meters.meter import Family, Meter, Scope
from tests.support import handwritten, oracle
from tests.support.endpoints import Agent, configured, counted

BLOCK = handwritten.usage(lifetime=handwritten.lifetime())
MESSAGES = (handwritten.legacy(BLOCK), handwritten.versioned(BLOCK, "instance.exists"))
PREAMBLE = """\
from ceilo_nova_usage.meters.meter import Family, Meter, Scope

def meter(read, scope=Scope.CPU, name="my.meter", **fields):
    return Meter(**{
        "name": name, "unit": "x", "family": Family.POLLSTER, "scope": scope,
        "read": read, **fields,
    })
"""


@pytest.fixture(name="installed")
def _installed(tmp_path, monkeypatch):
    """Install an operator's package, of one module, for the time of a test."""
    count = 0

    def install(code, entry_points=None):
        nonlocal count
        count += 1
        name = f"operators_meters_{tmp_path.name}_{count}".replace("-", "_")
        site = tmp_path / name
        metadata = site / f"{name}-1.0.dist-info"
        metadata.mkdir(parents=True)
        (site / f"{name}.py").write_text(PREAMBLE + code)
        (metadata / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
        )
        lines = [
            f"{point} = {target.format(module=name)}"
            for point, target in (entry_points or {"mine": "{module}:METERS"}).items()
        ]
        (metadata / "entry_points.txt").write_text(
            "\n".join(["[ceilo_nova_usage.meters]", *lines, ""])
        )
        monkeypatch.syspath_prepend(str(site))
        importlib.invalidate_caches()

    return install


@pytest.fixture(name="metered")
def _metered(tmp_path):
    """Meter a message with an agent that is started anew."""

    def meter(message, **options):
        agent = Agent(configured(tmp_path, **options))
        samples = agent.meter(message)
        assert agent.quarantined() == []
        return samples

    return meter


def _errors(caplog):
    return [each for each in caplog.records if each.levelno >= logging.ERROR]


def _beyond(samples, message):
    """Return the samples that are not ours, all of which must be there."""
    ours = oracle.samples(message)
    assert [sample for sample in ours if sample not in samples] == []
    return [
        (sample["name"], sample["resource_id"], sample["volume"], sample["unit"])
        for sample in samples
        if sample not in ours
    ]


UUID = handwritten.UUID
OPERATORS = {
    "a processor's counter": (
        'METERS = meter("number")',
        [("my.meter", UUID, 2, "x")],
    ),
    "a function of a processor": (
        "METERS = [meter(lambda cpu: cpu.time / 1e9)]",
        [("my.meter", UUID, 7.000000001, "x")],
    ),
    "a function of the sums": (
        "METERS = [meter(lambda sums: sums.read_bytes + 1, Scope.DISKS)]",
        [("my.meter", UUID, 3005, "x")],
    ),
    "a function of the block": (
        "METERS = [meter(lambda usage: len(usage.disks), Scope.USAGE)]",
        [("my.meter", UUID, 2, "x")],
    ),
    "a total": (
        'METERS = [meter("cpu_time", Scope.LIFETIME, family=Family.TOTALS)]',
        [("my.meter", UUID, 9_000_000_001, "x")],
    ),
    "a disk's": (
        "METERS = (meter(lambda disk: disk.read_bytes * 2, Scope.DISK),)",
        [
            ("my.meter", f"{UUID}-vda", 2004, "x"),
            ("my.meter", f"{UUID}-vdb", 4004, "x"),
        ],
    ),
    "a NIC's": (
        'METERS = {meter("rx_drop", Scope.INTERFACE)}',
        [
            (
                "my.meter",
                f"instance-00000001-{UUID}-tap0000000{index}-0",
                100_000 * (index + 1) + 4,
                "x",
            )
            for index in (0, 1)
        ],
    ),
    "two at once": (
        'METERS = [meter("number", name="a"), meter("number", name="b")]',
        [("a", UUID, 2, "x"), ("b", UUID, 2, "x")],
    ),
    "one that knows nothing": ("METERS = meter(lambda cpu: None)", []),
}


@pytest.mark.parametrize("message", MESSAGES)
@pytest.mark.parametrize("package", OPERATORS)
def test_an_operators_package_adds_a_meter_by_one_entry_point(
    installed, metered, caplog, package, message
):
    """A row in another distribution is published with ours, and like ours."""
    code, expected = OPERATORS[package]
    installed(code)

    samples = metered(message)

    assert _beyond(samples, message) == expected
    assert _errors(caplog) == []


def test_an_operators_sample_is_like_any_other(installed, metered):
    """Type, time, owner, metadata and id follow the rules of all samples."""
    installed('METERS = meter("number")')
    (message, _) = MESSAGES

    samples = metered(message)

    (cpu,) = (each for each in samples if each["name"] == "cpu")
    (mine,) = (each for each in samples if each["name"] == "my.meter")
    mine_as_cpu = {**mine, "name": "cpu", "unit": "ns", "volume": cpu["volume"]}
    assert {**mine_as_cpu, "id": None} == {**cpu, "id": None}
    assert mine["id"] not in [sample["id"] for sample in oracle.samples(message)]


@pytest.mark.parametrize("family", Family)
def test_an_operators_meter_is_switched_with_its_family(installed, metered, family):
    """A family that is not chosen takes an operator's rows with it."""
    installed(f'METERS = meter("number", family=Family.{family.name})')

    for chosen in Family:
        names = {each["name"] for each in metered(MESSAGES[0], meters=chosen)}
        assert ("my.meter" in names) == (chosen is family)


BROKEN = {
    "an import that fails": "import no_such_module",
    "code that fails": "1 / 0",
    "an assertion that fails": "assert False",
    "no such name": "",
    "something else": "METERS = 5",
    "nothing": "METERS = None",
    "a string": 'METERS = "cpu"',
    "a list of something else": 'METERS = [meter("number"), "cpu"]',
    "a class": "METERS = Meter",
    "an iterator": 'METERS = (meter("number") for _ in [1])',
    "a list that fails": "METERS = type('', (list,), {'__iter__': lambda _: 1 / 0})()",
    "an unknown field": 'METERS = meter("idle")',
    "a field that is no counter": 'METERS = meter("device", Scope.DISK)',
    "a field of a part": 'METERS = meter("cpu.time", Scope.USAGE)',
    "an unknown scope": 'METERS = meter("time", "memory")',
    "no function": "METERS = meter(5)",
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_entry_point_is_named_and_costs_only_itself(
    installed, metered, caplog, broken
):
    """All other meters are published, and the log tells which are not."""
    installed(BROKEN[broken])
    installed('METERS = meter("number", name="sound")', {"sound": "{module}:METERS"})

    samples = metered(MESSAGES[0])

    assert _beyond(samples, MESSAGES[0]) == [("sound", UUID, 2, "x")]
    errors = _errors(caplog)
    assert len(errors) == 3  # each handler loads its own table
    for record in errors:
        assert "The entry point mine in ceilo_nova_usage.meters" in record.getMessage()


@pytest.mark.parametrize("target", ["{module}", "{module}:", "{module}:METERS.read"])
def test_an_entry_point_that_points_nowhere_is_named(
    installed, metered, caplog, target
):
    """A packaging mistake is an operator's to find, not a user's to pay for."""
    installed('METERS = meter("number")', {"mine": target})

    assert _beyond(metered(MESSAGES[0]), MESSAGES[0]) == []
    assert "entry point mine" in caplog.text


@pytest.mark.parametrize(
    "taken",
    [
        'meter("number", name="cpu")',
        'meter("cpu_time", Scope.LIFETIME, name="cpu")',
        'meter("read_bytes", Scope.DISK, name="disk.device.read.bytes")',
        'meter("in_bytes", Scope.NETWORK, name="network.incoming.bytes")',
    ],
)
def test_a_name_that_is_taken_is_refused_and_named(installed, metered, caplog, taken):
    """No resource gets two series of one name; ours is the one that stays."""
    installed(f'METERS = [{taken}, meter("number")]')

    samples = metered(MESSAGES[0])

    assert _beyond(samples, MESSAGES[0]) == [("my.meter", UUID, 2, "x")]
    assert all("second meter" in record.getMessage() for record in _errors(caplog))
    assert _errors(caplog)


FAILING = {
    "raises": "1 / 0",
    "asserts": "(_ for _ in ()).throw(AssertionError)",
    "nan": 'float("nan")',
    "infinity": '-float("inf")',
    "a string": '"5"',
    "a bool": "True",
    "a list": "[5]",
}


@pytest.mark.parametrize("scope", ["CPU", "DISK", "USAGE"])
@pytest.mark.parametrize("failing", FAILING)
def test_a_meter_that_fails_is_named_and_costs_only_itself(
    installed, metered, caplog, failing, scope
):
    """A row's own defect gives no sample of it, an error and a count."""
    installed(f"METERS = meter(lambda part: {FAILING[failing]}, Scope.{scope})")

    with counted() as counts:
        samples = metered(MESSAGES[0])

    assert _beyond(samples, MESSAGES[0]) == []
    (error,) = _errors(caplog)
    assert "meters.my.meter" in error.getMessage()
    assert counts == {
        ("metered", ""): 1,
        ("meter-failed", "meters.my.meter"): 2 if scope == "DISK" else 1,
    }


def test_a_meter_that_always_fails_does_not_fill_the_log(installed, tmp_path, caplog):
    """An operator is told, at a bounded rate."""
    installed("METERS = meter(lambda part: 1 / 0)")
    agent = Agent(configured(tmp_path))

    for _ in range(100):
        agent.meter(MESSAGES[0])

    assert len(_errors(caplog)) == 1


def test_our_own_tables_are_the_contracts():
    """Names, units and what is read are the contract's, row by row."""
    expected = {
        (meter, unit, field, family, scope)
        for rows, family, scope in (
            (oracle.CPU, Family.POLLSTER, Scope.CPU),
            (oracle.DISK, Family.POLLSTER, Scope.DISK),
            (oracle.DISK_SUMS, Family.SUMS, Scope.DISKS),
            (oracle.INTERFACE, Family.POLLSTER, Scope.INTERFACE),
            (oracle.LIFETIME, Family.TOTALS, Scope.LIFETIME),
        )
        for meter, unit, field in rows
    } | {
        (f"network.{way}.bytes", "B", field, Family.POLLSTER, Scope.NETWORK)
        for way, field in (("incoming", "in_bytes"), ("outgoing", "out_bytes"))
    }

    rows = [
        row
        for entry_point in table.metadata.entry_points(group=table.NAMESPACE)
        for row in entry_point.load()
    ]

    assert all(isinstance(row, Meter) for row in rows)
    assert {
        (row.name, row.unit, row.read, row.family, row.scope) for row in rows
    } == expected
    assert len(rows) == len(expected)
