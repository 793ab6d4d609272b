# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""``record``: notifications off a bus, into a file that ``replay`` reads."""

import argparse
import contextlib
import logging
import os
import pathlib
import re
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cliff import command
from oslo_config import cfg

from ceilo_nova_usage.cli import logs
from ceilo_nova_usage.cli.arguments import positive
from ceilo_nova_usage.recording.anonymization import Anonymizer
from ceilo_nova_usage.recording.recorder import Recorder, RecordingFile
from ceilo_nova_usage.recording.redaction import redact
from ceilo_nova_usage.recording.tap import Tap, tap

__all__ = ["Record"]

# Seconds between two looks at whether the broker still sends copies.
_UPKEEP = 5.0
_KEY_BYTES = 32
_LEVELS = {"amqp": logging.WARNING, "oslo.messaging": logging.WARNING}


class Record(command.Command):
    """Record notifications from the bus, as lines of JSON.

    The agents lose nothing: the recorder is given copies. On RabbitMQ, whatever is
    set up for that goes from the broker when the recorder does. It ends on Ctrl-C, on
    SIGTERM, or as --count and --duration say.

    Passwords, tokens, keys and the service catalogue are never written. The names and
    ids of users, projects, servers and hosts are, unless --anonymize is given. The
    file, which is added to if it exists, can be read by its owner alone.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add what to listen to, when to stop, and what to hide."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "file", metavar="FILE", type=pathlib.Path, help="the recording"
        )
        bus = parser.add_argument_group("bus")
        bus.add_argument(
            "--transport-url",
            metavar="URL",
            help="oslo.messaging's transport URL, rabbit://user:password@host:5672/ "
            "(default: the configuration files')",
        )
        bus.add_argument(
            "--config-file",
            metavar="FILE",
            action="append",
            default=[],
            help="a service's configuration, for the options of its messaging and, "
            "unseen by other users of this machine, its transport URL; may be repeated",
        )
        bus.add_argument(
            "--exchange",
            metavar="NAME",
            action="append",
            help="an exchange to listen to; may be repeated (default: nova)",
        )
        bus.add_argument(
            "--topic",
            metavar="NAME",
            action="append",
            help="a topic to listen to; may be repeated (default: notifications and "
            "versioned_notifications)",
        )
        bus.add_argument(
            "--pool",
            metavar="NAME",
            help="the name of the listener's pool, and of the recorder's own queue "
            "and exchange; no other listener may have it (default: a new one)",
        )
        choice = parser.add_argument_group("choice")
        choice.add_argument(
            "--event-type",
            metavar="REGEX",
            type=_regex,
            help="record the notifications whose event type matches from its "
            r"beginning, like 'compute\.instance\.exists$'",
        )
        choice.add_argument(
            "--count",
            metavar="N",
            type=positive(int),
            help="end after so many notifications",
        )
        choice.add_argument(
            "--duration",
            metavar="SECONDS",
            type=positive(float),
            help="end after so long",
        )
        privacy = parser.add_argument_group("privacy")
        privacy.add_argument(
            "--anonymize",
            action="store_true",
            help="give users, projects, servers, hosts, networks, ids and addresses "
            "other names, the same one for the same everywhere in the recording",
        )
        privacy.add_argument(
            "--anonymize-key",
            metavar="FILE",
            type=pathlib.Path,
            help="a file of random bytes: recordings made with the same one have the "
            "same other names; whoever has it can test guesses (default: a key for "
            "this run alone, which is kept nowhere)",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        """Record until the end; the exit status is 0 where all was written."""
        change = _change(parsed_args)
        conf = cfg.ConfigOpts()
        conf(
            args=[],
            project="ceilometer",
            default_config_files=parsed_args.config_file,
            default_config_dirs=[],
        )
        with contextlib.closing(RecordingFile(parsed_args.file)) as file:
            recorder = Recorder(
                file,
                event_type=parsed_args.event_type,
                limit=parsed_args.count,
                change=change,
            )
            with (
                logs.at_levels(_LEVELS),
                _ending_on_signals(recorder.ended),
                tap(
                    conf,
                    parsed_args.transport_url,
                    exchanges=parsed_args.exchange or ["nova"],
                    topics=parsed_args.topic
                    or ["notifications", "versioned_notifications"],
                    pool=parsed_args.pool or _pool(),
                    endpoint=recorder,
                ) as listening,
            ):
                self._tell(f"recording into {parsed_args.file}; Ctrl-C ends it")
                _wait(recorder.ended, listening, parsed_args.duration)
                recorder.ended.set()
        self._tell(f"{recorder.count} notifications recorded in {parsed_args.file}")
        if recorder.failure is not None:
            raise recorder.failure
        return 0

    def _tell(self, text: str) -> None:
        if self.app.options.verbose_level:
            print(text, file=sys.stderr, flush=True)  # noqa: T201


def _wait(ended: threading.Event, listening: Tap, duration: float | None) -> None:
    deadline = None if duration is None else time.monotonic() + duration
    while deadline is None or time.monotonic() < deadline:
        left = _UPKEEP if deadline is None else deadline - time.monotonic()
        if ended.wait(max(0.0, min(_UPKEEP, left))):
            return
        listening.keep()


@contextlib.contextmanager
def _ending_on_signals(ended: threading.Event) -> Iterator[None]:
    """Turn an interruption into an orderly end. Signals reach the main thread alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        signal.signal(number, lambda *_: ended.set())
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _change(
    arguments: argparse.Namespace,
) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    if not (arguments.anonymize or arguments.anonymize_key):
        return redact
    if arguments.anonymize_key is None:
        key = secrets.token_bytes(_KEY_BYTES)
    else:
        key = arguments.anonymize_key.read_bytes()
        if len(key) < _KEY_BYTES:
            raise ValueError(
                f"{arguments.anonymize_key}: a key has at least {_KEY_BYTES} bytes"
            )
    anonymizer = Anonymizer(key)
    return lambda message: anonymizer.anonymize(redact(message))


def _pool() -> str:
    unique = f"{os.getpid()}-{secrets.token_hex(4)}"
    return f"ceilo-nova-usage-record-{socket.gethostname()}-{unique}"


def _regex(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"no regular expression: {error}") from error
    return text
