# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The ``usage`` block (contract, section 1) as typed values.

The fields bear the contract's names, which are written here and nowhere else. What is
unknown is None.
"""

import collections
import datetime
import operator
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from ceilo_nova_usage import wire
from ceilo_nova_usage.errors import Faults, Reason
from ceilo_nova_usage.wire import Counter, Name, Part, Text

__all__ = [
    "CPU",
    "Disk",
    "DiskSums",
    "InstanceUsage",
    "Interface",
    "Lifetime",
    "NetworkTotals",
    "unambiguous",
]


class CPU(Part, frozen=True, kw_only=True):
    """What the vCPUs have used, in nanoseconds, and how many are online."""

    time: Counter | None = None
    number: Counter | None = None


class Disk(Part, frozen=True, kw_only=True):
    """One disk's counters: requests, bytes, and times in nanoseconds."""

    device: Name
    volume_id: Name | None = None
    read_requests: Counter | None = None
    read_bytes: Counter | None = None
    write_requests: Counter | None = None
    write_bytes: Counter | None = None
    read_time: Counter | None = None
    write_time: Counter | None = None


class DiskSums(msgspec.Struct, frozen=True):
    """An instance's disks added up; a sum that one disk does not know is unknown."""

    read_requests: int | None
    read_bytes: int | None
    write_requests: int | None
    write_bytes: int | None

    @classmethod
    def over(cls, disks: Sequence[Disk]) -> "DiskSums":
        """Add up the counters of all of an instance's disks."""
        read_requests: Any = 0
        read_bytes: Any = 0
        write_requests: Any = 0
        write_bytes: Any = 0
        try:
            for disk in disks:
                read_requests += disk.read_requests
                read_bytes += disk.read_bytes
                write_requests += disk.write_requests
                write_bytes += disk.write_bytes
        except TypeError:
            # One is None: so is its sum, and the others are what they are.
            columns = zip(*map(_SUMMED, disks), strict=True)
            return cls(*(None if None in each else sum(each) for each in columns))
        return cls(read_requests, read_bytes, write_requests, write_bytes)


_SUMMED = operator.attrgetter(*DiskSums.__struct_fields__)


class Interface(Part, frozen=True, kw_only=True):
    """One NIC's counters: bytes and packets."""

    # A filter, where there is one, names the NIC's resource.
    NAMING = frozenset({"filter"})

    name: Name
    mac: Name | None = None
    port_id: Name | None = None
    filter: Name | None = None
    parameters: dict[Name, Text | None] | None = None
    rx_bytes: Counter | None = None
    rx_packets: Counter | None = None
    rx_errors: Counter | None = None
    rx_drop: Counter | None = None
    tx_bytes: Counter | None = None
    tx_packets: Counter | None = None
    tx_errors: Counter | None = None
    tx_drop: Counter | None = None


class Lifetime(Part, frozen=True, kw_only=True):
    """Totals over the instance's whole life: nanoseconds, requests, bytes, packets."""

    cpu_time: Counter | None = None
    disk_read_requests: Counter | None = None
    disk_read_bytes: Counter | None = None
    disk_write_requests: Counter | None = None
    disk_write_bytes: Counter | None = None
    net_rx_bytes: Counter | None = None
    net_rx_packets: Counter | None = None
    net_tx_bytes: Counter | None = None
    net_tx_packets: Counter | None = None


class NetworkTotals(msgspec.Struct, frozen=True, kw_only=True):
    """One network's bytes over an audit period, as XenAPI counted them."""

    label: Name
    in_bytes: Counter | None = None
    out_bytes: Counter | None = None


class _Block(Part, frozen=True, kw_only=True):
    """The block as it is on the wire."""

    schema: Name
    collected_at: Name
    driver: Name | None = None
    origin: Name | None = None
    epoch_began_at: Name | None = None
    instance_name: Name | None = None
    cpu: CPU | None = None
    disks: tuple[Disk, ...] | None = None
    interfaces: tuple[Interface, ...] | None = None
    lifetime: Lifetime | None = None


_BLOCK = wire.Reader(_Block)


class InstanceUsage(msgspec.Struct, frozen=True, kw_only=True):
    """One reading of an instance's counters.

    The times are aware, in UTC. ``disk_sums`` is None where the block has no disks, or
    one of them was refused. ``networks`` comes from older wire forms alone.
    """

    collected_at: datetime.datetime
    driver: str | None = None
    origin: str | None = None
    epoch_began_at: datetime.datetime | None = None
    instance_name: str | None = None
    cpu: CPU | None = None
    disks: Sequence[Disk] = ()
    disk_sums: DiskSums | None = None
    interfaces: Sequence[Interface] = ()
    lifetime: Lifetime | None = None
    networks: Sequence[NetworkTotals] = ()

    @classmethod
    def from_wire(
        cls, value: Any, path: str, max_devices: int, faults: Faults
    ) -> "InstanceUsage | None":
        """Read the block; None, with its faults, where nothing of it can be used."""
        opened = wire.open_object(value, path, faults)
        if opened is None or not _is_known_schema(*opened, faults):
            return None
        data, path = opened
        wrapped = data is not value
        data = _bounded(data, path, max_devices, faults)
        block = _BLOCK.read_open(data, path, faults, wrapped=wrapped)
        if block is None:
            return None
        collected_at = wire.time(block.collected_at, f"{path}.collected_at", faults)
        if collected_at is None:
            return None
        disks = unambiguous(block.disks or (), "device", f"{path}.disks", faults)
        interfaces = unambiguous(
            block.interfaces or (), "name", f"{path}.interfaces", faults
        )
        if block.instance_name is None and any(
            nic.filter is None for nic in interfaces
        ):
            interfaces = [nic for nic in interfaces if nic.filter is not None]
            faults.missing(f"{path}.instance_name")
        return cls(
            collected_at=collected_at,
            driver=block.driver,
            origin=block.origin,
            epoch_began_at=None
            if block.epoch_began_at is None
            else wire.time(block.epoch_began_at, f"{path}.epoch_began_at", faults),
            instance_name=block.instance_name,
            cpu=block.cpu,
            disks=disks,
            disk_sums=DiskSums.over(disks)
            if disks and len(disks) == len(data["disks"])
            else None,
            interfaces=interfaces,
            lifetime=block.lifetime,
        )


_D = TypeVar("_D")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def _is_known_schema(data: dict[str, Any], path: str, faults: Faults) -> bool:
    schema = data.get("schema")
    if isinstance(schema, str) and schema[:2] == "1." and _is_number(schema[2:]):
        return True
    faults.add(f"{path}.schema", Reason.UNKNOWN_VERSION, "is no version 1.x")
    return False


def _bounded(
    data: dict[str, Any], path: str, limit: int, faults: Faults
) -> dict[str, Any]:
    """Return the block without its lists of more devices than any instance has."""
    for name in ("disks", "interfaces"):
        devices = data.get(name)
        if isinstance(devices, list) and len(devices) > limit:
            faults.add(
                f"{path}.{name}",
                Reason.TOO_MANY,
                f"lists {len(devices)}, over {limit}",
            )
            data = {**data, name: None}
    return data


def unambiguous(
    devices: Sequence[_D], field: str, path: str, faults: Faults
) -> Sequence[_D]:
    """Return the devices that share their field's value with no other one.

    Two of one name would write into one series: neither is believed.
    """
    read = operator.attrgetter(field)
    if len(set(map(read, devices))) == len(devices):
        return devices
    seen = collections.Counter(map(read, devices))
    faults.add(path, Reason.DUPLICATE, f"lists one {field} more than once")
    return [device for device in devices if seen[read(device)] == 1]
