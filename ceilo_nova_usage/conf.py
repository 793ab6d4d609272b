# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The ``[nova_usage]`` options of the notification agent."""

import dataclasses
import datetime
import logging
import pathlib
from collections.abc import Callable, Iterable
from typing import Any

from oslo_config import cfg, types

from ceilo_nova_usage.errors import AgentRefused, InvalidConfiguration
from ceilo_nova_usage.meters.meter import Family

__all__ = [
    "EVENT_FAMILIES",
    "GROUP",
    "Settings",
    "list_opts",
    "load",
    "load_or_refuse",
]

LOG = logging.getLogger(__name__)

GROUP = cfg.OptGroup(
    "nova_usage",
    title="Usage metering from nova's notifications",
    help="What is metered from the usage that a patched nova-compute sends with "
    "its notifications, and what happens to notifications that cannot be read.",
)

EVENT_FAMILIES = ("delete", "exists", "lifecycle")

OPTS = [
    cfg.ListOpt(
        "events",
        default=list(EVENT_FAMILIES),
        item_type=types.String(choices=EVENT_FAMILIES),
        help="The families of notifications to meter. 'delete' is an instance's last "
        "reading, taken while its guest still runs; 'exists' is the reading that "
        "nova's usage audit and some operations take; 'lifecycle' is the last reading "
        "before a stop, a reboot, a migration or whatever else ends the guest's "
        "process, and the first one of the next process. A family that is not named "
        "here passes by unread; an empty value switches metering off.",
    ),
    cfg.ListOpt(
        "meters",
        default=[str(family) for family in Family],
        item_type=types.String(choices=[str(family) for family in Family]),
        help="The families of meters to publish. 'pollster' holds the meters of "
        "Ceilometer's compute pollsters, in their own series (cpu, disk.device.*, "
        "network.*). 'sums' holds an instance's disks added up (disk.read.bytes and "
        "its like). 'totals' holds totals over an instance's whole life (cpu.total "
        "and its like).",
    ),
    cfg.BoolOpt(
        "baseline",
        default=True,
        help="Publish, with a reading, the moment at which its counters were zero: "
        "a sample of volume 0 for each meter, with the same resource and metadata. "
        "It makes an instance's first interval, and a life that was read only once, "
        "usage that a rate shows. Where that moment is not known for sure there is "
        "no such sample.",
    ),
    cfg.StrOpt(
        "baseline_since",
        help="A time in ISO 8601, UTC where it names no offset. Moments of zero "
        "before it are not published: what was used before the plugin was installed "
        "may have been billed by other means.",
    ),
    cfg.StrOpt(
        "quarantine_dir",
        default="/var/lib/ceilometer/nova-usage/quarantine",
        help="The directory that keeps notifications which could not be read, or "
        "not all of them, with the reason, as JSON lines that only the agent's user "
        "can open. It is made when it is first needed. Agents on one host may share "
        "it. An empty value keeps nothing: such notifications are then only logged "
        "and counted.",
    ),
    cfg.IntOpt(
        "quarantine_max_bytes",
        default=16 * 1024 * 1024,
        min=64 * 1024,
        help="The size in bytes at which the quarantine's file is put aside and a "
        "new one begun.",
    ),
    cfg.IntOpt(
        "quarantine_max_files",
        default=4,
        min=2,
        help="How many files the quarantine may hold, the current one counted. The "
        "oldest is removed, and that is logged as an error, when one more is begun.",
    ),
    cfg.StrOpt(
        "spool_dir",
        default="/var/lib/ceilometer/nova-usage/spool",
        help="The directory that keeps, in one file, the samples which Gnocchi did "
        "not take yet, where the pipeline names a gnocchi-spool:// publisher. It is "
        "made when it is first needed, for the agent's user alone. All agents of a "
        "host share it. It must be on a local disk.",
    ),
    cfg.IntOpt(
        "spool_max_bytes",
        default=1024 * 1024 * 1024,
        min=1024 * 1024,
        help="The size in bytes that the spool's file may come to have. A spool that "
        "is full takes no more samples: notifications wait on the bus then. Beside "
        "the file, up to 40 MiB of the disk are for what makes it last.",
    ),
    cfg.IntOpt(
        "spool_warn_percent",
        default=80,
        min=1,
        max=100,
        help="An error is logged, at most once in log_interval, while the spool is "
        "filled to so many percent or more of its bound, or of what its disk has room "
        "for.",
    ),
    cfg.IntOpt(
        "spool_retry_max",
        default=60,
        min=1,
        help="The most seconds between two attempts to send what waits for Gnocchi. "
        "The attempts begin about a second apart, and come at random times that "
        "double from one to the next.",
    ),
    cfg.IntOpt(
        "end_window",
        default=600,
        min=0,
        help="The seconds after an instance's end in which a poll's sample is believed "
        "to be a late one, of a guest that was about to go: the end is moved behind "
        "it. A sample of a later time shows that the instance lives, and takes its "
        "end back. Two intervals of the pollster are enough.",
    ),
    cfg.IntOpt(
        "max_devices",
        default=1024,
        min=1,
        help="The most disks, and the most network interfaces, that one instance is "
        "believed to have. A notification that lists more has that list refused.",
    ),
    cfg.IntOpt(
        "log_interval",
        default=60,
        min=0,
        help="At most one warning for each reason is logged in this many seconds; it "
        "says how many were held back. Everything is counted and quarantined all "
        "the same.",
    ),
    cfg.IntOpt(
        "counts_interval",
        default=600,
        min=0,
        help="The seconds between two lines of information on what became of the "
        "notifications since the agent's start: how many were metered, how many came "
        "without usage (from a nova that is not patched, or switched off), how many "
        "were refused and for which reasons. No line is logged where nothing came; 0 "
        "logs none.",
    ),
    cfg.StrOpt(
        "metrics_dir",
        default="/var/lib/ceilometer/nova-usage-metrics",
        help="The directory where each agent process keeps a file with the counts of "
        "its work, and one with the state of spool and quarantine, in the text format "
        "of Prometheus, for the textfile collector of node_exporter and for "
        "'ceilo-nova-usage health'. It is made when it is first needed, for everybody "
        "to read. Agents on one host may share it. An empty value writes none.",
    ),
]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The options' values, checked."""

    events: frozenset[str]
    meters: frozenset[Family]
    baseline: bool
    baseline_since: datetime.datetime | None
    quarantine_dir: pathlib.Path | None
    quarantine_max_bytes: int
    quarantine_max_files: int
    spool_dir: pathlib.Path
    spool_max_bytes: int
    spool_warn_percent: int
    spool_retry_max: int
    end_window: int
    max_devices: int
    log_interval: int
    counts_interval: int
    metrics_dir: pathlib.Path | None


def list_opts() -> list[tuple[cfg.OptGroup, list[cfg.Opt]]]:
    """Return the options for ``oslo-config-generator``."""
    return [(GROUP, OPTS)]


def _families(values: Iterable[str]) -> frozenset[Family]:
    return frozenset(Family(value) for value in values)


def _directory(value: str | None) -> pathlib.Path | None:
    return pathlib.Path(value) if value else None


def _required_directory(value: str | None) -> pathlib.Path:
    if not value:
        raise ValueError("names no directory")
    return pathlib.Path(value)


def _time(value: str | None) -> datetime.datetime | None:
    """Read an ISO 8601 time, a day being its midnight, as an aware one."""
    if not value:
        return None
    read = datetime.datetime.fromisoformat(value)
    return read if read.tzinfo else read.replace(tzinfo=datetime.UTC)


_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "events": frozenset,
    "meters": _families,
    "baseline_since": _time,
    "quarantine_dir": _directory,
    "spool_dir": _required_directory,
    "metrics_dir": _directory,
}


def load(conf: cfg.ConfigOpts) -> Settings:
    """Register the options on ``conf`` and read them.

    :raises InvalidConfiguration: naming every option whose value is refused
    """
    # By its name: a group that is registered as an object shares its options' values
    # with every other configuration of the process.
    conf.register_opts(OPTS, group=GROUP.name)
    values: dict[str, Any] = {}
    refused: list[str] = []
    for opt in OPTS:
        try:
            value = conf[GROUP.name][opt.dest]
            values[opt.dest] = _CONVERSIONS.get(opt.dest, lambda same: same)(value)
        except (cfg.ConfigFileValueError, ValueError) as error:
            refused.append(f"[{GROUP.name}] {opt.name}: {error}")
    if refused:
        raise InvalidConfiguration("; ".join(refused))
    return Settings(**values)


def load_or_refuse(conf: cfg.ConfigOpts) -> Settings:
    """Load them for what the agent must not run without.

    :raises AgentRefused: which ends the agent's worker, where an option is refused
    """
    try:
        return load(conf)
    except InvalidConfiguration as error:
        LOG.critical("The agent cannot start: %s", error)
        raise AgentRefused(f"ceilo-nova-usage: {error}") from error
