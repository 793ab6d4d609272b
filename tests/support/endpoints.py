# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The handlers as the agent has them: its loader, its filters, its dispatcher.

Only the bus before them and the pipeline behind them are stand-ins.
"""

import contextlib
import json
import pathlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import stevedore
from ceilometer import sample
from oslo_config import cfg
from oslo_messaging.notify.dispatcher import BatchNotificationDispatcher

from ceilo_nova_usage.delivery.quarantine import FILE_NAME
from ceilo_nova_usage.delivery.tally import TALLY
from ceilo_nova_usage.handlers.base import UsageHandler
from tests.support import oracle

NAMESPACE = "ceilometer.sample.endpoint"


def configured(directory: pathlib.Path, **options: object) -> cfg.ConfigOpts:
    """Return the agent's configuration, read from a file with our options in it.

    Where they are not among them, the quarantine is ``quarantine`` in ``directory``,
    and no metrics are written.
    """
    options = {
        "quarantine_dir": directory / "quarantine",
        "metrics_dir": "",
        **options,
    }
    lines = [f"{name} = {value}" for name, value in options.items()]
    file = directory / "ceilometer.conf"
    file.write_text("\n".join(["[nova_usage]", *lines, ""]), "utf-8")
    conf = cfg.ConfigOpts()
    conf.register_opts(sample.OPTS)
    conf(
        args=[],
        project="ceilometer",
        default_config_files=[str(file)],
        default_config_dirs=[],
    )
    return conf


class Pipeline:
    """Stands where the agent's pipeline is, and takes what is published."""

    def __init__(self) -> None:
        self.batches: list[list[sample.Sample]] = []

    def __enter__(self) -> Any:
        return self.batches.append

    def __exit__(self, *exc_info: object) -> None:
        """Flush nothing."""

    def publish(self) -> list[sample.Sample]:
        """Return all that was published so far, and forget it."""
        taken = [each for batch in self.batches for each in batch]
        self.batches.clear()
        return taken


class Incoming:
    """A message as a driver of oslo.messaging hands it to the dispatcher."""

    def __init__(self, dispatched: Mapping[str, Any], priority: str = "INFO") -> None:
        self.ctxt = dispatched["ctxt"]
        self.message = {
            "publisher_id": dispatched["publisher_id"],
            "event_type": dispatched["event_type"],
            "payload": dispatched.get("payload"),
            "priority": priority,
            **dispatched["metadata"],
        }


class Agent:
    """Our handlers behind the dispatcher of the agent's batch listener."""

    def __init__(self, conf: cfg.ConfigOpts, pipeline: Any = None) -> None:
        self.pipeline = Pipeline() if pipeline is None else pipeline
        self.quarantine_dir: pathlib.Path | None = None
        self.endpoints = handlers(conf, self.pipeline)
        if conf.nova_usage.quarantine_dir:
            self.quarantine_dir = pathlib.Path(conf.nova_usage.quarantine_dir)
        self._dispatcher = BatchNotificationDispatcher(self.endpoints, None)

    def handle(self, *messages: Mapping[str, Any], priority: str = "INFO") -> set[Any]:
        """Dispatch messages as one batch; return those to be handed back for ever."""
        return self._dispatcher.dispatch(
            [Incoming(message, priority) for message in messages]
        )

    def meter(self, *messages: Mapping[str, Any]) -> list[oracle.Sample]:
        """Dispatch messages, none of which may be handed back; return the samples."""
        assert self.handle(*messages) == set()
        return oracle.ordered(
            [oracle.as_expected(each) for each in self.pipeline.publish()]
        )

    def quarantined(self) -> list[dict[str, Any]]:
        """Return the lines of the quarantine, the oldest first, and forget them."""
        if self.quarantine_dir is None:
            return []
        files = sorted(self.quarantine_dir.glob(f"{FILE_NAME}*"), reverse=True)
        lines = [line for file in files for line in file.read_text().splitlines()]
        for file in files:
            file.unlink()
        return [json.loads(line, parse_constant=_refuse) for line in lines]


def handlers(conf: cfg.ConfigOpts, pipeline: Any) -> Sequence[UsageHandler]:
    """Load our handlers from Ceilometer's namespace, as Ceilometer does."""
    manager = stevedore.NamedExtensionManager(
        NAMESPACE,
        names=["nova_usage_delete", "nova_usage_exists", "nova_usage_lifecycle"],
        invoke_on_load=True,
        invoke_args=(conf, pipeline),
        name_order=True,
        on_missing_entrypoints_callback=_raise_missing,
    )
    return [extension.obj for extension in manager]


def _raise_missing(names: Iterable[str]) -> None:
    raise LookupError(f"{NAMESPACE} lacks {sorted(names)}")


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


@contextlib.contextmanager
def counted() -> Iterator[dict[tuple[str, str], int]]:
    """Give what is counted within: filled when the block ends."""
    before = Counter(TALLY.snapshot())
    counts: dict[tuple[str, str], int] = {}
    yield counts
    counts.update(Counter(TALLY.snapshot()) - before)
