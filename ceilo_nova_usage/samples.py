# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""From readings to Ceilometer's samples."""

import datetime
from collections.abc import Callable, Collection, Iterable, Mapping

from ceilometer.sample import TYPE_CUMULATIVE, Sample

from ceilo_nova_usage.identity import Instance
from ceilo_nova_usage.meters.meter import Family, ResourceReadings
from ceilo_nova_usage.usage import InstanceUsage

__all__ = ["Metered", "to_samples", "to_zeros"]

_new: Callable[[type[Sample]], Sample] = Sample.__new__
# What Ceilometer's constructor sets, if there is no more to it.
_SET = frozenset(
    {
        *("name", "type", "unit", "volume", "user_id", "user_name", "project_id"),
        *("project_name", "resource_id", "timestamp", "resource_metadata", "source"),
        *("id", "monotonic_time"),
    }
)
_IS_KNOWN = vars(Sample("", TYPE_CUMULATIVE, "", 0, None, None, "")).keys() == _SET


class Metered(list[Sample]):
    """Samples of meters that are among ``names``, all of whose volumes are numbers.

    A pipeline that has all these meters need not look at each sample.
    """

    def __init__(self, names: Collection[str]) -> None:
        super().__init__()
        self.names = names


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
    source = Sample.SOURCE_DEFAULT
    samples = []
    for resource_id, metadata, meters, values in readings:
        for (name, unit, _), volume in zip(meters, values):  # noqa: B905 - as long
            if volume is None:
                continue
            sample_id = f"{reading}{name}|{resource_id}"
            if not _IS_KNOWN:
                whose = user_id, project_id, resource_id, timestamp, metadata, None
                samples.append(
                    Sample(name, TYPE_CUMULATIVE, unit, volume, *whose, sample_id)
                )
                continue
            # To call the constructor takes half as long again.
            sample = _new(Sample)
            sample.name = name
            sample.type = TYPE_CUMULATIVE
            sample.unit = unit
            sample.volume = volume
            sample.user_id = user_id
            sample.user_name = None
            sample.project_id = project_id
            sample.project_name = None
            sample.resource_id = resource_id
            sample.timestamp = timestamp
            sample.resource_metadata = metadata
            sample.source = source
            sample.id = sample_id
            sample.monotonic_time = None
            samples.append(sample)
    return samples


def to_zeros(
    readings: Iterable[ResourceReadings],
    instance: Instance,
    moments: Mapping[Family, datetime.datetime],
) -> list[Sample]:
    """Make a sample of 0 of every value whose family has a moment of zero.

    It is the reading's but for time, volume and so its id.
    """
    times = {family: moment.isoformat() for family, moment in moments.items()}
    return [
        Sample(
            name,
            TYPE_CUMULATIVE,
            unit,
            0,
            instance.user_id,
            instance.project_id,
            resource_id,
            timestamp,
            metadata,
            None,
            f"{instance.uuid}|{timestamp}|{name}|{resource_id}",
        )
        for resource_id, metadata, meters, values in readings
        for (name, unit, family), volume in zip(meters, values, strict=True)
        if volume is not None and (timestamp := times.get(family)) is not None
    ]
