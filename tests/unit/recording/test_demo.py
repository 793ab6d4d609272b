# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The demonstration, and the recording and pipeline that are shipped for it."""

import json
import threading
from importlib import resources

from tests.support import shipped
from tests.support.command import replay, run

DATA = resources.files("ceilo_nova_usage") / "data"


def test_shipped_life_is_the_recorded_one():
    """The life that is shipped is the recorded life, byte for byte."""
    assert (DATA / "life.jsonl").read_bytes() == shipped.content()


def test_demo(life):
    """Through the real agent, each meter's gain is last reading less the one before."""
    before, last = (
        {
            (sample["name"], sample["resource_id"]): sample["volume"]
            for sample in replay("-", stdin=message.body).samples
        }
        for message in life.messages
        if message.event_type
        in ("compute.instance.exists", "compute.instance.delete.start")
    )

    result = run("demo", "-f", "json")

    assert result.status == 0
    rows = json.loads(result.out)
    assert sorted(row["Last reading"] for row in rows) == sorted(last.values())
    assert sum(row["Recovered"] for row in rows) == sum(
        last[series] - before[series] for series in last
    )
    for row in rows:
        assert row["Recovered"] == row["Last reading"] - row["Reading before"]
        assert row["Of"].startswith("web-1")


def test_demo_leaves_nothing():
    """The demonstration ends what it starts, and runs again in the same process."""
    threads = set(threading.enumerate())

    first, second = (run("demo", "-f", "json").out for _ in range(2))

    assert first == second
    assert set(threading.enumerate()) <= threads


def test_shipped_pipeline(life, tmp_path):
    """The pipeline that is shipped passes every meter of a reading."""
    recording = tmp_path / "life.jsonl"
    recording.write_bytes((DATA / "life.jsonl").read_bytes())
    with resources.as_file(DATA / "pipeline.yaml") as pipeline:
        result = replay("--pipeline", pipeline, recording)

    assert result.status == 0
    assert result.ids == replay(recording).ids
