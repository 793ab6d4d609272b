# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""From readings to Ceilometer's samples."""

import datetime
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from ceilometer.sample import TYPE_CUMULATIVE, Sample

from ceilo_nova_usage.identity import Instance
from ceilo_nova_usage.meters.meter import Family, ResourceReadings
from ceilo_nova_usage.usage import InstanceUsage

__all__ = ["Metered", "UsageSample", "to_samples", "to_zeros"]

# What Ceilometer's constructor sets, in its order.
_FIELDS = {
    **dict.fromkeys(("name", "type", "unit", "volume", "user_id", "user_name")),
    **dict.fromkeys(("project_id", "project_name", "resource_id", "timestamp")),
    **dict.fromkeys(("resource_metadata", "source", "id", "monotonic_time")),
}
# Whether that is all it sets.
_IS_KNOWN = vars(Sample("", TYPE_CUMULATIVE, "", 0, None, None, "")).keys() == {
    *_FIELDS
}


class _Unset:
    """An attribute that is worked out each time that it is read, until it is set."""

    def __init__(self, work_out: Callable[[Any], str]) -> None:
        self._work_out = work_out
        self.__doc__ = work_out.__doc__

    def __get__(self, sample: Any, owner: Any = None) -> Any:
        return self if sample is None else self._work_out(sample)


class UsageSample(Sample):  # type: ignore[misc]  # ceilometer is untyped
    """A cumulative sample that is as Ceilometer's own to whoever reads or changes it.

    A reading comes to dozens, and few publishers look at ids and sources: one has
    what differs, and is made without Ceilometer's constructor. ``reading`` is what the
    ids of a reading's samples begin with, ``INSTANCE|TIMESTAMP|``.
    """

    type = TYPE_CUMULATIVE
    user_name = None
    project_name = None
    monotonic_time = None
    reading: str
    __init__ = object.__init__

    @_Unset
    def source(self) -> str:
        """Return what Ceilometer calls the source of samples that name none."""
        source: str = self.SOURCE_DEFAULT
        return source

    @_Unset
    def id(self) -> str:
        """Return ``INSTANCE|TIMESTAMP|METER|RESOURCE``."""
        return f"{self.reading}{self.name}|{self.resource_id}"

    def as_dict(self) -> dict[str, Any]:
        """Return its fields, in the order of Ceilometer's."""
        fields = {name: getattr(self, name) for name in _FIELDS}
        fields.update(vars(self))
        del fields["reading"]
        return fields

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sample) and self.as_dict() == other.as_dict()


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
    user_id, project_id = instance.user_id, instance.project_id
    if not _IS_KNOWN:
        return _constructed(readings, instance, dict.fromkeys(Family, timestamp))
    begun = f"{instance.uuid}|{timestamp}|"
    samples: list[Sample] = []
    for resource_id, metadata, meters, values in readings:
        for (name, unit, _), volume in zip(meters, values):  # noqa: B905 - as long
            if volume is None:
                continue
            sample = UsageSample()
            sample.name = name
            sample.unit = unit
            sample.volume = volume
            sample.user_id = user_id
            sample.project_id = project_id
            sample.resource_id = resource_id
            sample.timestamp = timestamp
            sample.resource_metadata = metadata
            sample.reading = begun
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
    return _constructed(readings, instance, times, volume=0)


def _constructed(
    readings: Iterable[ResourceReadings],
    instance: Instance,
    times: Mapping[Family, str],
    volume: int | None = None,
) -> list[Sample]:
    """Have Ceilometer make a sample of every value whose family has a time.

    ``volume`` stands for all the values, where there is one.
    """
    return [
        Sample(
            name,
            TYPE_CUMULATIVE,
            unit,
            value if volume is None else volume,
            instance.user_id,
            instance.project_id,
            resource_id,
            timestamp,
            metadata,
            None,
            f"{instance.uuid}|{timestamp}|{name}|{resource_id}",
        )
        for resource_id, metadata, meters, values in readings
        for (name, unit, family), value in zip(meters, values, strict=True)
        if value is not None and (timestamp := times.get(family)) is not None
    ]
