# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""From readings to Ceilometer's samples."""

from collections.abc import Iterable

from ceilometer.sample import TYPE_CUMULATIVE, Sample

from ceilo_nova_usage.identity import Instance
from ceilo_nova_usage.meters.meter import ResourceReadings
from ceilo_nova_usage.usage import InstanceUsage

__all__ = ["to_samples"]


def to_samples(
    readings: Iterable[ResourceReadings], instance: Instance, usage: InstanceUsage
) -> list[Sample]:
    """Make a cumulative sample of every value, of the time when it was read.

    A sample's id is ``INSTANCE|TIMESTAMP|METER|RESOURCE``: whatever delivers the same
    reading again gives the same id, and the id says what it is of.
    """
    timestamp = usage.collected_at.isoformat()
    reading = f"{instance.uuid}|{timestamp}|"
    user_id, project_id = instance.user_id, instance.project_id
    return [
        Sample(
            name,
            TYPE_CUMULATIVE,
            unit,
            volume,
            user_id,
            project_id,
            resource_id,
            timestamp,
            metadata,
            None,
            f"{reading}{name}|{resource_id}",
        )
        for resource_id, metadata, meters, values in readings
        for (name, unit), volume in zip(meters, values)  # noqa: B905 - as long
        if volume is not None
    ]
