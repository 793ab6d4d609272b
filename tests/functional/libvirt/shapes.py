# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Kinds of guests, from the least to one with everything, and what they stand on."""

from __future__ import annotations

import dataclasses
import itertools
import uuid
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.functional.libvirt.hypervisor import Hypervisor

#: A network filter, as they were before filtering went to neutron's agents.
FILTER = "nova-base"
_FILTER_XML = f"""
<filter name='{FILTER}' chain='root'>
  <rule action='drop' direction='out' priority='500'>
    <mac srcmacaddr='02:00:00:00:00:99'/>
  </rule>
</filter>
"""

OVS_BRIDGE = "br-int"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """A disk or a CD drive, ``kind``; a ``source`` is "file", "nbd" or None.

    ``is_volume`` is of a disk that nova marks with the id of a volume.
    """

    device: str
    bus: str = "virtio"
    kind: str = "disk"
    format: str = "qcow2"
    source: str | None = "file"
    is_volume: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Nic:
    """A NIC by the way it is bound: see ``inside/guests.py``."""

    kind: str
    is_filtered: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a guest is made of. Without ``from_image`` it is booted from a volume."""

    name: str
    display_name: str = "web-1"
    vcpus: int = 1
    vcpus_online: int | None = None
    memory_mb: int = 64
    memory_kib: int = 4096
    from_image: bool = True
    disks: tuple[Disk, ...]
    nics: tuple[Nic, ...] = ()


ROOT = Disk(device="vda")
TAP = Nic(kind="tap")

#: Two disks, of which one is a volume, and a NIC.
USUAL = Shape(
    name="usual",
    disks=(ROOT, Disk(device="vdb", format="raw", is_volume=True)),
    nics=(TAP,),
)

SHAPES = (
    Shape(name="one-disk", disks=(Disk(device="vda", format="raw"),)),
    USUAL,
    Shape(
        name="network-volume",
        display_name="gr\N{LATIN SMALL LETTER O WITH DIAERESIS}\xdfer <\N{CLOUD}> & co",
        from_image=False,
        disks=(Disk(device="vda", format="raw", source="nbd", is_volume=True),),
        nics=(Nic(kind="hybrid"),),
    ),
    Shape(
        name="cd-drives",
        disks=(
            ROOT,
            Disk(device="hda", bus="ide", kind="cdrom", format="raw"),
            Disk(device="hdb", bus="ide", kind="cdrom", format="raw", source=None),
        ),
        nics=(Nic(kind="ethernet"),),
    ),
    Shape(
        name="filtered",
        disks=(ROOT,),
        nics=(Nic(kind="hybrid", is_filtered=True), TAP),
    ),
    Shape(name="ovs", vcpus=2, disks=(ROOT,), nics=(Nic(kind="ovs"), Nic(kind="ovs"))),
    Shape(
        name="many-disks",
        vcpus=4,
        disks=(
            ROOT,
            Disk(device="vdb", format="raw"),
            Disk(device="sda", bus="scsi", format="qcow2"),
            Disk(device="sdb", bus="scsi", format="raw", is_volume=True),
            Disk(device="hda", bus="ide", format="raw"),
        ),
        nics=(TAP,),
    ),
    Shape(
        name="vcpus-offline",
        vcpus=4,
        vcpus_online=2,
        disks=(ROOT,),
        nics=(Nic(kind="hybrid"),),
    ),
    Shape(
        name="no-host-device", disks=(ROOT,), nics=(Nic(kind="user"), Nic(kind="tap"))
    ),
    Shape(
        name="everything",
        vcpus=3,
        disks=(
            ROOT,
            Disk(device="vdb", format="raw", source="nbd", is_volume=True),
            Disk(device="sda", bus="scsi", format="qcow2", is_volume=True),
            Disk(device="hda", bus="ide", kind="cdrom", format="raw"),
            Disk(device="hdb", bus="ide", kind="cdrom", format="raw", source=None),
        ),
        nics=(
            TAP,
            Nic(kind="hybrid"),
            Nic(kind="hybrid", is_filtered=True),
            Nic(kind="ovs"),
            Nic(kind="ethernet"),
        ),
    ),
)

#: What is plugged into every one of them, and out again.
PLUGGED_DISK = Disk(device="vdz", format="raw", is_volume=True)
PLUGGED_NIC = TAP


class Site:
    """Makes the images, servers, bridges and taps that guests need on a hypervisor."""

    def __init__(self, hypervisor: Hypervisor) -> None:
        self._hypervisor = hypervisor
        self._numbers = itertools.count(1)
        self._directory = hypervisor.directory / "disks"
        hypervisor.add_ovs_bridge(OVS_BRIDGE)
        hypervisor.connect().nwfilterDefineXML(_FILTER_XML)

    def shape(self, shape: Shape) -> dict[str, Any]:
        """Make what a guest of the shape stands on; describe it all for nova."""
        return {
            **dataclasses.asdict(shape),
            "disks": [
                self.disk(disk, order)
                for order, disk in enumerate(shape.disks, start=1)
            ],
            "nics": [self.nic(nic) for nic in shape.nics],
        }

    def disk(self, disk: Disk, order: int) -> dict[str, Any]:
        """Make a disk's image, and its server where it has one; describe it.

        ``order`` is its place among the guest's disks.
        """
        number = next(self._numbers)
        path = self._directory / f"disk{number}"
        nbd = None
        if disk.source is not None:
            self._hypervisor.add_disk(path, disk.format)
        if disk.source == "nbd":
            nbd = {"name": path.name, "port": 10000 + number}
            self._hypervisor.serve(path, nbd["name"], nbd["port"])
        return {
            **dataclasses.asdict(disk),
            "path": str(path) if disk.source == "file" else None,
            "nbd": nbd,
            "boot_order": order if disk.kind == "disk" else None,
            "serial": str(uuid.uuid4()) if disk.is_volume else None,
        }

    def nic(self, nic: Nic) -> dict[str, Any]:
        """Make what a NIC is plugged into; describe it."""
        number = next(self._numbers)
        port_id = f"{number:08x}-7e57-4000-8000-000000000000"
        name = f"tap{port_id}"[:14]
        if nic.kind == "tap":
            self._hypervisor.add_tap(name)
        elif nic.kind == "hybrid":
            self._hypervisor.add_bridge(f"qbr{port_id}"[:14])
        return {
            "kind": nic.kind,
            "name": name,
            "port_id": port_id,
            "mac": "fa:16:3e:{:02x}:{:02x}:{:02x}".format(*number.to_bytes(3, "big")),
            "bridge": OVS_BRIDGE if nic.kind == "ovs" else None,
            "filter": FILTER if nic.is_filtered else None,
            "filter_parameters": [["IP", "10.0.0.3"]] if nic.is_filtered else [],
        }
