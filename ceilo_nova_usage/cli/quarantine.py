# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""``quarantine list|show|replay|drop``: what could not be read, and another try."""

import argparse
import contextlib
import dataclasses
import datetime
import fnmatch
import json
import logging
import pathlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ceilometer.pipeline import base
from ceilometer.pipeline.sample import SampleEndpoint
from cliff import command, lister, show
from oslo_config import cfg

from ceilo_nova_usage import conf as options
from ceilo_nova_usage import deployment
from ceilo_nova_usage.cli import logs, samples
from ceilo_nova_usage.cli.arguments import aware_time
from ceilo_nova_usage.cli.configuration import add_config_file
from ceilo_nova_usage.delivery import kept, redelivery
from ceilo_nova_usage.delivery.bounded_log import one_line
from ceilo_nova_usage.delivery.kept import Kept
from ceilo_nova_usage.errors import InvalidConfiguration
from ceilo_nova_usage.handlers.base import UsageHandler
from ceilo_nova_usage.recording import endpoints
from ceilo_nova_usage.recording.recorder import RecordingFile

__all__ = ["Drop", "List", "Replay", "Show"]

_COLUMNS = (
    "id",
    "quarantined_at",
    "message_id",
    "event_type",
    "samples",
    "reasons",
    "first_fault",
)
_REPLAYED = ("id", "message_id", "event_type", "samples", "result")
# What is said here is not logged as well.
_LEVELS = {"ceilo_nova_usage.handlers": logging.ERROR, "stevedore": logging.CRITICAL}


class _NotOne(Exception):
    """No kept notification, or more than one, is meant."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Filter:
    """Which of the kept notifications are meant: those that fit all that is given."""

    ids: Sequence[str]
    reasons: frozenset[str]
    event_types: Sequence[str]
    since: datetime.datetime | None
    until: datetime.datetime | None

    @property
    def is_open(self) -> bool:
        """Whether every notification is meant."""
        return self == _Filter(
            ids=(), reasons=frozenset(), event_types=(), since=None, until=None
        )

    def takes(self, each: Kept) -> bool:
        """Tell whether this one is meant."""
        if self.ids and not any(_is_called(each, name) for name in self.ids):
            return False
        if self.reasons and self.reasons.isdisjoint(_reasons(each)):
            return False
        if self.event_types and not any(
            fnmatch.fnmatchcase(each.event_type or "", pattern)
            for pattern in self.event_types
        ):
            return False
        if self.since is None and self.until is None:
            return True
        when = each.quarantined_at
        return (
            when is not None
            and (self.since is None or when >= self.since)
            and (self.until is None or when < self.until)
        )


def _is_called(each: Kept, name: str) -> bool:
    return name == each.message_id or (
        len(name) >= len(each.id) and each.digest.startswith(name)
    )


def _reasons(each: Kept) -> list[str]:
    return list(dict.fromkeys(fault.reason for fault in each.faults))


def _add_filter(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("which notifications (default: all)")
    group.add_argument(
        "--id",
        metavar="ID",
        action="append",
        default=[],
        help="this one, by the id that 'list' shows or the sender's message id; may be "
        "repeated",
    )
    group.add_argument(
        "--reason",
        metavar="REASON",
        action="append",
        default=[],
        help="those with a fault of this reason, 'unknown-version' for one; may be "
        "repeated",
    )
    group.add_argument(
        "--event-type",
        metavar="PATTERN",
        action="append",
        default=[],
        help="those of this event type, in which * stands for anything; may be "
        "repeated",
    )
    group.add_argument(
        "--since",
        metavar="TIME",
        type=aware_time,
        help="those kept at this time or later, in ISO 8601; UTC unless it says else",
    )
    group.add_argument(
        "--until", metavar="TIME", type=aware_time, help="those kept before this time"
    )


def _filter(parsed_args: argparse.Namespace) -> _Filter:
    return _Filter(
        ids=tuple(parsed_args.id),
        reasons=frozenset(parsed_args.reason),
        event_types=tuple(parsed_args.event_type),
        since=parsed_args.since,
        until=parsed_args.until,
    )


def _directory(conf: cfg.ConfigOpts) -> pathlib.Path:
    directory = options.load(conf).quarantine_dir
    if directory is None:
        raise InvalidConfiguration(
            "[nova_usage] quarantine_dir is empty: nothing is kept"
        )
    return directory


def _read(conf: cfg.ConfigOpts, wanted: _Filter) -> Iterator[Kept]:
    return (each for each in kept.read(_directory(conf)) if wanted.takes(each))


def _shown(text: str | None) -> str:
    """Return what a sender chose as text that a terminal can be given."""
    return "" if text is None else one_line(text)


class List(lister.Lister):
    """List the notifications that could not be read, or not all of them.

    The oldest come first. The id is this quarantine's own name for a notification: the
    sender's message id may be missing, or there twice.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the agent's configuration and what to list."""
        parser = super().get_parser(prog_name)
        add_config_file(parser)
        _add_filter(parser)
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Iterable[tuple[Any, ...]]]:
        """Read the files, one notification at a time."""
        if parsed_args.formatter == "json":
            self.formatter = samples.JSONArray()
        as_text = parsed_args.formatter not in ("json", "yaml")
        conf = deployment.configuration(parsed_args.config_file)
        return _COLUMNS, (
            _row(each, as_text=as_text) for each in _read(conf, _filter(parsed_args))
        )


def _row(each: Kept, *, as_text: bool) -> tuple[Any, ...]:
    reasons, faults = _reasons(each), each.faults
    when = each.quarantined_at
    row = (
        each.id,
        when.isoformat(timespec="seconds" if as_text else "auto") if when else None,
        each.message_id,
        each.event_type,
        each.samples,
        reasons,
        str(faults[0]) if faults else None,
    )
    if not as_text:
        return row
    return tuple(
        value
        if isinstance(value, int)
        else _shown(", ".join(value) if isinstance(value, list) else value)
        for value in row
    )


class Show(show.ShowOne):
    """Show one kept notification: what was wrong with it, and all of it."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the agent's configuration and the one to show."""
        parser = super().get_parser(prog_name)
        add_config_file(parser)
        parser.add_argument(
            "id",
            metavar="ID",
            help="the id that 'list' shows, or the sender's message id",
        )
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Sequence[Any]]:
        """Find the one that is meant."""
        conf = deployment.configuration(parsed_args.config_file)
        found = [
            each
            for each in kept.read(_directory(conf))
            if _is_called(each, parsed_args.id)
        ]
        if len(found) != 1:
            which = ", ".join(each.id for each in found)
            raise _NotOne(
                f"{len(found)} kept notifications are called "
                f"{one_line(parsed_args.id)}: {which}"
                if found
                else f"no kept notification is called {one_line(parsed_args.id)}"
            )
        (each,) = found
        fields = {
            "id": each.id,
            "file": each.source,
            **(each.record or {}),
            "faults": [dataclasses.asdict(fault) for fault in each.faults],
        }
        if parsed_args.formatter not in ("json", "yaml"):
            fields["faults"] = "\n".join(_shown(str(fault)) for fault in each.faults)
            fields = {
                _shown(name): value
                if name == "faults"
                else json.dumps(value, indent=2)
                if isinstance(value, dict | list)
                else _shown(None if value is None else str(value))
                for name, value in fields.items()
            }
        return tuple(fields), tuple(fields.values())


class Replay(lister.Lister):
    """Meter kept notifications again, publish them, and take out what is delivered.

    They go through the handlers that are installed now, and through the agent's own
    pipeline to its publishers, as a notification off the bus does. One that is read in
    full now, and taken by all its publishers, leaves the quarantine. One that is not
    stays, with the faults that are found now. A sample that was published before has
    the same id, time and volume, so that nothing is counted twice. The agents may run.

    The exit status is 1 if anything stays that was to be replayed.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._stayed = 0

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the agent's configuration, what to replay, and whether to look only."""
        parser = super().get_parser(prog_name)
        add_config_file(parser)
        _add_filter(parser)
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="show the samples that would be published; publish nothing, and leave "
            "the quarantine as it is",
        )
        return parser

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Print what came of it; the exit status is 1 if anything stayed."""
        # Standard output is the rows' alone; some publishers' libraries print.
        with logs.at_levels(_LEVELS), contextlib.redirect_stdout(sys.stderr):
            status = super().run(parsed_args)
        return status or int(self._stayed > 0)

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Iterable[tuple[Any, ...]]]:
        """Set up the agent's side, so that its faults come before any output."""
        conf = deployment.configuration(parsed_args.config_file, everything=True)
        found = _read(conf, _filter(parsed_args))
        as_text = parsed_args.formatter not in ("json", "yaml")
        if parsed_args.formatter == "json":
            self.formatter = samples.JSONArray()
        if parsed_args.dry_run:
            if as_text and not parsed_args.columns:
                parsed_args.columns = list(samples.SHOWN)
            return samples.FIELDS, self._dry_run(conf, found, as_text=as_text)
        into = redelivery.publisher(conf)
        return _REPLAYED, self._replay(conf, into, found)

    def _dry_run(
        self, conf: cfg.ConfigOpts, found: Iterable[Kept], *, as_text: bool
    ) -> Iterator[tuple[Any, ...]]:
        collector = endpoints.Collector()
        manager = endpoints.collecting(collector)
        into = deployment.pipelines(conf, manager, "pipeline_cfg_file").publisher()
        for each in redelivery.remeter(found, self._handlers(conf, into)):
            self._judge(each, tell=True)
            with into as publish:
                publish(list(each.samples))
            for sample in collector.take():
                yield samples.row_of(samples.fields_of(sample), as_text=as_text)

    def _replay(
        self, conf: cfg.ConfigOpts, into: base.PublishContext, found: Iterable[Kept]
    ) -> Iterator[tuple[Any, ...]]:
        settings = options.load(conf)
        for each in redelivery.redeliver(
            found,
            self._handlers(conf, into),
            into,
            _directory(conf),
            settings.quarantine_max_bytes,
        ):
            self._judge(each)
            yield (
                each.kept.id,
                _shown(each.kept.message_id),
                _shown(each.kept.event_type),
                len(each.samples),
                "delivered"
                if each.problem is None
                else f"stays: {one_line(each.problem)}",
            )

    def _handlers(
        self, conf: cfg.ConfigOpts, into: base.PublishContext
    ) -> list[UsageHandler]:
        # This process is no agent.
        conf.set_override("metrics_dir", "", group=options.GROUP.name)
        loaded: list[SampleEndpoint] = endpoints.endpoints(
            conf,
            into,
            everyone=False,
            on_failure=lambda name, error: _tell(
                f"the endpoint {name} cannot be loaded: {error!r}"
            ),
        )
        return [each for each in loaded if isinstance(each, UsageHandler)]

    def _judge(self, each: redelivery.Remetered, *, tell: bool = False) -> None:
        if each.problem is None:
            return
        self._stayed += 1
        if tell:
            called = _shown(each.kept.message_id)
            _tell(f"{each.kept.id} ({called}): {one_line(each.problem)}")


class Drop(command.Command):
    """Drop kept notifications, for good.

    What is meant has to be said; of several options all must fit. With --to the
    notifications are on the disk before they are dropped.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the agent's configuration, what to drop, and where to save it."""
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        add_config_file(parser)
        _add_filter(parser)
        parser.add_argument("--all", action="store_true", help="everything")
        parser.add_argument(
            "--to",
            metavar="FILE",
            type=pathlib.Path,
            help="write them to this file first, as lines that 'replay' reads; it is "
            "added to if it exists, and can be read by its owner alone",
        )
        return parser

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Refuse to guess what is meant."""
        if parsed_args.all != _filter(parsed_args).is_open:
            _tell("say what to drop: --all, or --id, --reason, --event-type, ...")
            return 2
        return int(super().run(parsed_args))

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        """Save what is meant, if asked to, and drop it."""
        conf = deployment.configuration(parsed_args.config_file)
        meant: dict[str, bytes | None] = {}
        with contextlib.ExitStack() as stack:
            copy = None
            if parsed_args.to is not None:
                copy = stack.enter_context(
                    contextlib.closing(RecordingFile(parsed_args.to))
                )
            for each in _read(conf, _filter(parsed_args)):
                meant[each.digest] = None
                if copy is not None and each.record is not None:
                    copy.write(each.record)
            if copy is not None:
                copy.sync()
        dropped = kept.rewrite(_directory(conf), meant) if meant else 0
        print(f"{dropped} notifications dropped")  # noqa: T201
        return 0


def _tell(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201
