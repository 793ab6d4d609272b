# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""``spool``: what Gnocchi did not take yet, or refused."""

import argparse
import contextlib
import datetime
import pathlib
import sys
from collections.abc import Iterator, Sequence
from typing import Any
from urllib import parse

from cliff import command, lister
from oslo_config import cfg

from ceilo_nova_usage import conf as options
from ceilo_nova_usage import deployment
from ceilo_nova_usage.cli.arguments import aware_time, positive
from ceilo_nova_usage.cli.configuration import add_config_file
from ceilo_nova_usage.cli.samples import fields_of
from ceilo_nova_usage.delivery.spool import Held, Row, Selection, Spool, SpoolState
from ceilo_nova_usage.recording import endpoints
from ceilo_nova_usage.recording.recorder import RecordingFile

__all__ = ["Drop", "Flush", "List", "Salvage"]

_COLUMNS = ("resource_id", "state", "rows", "samples", "oldest", "age", "reason")
_SCHEME = "gnocchi-spool"


class _SpoolCommand(command.Command):
    """A command about the spool of this host."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add where the agent's configuration is."""
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        add_config_file(parser)
        return parser

    @contextlib.contextmanager
    def _spool(self, conf: cfg.ConfigOpts) -> Iterator[Spool]:
        settings = options.load(conf)
        spool = Spool(
            settings.spool_dir,
            max_bytes=settings.spool_max_bytes,
            warn_percent=settings.spool_warn_percent,
        )
        with contextlib.closing(spool):
            yield spool

    def _tell(self, text: str) -> None:
        if self.app.options.verbose_level:
            print(text, file=sys.stderr)  # noqa: T201


class List(_SpoolCommand, lister.Lister):
    """Show what the spool holds, by resource, the oldest first.

    'waiting' samples go to Gnocchi as soon as it takes them; the agent sees to that.
    Gnocchi refused the others for good, for the reason shown: they are kept until
    they are tried again ('spool flush --refused') or dropped ('spool drop'). The age
    of the oldest is in seconds. Standard error sums it all up.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add how much to show."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--limit",
            metavar="N",
            type=positive(int),
            default=1000,
            help="show so many lines at most (default: 1000)",
        )
        return parser

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], list[tuple[Any, ...]]]:
        """Read the spool."""
        conf = deployment.configuration(parsed_args.config_file)
        with self._spool(conf) as spool:
            held = spool.held(parsed_args.limit)
            state = spool.state()
        now = datetime.datetime.now(datetime.UTC)
        if len(held) == parsed_args.limit:
            self._tell(f"only the {len(held)} oldest are shown (--limit)")
        for text in _summary(conf, state, now):
            self._tell(text)
        return _COLUMNS, [_line(each, now) for each in held]


class Flush(_SpoolCommand):
    """Send to Gnocchi what waits in the spool, now.

    There is no need to while an agent runs: it does the same, and tries again by
    itself after a time. This is for a host whose agents are stopped, or, with
    --refused, for samples that Gnocchi would take now, as when the resource
    definitions were put right: a running agent then sends them.

    The exit status is 1 if anything is left or was refused.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add what to send."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--refused",
            action="store_true",
            help="have what Gnocchi refused wait again, before what came later",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        """Send until nothing waits, or Gnocchi takes no more."""
        # Takes a second to import.
        from ceilo_nova_usage.delivery.gnocchi.publisher import (
            SpoolingGnocchiPublisher,
        )

        conf = deployment.configuration(parsed_args.config_file, everything=True)
        with self._spool(conf) as spool:
            if parsed_args.refused:
                print(f"{spool.retry_refused()} refused rows wait again")  # noqa: T201
            if spool.is_empty():
                print("nothing waits in the spool")  # noqa: T201
                return 0
            with spool.draining() as ours:
                if not ours:
                    waiting = spool.state().waiting_rows
                    print(f"an agent of this host sends the {waiting} rows that wait")  # noqa: T201
                    return 0 if parsed_args.refused else 1
                publisher = SpoolingGnocchiPublisher(
                    conf, parse.urlsplit(_url(conf)), background=False
                )
                drained = publisher.drain()
        print(  # noqa: T201
            f"{drained.sent} rows sent, {drained.refused} refused, {drained.left} left"
        )
        return int(bool(drained.refused or drained.left))


class Drop(_SpoolCommand):
    """Drop samples from the spool, for good.

    Nobody bills what is dropped. What is meant has to be said; of several options all
    must fit. With --to the samples are on the disk before they are dropped.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add what to drop."""
        parser = super().get_parser(prog_name)
        meant = parser.add_argument_group("what to drop")
        meant.add_argument(
            "--refused", action="store_true", help="what Gnocchi refused for good"
        )
        meant.add_argument("--resource", metavar="ID", help="samples of this resource")
        meant.add_argument(
            "--before",
            metavar="TIME",
            type=aware_time,
            help="what the spool accepted before this time, in ISO 8601, UTC if it "
            "does not say",
        )
        meant.add_argument("--all", action="store_true", help="everything")
        parser.add_argument(
            "--to",
            metavar="FILE",
            type=pathlib.Path,
            help="write them to this file first, a JSON object a line with a sample's "
            "fields, 'accepted_at' and 'reason'; it is added to if it exists, and "
            "can be read by its owner alone",
        )
        return parser

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Refuse to guess what is meant."""
        some = (parsed_args.refused, parsed_args.resource, parsed_args.before)
        if parsed_args.all == any(each not in (None, False) for each in some):
            self._tell("say what to drop: --all, or --refused, --resource, --before")
            return 2
        return int(super().run(parsed_args))

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        """Save what is meant, if asked to, and drop it."""
        selection = Selection(
            refused=parsed_args.refused,
            resource_id=parsed_args.resource,
            before=parsed_args.before,
        )
        conf = deployment.configuration(parsed_args.config_file)
        with self._spool(conf) as spool:
            if parsed_args.to is None:
                dropped = spool.drop(selection)
            else:
                with contextlib.closing(RecordingFile(parsed_args.to)) as file:
                    dropped = spool.drop(selection, lambda rows: _save(file, rows))
        print(f"{dropped.samples} samples in {dropped.rows} rows dropped")  # noqa: T201
        return 0


class Salvage(_SpoolCommand):
    """Put back into the spool what can be read of a damaged one.

    A damaged file was put aside as 'damaged-spool-TIME.db' ('spool list' names it). Its
    samples come before what was accepted since, as they would have. What was sent
    before may be sent again, which does no harm. The file stays; remove it afterwards,
    with those that are called like it. The exit status is 1 if rows were lost.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add which file."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "file", metavar="FILE", type=pathlib.Path, help="the damaged file"
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        """Read what there is, and keep it."""
        conf = deployment.configuration(parsed_args.config_file)
        with self._spool(conf) as spool:
            salvaged = spool.salvage(parsed_args.file)
        print(  # noqa: T201
            f"{salvaged.samples} samples in {salvaged.rows} rows and {salvaged.ends} "
            f"ends were put back; {salvaged.lost} rows are lost"
        )
        return int(salvaged.lost > 0)


def _line(held: Held, now: datetime.datetime) -> tuple[Any, ...]:
    return (
        held.resource_id,
        "waiting" if held.reason is None else "refused",
        held.rows,
        held.samples,
        held.oldest.isoformat(),
        _seconds(now - held.oldest),
        held.reason or "",
    )


def _summary(
    conf: cfg.ConfigOpts, state: SpoolState, now: datetime.datetime
) -> Iterator[str]:
    waiting = f"{state.waiting_samples} samples wait in {state.waiting_rows} rows"
    if state.oldest_accepted_at is not None:
        waiting += f", the oldest for {_seconds(now - state.oldest_accepted_at)} s"
    percent = 100 * state.bytes_used / state.bytes_bound if state.bytes_bound else 100
    yield (
        f"{conf.nova_usage.spool_dir}: {waiting}; {state.refused_samples} samples in "
        f"{state.refused_rows} rows were refused; {state.bytes_used} of "
        f"{state.bytes_bound} bytes used ({percent:.0f} %)"
    )
    for path in state.damaged:
        yield (
            f"{path}: a damaged spool that was put aside; nothing in it is sent until "
            "'spool salvage' puts it back"
        )


def _save(file: RecordingFile, rows: Sequence[Row]) -> None:
    for row in rows:
        kept = {"accepted_at": row.accepted_at.isoformat(), "reason": row.reason}
        for sample in row.samples:
            file.write({**fields_of(sample), **kept})
        if not row.samples:
            # It could not be read any more; that it was there can.
            file.write({"resource_id": row.resource_id, **kept})
    file.sync()


def _url(conf: cfg.ConfigOpts) -> str:
    """Return the first of our publishers in the operator's pipelines."""
    unconnected = endpoints.collecting(endpoints.Collector())
    manager = deployment.pipelines(conf, unconnected, "pipeline_cfg_file")
    for each in manager.pipelines:
        for url in each.sink.cfg.get("publishers", ()):
            if parse.urlsplit(url).scheme == _SCHEME:
                return str(url)
    raise LookupError(
        f"no pipeline of {conf.pipeline_cfg_file} has a {_SCHEME}:// publisher"
    )


def _seconds(age: datetime.timedelta) -> int:
    return int(age.total_seconds())
