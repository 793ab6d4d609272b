# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Ceilometer's notification agent as operators run it: its command, its files."""

from __future__ import annotations

import dataclasses
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from ceilo_nova_usage import guard
from tests.support.gnocchi_server import PROGRAMS, USER
from tests.support.processes import Server, ServerError

#: What the agent's file says in every test; a test's own settings are put over it.
_SETTINGS: Mapping[str, Mapping[str, object]] = {
    "oslo_messaging_notifications": {
        "topics": "notifications,versioned_notifications",
    },
    # Queues that a broker's restart leaves.
    "oslo_messaging_rabbit": {"amqp_durable_queues": True},
    "notification": {
        "notification_control_exchanges": "nova",
        "batch_size": 1,
        "batch_timeout": 1,
    },
    "service_credentials": {"auth_type": "gnocchi-basic", "user": USER},
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A host on which agents run: its directory, and what they talk to.

    Agents of one host share its spool, quarantine and metrics.
    """

    directory: Path
    transport_url: str
    gnocchi_url: str

    @property
    def spool(self) -> Path:
        """The spool that the host's agents share."""
        return self.directory / "spool"

    @property
    def quarantine(self) -> Path:
        """The quarantine that the host's agents share."""
        return self.directory / "quarantine"

    def configure(
        self,
        name: str,
        publishers: Sequence[str],
        *,
        event_publishers: Sequence[str] = (),
        guarded: bool = False,
        workers: int = 1,
        **sections: Mapping[str, object],
    ) -> Path:
        """Write an agent's files; return its ``ceilometer.conf``.

        :param publishers: URLs of the meter pipeline's, which takes every meter
        :param event_publishers: URLs of the event pipeline's, which takes every event;
            without one there is no event pipeline
        :param guarded: whether the meter pipeline is the guarded one
        :param sections: options by section, over those that every agent has here
        """
        directory = self.directory / name
        directory.mkdir(parents=True, exist_ok=True)
        pipelines = {"meter": publishers, "event": event_publishers}
        files = {kind: directory / f"{kind}_pipeline.yaml" for kind in pipelines}
        for kind, urls in pipelines.items():
            files[kind].write_text(_pipeline(kind, urls))
        ours = {
            "DEFAULT": {
                "transport_url": self.transport_url,
                "pipeline_cfg_file": files["meter"],
                "event_pipeline_cfg_file": files["event"],
            },
            "notification": {
                "workers": workers,
                "pipelines": [
                    guard.NAME if guarded and kind == "meter" else kind
                    for kind, urls in pipelines.items()
                    if urls
                ],
            },
            "service_credentials": {"endpoint": self.gnocchi_url},
            "nova_usage": {
                "spool_dir": self.spool,
                "quarantine_dir": self.quarantine,
                "metrics_dir": self.directory / "metrics",
                # One point a series, unless a test is about the zeros.
                "baseline": False,
            },
        }
        file = directory / "ceilometer.conf"
        file.write_text(_ini(_SETTINGS, ours, sections))
        return file


class Agent(Server):
    """A ``ceilometer-agent-notification``, master and workers."""

    def __init__(self, config: Path) -> None:
        super().__init__(
            f"agent-{config.parent.name}",
            [PROGRAMS / "ceilometer-agent-notification", "--config-file", config],
            config.parent / "agent.log",
        )


def upgrade(config: Path) -> None:
    """Make Ceilometer's resource types in Gnocchi, by ``ceilometer-upgrade``.

    :raises ServerError: with what it said
    """
    done = subprocess.run(
        [PROGRAMS / "ceilometer-upgrade", "--config-file", config, "--retry", "3"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ServerError(f"ceilometer-upgrade failed: {done.stderr}")


def _pipeline(kind: str, publishers: Sequence[str]) -> str:
    return yaml.safe_dump(
        {
            "sources": [{"name": "all", f"{kind}s": ["*"], "sinks": ["all"]}],
            "sinks": [{"name": "all", "publishers": list(publishers)}],
        }
    )


def _ini(*layers: Mapping[str, Mapping[str, object]]) -> str:
    """Return sections as oslo.config reads them; a list is an option given anew."""
    merged: dict[str, dict[str, object]] = {}
    for layer in layers:
        for section, options in layer.items():
            merged.setdefault(section, {}).update(options)
    lines = []
    for section, options in merged.items():
        lines.append(f"[{section}]")
        for name, value in options.items():
            values = value if isinstance(value, list) else [value]
            lines += [f"{name} = {each}" for each in values]
    return "\n".join([*lines, ""])
