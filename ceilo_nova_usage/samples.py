# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""From readings to Ceilometer's samples."""

import functools
import hashlib
from collections.abc import Iterable

from ceilometer.sample import TYPE_CUMULATIVE, Sample

from ceilo_nova_usage.identity import Instance
from ceilo_nova_usage.meters.meter import ResourceReadings
from ceilo_nova_usage.usage import InstanceUsage

__all__ = ["sample_id", "to_samples"]


def sample_id(instance_uuid: str, timestamp: str, resource_id: str, meter: str) -> str:
    """Return a sample's id: a UUID of version 8 (RFC 9562), a function of these four.

    Whatever delivers the same reading again gives the same id. Its 128 bits are the
    beginning of the SHA-256 of the instance, the time and the resource, joined by
    line feeds, which none of them can hold; the last 48 of them are XORed with the
    beginning of the SHA-256 of the meter's name; version and variant are set.
    """
    head, tail = _resource_part(f"{instance_uuid}\n{timestamp}\n{resource_id}")
    return f"{head}{tail ^ _meter_part(meter):012x}"


def _resource_part(name: str) -> tuple[str, int]:
    """Return the first four groups of the ids of one reading, and the last's base."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    variant = "89ab"[int(digest[16], 16) & 3]
    return (
        f"{digest[:8]}-{digest[8:12]}-8{digest[13:16]}-{variant}{digest[17:20]}-",
        int(digest[20:32], 16),
    )


@functools.cache
def _meter_part(meter: str) -> int:
    return int(hashlib.sha256(meter.encode()).hexdigest()[:12], 16)


def to_samples(
    readings: Iterable[ResourceReadings], instance: Instance, usage: InstanceUsage
) -> list[Sample]:
    """Make a cumulative sample a value, at the time when the counters were read."""
    timestamp = usage.collected_at.isoformat()
    user_id, project_id = instance.user_id, instance.project_id
    samples = []
    for resource_id, metadata, values in readings:
        # As sample_id, whose first part is the same for all meters of a resource.
        head, tail = _resource_part(f"{instance.uuid}\n{timestamp}\n{resource_id}")
        samples += [
            Sample(
                meter.name,
                TYPE_CUMULATIVE,
                meter.unit,
                volume,
                user_id,
                project_id,
                resource_id,
                timestamp,
                metadata,
                None,
                f"{head}{tail ^ _meter_part(meter.name):012x}",
            )
            for meter, volume in values
        ]
    return samples
