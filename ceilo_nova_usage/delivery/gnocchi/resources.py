# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Samples by the resource of Gnocchi's that they are measures of."""

import dataclasses
import datetime
from collections.abc import Container, Iterable, Mapping
from typing import Any

from ceilometer.sample import Sample

from ceilo_nova_usage.delivery.spool.values import as_key
from ceilo_nova_usage.handlers.delete import DeleteHandler

__all__ = ["END_MARGIN", "Accepted", "Resource", "grouped", "moment", "resource_key"]

#: A measure at or after a resource's end makes Gnocchi take the end back.
END_MARGIN = datetime.timedelta(milliseconds=1)

#: A sample, and when it was accepted.
Accepted = tuple[Sample, datetime.datetime]

_UTC = datetime.UTC
# A year of which one can still say what time it was a day before and after.
_YEARS = range(1970, 9000)


@dataclasses.dataclass(slots=True, kw_only=True)
class Resource:
    """One of Gnocchi's resources, and the measures to be sent for it.

    ``measures`` is by metric, as Gnocchi's batch request has it. ``earliest`` and
    ``latest`` are the times of the first and the last of them. ``end`` is a moment
    after which the resource is no more, where these measures are its last.
    """

    type: str
    id: str
    instance_id: str
    attributes: dict[str, Any]
    user_id: str | None
    measures: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    earliest: datetime.datetime | None = None
    latest: datetime.datetime | None = None
    end: datetime.datetime | None = None

    def add(self, sample: Sample, metric: Mapping[str, Any]) -> None:
        """Add a sample's measure to the metric it belongs to."""
        entry = self.measures.get(sample.name)
        if entry is None:
            entry = self.measures[sample.name] = {
                "measures": [],
                "archive_policy_name": metric["archive_policy_name"],
                "unit": sample.unit,
            }
        entry["measures"].append(
            {"timestamp": sample.timestamp, "value": sample.volume}
        )


def resource_key(resource_id: object) -> str:
    """Return a sample's resource id as Gnocchi is told it: it allows no slash."""
    return as_key(resource_id).replace("/", "_")


def grouped(
    samples: Iterable[Accepted],
    definitions: Mapping[str, Any],
    of_instances: Container[str],
) -> list[Resource]:
    """Return the resources of samples, each with all its measures.

    ``definitions`` are Ceilometer's resource definitions by the meter that they are of;
    samples of other meters are passed over. ``of_instances`` are the resource types
    that live and end with an instance, its own among them.
    """
    resources: dict[str, Resource] = {}
    described: dict[str, Mapping[str, Any]] = {}
    for sample, accepted_at in samples:
        definition = definitions.get(sample.name)
        if definition is None:
            continue
        resource_id = resource_key(sample.resource_id)
        metadata = sample.resource_metadata
        resource = resources.get(resource_id)
        if resource is None:
            resource_type = definition.cfg["resource_type"]
            instance_id = (
                metadata.get("instance_id") if resource_type in of_instances else None
            )
            resource = resources[resource_id] = Resource(
                type=resource_type,
                id=resource_id,
                instance_id=str(instance_id or resource_id),
                attributes={},
                user_id=sample.user_id,
            )
        # To read attributes is slow; the samples of a reading share their metadata.
        if described.get(resource_id) is not metadata:
            described[resource_id] = metadata
            resource.attributes["project_id"] = sample.project_id
            resource.attributes.update(definition.sample_attributes(sample))
        resource.add(sample, definition.metrics[sample.name])
        read_at = moment(sample.timestamp)
        if read_at is None:
            continue
        if resource.latest is None or read_at > resource.latest:
            resource.latest = read_at
        if resource.earliest is None or read_at < resource.earliest:
            resource.earliest = read_at
        if metadata.get("event_type") in DeleteHandler.notifications:
            end = read_at + END_MARGIN
            if metadata.get("usage_origin") != "live":
                # Read some time ago: the instance is deleted only now.
                end = max(end, accepted_at)
            resource.end = end if resource.end is None else max(end, resource.end)
    return list(resources.values())


def moment(text: object) -> datetime.datetime | None:
    """Return a time that is given as text, in UTC where it does not say; or None."""
    try:
        when = datetime.datetime.fromisoformat(str(text))
        if when.year not in _YEARS:
            return None
        if when.tzinfo is None:
            return when.replace(tzinfo=_UTC)
        return when.astimezone(_UTC)
    except (OverflowError, ValueError):
        return None
