# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""``demo``: what a server's last reading is worth, on this machine, in seconds."""

import argparse
import contextlib
import dataclasses
import json
import logging
import pathlib
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import resources
from typing import Any

import yaml
from cliff import lister

from ceilo_nova_usage.cli import logs
from ceilo_nova_usage.handlers.delete import DeleteHandler
from ceilo_nova_usage.recording import formats
from ceilo_nova_usage.recording.agent import agent
from ceilo_nova_usage.recording.recorded import Recorded

__all__ = ["Demo"]

_DATA = resources.files("ceilo_nova_usage") / "data"
_COLUMNS = ("Meter", "Of", "Reading before", "Last reading", "Recovered", "Unit")
# The agent and its libraries log what does not matter to an agent that lives a second.
_LEVELS = {
    "": logging.ERROR,
    "ceilo_nova_usage": logging.WARNING,
    "stevedore": logging.CRITICAL,
}


class Demo(lister.Lister):
    """Meter a server's recorded life, and show what its last reading recovers.

    A patched nova's notifications, recorded from boot to deletion, go over a bus in
    memory to Ceilometer's own notification agent, through the pipeline that is
    shipped, and into a file. No broker, cloud or root is needed. The table sets each
    meter's last reading, which came with the deletion, beside the reading before,
    which is where metering ended without it.
    """

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Iterable[tuple[Any, ...]]]:
        """Run the agent, and read what its publisher wrote."""
        with (
            logs.at_levels(_LEVELS),
            tempfile.TemporaryDirectory(prefix="ceilo-nova-usage-") as directory,
        ):
            written = pathlib.Path(directory, "samples.jsonl")
            pipeline = pathlib.Path(directory, "pipeline.yaml")
            pipeline.write_text(_pipeline_into(written), encoding="utf-8")
            life = list(_life())
            with agent(pipeline) as bus:
                bus.send(life)
            with written.open(encoding="utf-8") as lines:
                samples = [json.loads(line) for line in lines]
        recovered = list(_recovered(samples))
        if self.app.options.verbose_level:
            self._explain(life, samples, recovered)
        return _COLUMNS, [each.row for each in recovered]

    def _explain(
        self,
        life: Sequence[Recorded],
        samples: Sequence[Mapping[str, Any]],
        recovered: Sequence["_Recovered"],
    ) -> None:
        ids = {sample["id"] for sample in samples}
        times = sorted({(each.before_at, each.last_at) for each in recovered})
        print(  # noqa: T201
            f"{len(life)} notifications of a server's life, {len(samples)} samples "
            f"published, {len(ids)} of them different: nova sends each reading in two "
            "forms.",
            *(
                f"Read at {before}, deleted at {last}: without the last reading, what "
                "was used in between is lost."
                for before, last in times
            ),
            sep="\n",
            file=sys.stderr,
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Recovered:
    """A meter of a resource: its last reading, and the one before."""

    row: tuple[str, str, int, int, int, str]
    before_at: str
    last_at: str


def _life() -> Iterator[Recorded]:
    name = "life.jsonl"
    with contextlib.ExitStack() as stack:
        path = stack.enter_context(resources.as_file(_DATA / name))
        stream = stack.enter_context(path.open("rb"))
        for found in formats.read(stream, name):
            if isinstance(found, Recorded):
                yield found


def _pipeline_into(file: pathlib.Path) -> str:
    """Return the shipped pipeline, its publishers replaced by a file."""
    pipeline = yaml.safe_load((_DATA / "pipeline.yaml").read_text(encoding="utf-8"))
    for sink in pipeline["sinks"]:
        sink["publishers"] = [f"file://{file}?json=true"]
    return json.dumps(pipeline)


def _recovered(samples: Iterable[Mapping[str, Any]]) -> Iterator[_Recovered]:
    """Yield the meters of the resources whose last reading came with a deletion."""
    series: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = {}
    for sample in samples:
        readings = series.setdefault((sample["name"], sample["resource_id"]), {})
        # The other form of the same reading has the same id.
        readings.setdefault(sample["id"], sample)
    for (meter, _), readings in sorted(series.items()):
        *_, before, last = sorted(readings.values(), key=lambda each: each["timestamp"])
        if last["resource_metadata"]["event_type"] not in DeleteHandler.notifications:
            continue
        yield _Recovered(
            row=(
                meter,
                _named(last["resource_metadata"]),
                before["volume"],
                last["volume"],
                last["volume"] - before["volume"],
                last["unit"],
            ),
            before_at=before["timestamp"],
            last_at=last["timestamp"],
        )


def _named(metadata: Mapping[str, Any]) -> str:
    """Name a resource as its owner knows it: the server, and the device if any."""
    device = metadata.get("disk_name") or ("mac" in metadata and metadata["name"])
    return (
        f"{metadata['display_name']} {device}" if device else metadata["display_name"]
    )
