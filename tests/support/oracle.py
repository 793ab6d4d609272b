# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The samples that a notification must come to, worked out the slow and plain way.

The tables are typed from the usage contract by hand, and nothing of the package is
used: where this module and the package agree, they agree for reasons of their own.
It expects notifications that obey the contract. What is broken in one is taken out of
its expected samples by the test that broke it.

    python -m tests.support.oracle

writes the expected samples of every message of the shipped life that carries usage
beside it, as ``CASE.samples.json``. Read the difference before committing it.
"""

import datetime
import hashlib
import json
import pathlib
from typing import Any

from tests.support import shipped
from tests.support.recordings import FIXTURES, Life

# meter, unit, field of the group
CPU = (("cpu", "ns", "time"),)
DISK = (
    ("disk.device.read.requests", "request", "read_requests"),
    ("disk.device.write.requests", "request", "write_requests"),
    ("disk.device.read.bytes", "B", "read_bytes"),
    ("disk.device.write.bytes", "B", "write_bytes"),
    ("disk.device.read.latency", "ns", "read_time"),
    ("disk.device.write.latency", "ns", "write_time"),
)
DISK_SUMS = (
    ("disk.read.requests", "request", "read_requests"),
    ("disk.write.requests", "request", "write_requests"),
    ("disk.read.bytes", "B", "read_bytes"),
    ("disk.write.bytes", "B", "write_bytes"),
)
INTERFACE = (
    ("network.incoming.bytes", "B", "rx_bytes"),
    ("network.outgoing.bytes", "B", "tx_bytes"),
    ("network.incoming.packets", "packet", "rx_packets"),
    ("network.outgoing.packets", "packet", "tx_packets"),
    ("network.incoming.packets.drop", "packet", "rx_drop"),
    ("network.outgoing.packets.drop", "packet", "tx_drop"),
    ("network.incoming.packets.error", "packet", "rx_errors"),
    ("network.outgoing.packets.error", "packet", "tx_errors"),
)
LIFETIME = (
    ("cpu.total", "ns", "cpu_time"),
    ("disk.read.requests.total", "request", "disk_read_requests"),
    ("disk.read.bytes.total", "B", "disk_read_bytes"),
    ("disk.write.requests.total", "request", "disk_write_requests"),
    ("disk.write.bytes.total", "B", "disk_write_bytes"),
    ("network.incoming.bytes.total", "B", "net_rx_bytes"),
    ("network.incoming.packets.total", "packet", "net_rx_packets"),
    ("network.outgoing.bytes.total", "B", "net_tx_bytes"),
    ("network.outgoing.packets.total", "packet", "net_tx_packets"),
)
SUM_METERS = frozenset(meter for meter, _, _ in DISK_SUMS)
TOTAL_METERS = frozenset(meter for meter, _, _ in LIFETIME)

BOTH_FORMS = (
    "compute.instance.delete.start",
    "instance.delete.start",
    "compute.instance.exists",
    "instance.exists",
    "compute.instance.create.end",
    "instance.create.end",
    "compute.instance.power_off.start",
    "instance.power_off.start",
    "compute.instance.power_on.end",
    "instance.power_on.end",
    "compute.instance.reboot.start",
    "instance.reboot.start",
    "compute.instance.reboot.end",
    "instance.reboot.end",
    "compute.instance.rebuild.start",
    "instance.rebuild.start",
    "compute.instance.rebuild.end",
    "instance.rebuild.end",
    "compute.instance.rescue.start",
    "instance.rescue.start",
    "compute.instance.rescue.end",
    "instance.rescue.end",
    "compute.instance.unrescue.start",
    "instance.unrescue.start",
    "compute.instance.unrescue.end",
    "instance.unrescue.end",
    "compute.instance.suspend.start",
    "instance.suspend.start",
    "compute.instance.resume.end",
    "instance.resume.end",
    "compute.instance.shelve.start",
    "instance.shelve.start",
    "compute.instance.shelve_offload.start",
    "instance.shelve_offload.start",
    "compute.instance.unshelve.end",
    "instance.unshelve.end",
    "compute.instance.resize.start",
    "instance.resize.start",
    "compute.instance.finish_resize.end",
    "instance.resize_finish.end",
    "compute.instance.resize.revert.end",
    "instance.resize_revert.end",
    "compute.instance.soft_delete.start",
    "instance.soft_delete.start",
    "compute.instance.restore.end",
    "instance.restore.end",
    "compute.instance.live_migration.post.dest.end",
    "instance.live_migration_post_dest.end",
)
METERED = (*BOTH_FORMS, "compute.instance.force_delete.start")
EXISTS = ("compute.instance.exists", "instance.exists")

# nova's vm_state, and what the pollster's discovery says of the guest behind it:
# (status, state). nova suspends a guest into a file, and stops it to shelve it.
STATES = {
    "active": ("active", "running"),
    "rescued": ("active", "running"),
    "resized": ("active", "running"),
    "paused": ("paused", "paused"),
    "stopped": ("stopped", "shutdown"),
    "suspended": ("stopped", "shutdown"),
    "soft-delete": ("stopped", "shutdown"),
    "shelved": ("stopped", "shutdown"),
}

Sample = dict[str, Any]


def samples(message: dict[str, Any]) -> list[Sample]:
    """Return what a dispatched notification must come to, sorted by meter and id."""
    payload = unwrapped(message["payload"])
    event_type = message["event_type"]
    if event_type not in METERED:
        return []
    found = []
    if payload.get("usage") is not None:
        found += _of_usage(payload["usage"], payload, event_type)
    if event_type in EXISTS and payload.get("bandwidth"):
        found += _of_bandwidth(payload["bandwidth"], payload, event_type)
    return ordered(found)


def zeros(
    message: dict[str, Any], since: datetime.datetime | None = None
) -> list[Sample]:
    """Return the samples of 0 that come with those of a dispatched notification.

    ``since`` is the option ``baseline_since``.
    """
    payload = unwrapped(message["payload"])
    usage = payload.get("usage")
    if message["event_type"] not in METERED or usage is None:
        return []
    read_at = _moment(usage["collected_at"])
    earliest = [read_at - datetime.timedelta(hours=25)]
    if since is not None:
        earliest.append(since)
    period = payload.get("audit_period") or payload
    if "audit_period_beginning" in period:
        earliest.append(_moment(period["audit_period_beginning"]))
    found = []
    for sample in _of_usage(usage, payload, message["event_type"]):
        zero = _zero(sample["name"] in TOTAL_METERS, usage, payload)
        if zero is not None and max(earliest) <= zero < read_at:
            timestamp = zero.isoformat()
            *_, meter, resource = sample["id"].split("|")
            uuid = sample["resource_metadata"]["instance_id"]
            found.append(
                {
                    **sample,
                    "volume": 0,
                    "timestamp": timestamp,
                    "id": f"{uuid}|{timestamp}|{meter}|{resource}",
                }
            )
    return ordered(found)


def with_zeros(message: dict[str, Any]) -> list[Sample]:
    """Return all that a dispatched notification comes to, by the options' defaults."""
    return ordered([*samples(message), *zeros(message)])


def _zero(of_whole_life: bool, usage: Any, payload: Any) -> datetime.datetime | None:
    """Return when a meter's counter was 0, if that is known."""
    created_at = payload.get("created_at")
    if of_whole_life:
        return created_at and _moment(created_at)
    if usage.get("epoch_began_at") is not None:
        return _moment(usage["epoch_began_at"])
    lifetime = usage.get("lifetime") or {}
    disks, nics = usage.get("disks") or [], usage.get("interfaces") or []
    counters = {
        "cpu_time": [(usage.get("cpu") or {}).get("time")],
        **{
            f"disk_{name}": [disk.get(name) for disk in disks]
            for name in ("read_requests", "read_bytes", "write_requests", "write_bytes")
        },
        **{
            f"net_{name}": [nic.get(name) for nic in nics]
            for name in ("rx_bytes", "rx_packets", "tx_bytes", "tx_packets")
        },
    }
    same = [
        lifetime[name] == sum(volumes)
        for name, volumes in counters.items()
        if lifetime.get(name) is not None and volumes and None not in volumes
    ]
    if created_at and same and all(same):
        return _moment(created_at)
    return None


def _moment(text: str) -> datetime.datetime:
    read = datetime.datetime.fromisoformat(text)
    return read if read.tzinfo else read.replace(tzinfo=datetime.UTC)


def ordered(found: list[Sample]) -> list[Sample]:
    """Return samples in one order, whoever made them."""
    return sorted(found, key=lambda sample: (sample["id"], as_text(sample)))


def as_text(sample: Sample) -> str:
    """Return a text that is equal for equal samples."""
    return json.dumps(sample, sort_keys=True)


def as_expected(sample: Any) -> Sample:
    """Return one of Ceilometer's samples as this module writes them."""
    fields = sample.as_dict()
    return {name: fields[name] for name in FIELDS}


FIELDS = (
    "name",
    "type",
    "unit",
    "volume",
    "resource_id",
    "timestamp",
    "user_id",
    "project_id",
    "id",
    "resource_metadata",
)


def unwrapped(value: Any) -> Any:
    """Return a value without the wrapping of nova's notification objects."""
    if isinstance(value, dict):
        if "nova_object.data" in value:
            return unwrapped(value["nova_object.data"])
        return {key: unwrapped(item) for key, item in value.items()}
    if isinstance(value, list):
        return [unwrapped(item) for item in value]
    return value


def _of_usage(usage: Any, payload: Any, event_type: str) -> list[Sample]:
    uuid = payload.get("uuid") or payload["instance_id"]
    base = {
        **_metadata(payload, event_type),
        "usage_origin": usage["origin"],
        "usage_driver": usage["driver"],
    }
    if usage.get("instance_name") is not None:
        base["name"] = usage["instance_name"]
    # meter, unit, resource, volume, metadata
    rows = []
    cpu = usage.get("cpu") or {}
    number = {} if cpu.get("number") is None else {"cpu_number": cpu["number"]}
    for meter, unit, field in CPU:
        rows.append((meter, unit, uuid, cpu.get(field), {**base, **number}))
    disks = usage.get("disks") or []
    for disk in disks:
        resource = f"{uuid}-{disk['device']}"
        for meter, unit, field in DISK:
            metadata = {**base, "disk_name": disk["device"]}
            rows.append((meter, unit, resource, disk.get(field), metadata))
    for meter, unit, field in DISK_SUMS:
        volumes = [disk.get(field) for disk in disks]
        if volumes and None not in volumes:
            rows.append((meter, unit, uuid, sum(volumes), base))
    for nic in usage.get("interfaces") or []:
        resource = nic.get("filter")
        if resource is None:
            resource = f"{usage['instance_name']}-{uuid}-{nic['name']}"
        metadata = {
            **base,
            "name": nic["name"],
            "mac": nic.get("mac"),
            "fref": nic.get("filter"),
            "parameters": nic.get("parameters") or {},
            "vnic_name": nic["name"] if nic.get("filter") is None else nic["filter"],
        }
        for meter, unit, field in INTERFACE:
            rows.append((meter, unit, resource, nic.get(field), metadata))
    lifetime = usage.get("lifetime") or {}
    for meter, unit, field in LIFETIME:
        rows.append((meter, unit, uuid, lifetime.get(field), base))
    return [
        _sample(*row, payload, usage["collected_at"])
        for row in rows
        if row[3] is not None
    ]


def _of_bandwidth(bandwidth: Any, payload: Any, event_type: str) -> list[Sample]:
    uuid = payload.get("uuid") or payload["instance_id"]
    if isinstance(bandwidth, dict):
        networks = [
            (label, item.get("bw_in"), item.get("bw_out"))
            for label, item in bandwidth.items()
        ]
    else:
        networks = [
            (item["network_name"], item.get("in_bytes"), item.get("out_bytes"))
            for item in bandwidth
        ]
    # The audit counted up to the end of its period.
    ending = (payload.get("audit_period") or payload)["audit_period_ending"]
    timestamp = (
        datetime.datetime.fromisoformat(ending)
        .replace(microsecond=0, tzinfo=datetime.UTC)
        .isoformat()
    )
    base = _metadata(payload, event_type)
    found = []
    for label, incoming, outgoing in networks:
        metadata = {**base, "name": label, "vnic_name": label}
        for meter, volume in (
            ("network.incoming.bytes", incoming),
            ("network.outgoing.bytes", outgoing),
        ):
            if volume is not None:
                resource = f"{uuid}-{label}"
                found.append(
                    _sample(meter, "B", resource, volume, metadata, payload, timestamp)
                )
    return found


def _sample(
    meter: str,
    unit: str,
    resource: str,
    volume: int,
    metadata: dict[str, Any],
    payload: Any,
    timestamp: str,
) -> Sample:
    uuid = payload.get("uuid") or payload["instance_id"]
    return {
        "name": meter,
        "type": "cumulative",
        "unit": unit,
        "volume": volume,
        "resource_id": resource,
        "timestamp": timestamp,
        "user_id": payload["user_id"],
        "project_id": payload["tenant_id"],
        "id": f"{uuid}|{timestamp}|{meter}|{resource}",
        "resource_metadata": metadata,
    }


def _metadata(payload: Any, event_type: str) -> dict[str, Any]:
    """Return the pollster's metadata as far as a payload carries its values."""
    versioned = "uuid" in payload
    if versioned:
        flavor = payload["flavor"]
        size = {
            "id": flavor["flavorid"],
            "name": flavor["name"],
            "vcpus": flavor["vcpus"],
            "ram": flavor["memory_mb"],
            "disk": flavor["root_gb"],
            "ephemeral": flavor["ephemeral_gb"],
            "swap": flavor["swap"],
        }
        image = payload["image_uuid"] or None
        task_state = payload["task_state"] or ""
    else:
        size = {
            "id": payload["instance_flavor_id"],
            "name": payload["instance_type"],
            "vcpus": payload["vcpus"],
            "ram": payload["memory_mb"],
            "disk": payload["root_gb"],
            "ephemeral": payload["ephemeral_gb"],
        }
        image = payload["image_ref_url"].rsplit("/", 1)[1] or None
        task_state = payload["state_description"] or ""
    status, state = STATES[payload["state"]]
    host_id = hashlib.sha224((payload["tenant_id"] + payload["host"]).encode())
    metadata = {
        "display_name": payload["display_name"],
        "instance_id": payload.get("uuid") or payload["instance_id"],
        "instance_type": size["name"],
        "host": host_id.hexdigest(),
        "instance_host": payload["host"],
        "flavor": size,
        "status": status,
        "state": state,
        "task_state": task_state,
        "image": image and {"id": image},
        "image_ref": image,
        "image_ref_url": None,
        "vcpus": size["vcpus"],
        "memory_mb": size["ram"],
        "disk_gb": size["disk"],
        "ephemeral_gb": size["ephemeral"],
        "root_gb": size["disk"] - size["ephemeral"],
        "event_type": event_type,
    }
    for name in ("architecture", "os_type"):
        if payload[name] is not None:
            metadata[name] = payload[name]
    user_metadata = {
        key.removeprefix("metering.").replace(".", "_"): value
        for key, value in payload["metadata"].items()
        if key.startswith("metering.")
    }
    if user_metadata:
        metadata["user_metadata"] = user_metadata
    return metadata


def dispatched(notification: dict[str, Any]) -> dict[str, Any]:
    """Return what oslo.messaging hands to an endpoint of a message off the wire."""
    return {
        "ctxt": {
            key.removeprefix("_context_"): value
            for key, value in notification.items()
            if key.startswith("_context_")
        },
        "publisher_id": notification["publisher_id"],
        "event_type": notification["event_type"],
        "payload": notification["payload"],
        "metadata": {
            "message_id": notification["message_id"],
            "timestamp": notification["timestamp"],
        },
    }


def golden(file: str, fixtures: pathlib.Path = FIXTURES) -> pathlib.Path:
    """Return where the expected samples of a recorded message stand."""
    return (fixtures / file).with_suffix(".samples.json")


def main() -> None:
    """Write the expected samples of the shipped life's messages that carry usage."""
    for file, message in Life.load(shipped.CASE).files():
        expected = with_zeros(dispatched(message.notification()))
        if expected:
            lines = ",\n".join(json.dumps(sample) for sample in expected)
            golden(file).write_text(f"[\n{lines}\n]\n", "utf-8")
            print(f"{golden(file).relative_to(FIXTURES)}: {len(expected)} samples")


if __name__ == "__main__":
    main()
