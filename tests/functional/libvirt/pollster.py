# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Ceilometer's compute pollsters on a live hypervisor, nothing of them replaced."""

from __future__ import annotations

import importlib.metadata
import importlib.resources
from typing import TYPE_CHECKING, Any

import yaml
from ceilometer import service
from ceilometer.compute import discovery, pollsters
from ceilometer.publisher import gnocchi
from ceilometer.sample import TYPE_CUMULATIVE, Sample
from stevedore import extension

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMESPACE = "ceilometer.poll.compute"

#: Cumulative meters of the pollsters that notifications do not carry, and why.
NOT_CARRIED = {
    "memory.swap.in": "libvirt's balloon statistics, an exchange with QEMU of its own",
    "memory.swap.out": "libvirt's balloon statistics, an exchange with QEMU of its own",
}


class Pollsters:
    """The cumulative meters of the agent ``ceilometer-polling --polling-namespaces
    compute`` on one host, polled at will.

    Discovery is by libvirt's metadata, the default.
    """

    def __init__(self, uri: str, host: str) -> None:
        conf = service.prepare_service([], config_files=[])
        conf.set_override("libvirt_uri", uri)
        conf.set_override("host", host)
        # The inspector is one a process, whatever is configured later.
        if hasattr(pollsters.GenericComputePollster, "_inspector"):
            del pollsters.GenericComputePollster._inspector
        self.discovery = discovery.InstanceDiscovery(conf)
        self._pollsters = []
        for entry in importlib.metadata.entry_points(group=NAMESPACE):
            pollster = entry.load()
            if pollster.sample_type == TYPE_CUMULATIVE:
                self._pollsters.append(pollster(conf))
        for pollster in self._pollsters:
            pollster.setup_environment()
        self.inspector = pollsters.GenericComputePollster._inspector

    def meters(self) -> set[str]:
        """Return the names of all that are polled."""
        return {pollster.sample_name for pollster in self._pollsters}

    def instances(self) -> list[Any]:
        """Discover the host's instances."""
        return self.discovery.discover(manager=None)

    def poll(self, uuid: str) -> list[Sample]:
        """Return what is published of an instance now."""
        cache: dict[str, Any] = {}
        instances = [each for each in self.instances() if each.id == uuid]
        return [
            sample
            for pollster in self._pollsters
            for sample in pollster.get_samples(None, cache, instances)
        ]


def names() -> list[str]:
    """Return the names of all compute pollsters there are."""
    return [entry.name for entry in importlib.metadata.entry_points(group=NAMESPACE)]


def gnocchi_definitions() -> Mapping[str, gnocchi.ResourcesDefinition]:
    """Return Ceilometer's own definitions of Gnocchi's resources, by meter."""
    file = importlib.resources.files("ceilometer.publisher")
    text = (file / "data" / "gnocchi_resources.yaml").read_text("utf-8")
    plugins = extension.ExtensionManager("ceilometer.event.trait_plugin")
    found = {}
    for resource in yaml.safe_load(text)["resources"]:
        definition = gnocchi.ResourcesDefinition(resource, "low", None, plugins)
        found.update(dict.fromkeys(definition.metrics, definition))
    return found
