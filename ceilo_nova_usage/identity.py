# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Whose usage it is: resource ids and metadata, as the compute pollsters build them.

The rules are those of ``ceilometer/compute/pollsters/util.py`` and of its libvirt
metadata discovery (``ceilometer/compute/discovery.py``); the wire's keys for an
instance are written here and nowhere else.
"""

import functools
import hashlib
from typing import Any

import msgspec

from ceilo_nova_usage import wire
from ceilo_nova_usage.errors import Faults
from ceilo_nova_usage.notification import Notification
from ceilo_nova_usage.usage import CPU, Disk, InstanceUsage, Interface, NetworkTotals
from ceilo_nova_usage.wire import Counter, Name, Part, Text

__all__ = [
    "Flavor",
    "Instance",
    "cpu_metadata",
    "disk_metadata",
    "disk_resource_id",
    "instance_metadata",
    "interface_metadata",
    "interface_resource_id",
    "network_metadata",
    "network_resource_id",
]

# What libvirt says of a guest in nova's vm_state, as the discovery renders it:
# (status, state). A rescued or resized instance is a running guest to libvirt.
_RUNNING = ("active", "running")
_SHUT_OFF = ("stopped", "shutdown")
_STATES = {
    "active": _RUNNING,
    "rescued": _RUNNING,
    "resized": _RUNNING,
    "building": ("building", "pending"),
    "paused": ("paused", "paused"),
    "stopped": _SHUT_OFF,
    # nova suspends a guest into a file.
    "suspended": _SHUT_OFF,
    "soft-delete": _SHUT_OFF,
    "shelved": _SHUT_OFF,
    "error": ("error", "crashed"),
}


class Flavor(msgspec.Struct, frozen=True, kw_only=True):
    """An instance's size: MiB of memory and of swap, GiB of root and other disks."""

    id: str | None = None
    name: str | None = None
    vcpus: int | None = None
    ram: int | None = None
    disk: int | None = None
    ephemeral: int | None = None
    swap: int | None = None


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """The instance a notification tells of. What the wire does not carry is None."""

    uuid: str
    project_id: str
    user_id: str | None = None
    display_name: str | None = None
    host: str | None = None
    vm_state: str | None = None
    task_state: str | None = None
    image_ref: str | None = None
    architecture: str | None = None
    os_type: str | None = None
    flavor: Flavor | None = None
    user_metadata: dict[str, str | None]

    @classmethod
    def from_notification(
        cls, notification: Notification, faults: Faults
    ) -> "Instance | None":
        """Read either wire form; None where no instance or no owner can be told."""
        payload, path = notification.payload, notification.path
        if "uuid" in payload:
            versioned = _VERSIONED.read_open(payload, path, faults, wrapped=True)
            return None if versioned is None else _from_versioned(versioned)
        legacy = _LEGACY.read_open(payload, path, faults)
        return None if legacy is None else _from_legacy(legacy)


class _Payload(Part, frozen=True, kw_only=True):
    """What both forms call by one name."""

    tenant_id: Name
    user_id: Name | None = None
    display_name: Text | None = None
    host: Name | None = None
    state: Text | None = None
    architecture: Text | None = None
    os_type: Text | None = None
    metadata: dict[Name, Text | None] | None = None


class _LegacyPayload(_Payload, frozen=True, kw_only=True):
    instance_id: Name
    state_description: Text | None = None
    image_ref_url: Text | None = None
    instance_flavor_id: Text | None = None
    instance_type: Text | None = None
    vcpus: Counter | None = None
    memory_mb: Counter | None = None
    root_gb: Counter | None = None
    ephemeral_gb: Counter | None = None


class _FlavorPayload(Part, frozen=True, kw_only=True):
    flavorid: Text | None = None
    name: Text | None = None
    vcpus: Counter | None = None
    memory_mb: Counter | None = None
    root_gb: Counter | None = None
    ephemeral_gb: Counter | None = None
    swap: Counter | None = None


class _VersionedPayload(_Payload, frozen=True, kw_only=True):
    uuid: Name
    task_state: Text | None = None
    image_uuid: Text | None = None
    flavor: _FlavorPayload | None = None


_LEGACY = wire.Reader(_LegacyPayload)
_VERSIONED = wire.Reader(_VersionedPayload, any_version=True)


def _from_legacy(payload: _LegacyPayload) -> Instance:
    # Only the URL tells an instance booted from its image from one booted from a
    # volume, whose URL ends at the slash.
    image_ref = (payload.image_ref_url or "").rpartition("/")[2]
    return Instance(
        uuid=payload.instance_id,
        project_id=payload.tenant_id,
        user_id=payload.user_id,
        display_name=payload.display_name,
        host=payload.host,
        vm_state=payload.state,
        task_state=payload.state_description,
        image_ref=image_ref or None,
        architecture=payload.architecture,
        os_type=payload.os_type,
        flavor=Flavor(
            id=payload.instance_flavor_id,
            name=payload.instance_type,
            vcpus=payload.vcpus,
            ram=payload.memory_mb,
            disk=payload.root_gb,
            ephemeral=payload.ephemeral_gb,
        ),
        user_metadata=payload.metadata or {},
    )


def _from_versioned(payload: _VersionedPayload) -> Instance:
    flavor = payload.flavor
    return Instance(
        uuid=payload.uuid,
        project_id=payload.tenant_id,
        user_id=payload.user_id,
        display_name=payload.display_name,
        host=payload.host,
        vm_state=payload.state,
        task_state=payload.task_state,
        image_ref=payload.image_uuid or None,
        architecture=payload.architecture,
        os_type=payload.os_type,
        flavor=None
        if flavor is None
        else Flavor(
            id=flavor.flavorid,
            name=flavor.name,
            vcpus=flavor.vcpus,
            ram=flavor.memory_mb,
            disk=flavor.root_gb,
            ephemeral=flavor.ephemeral_gb,
            swap=flavor.swap,
        ),
        user_metadata=payload.metadata or {},
    )


def instance_metadata(
    instance: Instance, usage: InstanceUsage, event_type: str
) -> dict[str, Any]:
    """Return what every sample of the instance says of it.

    ``disk_gb`` and ``root_gb`` are the pollster's: the root disk, and the root disk
    less the ephemeral one.
    """
    metadata: dict[str, Any] = {
        "display_name": instance.display_name,
        "name": usage.instance_name,
        "instance_id": instance.uuid,
        "instance_host": instance.host,
        "host": instance.host and _host_id(instance.project_id, instance.host),
        "architecture": instance.architecture,
        "os_type": instance.os_type,
        "usage_origin": usage.origin,
        "usage_driver": usage.driver,
        "event_type": event_type,
    }
    state = instance.vm_state
    if state is not None:
        metadata["status"], metadata["state"] = _STATES.get(state, (state, state))
    flavor = instance.flavor
    if flavor is not None:
        metadata["instance_type"] = flavor.name
        metadata["vcpus"] = flavor.vcpus
        metadata["memory_mb"] = flavor.ram
        metadata["disk_gb"] = flavor.disk
        metadata["ephemeral_gb"] = flavor.ephemeral
        if flavor.disk is not None and flavor.ephemeral is not None:
            metadata["root_gb"] = flavor.disk - flavor.ephemeral
        metadata["flavor"] = _known(msgspec.structs.asdict(flavor))
    metadata = _known(metadata)
    # These the pollster has even where they are unknown.
    metadata["task_state"] = instance.task_state or ""
    metadata["image"] = {"id": instance.image_ref} if instance.image_ref else None
    metadata["image_ref"] = instance.image_ref
    metadata["image_ref_url"] = None
    return metadata


def _known(metadata: dict[str, Any]) -> dict[str, Any]:
    if None not in metadata.values():
        return metadata
    return {key: value for key, value in metadata.items() if value is not None}


@functools.lru_cache(maxsize=4096)
def _host_id(project_id: str, host: str) -> str:
    """Return the API's hostId (``nova/api/openstack/compute/views/servers.py``)."""
    return hashlib.sha224(
        (project_id + host).encode(), usedforsecurity=False
    ).hexdigest()


def cpu_metadata(base: dict[str, Any], cpu: CPU) -> dict[str, Any]:
    """Return what the processor's samples say beside the instance's."""
    return base if cpu.number is None else {**base, "cpu_number": cpu.number}


def disk_resource_id(instance: Instance, disk: Disk) -> str:
    """Return a disk's resource id."""
    return f"{instance.uuid}-{disk.device}"


def disk_metadata(base: dict[str, Any], disk: Disk) -> dict[str, Any]:
    """Return what a disk's samples say beside the instance's."""
    return {**base, "disk_name": disk.device}


def interface_resource_id(
    instance: Instance, usage: InstanceUsage, nic: Interface
) -> str:
    """Return a NIC's resource id: its filter's name where it has one."""
    if nic.filter is not None:
        return nic.filter
    return f"{usage.instance_name}-{instance.uuid}-{nic.name}"


def interface_metadata(base: dict[str, Any], nic: Interface) -> dict[str, Any]:
    """Return what a NIC's samples say; its name stands before the instance's."""
    return {
        **base,
        "name": nic.name,
        "mac": nic.mac,
        "fref": nic.filter,
        "parameters": nic.parameters or {},
        "vnic_name": nic.name if nic.filter is None else nic.filter,
    }


def network_resource_id(instance: Instance, network: NetworkTotals) -> str:
    """Return the resource id of an instance's share in a network."""
    return f"{instance.uuid}-{network.label}"


def network_metadata(base: dict[str, Any], network: NetworkTotals) -> dict[str, Any]:
    """Return what a network's samples say beside the instance's."""
    return {**base, "name": network.label, "vnic_name": network.label}
