# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""An operator's files in a directory: ceilometer.conf, and what it names."""

import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from oslo_config import cfg

from ceilo_nova_usage import conf as options
from ceilo_nova_usage import deployment, guard
from tests.support.endpoints import Agent

__all__ = ["Deployment", "definition"]


def definition(
    what: str, names: Sequence[str], publishers: Sequence[str]
) -> dict[str, Any]:
    """Return a pipeline file's content; ``what`` is ``meters`` or ``events``."""
    return {
        "sources": [{"name": "all", what: list(names), "sinks": ["sink"]}],
        "sinks": [{"name": "sink", "publishers": list(publishers)}],
    }


class Deployment:
    """An agent's configuration; every directory of ours is in ``directory``.

    Samples are published into the file ``published``, one a line, unless other
    ``publishers`` are given.
    """

    def __init__(self, directory: pathlib.Path) -> None:
        self.directory = directory
        self.quarantine = directory / "quarantine"
        self.metrics = directory / "metrics"
        self.spool = directory / "spool"
        self.published = directory / "published"
        self.conf = directory / "ceilometer.conf"
        self.pipeline = directory / "pipeline.yaml"
        self.event_pipeline = directory / "event_pipeline.yaml"
        self.configure()

    def configure(
        self,
        *,
        meters: Sequence[str] = ("*",),
        publishers: Sequence[str] | None = None,
        events: Sequence[str] = ("notifier://",),
        pipelines: Sequence[str] = (guard.NAME, "event"),
        options: Mapping[str, object] | None = None,
        more: str = "",
    ) -> None:
        """Write the files: ``options`` are ours, ``more`` is text of other groups."""
        into = publishers or [f"file://{self.published}?json=true"]
        # JSON is YAML.
        self.pipeline.write_text(json.dumps(definition("meters", meters, into)))
        self.event_pipeline.write_text(json.dumps(definition("events", ["*"], events)))
        ours = {
            "quarantine_dir": self.quarantine,
            "metrics_dir": self.metrics,
            "spool_dir": self.spool,
            **(options or {}),
        }
        self.conf.write_text(
            "\n".join(
                [
                    "[DEFAULT]",
                    f"pipeline_cfg_file = {self.pipeline}",
                    f"event_pipeline_cfg_file = {self.event_pipeline}",
                    "[notification]",
                    *(f"pipelines = {name}" for name in pipelines),
                    "[nova_usage]",
                    *(f"{name} = {value}" for name, value in ours.items()),
                    more,
                    "",
                ]
            )
        )

    def configuration(self) -> cfg.ConfigOpts:
        """Return what these files configure, but for metrics.

        The thread that writes those would outlive a test, in its process.
        """
        conf = deployment.configuration([str(self.conf)])
        conf.set_override("metrics_dir", "", group=options.GROUP.name)
        return conf

    def agent(self) -> Agent:
        """Return an agent's handlers with this configuration, but for metrics."""
        return Agent(self.configuration())

    def samples(self) -> list[dict[str, Any]]:
        """Return what was published into the file."""
        if not self.published.exists():
            return []
        lines = self.published.read_text("utf-8").splitlines()
        return [json.loads(line) for line in lines]
