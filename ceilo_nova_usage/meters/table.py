# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The meters in force: the rows of every entry point, by what they read."""

import logging
import math
import operator
from collections.abc import Callable, Collection, Iterable, Sequence
from importlib import metadata
from typing import Any

from ceilo_nova_usage import identity
from ceilo_nova_usage.errors import Faults, Reason
from ceilo_nova_usage.meters.meter import Family, Meter, ResourceReadings, Scope
from ceilo_nova_usage.usage import InstanceUsage

__all__ = ["NAMESPACE", "MeterTable", "in_force", "load"]

LOG = logging.getLogger(__name__)

NAMESPACE = "ceilo_nova_usage.meters"


class _Rows:
    """The rows of one scope: those that name a field are read in one step."""

    def __init__(self, meters: Iterable[Meter]) -> None:
        rows = tuple(meters)
        fields = {row: row.read for row in rows if isinstance(row.read, str)}
        self._called = tuple(row for row in rows if row not in fields)
        self.meters = tuple(
            (row.name, row.unit, row.family) for row in (*fields, *self._called)
        )
        self._fields = _getter(list(fields.values()))

    def read(self, source: object, faults: Faults) -> Sequence[int | float | None]:
        """Return each row's value; one that fails is named, its value is None."""
        values = self._fields(source)
        if self._called:
            return (
                *values,
                *(_call(meter, source, faults) for meter in self._called),
            )
        return values


def _getter(fields: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    """Return what reads the fields of an object into a tuple."""
    if not fields:
        return lambda source: ()
    getter = operator.attrgetter(*fields)
    # Of one field it returns no tuple.
    return getter if len(fields) > 1 else lambda source: (getter(source),)


def _call(meter: Meter, source: object, faults: Faults) -> int | float | None:
    path = f"meters.{meter.name}"
    try:
        volume: Any = meter.read(source)  # type: ignore[operator]
    except Exception as error:  # noqa: BLE001 - an operator's own code may be here
        faults.add(path, Reason.METER_FAILED, f"raised {type(error).__name__}")
        return None
    if volume is None or type(volume) is int:
        return volume
    if type(volume) is float and math.isfinite(volume):
        return volume
    faults.add(path, Reason.METER_FAILED, f"read a {type(volume).__name__}")
    return None


class MeterTable:
    """The rows in force, by scope."""

    def __init__(self, meters: Iterable[Meter]) -> None:
        rows: dict[Scope, list[Meter]] = {}
        for meter in meters:
            rows.setdefault(meter.scope, []).append(meter)
        #: The names of all of them.
        self.names = frozenset(meter.name for those in rows.values() for meter in those)
        # Named once: to name an enum's member takes as long as to read two values.
        of = {scope: _Rows(meters) for scope, meters in rows.items()}
        self._usage, self._cpu = of.get(Scope.USAGE), of.get(Scope.CPU)
        self._disks, self._disk = of.get(Scope.DISKS), of.get(Scope.DISK)
        self._interface, self._network = of.get(Scope.INTERFACE), of.get(Scope.NETWORK)
        self._lifetime = of.get(Scope.LIFETIME)

    def readings(
        self,
        instance: identity.Instance,
        usage: InstanceUsage,
        metadata: dict[str, Any],
        faults: Faults,
    ) -> list[ResourceReadings]:
        """Return what every resource's meters read; ``metadata`` is the instance's."""
        uuid = instance.uuid
        parts: list[tuple[_Rows | None, object, str, dict[str, Any]]] = [
            (self._usage, usage, uuid, metadata)
        ]
        if usage.disk_sums is not None:
            parts.append((self._disks, usage.disk_sums, uuid, metadata))
        if usage.lifetime is not None:
            parts.append((self._lifetime, usage.lifetime, uuid, metadata))
        if usage.cpu is not None:
            described = identity.cpu_metadata(metadata, usage.cpu)
            parts.append((self._cpu, usage.cpu, uuid, described))
        for disk in usage.disks:
            described = identity.disk_metadata(metadata, disk)
            resource_id = identity.disk_resource_id(instance, disk)
            parts.append((self._disk, disk, resource_id, described))
        for nic in usage.interfaces:
            described = identity.interface_metadata(metadata, nic)
            resource_id = identity.interface_resource_id(instance, usage, nic)
            parts.append((self._interface, nic, resource_id, described))
        for network in usage.networks:
            described = identity.network_metadata(metadata, network)
            resource_id = identity.network_resource_id(instance, network)
            parts.append((self._network, network, resource_id, described))
        return [
            (resource_id, described, rows.meters, rows.read(source, faults))
            for rows, source, resource_id, described in parts
            if rows is not None
        ]


def load(families: Collection[Family]) -> MeterTable:
    """Return the table of the meters in force; what is left out is logged as errors."""
    return MeterTable(in_force(families, lambda text: LOG.error("%s", text)))


def in_force(
    families: Collection[Family], left_out: Callable[[str], None]
) -> list[Meter]:
    """Load the rows of the chosen families from every entry point of the namespace.

    An entry point holds one :class:`Meter` or a collection of them. One that cannot be
    loaded or holds anything else, and a row whose name is taken for its resource, is
    left out; ``left_out`` is told of it in words.
    """
    rows: dict[tuple[str, Scope], Meter] = {}
    # Ours first: an operator's row cannot take the name of one of them.
    for entry_point in sorted(
        metadata.entry_points(group=NAMESPACE),
        key=lambda entry_point: not entry_point.value.startswith("ceilo_nova_usage."),
    ):
        for meter in _rows(entry_point, left_out):
            key = (meter.name, meter.scope.of_resource)
            if key in rows:
                left_out(
                    f"The entry point {entry_point.name} in {NAMESPACE} holds a second "
                    f"meter {meter.name}. It is left out."
                )
            else:
                rows[key] = meter
    return [row for row in rows.values() if row.family in families]


def _rows(
    entry_point: metadata.EntryPoint, left_out: Callable[[str], None]
) -> tuple[Meter, ...]:
    """Return an entry point's rows; none where it is broken."""
    try:
        found = entry_point.load()
        rows = (found,) if isinstance(found, Meter) else found
        # An iterator would be used up by the first handler that loads it.
        if not isinstance(rows, Collection):
            raise TypeError(f"it is a {type(rows).__name__}, not meters")
        for row in rows:
            if not isinstance(row, Meter):
                raise TypeError(f"it holds a {type(row).__name__}, not a meter")
    except Exception as error:  # noqa: BLE001 - an operator's own code may be here
        left_out(
            f"The entry point {entry_point.name} in {NAMESPACE} cannot be loaded: "
            f"{type(error).__name__}: {error}. The meters it holds are not published; "
            "all others are."
        )
        return ()
    return tuple(rows)
