# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Metering what the quarantine has kept again, with the code of today.

The handlers are those that the agent loads, and so are the pipeline and, where samples
are published, its publishers. Unlike the agent's pipeline, this one tells whether they
took the samples.
"""

import contextlib
import dataclasses
import itertools
import json
import logging
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ceilometer.pipeline import base
from ceilometer.pipeline.sample import SamplePipelineManager, SampleSink
from ceilometer.sample import Sample
from oslo_config import cfg

from ceilo_nova_usage import deployment
from ceilo_nova_usage.delivery import kept
from ceilo_nova_usage.delivery.kept import Kept
from ceilo_nova_usage.errors import Faults
from ceilo_nova_usage.handlers.base import UsageHandler
from ceilo_nova_usage.recording.recorded import NotANotification, Recorded, Source

__all__ = ["NotTaken", "Remetered", "publisher", "redeliver", "remeter"]

# Ceilometer's publishers log what they cannot deliver under this name.
_PUBLISHERS = "ceilometer.publisher"
# Notifications that are published, and then taken out of the files, at once.
_BATCH = 200


class NotTaken(Exception):
    """A publisher did not take samples; the text is its own."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Remetered:
    """What a kept notification comes to now.

    ``faults`` are those found in it now, or None where no handler looked into it.
    ``problem`` says why it stays in the quarantine, or is None.
    """

    kept: Kept
    samples: Sequence[Sample] = ()
    faults: Faults | None = None
    problem: str | None = None


class _Noted:
    """Stands where the handlers' quarantine would: what is there already stays."""

    def __init__(self) -> None:
        self.faults = Faults()

    def keep(
        self, message: Any, message_id: str | None, faults: Faults, samples: int
    ) -> None:
        self.faults.extend(faults)


def remeter(
    found: Iterable[Kept], handlers: Sequence[UsageHandler]
) -> Iterator[Remetered]:
    """Meter kept notifications again, and publish nothing."""
    for each in found:
        yield _remetered(each, handlers)


def _remetered(each: Kept, handlers: Sequence[UsageHandler]) -> Remetered:
    if each.record is None:
        return Remetered(kept=each, problem=str(each.faults[0]))
    try:
        recorded = Recorded.from_json(each.record, Source(file=each.source, line=0))
    except NotANotification as error:
        return Remetered(kept=each, problem=str(error))
    message = _dispatched(recorded)
    noted = _Noted()
    samples: list[Sample] = []
    taken = False
    for handler in handlers:
        if handler.filter_rule.match(
            message["ctxt"],
            message["publisher_id"],
            message["event_type"],
            message["metadata"],
            message["payload"],
        ):
            taken = True
            handler.quarantine = noted
            samples += handler.build_sample(message)
    if not taken:
        return Remetered(kept=each, problem="no handler meters this event type")
    problem = None
    if noted.faults:
        problem = f"{noted.faults[0]}"
        if len(noted.faults) > 1:
            problem += f"; and {len(noted.faults) - 1} more"
    elif not samples:
        problem = "it comes to no samples"
    return Remetered(kept=each, samples=samples, faults=noted.faults, problem=problem)


def _dispatched(recorded: Recorded) -> dict[str, Any]:
    """Return what oslo.messaging's dispatcher hands to an endpoint."""
    message = recorded.message
    return {
        "ctxt": recorded.ctxt,
        "publisher_id": message["publisher_id"],
        "event_type": message["event_type"],
        "payload": message["payload"],
        "metadata": {name: message[name] for name in ("message_id", "timestamp")},
    }


def redeliver(
    found: Iterable[Kept],
    handlers: Sequence[UsageHandler],
    into: base.PublishContext,
    directory: pathlib.Path,
    max_bytes: int,
) -> Iterator[Remetered]:
    """Meter kept notifications again, publish, and take out what is delivered now.

    What is still unreadable stays, with the faults that are found in it now, unless
    that makes a line of more than ``max_bytes``. Killed at any moment, this loses
    nothing: what was published and is still there is published again, with the same
    ids, by the next one.

    :raises OSError: where the quarantine cannot be read or written
    """
    found = iter(found)
    while batch := list(itertools.islice(found, _BATCH)):
        results = [_routed(each, into) for each in remeter(batch, handlers)]
        try:
            with _complaints_raised(), into as publish:
                publish([sample for each in results for sample in each.samples])
        except Exception as error:  # noqa: BLE001 - whatever a pipeline's code raises
            problem = f"not published: {type(error).__name__}: {error}"
            results = [
                dataclasses.replace(each, faults=None, problem=problem)
                if each.samples
                else each
                for each in results
            ]
        kept.rewrite(directory, _decisions(results, max_bytes))
        yield from results


def _routed(each: Remetered, into: base.PublishContext) -> Remetered:
    """Note if no sample would reach a publisher: then it is not delivered."""
    if not each.samples or any(
        pipeline.supported(sample)
        for pipeline in into.pipelines
        for sample in each.samples
    ):
        return each
    return dataclasses.replace(
        each, samples=(), faults=None, problem="the pipeline takes none of its samples"
    )


def _decisions(results: Iterable[Remetered], max_bytes: int) -> dict[str, bytes | None]:
    decisions: dict[str, bytes | None] = {}
    for each in results:
        if each.problem is None:
            decisions[each.kept.digest] = None
        elif each.faults and each.kept.record is not None:
            line = _line(each.kept.record, each.faults, len(each.samples))
            if len(line) <= max_bytes:
                decisions[each.kept.digest] = line
    return decisions


def _line(record: Mapping[str, Any], faults: Faults, samples: int) -> bytes:
    told = [dataclasses.asdict(fault) for fault in faults]
    line = json.dumps({**record, "samples": samples, "faults": told})
    return line.encode() + b"\n"


class _TellingSink(SampleSink):  # type: ignore[misc]  # ceilometer is untyped
    """Ceilometer's sink, but for what it logs and then goes on without."""

    def __init__(self, conf: Any, cfg: Any, publisher_manager: Any) -> None:
        super().__init__(conf, cfg, publisher_manager)
        if len(self.publishers) < len(cfg["publishers"]):
            raise base.PipelineException(
                "A publisher cannot be loaded; the log says why", cfg
            )

    def publish_samples(self, samples: Sequence[Sample]) -> None:
        """Publish to each publisher; what one raises is raised."""
        if samples:
            for each in self.publishers:
                each.publish_samples(list(samples))


class _TellingManager(SamplePipelineManager):  # type: ignore[misc]
    pm_sink = _TellingSink


def publisher(conf: cfg.ConfigOpts) -> base.PublishContext:
    """Return the way into the agent's own meter pipeline, with its publishers.

    :raises InvalidPipeline: where Ceilometer would refuse the file, or goes on
        without one of the publishers
    :raises OSError: where the file cannot be read
    """
    return deployment.pipelines(conf, _TellingManager, "pipeline_cfg_file").publisher()


class _Complaints(logging.Handler):
    """Keeps the first error that is logged."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.first: str | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record of an error."""
        if self.first is None:
            self.first = record.getMessage()


@contextlib.contextmanager
def _complaints_raised() -> Iterator[None]:
    """Raise what Ceilometer's publishers only log: that something was not delivered.

    :raises NotTaken: with the first error they logged
    """
    complaints = _Complaints()
    logger = logging.getLogger(_PUBLISHERS)
    logger.addHandler(complaints)
    try:
        yield
    finally:
        logger.removeHandler(complaints)
    if complaints.first is not None:
        raise NotTaken(complaints.first)
