# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Instances and their guests, as nova's libvirt driver configures them.

The driver makes the domain, nova's metadata and the NICs included; the disks are made
of its configuration classes, since there is no image to download nor a volume service
to ask. A shape is a plain object, see ``shapes.py``.
"""

import datetime

from lxml import etree
from nova import objects
from nova.compute import vm_states
from nova.network import model
from nova.virt.libvirt import config as vconfig
from oslo_utils import uuidutils

USER = "6f70656e737461636b20697320666f6f"
PROJECT = "6f3b0b0e4d0f4a0f8a7a3c2d1e0f9b8a"
USERNAME = "alice"
IMAGE = "155d900f-4e14-4e4c-a73d-069cbf4541e6"

# How neutron binds a port, by what becomes of it: a tap device that is there already,
# a bridge of the port's own, a port of Open vSwitch made by libvirt, or by os-vif.
_VIFS = {
    "tap": {"type": model.VIF_TYPE_TAP},
    "hybrid": {"type": model.VIF_TYPE_OVS, "details": {"ovs_hybrid_plug": True}},
    "ovs": {"type": model.VIF_TYPE_OVS},
    "ethernet": {"type": model.VIF_TYPE_OVS, "delegate_create": True},
}


def create_instance(context, shape):
    """Make an instance in nova's database."""
    flavor = objects.Flavor(
        context,
        id=1,
        name=f"m1.{shape['name']}",
        flavorid=f"flavor-{shape['name']}",
        vcpus=shape["vcpus"],
        memory_mb=shape["memory_mb"],
        root_gb=10,
        ephemeral_gb=3,
        swap=512,
        rxtx_factor=1.0,
        vcpu_weight=1,
        disabled=False,
        is_public=True,
        extra_specs={"hw:cpu_policy": "shared"},
    )
    now = datetime.datetime.now(datetime.UTC)
    instance = objects.Instance(
        context,
        uuid=uuidutils.generate_uuid(),
        user_id=context.user_id,
        project_id=context.project_id,
        display_name=shape["display_name"],
        hostname="guest",
        host="compute1",
        node="compute1",
        compute_id=1,
        image_ref=IMAGE if shape["from_image"] else "",
        vm_state=vm_states.ACTIVE,
        os_type=None,
        architecture="x86_64",
        memory_mb=flavor.memory_mb,
        vcpus=flavor.vcpus,
        root_gb=flavor.root_gb,
        ephemeral_gb=flavor.ephemeral_gb,
        launched_at=now,
        metadata={},
        system_metadata={"image_hw_vif_model": "rtl8139", "owner_user_name": USERNAME},
        flavor=flavor,
        old_flavor=None,
        new_flavor=None,
    )
    instance.create()
    set_ports(instance, shape["nics"])
    return objects.Instance.get_by_uuid(
        context,
        instance.uuid,
        expected_attrs=[
            *("metadata", "system_metadata", "info_cache", "flavor", "tags"),
            *("pci_devices", "numa_topology", "pci_requests", "resources"),
            *("security_groups", "services", "keypairs", "device_metadata"),
        ],
    )


def set_ports(instance, nics):
    """Note in nova's database which ports an instance has."""
    instance.info_cache.network_info = model.NetworkInfo(
        [_vif(nic) for nic in _ports(nics)]
    )
    instance.info_cache.save()


def domain_xml(driver, context, instance, shape):
    """Return the definition of an instance's guest."""
    network_info = instance.get_network_info()
    guest = driver._get_guest_config(
        instance,
        network_info,
        instance.image_meta,
        {"disk_bus": "virtio", "cdrom_bus": "ide", "mapping": {}},
        context=context,
    )
    guest.memory = shape["memory_kib"]
    guest.os_boot_dev = []
    nics = [
        device
        for device in guest.devices
        if isinstance(device, vconfig.LibvirtConfigGuestInterface)
    ]
    for device, nic in zip(nics, _ports(shape["nics"]), strict=True):
        _filter(device, nic)
    for device in _disks(shape["disks"]):
        guest.add_device(device)
    root = etree.fromstring(guest.to_xml())
    for nic in shape["nics"]:
        if nic["kind"] == "user":
            root.find("devices").append(_without_host_device(nic))
    if shape["vcpus_online"] is not None:
        root.find("vcpu").set("current", str(shape["vcpus_online"]))
    return etree.tostring(root, encoding="unicode")


def devices(driver, instance, disks, nics):
    """Return the configuration of devices to be plugged into a guest."""
    for nic in nics:
        device = driver.vif_driver.get_config(
            instance, _vif(nic), instance.image_meta, instance.flavor, "qemu"
        )
        _filter(device, nic)
        yield device
    yield from _disks(disks)


def _ports(nics):
    return [nic for nic in nics if nic["kind"] in _VIFS]


def _disks(disks):
    for disk in disks:
        device = vconfig.LibvirtConfigGuestDisk()
        device.source_device = disk["kind"]
        device.driver_name = "qemu"
        device.driver_format = disk["format"]
        device.target_dev = disk["device"]
        device.target_bus = disk["bus"]
        device.serial = disk["serial"]
        device.readonly = disk["kind"] == "cdrom"
        if disk["nbd"] is not None:
            device.source_type = "network"
            device.source_protocol = "nbd"
            device.source_name = disk["nbd"]["name"]
            device.source_hosts = ["127.0.0.1"]
            device.source_ports = [str(disk["nbd"]["port"])]
        elif disk["path"] is None:
            device.source_type = "network"  # which has no source without a protocol
        else:
            device.source_path = disk["path"]
        if disk["boot_order"] is not None:
            # The BIOS offers its program no disk that has none.
            device.boot_order = str(disk["boot_order"])
        yield device


def _vif(nic):
    """Return a port as neutron would describe it."""
    return model.VIF(
        id=nic["port_id"],
        address=nic["mac"],
        network=model.Network(
            id="3cb9bc59-5699-4588-a4b1-b87f96708bc6",
            bridge=nic["bridge"],
            label="private",
            subnets=[],
        ),
        devname=nic["name"],
        active=True,
        vnic_type=model.VNIC_TYPE_NORMAL,
        **_VIFS[nic["kind"]],
    )


def _without_host_device(nic):
    """Return a NIC that ends within QEMU, as one passed through ends in hardware."""
    interface = etree.Element("interface", type="user")
    etree.SubElement(interface, "mac", address=nic["mac"])
    etree.SubElement(interface, "model", type="rtl8139")
    return interface


def _filter(device, nic):
    """Put a network filter on a NIC, as nova did until filters went to neutron."""
    if nic["filter"] is not None:
        device.filtername = nic["filter"]
        for key, value in nic["filter_parameters"]:
            device.add_filter_param(key, value)
