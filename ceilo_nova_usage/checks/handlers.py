# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Whether the agent has all of its handlers."""

from collections.abc import Iterator

from ceilometer.pipeline.base import PublishContext

from ceilo_nova_usage import guard
from ceilo_nova_usage.checks.finding import Finding, failure, warning
from ceilo_nova_usage.checks.subject import CannotTell, Subject
from ceilo_nova_usage.conf import GROUP
from ceilo_nova_usage.handlers.base import UsageHandler
from ceilo_nova_usage.recording import endpoints

__all__ = ["check"]


def check(subject: Subject) -> Iterator[Finding]:
    """Load the handlers as the agent does."""
    pipelines = subject.conf.notification.pipelines
    if "meter" in pipelines:
        yield warning(
            "A notification that one of Ceilometer's own meters cannot read, or whose "
            "priority is no text, comes back for ever, with its batch: say "
            f"'{guard.NAME}' instead of 'meter' in [notification] pipelines."
        )
    elif guard.NAME not in pipelines:
        yield failure(
            f"The agent makes no samples: add '{guard.NAME}' to [notification] "
            "pipelines."
        )
    try:
        chosen = subject.settings.events
    except CannotTell as error:
        # Here it is the finding itself: each of the agent's workers ends.
        yield failure(str(error))
        return
    if not chosen:
        yield warning(
            "Metering is switched off: name the families of notifications to meter in "
            "[nova_usage] events."
        )
    broken: list[str] = []
    subject.conf.set_override("metrics_dir", "", group=GROUP.name)
    try:
        loaded = endpoints.endpoints(
            subject.conf,
            PublishContext([]),
            everyone=False,
            on_failure=lambda name, error: broken.append(
                f"{name} ({type(error).__name__}: {error})"
            ),
        )
    finally:
        subject.conf.clear_override("metrics_dir", group=GROUP.name)
    for each in broken:
        yield failure(
            f"The agent runs without the handler {each}. Install the package that it "
            "is from again, or remove it."
        )
    families = {each.family for each in loaded if isinstance(each, UsageHandler)}
    for family in sorted(chosen - families):
        yield failure(
            f"The '{family}' notifications have no handler. Install ceilo-nova-usage "
            "into the environment of ceilometer-agent-notification."
        )
