# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The moments of an instance's life at which its counters end or begin.

A hypervisor counts from zero in each process of a guest. Nova tells of the operations
that end one, before, and of those that begin one, after.
"""

import dataclasses
import enum
from collections.abc import Iterable, Iterator

__all__ = ["BOUNDARIES", "Boundary", "Reading", "event_types"]


class Reading(enum.StrEnum):
    """Which reading of a guest's counters it is."""

    LAST = "last"
    FIRST = "first"


@dataclasses.dataclass(frozen=True, slots=True)
class Boundary:
    """One notification, by its names in both wire forms.

    :ivar legacy: the event type of the unversioned form
    :ivar versioned: that of the versioned form
    """

    reading: Reading
    legacy: str
    versioned: str


def _same(reading: Reading, names: Iterable[str]) -> Iterator[Boundary]:
    for name in names:
        yield Boundary(reading, f"compute.instance.{name}", f"instance.{name}")


def _other(reading: Reading, legacy: str, versioned: str) -> Boundary:
    return Boundary(reading, f"compute.instance.{legacy}", f"instance.{versioned}")


#: In the order in which an instance may meet them.
BOUNDARIES: tuple[Boundary, ...] = (
    *_same(Reading.FIRST, ("create.end",)),
    *_same(
        Reading.LAST,
        (
            "power_off.start",
            "reboot.start",
            "rebuild.start",
            "rescue.start",
            "unrescue.start",
            "suspend.start",
            "shelve.start",
            "shelve_offload.start",
            "resize.start",
            "soft_delete.start",
        ),
    ),
    *_same(
        Reading.FIRST,
        (
            "power_on.end",
            "reboot.end",
            "rebuild.end",
            "rescue.end",
            "unrescue.end",
            "resume.end",
            "unshelve.end",
            "restore.end",
        ),
    ),
    _other(Reading.FIRST, "finish_resize.end", "resize_finish.end"),
    _other(Reading.FIRST, "resize.revert.end", "resize_revert.end"),
    _other(
        Reading.FIRST,
        "live_migration.post.dest.end",
        "live_migration_post_dest.end",
    ),
)


def event_types() -> Iterator[str]:
    """Return the event types of all boundaries, in both forms."""
    for boundary in BOUNDARIES:
        yield boundary.legacy
        yield boundary.versioned
