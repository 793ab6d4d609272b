# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Ceilometer's meter pipeline, with nothing handed back to the bus, and swifter.

What leaves an endpoint as an exception makes oslo.messaging hand its whole batch back,
at once and for ever. The handlers of this package raise nothing; Ceilometer's own
endpoints do, for a notification of any service whose event type, timestamp or metadata
they cannot read, and so does oslo.messaging, for a priority that is no text.
"""

import copy
import functools
import gc
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import oslo_messaging
from ceilometer.pipeline.base import PublishContext
from ceilometer.pipeline.sample import (
    SampleEndpoint,
    SamplePipeline,
    SamplePipelineManager,
    SampleSource,
)
from oslo_messaging.notify.dispatcher import PRIORITIES

from ceilo_nova_usage import conf as options
from ceilo_nova_usage import priorities
from ceilo_nova_usage.delivery.aside import Aside
from ceilo_nova_usage.delivery.bounded_log import BoundedLog
from ceilo_nova_usage.delivery.tally import Outcome
from ceilo_nova_usage.errors import Faults, Reason
from ceilo_nova_usage.handlers.base import UsageHandler
from ceilo_nova_usage.notification import message_id_of
from ceilo_nova_usage.samples import Metered

__all__ = ["NAME", "GuardedMeterPipelineManager"]

LOG = logging.getLogger(__name__)

#: By which ``[notification] pipelines`` names it, in the place of ``meter``.
NAME = "meter-guarded"

# Names that a source remembers at most, and how long they may be: a notification may
# choose a meter's name.
_NAMES = 4096
_NAME_LENGTH = 255

# Objects that are made before Python looks for cycles among them. A batch of a hundred
# notifications comes to some 8,000 samples and parts of them, all freed without that;
# what is in cycles, of the messaging's, is some dozens of objects a message.
_YOUNG = 50_000

_NUMBERS = frozenset({int, float})

_Messages = Sequence[Mapping[str, Any]]


class _Answers(dict[str, bool]):
    """Answers to a question about a meter's name, each looked for once."""

    def __init__(self, look: Callable[[str], bool]) -> None:
        super().__init__()
        self._look = look

    def __missing__(self, name: str) -> bool:
        answer = self._look(name)
        if len(name) <= _NAME_LENGTH:
            if len(self) >= _NAMES:
                self.clear()
            self[name] = answer
        return answer


class _Source(SampleSource):  # type: ignore[misc]
    """A source that matches a meter's name with its patterns once, not each time."""

    def __init__(self, cfg: Any) -> None:
        super().__init__(cfg)
        self.supports = _Answers(super().support_meter)

    def support_meter(self, meter_name: str) -> bool:
        """Return whether the source has a meter of that name."""
        return self.supports[meter_name]


class _Pipeline(SamplePipeline):  # type: ignore[misc]
    """A pipeline that calls nothing for a sample that is as most are."""

    def publish_data(self, samples: Any) -> None:
        """Hand to the sink what the source has, and what has a number for a volume."""
        self.sink.publish_samples(self.wanted(samples))

    def publish_wanted(self, samples: list[Any], *, together: bool) -> None:
        """Hand samples to the publishers that take batches, or to those that do not."""
        sink = copy.copy(self.sink)
        sink.publishers = [
            each
            for each in sink.publishers
            if getattr(each, "TAKES_BATCHES", False) is together
        ]
        sink.publish_samples(samples)

    def wanted(self, samples: Any) -> list[Any]:
        """Return what the source has, and what has a number for a volume."""
        supports = self.source.supports
        if isinstance(samples, Metered) and all(
            map(supports.__getitem__, samples.names)
        ):
            return samples
        if not isinstance(samples, list):
            samples = [samples]
        return [
            sample
            for sample in samples
            if supports[sample.name]
            and (type(sample.volume) in _NUMBERS or self._validate_volume(sample))
        ]


class _Together:
    """A publisher that hands on what it gets in a batch as one, at the batch's end.

    Ceilometer's endpoints publish the samples of one notification at a time, which
    makes a publisher send as many requests as there are notifications. One that would
    rather have them together says so (``TAKES_BATCHES``); the others get them as ever:
    what they send may have to be small.
    """

    def __init__(self, publisher: PublishContext) -> None:
        self._publisher = publisher
        # Several batches may be under way, a thread each.
        self._batch = threading.local()

    def __enter__(self) -> Callable[[Any], None]:
        return self._publish

    def __exit__(self, *exc_info: object) -> None:
        if self._held() is None:
            self._publisher.__exit__(*exc_info)

    def begin(self) -> None:
        """Hold whatever this thread publishes from now on."""
        self._batch.held = {}

    def end(self) -> None:
        """Hand it on."""
        held, self._batch.held = self._batch.held, None
        for pipeline, samples in held.items():
            pipeline.publish_wanted(samples, together=True)
            pipeline.flush()

    def _held(self) -> dict[_Pipeline, list[Any]] | None:
        held: dict[_Pipeline, list[Any]] | None = getattr(self._batch, "held", None)
        return held

    def _publish(self, samples: Any) -> None:
        # All of a notification's or none: to look at the second half may raise.
        wanted = [(each, each.wanted(samples)) for each in self._publisher.pipelines]
        held = self._held()
        for pipeline, those in wanted:
            if held is None:
                pipeline.sink.publish_samples(those)
            else:
                pipeline.publish_wanted(those, together=False)
                held.setdefault(pipeline, []).extend(those)


class GuardedMeterPipelineManager(SamplePipelineManager):  # type: ignore[misc]
    """Loads what Ceilometer's ``meter`` pipeline loads; what raises is quarantined.

    :raises AgentRefused: where an option of this package cannot be used
    """

    pm_pipeline = _Pipeline
    pm_source = _Source

    def __init__(self, conf: Any) -> None:
        super().__init__(conf)
        settings = options.load_or_refuse(conf)
        self._aside = Aside(settings, BoundedLog(LOG, settings.log_interval))
        priorities.guard(self._aside)

    def get_main_endpoints(self) -> list[Any]:
        """Return the endpoints of ``ceilometer.sample.endpoint``, guarded."""
        endpoints = [
            # Ours take a batch at once, and are their own guards.
            endpoint
            if isinstance(endpoint, UsageHandler)
            else _Guarded(endpoint, self._aside)
            for endpoint in super().get_main_endpoints()
        ]
        _spare_what_is_loaded()
        _collect_less_often()
        return endpoints


def _spare_what_is_loaded() -> None:
    """Have Python's collector of cycles pass over all that there is by now.

    A batch's samples make it run, and what a worker has loaded when it begins, a
    hundred thousand objects and more, stays as long as the worker does.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def _collect_less_often() -> None:
    """Have that collector run once in hundreds of notifications, not in each ten.

    Samples are in no cycles, and freed without it. It frees a few dozen objects that
    the messaging leaves of each message: these may wait for a while. What is large, a
    request to Gnocchi that failed, is freed by ``delivery.gnocchi.api``.
    """
    young, *old = gc.get_threshold()
    # By 0 it is off.
    if 0 < young < _YOUNG:
        gc.set_threshold(_YOUNG, *old)


class _Guarded:
    """An endpoint that is handed one notification at a time, and cannot raise.

    It has the priorities of the endpoint that it guards and, guarded too, its filter:
    that is what oslo.messaging looks for. Ceilometer's own go through a batch one by
    one too; what they publish of it goes on at its end, as one.
    """

    def __init__(self, endpoint: Any, aside: Aside) -> None:
        self._endpoint = endpoint
        self._aside = aside
        self._together: _Together | None = None
        if isinstance(endpoint, SampleEndpoint):
            self._together = endpoint.publisher = _Together(endpoint.publisher)
        rule = getattr(endpoint, "filter_rule", None)
        self.filter_rule = None if rule is None else _GuardedFilter(rule, self.keep)
        for priority in PRIORITIES:
            if (method := getattr(endpoint, priority, None)) is not None:
                setattr(self, priority, functools.partial(self._each, method))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._endpoint!r}>"

    def _each(self, method: Callable[[_Messages], Any], messages: _Messages) -> Any:
        """Return REQUEUE if the endpoint asks for it by itself, else None."""
        requeue = oslo_messaging.NotificationResult.REQUEUE
        if self._together is None:
            results = [self._one(method, message) for message in messages]
        else:
            results = self._together_each(method, messages, self._together)
        return requeue if requeue in results else None

    def _together_each(
        self,
        method: Callable[[_Messages], Any],
        messages: _Messages,
        together: _Together,
    ) -> list[Any]:
        together.begin()
        results = [self._one(method, message) for message in messages]
        try:
            together.end()
        except Exception as error:  # noqa: BLE001
            # A sink's or a pipeline's own code: a publisher's errors stay in its sink.
            raised = type(error).__name__
        else:
            return results
        for message in messages:
            self.keep(message, raised)
        return results

    def _one(
        self, method: Callable[[_Messages], Any], message: Mapping[str, Any]
    ) -> Any:
        try:
            return method([message])
        except Exception as error:  # noqa: BLE001
            # Whatever another's endpoint raises. Said and kept; not while the error
            # is handled: oslo.log adds its text to whatever is logged then.
            raised = type(error).__name__
        self.keep(message, raised)
        return None

    def keep(self, message: Mapping[str, Any], raised: str) -> None:
        """Say and keep what the endpoint, or its filter, raises for."""
        faults = Faults()
        kind = type(self._endpoint)
        faults.add(
            f"{kind.__module__}.{kind.__qualname__}",
            Reason.ENDPOINT_FAILED,
            f"raised {raised}",
        )
        self._aside.put(
            Outcome.ENDPOINT_FAILED, message, message_id_of(message), faults
        )


class _GuardedFilter:
    """A filter that does not match where it raises, as for a payload of null."""

    def __init__(
        self, rule: Any, keep: Callable[[Mapping[str, Any], str], None]
    ) -> None:
        self._rule = rule
        self._keep = keep

    def match(
        self, ctxt: Any, publisher_id: Any, event_type: Any, metadata: Any, payload: Any
    ) -> bool:
        """Tell whether the endpoint is to be handed a notification of these parts."""
        try:
            return bool(
                self._rule.match(ctxt, publisher_id, event_type, metadata, payload)
            )
        except Exception as error:  # noqa: BLE001
            raised = type(error).__name__
        message = {
            "ctxt": ctxt,
            "publisher_id": publisher_id,
            "event_type": event_type,
            "payload": payload,
            "metadata": metadata,
        }
        self._keep(message, raised)
        return False
