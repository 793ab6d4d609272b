# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Deletes of many instances, each another one, all of the shape that nova recorded.

What nova put on the bus for ``delete.start`` is the template; what tells one instance
from another is changed in it: ids, names, moments, counters, the number of devices.
"""

from __future__ import annotations

import copy
import dataclasses
import datetime
import json
import uuid
from collections.abc import Iterator
from typing import Any

from tests.support import oracle
from tests.support.recordings import FIXTURES

CASE = "nova-34.0.0"
LEGACY = "compute.instance.delete.start"
VERSIONED = "instance.delete.start"
DATA = "nova_object.data"

# The seed of every id, so that an instance is the same wherever it is made again.
_NAMESPACE = uuid.UUID("6b8f2a52-3f0e-4e0b-8a4c-0d2f6f1f7d11")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """An instance to be deleted: what its last notification says of it.

    Equal arguments make equal instances. ``run`` keeps those of one test apart from
    another's, ``number`` those of a test.
    """

    run: str
    number: int
    #: When the hypervisor was read, aware.
    collected_at: datetime.datetime
    disks: int = 2
    nics: int = 2
    #: Whether totals over its whole life come with it.
    totals: bool = False
    #: How long it lived, in seconds.
    lived: int = 600

    @property
    def uuid(self) -> str:
        """The instance's id."""
        return self._id("instance")

    def legacy(self) -> Delete:
        """Return its deletion, unversioned."""
        notification = self._notification(LEGACY)
        payload = notification["payload"]
        payload.update(
            instance_id=self.uuid,
            display_name=f"server-{self.number}",
            hostname=f"server-{self.number}",
            created_at=str(self._born()),
            launched_at=self._born().replace(tzinfo=None).isoformat() + ".000000",
            usage=self.usage(),
        )
        return Delete(notification=notification, routing_key="notifications.info")

    def versioned(self) -> Delete:
        """Return its deletion, as a versioned notification."""
        notification = self._notification(VERSIONED)
        data = notification["payload"][DATA]
        born = self._born().strftime("%Y-%m-%dT%H:%M:%SZ")
        usage = self.usage()
        data.update(
            uuid=self.uuid,
            display_name=f"server-{self.number}",
            host_name=f"server-{self.number}",
            created_at=born,
            launched_at=born,
            updated_at=born,
            ip_addresses=[],
            block_devices=[],
            usage=_wrapped(data["usage"], usage),
        )
        return Delete(
            notification=notification, routing_key="versioned_notifications.info"
        )

    def usage(self) -> dict[str, Any]:
        """Return its usage block, as the contract has it."""
        return {
            "schema": "1.0",
            "driver": "libvirt",
            "origin": "live",
            "collected_at": self.collected_at.isoformat(),
            "epoch_began_at": None,
            "instance_name": f"instance-{self.number:08x}",
            "cpu": {"time": self._count(0) * 1_000_000, "number": 2},
            "disks": [self._disk(index) for index in range(self.disks)],
            "interfaces": [self._nic(index) for index in range(self.nics)],
            **({"lifetime": self._lifetime()} if self.totals else {}),
        }

    def _notification(self, event_type: str) -> dict[str, Any]:
        file = FIXTURES / event_type / f"{CASE}.json"
        envelope = json.loads(file.read_bytes())
        notification: dict[str, Any] = json.loads(envelope["oslo.message"])
        sent = self.collected_at + datetime.timedelta(milliseconds=2)
        notification.update(
            message_id=self._id(f"message {event_type}"),
            _unique_id=uuid.UUID(self._id(f"unique {event_type}")).hex,
            timestamp=sent.strftime("%Y-%m-%d %H:%M:%S.%f"),
        )
        return notification

    def _born(self) -> datetime.datetime:
        born = self.collected_at - datetime.timedelta(seconds=self.lived)
        return born.astimezone(datetime.UTC).replace(microsecond=0)

    def _id(self, what: str) -> str:
        return str(uuid.uuid5(_NAMESPACE, f"{self.run} {self.number} {what}"))

    def _count(self, place: int) -> int:
        """Return a counter that no other place of this instance has."""
        return self.number * 100_000 + place + 1

    def _disk(self, index: int) -> dict[str, Any]:
        names = ("read_requests", "read_bytes", "write_requests", "write_bytes")
        times = ("read_time", "write_time")
        return {
            "device": f"vd{chr(ord('a') + index)}",
            "volume_id": self._id(f"volume {index}") if index else None,
            **self._counters(1_000 + index * 10, names + times),
        }

    def _nic(self, index: int) -> dict[str, Any]:
        port = self._id(f"port {index}")
        return {
            "name": f"tap{port[:11]}",
            "mac": "fa:16:3e:" + ":".join(port[-6:][i : i + 2] for i in (0, 2, 4)),
            "port_id": port,
            "filter": None,
            "parameters": {"interfaceid": None, "bridge": None},
            **self._counters(
                10_000 + index * 10,
                [
                    f"{way}_{what}"
                    for way in ("rx", "tx")
                    for what in ("bytes", "packets", "errors", "drop")
                ],
            ),
        }

    def _lifetime(self) -> dict[str, int]:
        return self._counters(50_000, [field for _, _, field in oracle.LIFETIME])

    def _counters(self, place: int, names: Any) -> dict[str, int]:
        return {name: self._count(place + at) for at, name in enumerate(names)}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """A notification of ``delete.start``: what is said, and where it is put."""

    notification: dict[str, Any]
    routing_key: str

    @property
    def body(self) -> bytes:
        """The bytes on the bus: oslo.messaging's envelope."""
        return json.dumps(
            {"oslo.version": "2.0", "oslo.message": json.dumps(self.notification)}
        ).encode()

    @property
    def samples(self) -> list[dict[str, Any]]:
        """The samples that it has to come to, by the contract."""
        return oracle.samples(oracle.dispatched(self.notification))

    @property
    def zeros(self) -> list[dict[str, Any]]:
        """The samples of zero that come with them where the baseline is on."""
        return oracle.zeros(oracle.dispatched(self.notification))


def deletes(
    run: str,
    number: int,
    collected_at: datetime.datetime | None = None,
    **options: Any,
) -> Iterator[Delete]:
    """Give the deletes of so many instances, unversioned, ten of them read a second.

    :param run: what keeps these instances apart from any other test's
    :param collected_at: when the last one was read; now, if not given
    :param options: what else each `Instance` is to be
    """
    last = (collected_at or datetime.datetime.now(datetime.UTC)).replace(microsecond=0)
    for index in range(number):
        read_at = last - datetime.timedelta(seconds=(number - 1 - index) // 10)
        yield Instance(run=run, number=index, collected_at=read_at, **options).legacy()


def _wrapped(template: dict[str, Any], usage: dict[str, Any]) -> dict[str, Any]:
    """Return a usage block as the notification objects of the template."""
    wrapped = copy.deepcopy(template)
    data = wrapped[DATA]
    data["lifetime"] = None
    kinds = {name: copy.deepcopy(data[name][0]) for name in ("disks", "interfaces")} | {
        "cpu": copy.deepcopy(data["cpu"])
    }
    for name, value in usage.items():
        if name == "lifetime":
            data[name] = {
                **kinds["cpu"],
                "nova_object.name": "InstanceUsageLifetimePayload",
                DATA: value,
            }
        elif name == "cpu":
            data[name] = {**kinds[name], DATA: value}
        elif name in kinds:
            data[name] = [{**kinds[name], DATA: item} for item in value]
        else:
            data[name] = value
    return wrapped
