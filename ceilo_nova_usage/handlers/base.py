# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The one adapter between what is metered here and Ceilometer's agent."""

import logging
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, ClassVar

from ceilometer.pipeline.sample import SampleEndpoint
from ceilometer.sample import Sample, add_reserved_user_metadata

from ceilo_nova_usage import baseline, identity
from ceilo_nova_usage import conf as options
from ceilo_nova_usage.delivery.aside import Aside
from ceilo_nova_usage.delivery.bounded_log import BoundedLog
from ceilo_nova_usage.delivery.health.writer import keep_writing
from ceilo_nova_usage.delivery.quarantine import Keeper
from ceilo_nova_usage.delivery.tally import TALLY, Outcome
from ceilo_nova_usage.errors import Faults, InvalidNotification, Reason
from ceilo_nova_usage.meters import table
from ceilo_nova_usage.notification import Notification, message_id_of
from ceilo_nova_usage.reading import UsageReport
from ceilo_nova_usage.samples import Metered, to_samples, to_zeros

__all__ = ["UsageHandler"]

LOG = logging.getLogger(__name__)

# What no event type matches: an endpoint without event types is handed everything.
_NOTHING = "(?!)"


class _OfTypes:
    """A filter for oslo.messaging: it matches whole names, which takes no search."""

    def __init__(self, event_types: Collection[str]) -> None:
        self._event_types = frozenset(event_types)

    def match(
        self, ctxt: Any, publisher_id: Any, event_type: Any, metadata: Any, payload: Any
    ) -> bool:
        """Tell whether a notification is of one of the types."""
        return type(event_type) is str and event_type in self._event_types


class UsageHandler(SampleEndpoint):  # type: ignore[misc]  # ceilometer is untyped
    """Turns the notifications of one family into samples.

    A subclass names its ``family``, one of
    :data:`ceilo_nova_usage.conf.EVENT_FAMILIES`, the event types of both wire forms,
    and whether they carry the older ``bandwidth`` too.

    Nothing that comes in makes it raise: the agent would be handed the same message
    again, for ever. What cannot be read is quarantined, logged and counted.
    """

    family: ClassVar[str]
    notifications: ClassVar[Sequence[str]]
    with_bandwidth: ClassVar[bool] = False

    def __init__(self, conf: Any, publisher: Any) -> None:
        # An ordinary exception would only make this handler disappear, and an agent
        # that silently meters nothing run on.
        self._settings = options.load_or_refuse(conf)
        self.event_types = (
            [f"^{re.escape(event_type)}$" for event_type in self.notifications]
            if self.family in self._settings.events
            else [_NOTHING]
        )
        super().__init__(conf, publisher)
        if self.event_types != [_NOTHING]:
            self.filter_rule = _OfTypes(self.notifications)
        # Each look at an option of conf costs as much as a sample does.
        self._reserved = SimpleNamespace(
            **{
                name: conf[name]
                for name in (
                    "reserved_metadata_namespace",
                    "reserved_metadata_keys",
                    "reserved_metadata_length",
                )
            }
        )
        self._meters = table.load(self._settings.meters)
        self._log = BoundedLog(LOG, self._settings.log_interval)
        self._aside = Aside(self._settings, self._log)
        keep_writing(self._settings)

    @property
    def quarantine(self) -> Keeper | None:
        """What keeps the notifications that cannot be read; None keeps none."""
        return self._aside.quarantine

    @quarantine.setter
    def quarantine(self, keeper: Keeper | None) -> None:
        self._aside.quarantine = keeper

    def process_notifications(
        self, priority: str, notifications: Sequence[Mapping[str, Any]]
    ) -> None:
        """Publish the samples of a batch of notifications, all of them at once."""
        # Once more, for a process that was forked off since.
        keep_writing(self._settings)
        samples = Metered(self._meters.names)
        metered = []
        outcomes: Counter[Outcome] = Counter()
        for message in notifications:
            of_message, outcome = self._build(message)
            if of_message:
                metered.append(message)
                samples += of_message
            if outcome is not None:
                outcomes[outcome] += 1
        for outcome, number in outcomes.items():
            TALLY.count(outcome, number=number)
        if (counts := TALLY.due(self._settings.counts_interval)) is not None:
            LOG.info("Notifications since the agent's start: %s", counts)
        if not metered:
            return
        try:
            with self.publisher as publish:
                publish(samples)
        except Exception as error:  # noqa: BLE001
            # Whatever a pipeline's code raises: the samples are lost to it, the
            # notifications are not, and can be replayed from the quarantine.
            self._log.log(
                logging.ERROR,
                Reason.PUBLISH_FAILED,
                "Samples could not be published",
                exc_info=True,
            )
            for message in metered:
                faults = Faults()
                faults.add(
                    "publisher",
                    Reason.PUBLISH_FAILED,
                    f"raised {type(error).__name__}",
                )
                self._aside.put(
                    Outcome.NOT_PUBLISHED, message, message_id_of(message), faults
                )

    def build_sample(self, message: Mapping[str, Any]) -> list[Sample]:
        """Return the samples of one dispatched notification."""
        samples, outcome = self._build(message)
        if outcome is not None:
            TALLY.count(outcome)
        return samples

    def _build(self, message: Mapping[str, Any]) -> tuple[list[Sample], Outcome | None]:
        """Return the samples, and what the notification is still to be counted as."""
        try:
            return self._meter(message)
        except InvalidNotification as error:
            message_id, faults = error.message_id, error.faults
        except Exception as error:  # noqa: BLE001
            # A defect of ours: said loudly, and no reason to lose the notification
            # or to have it handed back for ever.
            self._log.log(
                logging.ERROR,
                Reason.INTERNAL_ERROR,
                "A notification could not be metered",
                exc_info=True,
            )
            message_id, faults = message_id_of(message), Faults()
            faults.add(
                "message", Reason.INTERNAL_ERROR, f"raised {type(error).__name__}"
            )
        # Not while the error is handled: oslo.log adds its text to whatever is logged
        # then, and a sender may have chosen much of that text.
        self._aside.put(Outcome.QUARANTINED, message, message_id, faults)
        return [], None

    def _meter(self, message: Mapping[str, Any]) -> tuple[list[Sample], Outcome | None]:
        notification = Notification.from_bus(message)
        if notification.event_type not in self.notifications:
            return [], None
        report = UsageReport.from_notification(
            notification,
            max_devices=self._settings.max_devices,
            with_bandwidth=self.with_bandwidth,
        )
        if report is None:
            return [], Outcome.WITHOUT_USAGE
        samples: list[Sample] = []
        for usage in report.readings:
            metadata = identity.instance_metadata(
                report.instance, usage, notification.event_type
            )
            if report.instance.user_metadata:
                add_reserved_user_metadata(
                    self._reserved, report.instance.user_metadata, metadata
                )
            broken = Faults()
            readings = self._meters.readings(report.instance, usage, metadata, broken)
            if self._settings.baseline:
                zero = baseline.moments(
                    usage, notification, self._settings.baseline_since
                )
                if zero:
                    samples.extend(to_zeros(readings, report.instance, zero))
            samples.extend(to_samples(readings, report.instance, usage))
            for fault in broken:
                TALLY.count(Outcome.METER_FAILED, fault.path)
                self._log.log(logging.ERROR, fault.path, "A meter failed: %s", fault)
        if report.faults:
            self._aside.put(
                Outcome.PARTLY_METERED,
                message,
                notification.message_id,
                report.faults,
                len(samples),
            )
            return samples, None
        return samples, Outcome.METERED
