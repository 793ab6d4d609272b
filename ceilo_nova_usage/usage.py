# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The ``usage`` block (contract, section 1) as typed values.

The fields bear the contract's names, which are written here and nowhere else. What is
unknown is None.
"""

import collections
import datetime
import re
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, TypeVar

import msgspec

from ceilo_nova_usage import wire
from ceilo_nova_usage.errors import Faults, Reason
from ceilo_nova_usage.wire import Counter, Name, Text

__all__ = [
    "CPU",
    "Disk",
    "InstanceUsage",
    "Interface",
    "Lifetime",
    "NetworkTotals",
    "unambiguous",
]


class CPU(msgspec.Struct, frozen=True, kw_only=True):
    """What the vCPUs have used, in nanoseconds, and how many are online."""

    time: Counter | None = None
    number: Counter | None = None


class Disk(msgspec.Struct, frozen=True, kw_only=True):
    """One disk's counters: requests, bytes, and times in nanoseconds."""

    device: Name
    volume_id: Name | None = None
    read_requests: Counter | None = None
    read_bytes: Counter | None = None
    write_requests: Counter | None = None
    write_bytes: Counter | None = None
    read_time: Counter | None = None
    write_time: Counter | None = None

    @property
    def key(self) -> str:
        """The name that no other disk of the guest has."""
        return self.device


class Interface(msgspec.Struct, frozen=True, kw_only=True):
    """One NIC's counters: bytes and packets."""

    # A filter, where there is one, names the NIC's resource.
    NAMING: ClassVar[frozenset[str]] = frozenset({"filter"})

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

    @property
    def key(self) -> str:
        """The name that no other NIC of the guest has."""
        return self.name


class Lifetime(msgspec.Struct, frozen=True, kw_only=True):
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

    @property
    def key(self) -> str:
        """The name that no other network of the instance has."""
        return self.label


class _Block(msgspec.Struct, frozen=True, kw_only=True):
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

    The times are aware, in UTC. ``disks_complete`` is false where a disk of the block
    was refused, which makes every sum over disks unknown. ``networks`` comes from
    older wire forms alone.
    """

    collected_at: datetime.datetime
    driver: str | None = None
    origin: str | None = None
    epoch_began_at: datetime.datetime | None = None
    instance_name: str | None = None
    cpu: CPU | None = None
    disks: Sequence[Disk] = ()
    disks_complete: bool = True
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
        block = _BLOCK.read(data, path, faults)
        if block is None:
            return None
        collected_at = wire.time(block.collected_at, f"{path}.collected_at", faults)
        if collected_at is None:
            return None
        disks, disks_fit = _devices(
            block.disks or (), f"{path}.disks", max_devices, faults
        )
        interfaces, _ = _devices(
            block.interfaces or (), f"{path}.interfaces", max_devices, faults
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
            epoch_began_at=block.epoch_began_at
            and wire.time(block.epoch_began_at, f"{path}.epoch_began_at", faults),
            instance_name=block.instance_name,
            cpu=block.cpu,
            disks=disks,
            disks_complete=disks_fit and len(disks) == len(data.get("disks") or ()),
            interfaces=interfaces,
            lifetime=block.lifetime,
        )


class _Device(Protocol):
    @property
    def key(self) -> str: ...


_D = TypeVar("_D", bound=_Device)


def _is_known_schema(data: dict[str, Any], path: str, faults: Faults) -> bool:
    schema = data.get("schema")
    if isinstance(schema, str) and re.fullmatch(r"1\.[0-9]{1,9}", schema):
        return True
    faults.add(f"{path}.schema", Reason.UNKNOWN_VERSION, "is no version 1.x")
    return False


def _devices(
    devices: Sequence[_D], path: str, limit: int, faults: Faults
) -> tuple[Sequence[_D], bool]:
    """Return the devices that can be told apart; tell whether that is all of them."""
    if len(devices) > limit:
        faults.add(path, Reason.TOO_MANY, f"lists {len(devices)}, over {limit}")
        return (), False
    return unambiguous(devices, path, faults)


def unambiguous(
    devices: Sequence[_D], path: str, faults: Faults
) -> tuple[Sequence[_D], bool]:
    """Return the devices whose name no other one has; tell whether that is all.

    Two devices of one name would write into one series: neither is believed.
    """
    if len({device.key for device in devices}) == len(devices):
        return devices, True
    seen = collections.Counter(device.key for device in devices)
    faults.add(path, Reason.DUPLICATE, "names one device more than once")
    return [device for device in devices if seen[device.key] == 1], False
