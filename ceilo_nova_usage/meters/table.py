# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The meters in force: the rows of every entry point, by what they read."""

import dataclasses
import logging
import math
from collections.abc import Collection, Iterable, Iterator
from typing import Any

import stevedore

from ceilo_nova_usage import identity
from ceilo_nova_usage.errors import Faults, Reason
from ceilo_nova_usage.meters.meter import Family, Meter, ResourceReadings, Scope
from ceilo_nova_usage.usage import InstanceUsage

__all__ = ["NAMESPACE", "MeterTable", "load"]

LOG = logging.getLogger(__name__)

NAMESPACE = "ceilo_nova_usage.meters"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MeterTable:
    """The rows, by scope."""

    instance: tuple[Meter, ...]
    cpu: tuple[Meter, ...]
    disk: tuple[Meter, ...]
    interface: tuple[Meter, ...]
    network: tuple[Meter, ...]

    @classmethod
    def of(cls, meters: Iterable[Meter]) -> "MeterTable":
        """Sort rows by their scope."""
        rows = tuple(meters)
        return cls(
            **{
                str(scope): tuple(row for row in rows if row.scope is scope)
                for scope in Scope
            }
        )

    def readings(
        self,
        instance: identity.Instance,
        usage: InstanceUsage,
        metadata: dict[str, Any],
        faults: Faults,
    ) -> Iterator[ResourceReadings]:
        """Yield what every resource's meters read; ``metadata`` is the instance's."""
        yield ResourceReadings(
            instance.uuid, metadata, _read(self.instance, usage, faults)
        )
        if usage.cpu is not None:
            yield ResourceReadings(
                instance.uuid,
                identity.cpu_metadata(metadata, usage.cpu),
                _read(self.cpu, usage.cpu, faults),
            )
        for disk in usage.disks:
            yield ResourceReadings(
                identity.disk_resource_id(instance, disk),
                identity.disk_metadata(metadata, disk),
                _read(self.disk, disk, faults),
            )
        for nic in usage.interfaces:
            yield ResourceReadings(
                identity.interface_resource_id(instance, usage, nic),
                identity.interface_metadata(metadata, nic),
                _read(self.interface, nic, faults),
            )
        for network in usage.networks:
            yield ResourceReadings(
                identity.network_resource_id(instance, network),
                identity.network_metadata(metadata, network),
                _read(self.network, network, faults),
            )


def _read(
    meters: tuple[Meter, ...], source: object, faults: Faults
) -> list[tuple[Meter, int | float]]:
    """Read one resource's meters; one that fails is named and costs only itself."""
    values = []
    for meter in meters:
        try:
            volume = meter.read(source)
        except Exception as error:  # noqa: BLE001 - an operator's own code may be here
            faults.add(
                f"meters.{meter.name}",
                Reason.METER_FAILED,
                f"raised {type(error).__name__}",
            )
            continue
        if volume is None:
            continue
        if type(volume) is int or (type(volume) is float and math.isfinite(volume)):
            values.append((meter, volume))
        else:
            faults.add(
                f"meters.{meter.name}", Reason.METER_FAILED, "did not read a number"
            )
    return values


def load(families: Collection[Family]) -> MeterTable:
    """Load the rows of the chosen families from every entry point of the namespace.

    An entry point holds one :class:`Meter` or an iterable of them. One that cannot be
    loaded, holds anything else, or gives a name that is taken, is logged as an error
    and left out.
    """
    rows: dict[tuple[str, Scope], Meter] = {}
    manager: Any = stevedore.ExtensionManager(
        NAMESPACE, on_load_failure_callback=_name_broken
    )
    # Ours first: an operator's row cannot take the name of one of them.
    for extension in sorted(
        manager, key=lambda ext: not ext.module_name.startswith("ceilo_nova_usage.")
    ):
        for meter in _rows(extension):
            if (meter.name, meter.scope) in rows:
                LOG.error(
                    "The entry point %s in %s holds a second meter %s. It is left out.",
                    extension.name,
                    NAMESPACE,
                    meter.name,
                )
            else:
                rows[meter.name, meter.scope] = meter
    return MeterTable.of(row for row in rows.values() if row.family in families)


def _rows(extension: Any) -> tuple[Meter, ...]:
    """Return an entry point's rows; none, with an error logged, where it is broken."""
    found = extension.plugin
    try:
        rows = (found,) if isinstance(found, Meter) else tuple(found)
    except Exception as error:  # noqa: BLE001 - an operator's own code may be here
        _name_broken(None, extension, error)
        return ()
    strangers = [row for row in rows if not isinstance(row, Meter)]
    if strangers:
        error = TypeError(f"it holds a {type(strangers[0]).__name__}, not a meter")
        _name_broken(None, extension, error)
        return ()
    return rows


def _name_broken(
    manager: object, entry_point: Any, error: BaseException, *_: object
) -> None:
    LOG.error(
        "The entry point %s in %s cannot be loaded: %s: %s. The meters it holds are "
        "not published; all others are.",
        entry_point.name,
        NAMESPACE,
        type(error).__name__,
        error,
    )
