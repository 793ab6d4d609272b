# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""All that can be told of the agents of a host, read in one place."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from prometheus_client.metrics_core import Metric

from ceilo_nova_usage.conf import Settings
from ceilo_nova_usage.delivery.health import files
from ceilo_nova_usage.delivery.health.metrics import PREFIX
from ceilo_nova_usage.delivery.health.writer import SHARED, shared

__all__ = ["Health", "Row", "look"]

#: A metric's name, its labels as text, and its value.
Row: TypeAlias = tuple[str, str, float]

_PROCESS = "process"
_MOMENT = "_timestamp_seconds"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The counts of agent processes, and the spool and the quarantine as they are now.

    ``processes`` are all whose files are there; some may have ended since.
    ``problems`` says in words what could not be read.
    """

    processes: Sequence[files.Written]
    shared: Sequence[Metric]
    problems: Sequence[str]

    @property
    def running(self) -> list[files.Written]:
        """The processes that are thought to run."""
        return [each for each in self.processes if each.is_current]

    def total(self, name: str, **labels: str) -> float:
        """Add up a metric's values that have these labels; 0 if there is none."""
        return sum(
            sample.value
            for family in self._families()
            for sample in family.samples
            if sample.name == PREFIX + name and labels.items() <= sample.labels.items()
        )

    def rows(self) -> Iterator[Row]:
        """Yield each metric of the host: counts are added up over its processes.

        Of moments the latest is told.
        """
        yield f"{PREFIX}processes", "state=running", len(self.running)
        yield (
            f"{PREFIX}processes",
            "state=ended",
            len(self.processes) - len(self.running),
        )
        values: dict[tuple[str, str], float] = {}
        for family in self._families():
            if family.name.startswith(f"{PREFIX}{_PROCESS}_"):
                continue
            for sample in family.samples:
                labels = ", ".join(
                    f"{label}={value}"
                    for label, value in sorted(sample.labels.items())
                    if label != _PROCESS and value
                )
                key = (sample.name, labels)
                if sample.name.endswith(_MOMENT):
                    values[key] = max(values.get(key, 0), sample.value)
                else:
                    values[key] = values.get(key, 0) + sample.value
        for (name, labels), value in values.items():
            yield name, labels, value

    def text(self) -> bytes:
        """Return all of it in Prometheus's text format, a value a process."""
        merged: dict[str, Metric] = {}
        for family in self._families():
            into = merged.setdefault(
                family.name, Metric(family.name, family.documentation, family.type)
            )
            into.samples.extend(family.samples)
        return files.text(merged.values())

    def _families(self) -> Iterable[Metric]:
        for each in self.processes:
            yield from each.families
        yield from self.shared


def look(settings: Settings) -> Health:
    """Read what the agents wrote, and look at the spool and the quarantine."""
    problems: list[str] = []
    processes: list[files.Written] = []
    if settings.metrics_dir is not None:
        try:
            processes = files.read(settings.metrics_dir)
        except (OSError, ValueError) as error:
            problems.append(str(error))
    found = shared(settings, lambda what, error: problems.append(f"{what}: {error}"))
    return Health(
        processes=[each for each in processes if each.name != SHARED],
        shared=found,
        problems=problems,
    )
