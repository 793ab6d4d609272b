# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The one adapter between what is metered here and Ceilometer's agent."""

import logging
import re
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, ClassVar

from ceilometer.pipeline.sample import SampleEndpoint
from ceilometer.sample import Sample, add_reserved_user_metadata

from ceilo_nova_usage import baseline, identity
from ceilo_nova_usage import conf as options
from ceilo_nova_usage.delivery.bounded_log import BoundedLog, one_line
from ceilo_nova_usage.delivery.health.writer import keep_writing
from ceilo_nova_usage.delivery.quarantine import Keeper, Quarantine
from ceilo_nova_usage.delivery.tally import TALLY, Outcome
from ceilo_nova_usage.errors import (
    AgentRefused,
    Faults,
    InvalidConfiguration,
    InvalidNotification,
    Reason,
)
from ceilo_nova_usage.meters import table
from ceilo_nova_usage.notification import Notification
from ceilo_nova_usage.reading import UsageReport
from ceilo_nova_usage.samples import to_samples, to_zeros

__all__ = ["UsageHandler"]

LOG = logging.getLogger(__name__)

# What no event type matches: an endpoint without event types is handed everything.
_NOTHING = "(?!)"
_LOGGED_FAULTS = 5


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
        try:
            self._settings = options.load(conf)
        except InvalidConfiguration as error:
            # An ordinary exception would only make this handler disappear, and an
            # agent that silently meters nothing run on.
            LOG.critical("The agent cannot start: %s", error)
            raise AgentRefused(f"ceilo-nova-usage: {error}") from error
        self.event_types = (
            [f"^{re.escape(event_type)}$" for event_type in self.notifications]
            if self.family in self._settings.events
            else [_NOTHING]
        )
        super().__init__(conf, publisher)
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
        self.quarantine: Keeper | None = None
        if self._settings.quarantine_dir is not None:
            self.quarantine = Quarantine(
                self._settings.quarantine_dir,
                max_bytes=self._settings.quarantine_max_bytes,
                max_files=self._settings.quarantine_max_files,
            )
        keep_writing(self._settings)

    def process_notifications(
        self, priority: str, notifications: Sequence[Mapping[str, Any]]
    ) -> None:
        """Publish the samples of a batch of notifications, all of them at once."""
        # Once more, for a process that was forked off since.
        keep_writing(self._settings)
        metered = [
            (message, samples)
            for message in notifications
            if (samples := self.build_sample(message))
        ]
        if (counts := TALLY.due(self._settings.counts_interval)) is not None:
            LOG.info("Notifications since the agent's start: %s", counts)
        if not metered:
            return
        try:
            with self.publisher as publish:
                publish([sample for _, samples in metered for sample in samples])
        except Exception as error:  # noqa: BLE001
            # Whatever a pipeline's code raises: the samples are lost to it, the
            # notifications are not, and can be replayed from the quarantine.
            self._log.log(
                logging.ERROR,
                Reason.PUBLISH_FAILED,
                "Samples could not be published",
                exc_info=True,
            )
            for message, _ in metered:
                faults = Faults()
                faults.add(
                    "publisher",
                    Reason.PUBLISH_FAILED,
                    f"raised {type(error).__name__}",
                )
                self._set_aside(
                    Outcome.NOT_PUBLISHED, message, _message_id(message), faults
                )

    def build_sample(self, message: Mapping[str, Any]) -> list[Sample]:
        """Return the samples of one dispatched notification."""
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
            message_id, faults = _message_id(message), Faults()
            faults.add(
                "message", Reason.INTERNAL_ERROR, f"raised {type(error).__name__}"
            )
        # Not while the error is handled: oslo.log adds its text to whatever is logged
        # then, and a sender may have chosen much of that text.
        self._set_aside(Outcome.QUARANTINED, message, message_id, faults)
        return []

    def _meter(self, message: Mapping[str, Any]) -> list[Sample]:
        notification = Notification.from_bus(message)
        if notification.event_type not in self.notifications:
            return []
        report = UsageReport.from_notification(
            notification,
            max_devices=self._settings.max_devices,
            with_bandwidth=self.with_bandwidth,
        )
        if report is None:
            TALLY.count(Outcome.WITHOUT_USAGE)
            return []
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
            self._set_aside(
                Outcome.PARTLY_METERED,
                message,
                notification.message_id,
                report.faults,
                len(samples),
            )
        else:
            TALLY.count(Outcome.METERED)
        return samples

    def _set_aside(
        self,
        outcome: Outcome,
        message: Any,
        message_id: str | None,
        faults: Faults,
        samples: int = 0,
    ) -> None:
        """Count, log and keep a notification that was not, or not all, metered."""
        TALLY.count(outcome)
        for reason in {fault.reason for fault in faults}:
            TALLY.count(outcome, reason)
        shown = "; ".join(one_line(fault) for fault in faults[:_LOGGED_FAULTS])
        if len(faults) > _LOGGED_FAULTS:
            shown += f"; and {len(faults) - _LOGGED_FAULTS} more"
        self._log.warning(
            f"{outcome} {faults[0].reason}",
            "Notification %s is %s, %d samples published: %s",
            one_line(message_id),
            outcome,
            samples,
            shown,
        )
        if self.quarantine is None:
            return
        try:
            removed = self.quarantine.keep(message, message_id, faults, samples)
        except Exception as error:  # noqa: BLE001
            # A full disk, mostly; a defect must not hand the message back either.
            TALLY.count(Outcome.NOT_KEPT, type(error).__name__)
            self._log.log(
                logging.ERROR,
                "not-kept",
                "Notification %s cannot be kept in the quarantine: %s",
                one_line(message_id),
                error,
                exc_info=not isinstance(error, OSError),
            )
        else:
            if removed is not None:
                LOG.error("The quarantine is full: its oldest file was removed")


def _message_id(message: Any) -> str | None:
    """Return the id of a message of any shape, where it has a readable one."""
    try:
        return Notification.from_bus(message).message_id
    except InvalidNotification as error:
        return error.message_id
