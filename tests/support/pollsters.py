# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""What Ceilometer's compute pollsters publish of an instance.

Discovery, pollsters and their loading are Ceilometer's own. Only libvirt and nova's API
are stand-ins: they say of the instance what a notification's payload says of it.
"""

import contextlib
import types
from collections.abc import Iterator
from importlib import metadata
from typing import Any
from unittest import mock
from xml.sax import saxutils

from ceilometer import nova_client
from ceilometer.compute import discovery, pollsters
from ceilometer.compute.virt import inspector
from ceilometer.compute.virt.libvirt import utils as libvirt_utils
from ceilometer.sample import Sample
from oslo_config import cfg

NAMESPACE = "ceilometer.poll.compute"

# What nova writes into a domain, as libvirt gives it back: without the prefixes.
_METADATA = """<instance>
  <package version="34.0.0"/>
  <name>{name}</name>
  <creationTime>2026-11-22 16:00:00</creationTime>
  <flavor name={flavor_name} id={flavor_id}>
    <memory>{memory_mb}</memory>
    <disk>{root_gb}</disk>
    <swap>0</swap>
    <ephemeral>{ephemeral_gb}</ephemeral>
    <vcpus>{vcpus}</vcpus>
    <extraSpecs/>
  </flavor>
  <owner>
    <user uuid={user_id}>someone</user>
    <project uuid={project_id}>somewhere</project>
  </owner>
  <root type={root} uuid={image}/>
</instance>
"""
_DOMAIN = "<domain><os><type arch={architecture}>hvm</type></os></domain>"


class _LibvirtError(Exception):
    """Stands for libvirt's own."""


class _Domain:
    """A libvirt domain of nova's, running."""

    def __init__(self, payload: dict[str, Any], instance_name: str) -> None:
        image = payload["image_ref_url"].rsplit("/", 1)[1]
        self._payload = payload
        self._name = instance_name
        self._metadata = _METADATA.format(
            name=saxutils.escape(payload["display_name"]),
            flavor_name=saxutils.quoteattr(payload["instance_type"]),
            flavor_id=saxutils.quoteattr(payload["instance_flavor_id"]),
            user_id=saxutils.quoteattr(payload["user_id"]),
            project_id=saxutils.quoteattr(payload["tenant_id"]),
            root='"image"' if image else '"volume"',
            image=saxutils.quoteattr(image or "a-volume"),
            **{
                name: payload[name]
                for name in ("memory_mb", "root_gb", "ephemeral_gb", "vcpus")
            },
        )

    def UUIDString(self) -> str:  # noqa: N802 - libvirt's name
        return str(self._payload["instance_id"])

    def XMLDesc(self, flags: int = 0) -> str:  # noqa: N802 - libvirt's name
        return _DOMAIN.format(
            architecture=saxutils.quoteattr(self._payload["architecture"])
        )

    def name(self) -> str:
        return self._name

    def state(self) -> list[int]:
        return [libvirt_utils.VIR_DOMAIN_RUNNING, 1]

    def metadata(self, kind: int, uri: str) -> str:
        return self._metadata


class _Inspector:
    """Reads a block where Ceilometer's own would read libvirt."""

    def __init__(self, usage: dict[str, Any]) -> None:
        self._usage = usage

    def inspect_instance(self, instance: Any, duration: Any) -> Any:
        cpu = self._usage["cpu"]
        return inspector.InstanceStats(cpu_time=cpu["time"], cpu_number=cpu["number"])

    def inspect_disks(self, instance: Any, duration: Any) -> Any:
        for disk in self._usage["disks"]:
            yield inspector.DiskStats(
                device=disk["device"],
                read_bytes=disk["read_bytes"],
                read_requests=disk["read_requests"],
                write_bytes=disk["write_bytes"],
                write_requests=disk["write_requests"],
                errors=0,
                rd_total_times=disk["read_time"],
                wr_total_times=disk["write_time"],
            )

    def inspect_vnics(self, instance: Any, duration: Any) -> Any:
        for nic in self._usage["interfaces"]:
            yield inspector.InterfaceStats(
                name=nic["name"],
                mac=nic["mac"],
                fref=nic["filter"],
                parameters=nic["parameters"],
                rx_bytes=nic["rx_bytes"],
                tx_bytes=nic["tx_bytes"],
                rx_packets=nic["rx_packets"],
                tx_packets=nic["tx_packets"],
                rx_drop=nic["rx_drop"],
                tx_drop=nic["tx_drop"],
                rx_errors=nic["rx_errors"],
                tx_errors=nic["tx_errors"],
                rx_bytes_delta=0,
                tx_bytes_delta=0,
            )


def fetches_user_metadata(conf: cfg.ConfigOpts) -> bool:
    """Return whether pollsters can have it: Ceilometer up to 22 reads libvirt alone."""
    return "fetch_extra_metadata" in conf.compute


def poll(
    conf: cfg.ConfigOpts, payload: dict[str, Any], meters: set[str]
) -> list[Sample]:
    """Return what the pollsters of these meters publish of a legacy payload's instance.

    ``payload`` carries a block. User metadata is fetched, as notifications have it,
    where :func:`fetches_user_metadata`.
    """
    usage = payload["usage"]
    conf.set_override("host", payload["host"])
    if fetches_user_metadata(conf):
        conf.set_override("fetch_extra_metadata", True, group="compute")
    with _stand_ins(payload):
        discovered = discovery.InstanceDiscovery(conf)
        discovered._libvirt_connection = types.SimpleNamespace(
            isAlive=lambda: True,
            listAllDomains=lambda: [_Domain(payload, usage["instance_name"])],
        )
        instances = discovered.discover(manager=None)
        samples = []
        cache: dict[str, Any] = {}
        for entry in metadata.entry_points(group=NAMESPACE):
            if entry.name in meters:
                pollster = entry.load()(conf)
                pollster.inspector = _Inspector(usage)
                samples += pollster.get_samples(None, cache, instances)
    return samples


@contextlib.contextmanager
def _stand_ins(payload: dict[str, Any]) -> Iterator[None]:
    server = types.SimpleNamespace(
        flavor={"id": payload["instance_flavor_id"]}, metadata=payload["metadata"]
    )
    # Ceilometer up to 22 asks nova for it: libvirt did not know it yet.
    flavor = types.SimpleNamespace(id=payload["instance_flavor_id"])
    nova = types.SimpleNamespace(
        nova_client=types.SimpleNamespace(
            servers=types.SimpleNamespace(get=lambda uuid: server),
            flavors=types.SimpleNamespace(find=lambda name, is_public: flavor),
        )
    )
    libvirt = types.SimpleNamespace(
        VIR_DOMAIN_METADATA_ELEMENT=2, libvirtError=_LibvirtError
    )
    with (
        mock.patch.object(nova_client, "Client", lambda conf: nova),
        mock.patch.object(libvirt_utils, "libvirt", libvirt),
        mock.patch.object(
            pollsters.GenericComputePollster, "_inspector", None, create=True
        ),
    ):
        yield
