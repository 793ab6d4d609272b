# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Notifications written by hand from the contract, for what no recording can hold.

Everything here is made up: odd sizes, broken values, totals that no nova sends yet.
What nova really sends is under ``tests/fixtures``.
"""

import copy
from typing import Any

UUID = "0b7c1a52-6d3f-4c5e-9d35-3c1f2a9e8b10"
PROJECT = "6f70656e737461636b20342065766572"
USER = "fake-user"
HOST = "compute1"
COLLECTED_AT = "2026-11-22T17:00:00.123456+00:00"


def disk(index: int = 0) -> dict[str, Any]:
    """Return a disk's object, every counter another number."""
    base = 1000 * (index + 1)
    return {
        "device": f"vd{chr(ord('a') + index)}" if index < 26 else f"vd{index}",
        "volume_id": None,
        "read_requests": base + 1,
        "read_bytes": base + 2,
        "write_requests": base + 3,
        "write_bytes": base + 4,
        "read_time": base + 5,
        "write_time": base + 6,
    }


def interface(index: int = 0) -> dict[str, Any]:
    """Return a NIC's object, every counter another number."""
    base = 100000 * (index + 1)
    return {
        "name": f"tap{index:08x}-0",
        "mac": f"fa:16:3e:00:00:{index % 256:02x}",
        "port_id": None,
        "filter": None,
        "parameters": {"interfaceid": None, "bridge": "br-int"},
        "rx_bytes": base + 1,
        "rx_packets": base + 2,
        "rx_errors": base + 3,
        "rx_drop": base + 4,
        "tx_bytes": base + 5,
        "tx_packets": base + 6,
        "tx_errors": base + 7,
        "tx_drop": base + 8,
    }


def usage(disks: int = 2, interfaces: int = 2, **changes: Any) -> dict[str, Any]:
    """Return a ``usage`` block as the contract's section 1 has it."""
    return {
        "schema": "1.0",
        "driver": "libvirt",
        "origin": "live",
        "collected_at": COLLECTED_AT,
        "epoch_began_at": None,
        "instance_name": "instance-00000001",
        "cpu": {"time": 7_000_000_001, "number": 2},
        "disks": [disk(index) for index in range(disks)],
        "interfaces": [interface(index) for index in range(interfaces)],
        **changes,
    }


def lifetime() -> dict[str, int]:
    """Return the ``lifetime`` group, every total another number."""
    return {
        "cpu_time": 9_000_000_001,
        "disk_read_requests": 91,
        "disk_read_bytes": 92,
        "disk_write_requests": 93,
        "disk_write_bytes": 94,
        "net_rx_bytes": 95,
        "net_rx_packets": 96,
        "net_tx_bytes": 97,
        "net_tx_packets": 98,
    }


def legacy(
    block: dict[str, Any] | None = None,
    event_type: str = "compute.instance.delete.start",
    **payload: Any,
) -> dict[str, Any]:
    """Return a dispatched legacy notification that carries ``block``."""
    message = _dispatched(
        event_type,
        {
            "instance_id": UUID,
            "tenant_id": PROJECT,
            "user_id": USER,
            "display_name": "some-server",
            "host": HOST,
            "node": HOST,
            "state": "active",
            "state_description": "deleting",
            "instance_type": "m1.small",
            "instance_flavor_id": "2",
            "vcpus": 2,
            "memory_mb": 2048,
            "root_gb": 20,
            "ephemeral_gb": 5,
            "disk_gb": 25,
            "architecture": "x86_64",
            "os_type": "linux",
            "image_ref_url": "http://glance/images/155d900f-4e14-4e4c-a73d-069cbf4541e6",
            "metadata": {"metering.stack": "blue", "other": "unseen"},
        },
    )
    if block is not None:
        message["payload"]["usage"] = block
    message["payload"].update(payload)
    return message


def versioned(
    block: dict[str, Any] | None = None,
    event_type: str = "instance.delete.start",
    **payload: Any,
) -> dict[str, Any]:
    """Return a dispatched versioned notification that carries ``block``."""
    flavor = {
        "flavorid": "2",
        "name": "m1.small",
        "vcpus": 2,
        "memory_mb": 2048,
        "root_gb": 20,
        "ephemeral_gb": 5,
        "swap": 0,
        "extra_specs": {},
    }
    data = {
        "uuid": UUID,
        "tenant_id": PROJECT,
        "user_id": USER,
        "display_name": "some-server",
        "host": HOST,
        "node": HOST,
        "state": "active",
        "power_state": "running",
        "task_state": "deleting",
        "flavor": wrap("FlavorPayload", flavor),
        "architecture": "x86_64",
        "os_type": "linux",
        "image_uuid": "155d900f-4e14-4e4c-a73d-069cbf4541e6",
        "metadata": {"metering.stack": "blue", "other": "unseen"},
        "usage": block and _wrap_usage(block),
        **payload,
    }
    return _dispatched(event_type, wrap("InstanceActionUsagePayload", data))


def wrap(name: str, data: dict[str, Any], version: str = "1.0") -> dict[str, Any]:
    """Return ``data`` as nova serialises an object of its own."""
    return {
        "nova_object.name": name,
        "nova_object.namespace": "nova",
        "nova_object.version": version,
        "nova_object.data": data,
    }


def _wrap_usage(block: dict[str, Any]) -> dict[str, Any]:
    data = copy.deepcopy(block)
    for key, name in (("cpu", "Cpu"), ("lifetime", "Lifetime")):
        if isinstance(data.get(key), dict):
            data[key] = wrap(f"InstanceUsage{name}Payload", data[key])
    for key, name in (("disks", "Disk"), ("interfaces", "Interface")):
        if isinstance(data.get(key), list):
            data[key] = [
                wrap(f"InstanceUsage{name}Payload", item) for item in data[key]
            ]
    return wrap("InstanceUsagePayload", data)


def _dispatched(event_type: str, payload: dict[str, Any]) -> dict[str, Any]:
    return {
        "ctxt": {"request_id": "req-1", "auth_token": "secret-token"},
        "publisher_id": f"compute.{HOST}",
        "event_type": event_type,
        "payload": payload,
        "metadata": {
            "message_id": "3f2f6b0e-3b0e-4a55-8e0b-0f6f2f7b3a01",
            "timestamp": "2026-11-22 17:00:00.200000",
        },
    }
