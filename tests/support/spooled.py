# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Samples to put into a spool, and what is in it."""

import hashlib

from ceilometer.sample import TYPE_CUMULATIVE, Sample


def sample(resource_id="vm-1", number=0, *, name="cpu", volume=None, metadata=None):
    """A sample that differs from all others by its resource and number."""
    return Sample(
        name,
        TYPE_CUMULATIVE,
        "ns",
        number if volume is None else volume,
        "user-1",
        "project-1",
        resource_id,
        f"2026-03-01T10:00:00.{number % 10**6:06}+00:00",
        {"display_name": "web-1"} if metadata is None else metadata,
        None,
        f"{resource_id}|{number}|{name}",
    )


def large(resource_id, number, size=2000):
    """A sample of about that many bytes, which do not become fewer when packed."""
    noise = hashlib.shake_128(f"{resource_id} {number}".encode()).hexdigest(size // 2)
    return sample(resource_id, number, metadata={"noise": noise})


def waiting(spool):
    """Return the rows that wait, all of them."""
    return spool.waiting(10**6)


def numbers(rows):
    """Return the volumes of rows' samples, in order."""
    return [each.volume for row in rows for each in row.samples]
