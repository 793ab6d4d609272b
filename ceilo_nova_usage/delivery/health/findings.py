# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""What in the agents' health asks for somebody's attention, and what to do about it."""

from collections.abc import Callable, Mapping

from ceilo_nova_usage.conf import Settings
from ceilo_nova_usage.delivery.health.health import Health

__all__ = ["FINDINGS", "OLD", "Finder"]

#: Seconds that a sample may wait in the spool before somebody should know.
OLD = 3600

#: Says what is the matter, and what to do; or None, where all is well.
Finder = Callable[[Health, Settings], str | None]


def _stopped(health: Health, settings: Settings) -> str | None:
    if health.running:
        return None
    if settings.metrics_dir is None:
        return "No agent tells of itself: set [nova_usage] metrics_dir."
    return (
        f"No agent process has written to {settings.metrics_dir} in the last minute: "
        "see that ceilometer-agent-notification runs on this host, with this "
        "configuration, and may write there."
    )


def _spool_old(health: Health, settings: Settings) -> str | None:
    age = health.total("spool_oldest_seconds")
    if age < OLD:
        return None
    samples = health.total("spool_samples", state="waiting")
    return (
        f"{samples:.0f} samples wait for Gnocchi in {settings.spool_dir}, the oldest "
        f"for {age / 3600:.1f} hours: see that Gnocchi's API answers, and that an "
        "agent runs, which sends them; its log tells why it cannot."
    )


def _spool_full(health: Health, settings: Settings) -> str | None:
    used, limit = health.total("spool_bytes"), health.total("spool_bytes_limit")
    if used * 100 < limit * settings.spool_warn_percent:
        return None
    return (
        f"The spool {settings.spool_dir} holds {used:.0f} of {limit:.0f} bytes: bring "
        "Gnocchi back, or give the spool more room (the disk, or [nova_usage] "
        "spool_max_bytes). Once it is full, notifications wait on the bus."
    )


def _refused(health: Health, settings: Settings) -> str | None:
    samples = health.total("spool_samples", state="refused")
    if not samples:
        return None
    return (
        f"Gnocchi refused {samples:.0f} samples for good, which the spool keeps: "
        "'ceilo-nova-usage spool list' tells why. Mend that, then 'ceilo-nova-usage "
        "spool flush --refused', or drop them."
    )


def _damaged(health: Health, settings: Settings) -> str | None:
    found = health.total("spool_damaged_files")
    if not found:
        return None
    return (
        f"{found:.0f} damaged spools were put aside in {settings.spool_dir}: nothing "
        "in them is sent. Look at the disk; 'ceilo-nova-usage spool salvage' puts back "
        "what can be read. Then remove them."
    )


def _quarantine(health: Health, settings: Settings) -> str | None:
    found = health.total("quarantine_notifications")
    if not found:
        return None
    return (
        f"{found:.0f} notifications are in the quarantine {settings.quarantine_dir}: "
        "'ceilo-nova-usage quarantine list' tells why. Mend that, then "
        "'ceilo-nova-usage quarantine replay', or drop them."
    )


#: By the names that ``health --fail-on`` takes.
FINDINGS: Mapping[str, Finder] = {
    "stopped": _stopped,
    "spool-old": _spool_old,
    "spool-full": _spool_full,
    "refused": _refused,
    "damaged": _damaged,
    "quarantine": _quarantine,
}
