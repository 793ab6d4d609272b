# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""``replay``: recorded notifications, and the samples that they come to."""

import argparse
import contextlib
import logging
import pathlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, BinaryIO

from cliff import lister
from tqdm import tqdm

from ceilo_nova_usage.cli import logs, samples
from ceilo_nova_usage.recording import endpoints, files, formats
from ceilo_nova_usage.recording.expectation import Expectation
from ceilo_nova_usage.recording.recorded import Broken, Recorded
from ceilo_nova_usage.recording.replay import Replayer

__all__ = ["Replay"]

# Seconds of work before a progress bar is worth a terminal's line.
_LONG = 2.0
_BATCH = 100

# A replay says itself what could not be read or loaded, which these log too.
_LEVELS = {
    "ceilo_nova_usage.handlers": logging.ERROR,
    "ceilometer": logging.WARNING,
    "oslo.messaging": logging.WARNING,
    "stevedore": logging.CRITICAL,
}


class Replay(lister.Lister):
    """Show the samples that recorded notifications come to.

    The notifications go through the sample endpoints that Ceilometer's notification
    agent loads, each with its filter, and then through a meter pipeline. Nothing is
    published and no publisher of the pipeline is contacted: the samples are printed
    instead. Nothing is written to the quarantine either; what cannot be read is told
    on standard error, and the exit status is 1 then.

    With '-f json' standard output is one array of objects with all of a sample's
    fields, however many the notifications.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._problems = 0
        self._read = 0
        self._samples = 0

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add what to replay, through what, and what to compare it with."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "files",
            metavar="FILE",
            nargs="+",
            help="a recording, '-' for standard input: notifications as lines of JSON "
            "or a JSON array of them (wire envelopes, decoded or dispatched messages, "
            "quarantined ones), or a service's log with lines of oslo.messaging's "
            "'log' driver; gzip, bzip2 or xz",
        )
        parser.add_argument(
            "--pipeline",
            metavar="FILE",
            help="a pipeline.yaml: its sources say which meters pass; its publishers "
            "are not contacted, and a sample for several sinks is shown once (default: "
            "every meter passes)",
        )
        parser.add_argument(
            "--config-file",
            metavar="FILE",
            action="append",
            default=[],
            help="a ceilometer.conf, for its [nova_usage] options and the metadata it "
            "reserves; may be repeated (default: Ceilometer's defaults)",
        )
        parser.add_argument(
            "--all-endpoints",
            action="store_true",
            help="load every sample endpoint that is installed, Ceilometer's too",
        )
        parser.add_argument(
            "--expect",
            metavar="FILE",
            type=pathlib.Path,
            help="compare with these samples, a JSON array or lines of objects with "
            "all or some of a sample's fields; a difference is told on standard error "
            "and gives exit status 1",
        )
        return parser

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Print the samples; the exit status is 1 if anything went wrong."""
        levels = _LEVELS if self.app.options.verbose_level < 2 else {}
        # Standard output is the samples' alone; some endpoints' libraries print.
        with logs.at_levels(levels), contextlib.redirect_stdout(sys.stderr):
            status = super().run(parsed_args)
        return status or int(self._problems > 0)

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[Sequence[str], Iterable[tuple[Any, ...]]]:
        """Set up the agent's side, so that its faults come before any output."""
        conf = endpoints.configured(
            parsed_args.config_file,
            with_ceilometer_options=parsed_args.all_endpoints,
        )
        collector = endpoints.Collector()
        loaded = endpoints.endpoints(
            conf,
            endpoints.publisher(conf, collector, parsed_args.pipeline),
            everyone=parsed_args.all_endpoints,
            on_failure=lambda name, error: self._problem(
                f"the endpoint {name} cannot be loaded: {error!r}"
            ),
        )
        replayer = Replayer(
            loaded, collector, conf.notification.batch_size, self._problem
        )
        expectation = parsed_args.expect and Expectation.from_file(
            parsed_args.expect, frozenset(samples.FIELDS)
        )
        rows = self._rows(
            replayer,
            parsed_args.files,
            expectation,
            as_text=parsed_args.formatter not in ("json", "yaml"),
        )
        return samples.FIELDS, rows

    def produce_output(
        self,
        parsed_args: argparse.Namespace,
        column_names: Sequence[str],
        data: Iterable[Sequence[Any]],
    ) -> int:
        """Print all columns in JSON, and those that fit a line in other formats."""
        if parsed_args.formatter == "json":
            self.formatter = samples.JSONArray()
        elif not parsed_args.columns:
            parsed_args.columns = list(samples.SHOWN)
        return super().produce_output(parsed_args, column_names, data)

    def _rows(
        self,
        replayer: Replayer,
        names: list[str],
        expectation: Expectation | None,
        *,
        as_text: bool,
    ) -> Iterator[tuple[Any, ...]]:
        for sample in replayer.samples(self._notifications(names)):
            fields = samples.fields_of(sample)
            self._samples += 1
            if expectation is not None:
                expectation.meet(fields)
            yield samples.row_of(fields, as_text=as_text)
        if expectation is not None:
            for difference in expectation.differences():
                self._problem(difference)
        if self.app.options.verbose_level:
            self._tell(
                f"{self._read} notifications read, {self._samples} samples, "
                f"{self._problems} problems"
            )

    def _notifications(self, names: list[str]) -> Iterator[Recorded]:
        sizes = (pathlib.Path(name).stat().st_size for name in names if is_file(name))
        progress: tqdm[Any] = tqdm(
            total=sum(sizes) or None,
            delay=_LONG,
            disable=not sys.stderr.isatty(),
            file=sys.stderr,
            leave=False,
            unit="B",
            unit_scale=True,
        )
        with progress as bar:
            for name in names:
                try:
                    with files.opened(name) as (stream, raw):
                        for found in _followed(formats.read(stream, name), raw, bar):
                            if isinstance(found, Broken):
                                self._problem(str(found))
                            else:
                                self._read += 1
                                yield found
                except OSError as error:
                    self._problem(f"{name}: {error.strerror or error}")

    def _problem(self, text: str) -> None:
        self._problems += 1
        self._tell(text)

    def _tell(self, text: str) -> None:
        # Above the progress bar, where there is one.
        tqdm.write(text, file=sys.stderr)


def is_file(name: str) -> bool:
    """Tell whether a recording has a size that is known beforehand."""
    return name != files.STDIN and pathlib.Path(name).is_file()


def _followed(
    found: Iterable[formats.Found], raw: BinaryIO, bar: "tqdm[Any]"
) -> Iterator[formats.Found]:
    """Yield what is found, and move the bar along."""
    begun = 0
    for number, item in enumerate(found):
        if number % _BATCH == 0 and raw.seekable():
            bar.update(raw.tell() - begun)
            begun = raw.tell()
        yield item
    if raw.seekable():
        bar.update(raw.tell() - begun)
