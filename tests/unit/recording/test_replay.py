# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Replaying recordings through the agent's endpoints and pipelines."""

import csv
import io
import json

import pytest
import yaml

from tests.support import handwritten, oracle
from tests.support.command import replay, run
from tests.support.recordings import FIXTURES, Life, cases
from tests.unit.recording.conftest import CASE, DELETION, VERSIONED_DELETION

RECORDINGS = [
    FIXTURES / name for case in cases() for name, _ in Life.load(case).files()
]


@pytest.fixture(name="pipeline")
def _pipeline(tmp_path):
    """Write a pipeline file."""

    def pipeline(content):
        path = tmp_path / "pipeline.yaml"
        path.write_text(content if isinstance(content, str) else yaml.dump(content))
        return path

    return pipeline


def definition(*sources, publishers=("gnocchi://",)):
    """A pipeline of (meters, sinks) with these publishers at every sink."""
    sinks = {sink for _, names in sources for sink in names}
    return {
        "sources": [
            {"name": f"source{number}", "meters": list(meters), "sinks": list(names)}
            for number, (meters, names) in enumerate(sources)
        ],
        "sinks": [{"name": name, "publishers": list(publishers)} for name in sinks],
    }


@pytest.mark.parametrize(
    "path", RECORDINGS, ids=lambda path: f"{path.parent.name}/{path.stem}"
)
def test_every_recording(path):
    """Every recorded notification replays without a complaint, twice the same."""
    first, second = replay(path), replay(path)

    assert first.status == 0
    assert first.out == second.out
    notification = json.loads(json.loads(path.read_bytes())["oslo.message"])
    assert first.ids == [each["id"] for each in oracle.with_zeros(notification)]


def test_twins():
    """The legacy and the versioned form of a reading give the same samples and ids."""
    legacy, versioned = replay(DELETION).samples, replay(VERSIONED_DELETION).samples

    for sample in (*legacy, *versioned):
        del sample["resource_metadata"]
    assert legacy == versioned


def test_json_has_every_field():
    """A sample in JSON has every field, its metadata as an object."""
    result = replay(DELETION)

    for sample in result.samples:
        assert {
            *("name", "type", "unit", "volume", "resource_id", "timestamp", "id"),
            *("user_id", "project_id", "source", "resource_metadata"),
        } <= sample.keys()
        assert sample["resource_metadata"]["display_name"] == "web-1"


def test_large_volume(write):
    """The largest counter there can be is printed to the last digit."""
    block = handwritten.usage(cpu={"time": 2**64 - 1, "number": 1})

    result = replay(write(handwritten.legacy(block)))

    assert [s["volume"] for s in result.samples if s["name"] == "cpu"] == [2**64 - 1]


def test_no_nan(write):
    """A number that JSON has not is never printed, wherever it stood."""
    message = handwritten.legacy(handwritten.usage(), vcpus=float("nan"))
    message["payload"]["metadata"] = {"metering.share": float("inf")}

    result = replay(write(message))

    json.loads(result.out, parse_constant=pytest.fail)


@pytest.mark.parametrize(
    ("formatter", "parse"),
    [
        ("csv", lambda text: list(csv.DictReader(io.StringIO(text)))),
        ("yaml", yaml.safe_load),
    ],
)
def test_other_formats(formatter, parse):
    """Other formats hold the same samples, by name and volume."""
    expected = [(s["name"], s["volume"]) for s in replay(DELETION).samples]

    rows = parse(run("replay", "-f", formatter, DELETION).out)

    assert [(row["name"], int(row["volume"])) for row in rows] == expected


@pytest.mark.parametrize("formatter", ["csv", "yaml", "json"])
def test_chosen_columns(formatter):
    """Any field can be asked for; metadata is an object, in CSV as JSON."""
    result = run(
        *("replay", "-f", formatter, "-c", "id", "-c", "resource_metadata", DELETION)
    )

    if formatter == "csv":
        rows = list(csv.DictReader(io.StringIO(result.out)))
        metadata = json.loads(rows[0]["resource_metadata"])
    else:
        rows = yaml.safe_load(result.out)
        metadata = rows[0]["resource_metadata"]
    assert rows[0].keys() == {"id", "resource_metadata"}
    assert metadata["display_name"] == "web-1"


def test_sorted_json():
    """Sorting holds for JSON too."""
    names = [s["name"] for s in replay("--sort-column", "name", DELETION).samples]

    assert names == sorted(names)


def test_table_is_readable():
    """The table shows what a person looks for, and no metadata."""
    result = run("replay", DELETION)

    heading = result.out.splitlines()[1]
    assert [cell.strip() for cell in heading.strip("|").split("|")] == [
        *("name", "unit", "volume", "resource_id", "timestamp")
    ]


def test_unreadable_notification(broken, write):
    """What a handler would quarantine is told with id, path and reason."""
    path = write(broken)

    result = replay(path)

    assert result.status == 1
    assert "cpu" not in {sample["name"] for sample in result.samples}
    assert result.samples
    problem = result.err.splitlines()[0]
    assert problem.startswith(f"{path}:1: notification ")
    assert broken["metadata"]["message_id"] in problem
    assert "payload.usage.cpu.time" in problem
    assert "out-of-range" in problem


def test_nothing_is_quarantined(broken, write, tmp_path):
    """A replay leaves the operator's quarantine as it is."""
    directory = tmp_path / "quarantine"
    conf = tmp_path / "ceilometer.conf"
    conf.write_text(f"[nova_usage]\nquarantine_dir = {directory}\n")

    assert replay("--config-file", conf, write(broken)).status == 1
    assert not directory.exists()


def test_quarantine_is_replayed(broken, write, tmp_path):
    """What an agent has quarantined replays as the notification that it was."""
    quarantined = {
        "quarantined_at": "2026-10-05T10:22:05+00:00",
        "message_id": broken["metadata"]["message_id"],
        "event_type": broken["event_type"],
        "samples": 0,
        "faults": [],
        "message": broken,
    }

    assert replay(write(quarantined)).ids == replay(write(broken)).ids


def test_operators_options(write, tmp_path):
    """A configuration file's options and reserved metadata count, its pipeline not."""
    conf = tmp_path / "ceilometer.conf"
    conf.write_text(
        "[DEFAULT]\npipeline_cfg_file = /nowhere\nreserved_metadata_keys = role\n"
        "[nova_usage]\nmeters = sums\n[notification]\nbatch_size = 7\n"
    )

    result = replay("--config-file", conf, DELETION)

    assert {sample["name"] for sample in result.samples} == {
        f"disk.{way}.{what}"
        for way in ("read", "write")
        for what in ("bytes", "requests")
    }
    for sample in result.samples:
        assert sample["resource_metadata"]["user_metadata"]["role"] == "web"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[nova_usage]\nmeters = moon\n", "[nova_usage] meters"),
        ("[nova_usage\n", "ceilometer.conf"),
        (None, "ceilometer.conf"),
    ],
)
def test_unusable_configuration(text, words, tmp_path):
    """A configuration that can't be used stops the replay, and is named."""
    conf = tmp_path / "ceilometer.conf"
    if text is not None:
        conf.write_text(text)

    result = replay("--config-file", conf, DELETION)

    assert (result.status, result.out) == (1, "")
    assert words in result.err


def test_batches(write):
    """A batch of any size gives the same samples."""
    envelopes = [
        json.loads(path.read_text()) for path in RECORDINGS if CASE in path.stem
    ]
    path = write(*envelopes)
    conf = path.with_name("ceilometer.conf")
    conf.write_text("[notification]\nbatch_size = 100\n")

    assert replay("--config-file", conf, path).ids == replay(path).ids


@pytest.mark.parametrize(
    "meters",
    [["cpu"], ["*"], ["!disk.*"], ["disk.device.*", "network.incoming.bytes"]],
)
def test_pipeline_chooses_meters(meters, pipeline):
    """A pipeline's source decides which meters pass, as in the agent."""
    from ceilometer.agent import Source

    everything = replay(DELETION).samples

    result = replay("--pipeline", pipeline(definition((meters, ["sink"]))), DELETION)

    assert result.status == 0
    assert [sample["id"] for sample in result.samples] == [
        sample["id"]
        for sample in everything
        if Source.is_supported(meters, sample["name"])
    ]


def test_publishers_are_not_contacted(pipeline, tmp_path):
    """No publisher is made, be it broken, slow or a file."""
    target = tmp_path / "samples"
    publishers = [f"file://{target}", "gnocchi://", "tcp://198.51.100.1:1", "none such"]

    path = pipeline(definition((["*"], ["sink"]), publishers=publishers))
    result = replay("--pipeline", path, DELETION)

    assert (result.status, result.ids) == (0, replay(DELETION).ids)
    assert not target.exists()


def test_several_sinks(pipeline):
    """A sample for several sinks, sources and publishers is shown once."""
    sources = [(["cpu"], ["one", "two"]), (["*"], ["two", "three"])]

    path = pipeline(definition(*sources, publishers=["gnocchi://", "udp://h:1"]))

    assert replay("--pipeline", path, DELETION).ids == replay(DELETION).ids


@pytest.mark.parametrize(
    "content",
    [
        "a: [",
        "just words",
        "",
        {"sources": []},
        {"sources": 3, "sinks": []},
        {"sources": [{"name": "a"}], "sinks": []},
        {"sources": [{"name": "a", "meters": ["*"], "sinks": ["x"]}], "sinks": []},
        {"sources": [], "sinks": [{"name": "a"}]},
        {
            "sources": [{"name": "a", "meters": ["cpu", "!disk"], "sinks": ["s"]}],
            "sinks": [{"name": "s", "publishers": ["gnocchi://"]}],
        },
    ],
)
def test_unusable_pipeline(content, pipeline):
    """A pipeline that Ceilometer would refuse stops the replay, and is named."""
    path = pipeline(content)

    result = replay("--pipeline", path, DELETION)

    assert (result.status, result.out) == (1, "")
    assert str(path) in result.err


def test_missing_pipeline(tmp_path):
    """A missing pipeline is an error: Ceilometer's default does not take its place."""
    path = tmp_path / "pipeline.yaml"

    result = replay("--pipeline", path, DELETION)

    assert (result.status, result.out) == (1, "")
    assert str(path) in result.err


def test_all_endpoints():
    """Ceilometer's own endpoints come along when asked for, and stay quiet."""
    path = FIXTURES / "compute.instance.exists" / f"{CASE}.json"

    ours, everyone = replay(path), replay("--all-endpoints", path)

    assert everyone.status == 0
    assert set(ours.ids) < set(everyone.ids)
    assert "vcpus" in {sample["name"] for sample in everyone.samples}


def test_stock_nova_is_quiet():
    """A nova without the series gives no sample and no complaint."""
    paths = [path for path in RECORDINGS if "-stock" in path.stem]

    result = replay(*paths)

    assert paths
    assert (result.status, result.samples) == (0, [])


@pytest.fixture(name="expected")
def _expected():
    return replay(DELETION).samples


def test_expected(expected, write):
    """Samples that are as expected are no difference, in an array or in lines."""
    for path in (write(json.dumps(expected)), write(*reversed(expected), name="x")):
        result = replay("--expect", path, DELETION)
        assert result.status == 0
        assert result.samples == expected


def test_expected_in_part(expected, write):
    """An expected sample may give some of its fields, even without the key."""
    partial = [{"name": each["name"], "volume": each["volume"]} for each in expected]

    assert replay("--expect", write(json.dumps(partial)), DELETION).status == 0


def test_expected_twice(expected, write):
    """Each expected sample is used up by one that came."""
    path = write(json.dumps(expected))

    assert replay("--expect", path, DELETION, DELETION).status == 1
    both = write(json.dumps(expected * 2))
    assert replay("--expect", both, DELETION, VERSIONED_DELETION).status == 1
    assert replay("--expect", both, DELETION, DELETION).status == 0


def test_difference(expected, write):
    """A difference is told by sample and field, and gives exit status 1."""
    first, second, third = expected[:3]
    came = first["volume"]
    first["volume"] += 1
    second["resource_metadata"]["display_name"] = "web-2"
    third["name"] = "made.up"

    result = replay("--expect", write(json.dumps(expected)), DELETION)

    assert result.status == 1
    differences = result.err.splitlines()[:-1]
    assert [line.partition(":")[0] for line in differences] == [
        *("differs", "differs", "missing", "not expected")
    ]
    assert f"volume is {came}, not {came + 1}" in differences[0]
    assert "resource_metadata.display_name is 'web-1', not 'web-2'" in differences[1]
    assert "made.up" in differences[2]


@pytest.mark.parametrize(
    "text", ["{", '["cpu"]', '[{"nam": "cpu"}]', '{"name": "cpu"}\n3', "[" * 3]
)
def test_unusable_expectation(text, write):
    """Expected samples that can't be understood stop the replay, and are named."""
    path = write(text)

    result = replay("--expect", path, DELETION)

    assert (result.status, result.out) == (1, "")
    assert str(path) in result.err
