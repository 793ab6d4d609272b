# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""``health``: how the agents of this host fare."""

import argparse
import datetime
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from cliff import lister

from ceilo_nova_usage import conf as options
from ceilo_nova_usage import deployment
from ceilo_nova_usage.cli.configuration import add_config_file
from ceilo_nova_usage.delivery.health.findings import FINDINGS
from ceilo_nova_usage.delivery.health.health import Row, look

__all__ = ["Show"]

_COLUMNS = ("metric", "labels", "value")


class Show(lister.Lister):
    """Show what this host's agents have done, and how full spool and quarantine are.

    The counts are those of the agents' processes, added up, since each began; they are
    seconds old. The spool and the quarantine are looked at now. Times are in UTC.

    The exit status is 1 where something cannot be read, or --fail-on finds something.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._status = 0
        self._metrics = ""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the agent's configuration, and what to fail on."""
        parser = super().get_parser(prog_name)
        add_config_file(parser)
        parser.add_argument(
            "--prometheus",
            action="store_true",
            help="print Prometheus's text format, each process for itself",
        )
        parser.add_argument(
            "--fail-on",
            metavar="FINDING",
            choices=[*FINDINGS, "any"],
            action="append",
            default=[],
            help=f"exit with 1, and say why, on this: {', '.join(FINDINGS)}, or any; "
            "may be repeated",
        )
        return parser

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Print the metrics; the exit status is 1 where --fail-on finds something."""
        return super().run(parsed_args) or self._status

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Iterable[tuple[Any, ...]]]:
        """Read all there is."""
        conf = deployment.configuration(parsed_args.config_file)
        settings = options.load(conf)
        health = look(settings)
        for problem in health.problems:
            self._complain(problem)
        for name, find in FINDINGS.items():
            if name in parsed_args.fail_on or "any" in parsed_args.fail_on:
                finding = find(health, settings)
                if finding is not None:
                    self._complain(f"{name}: {finding}")
        as_text = parsed_args.formatter not in ("json", "yaml")
        self._metrics = health.text().decode()
        return _COLUMNS, [_shown(row, as_text=as_text) for row in health.rows()]

    def produce_output(
        self,
        parsed_args: argparse.Namespace,
        column_names: Sequence[str],
        data: Iterable[Sequence[Any]],
    ) -> int:
        """Print the rows, or Prometheus's text."""
        if not parsed_args.prometheus:
            return super().produce_output(parsed_args, column_names, data)
        self.app.stdout.write(self._metrics)
        return 0

    def _complain(self, text: str) -> None:
        self._status = 1
        print(text, file=sys.stderr)  # noqa: T201


def _shown(row: Row, *, as_text: bool) -> tuple[str, str, Any]:
    name, labels, value = row
    if as_text and name.endswith("_timestamp_seconds"):
        when = datetime.datetime.fromtimestamp(value, datetime.UTC)
        return name, labels, when.isoformat(timespec="seconds")
    return name, labels, int(value) if value == int(value) else round(value, 3)
