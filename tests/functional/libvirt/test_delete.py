# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""What the last reading adds to the time that deleting an instance takes."""

import statistics

import pytest

from tests.functional.libvirt.conftest import wait_until_idle
from tests.functional.libvirt.nova_compute import NovaCompute
from tests.functional.libvirt.scale import scaled
from tests.functional.libvirt.shapes import USUAL

#: Seconds that it may take in the median.
ADDED = 0.015


@pytest.fixture(name="stock", scope="module")
def _stock(hypervisor, environment):
    """A nova-compute as nova published it."""
    with NovaCompute(hypervisor, environment, patched=False, name="stock") as stock:
        yield stock


def test_time_to_delete(nova, stock, site, hypervisor, figures):
    """The last reading of a guest adds no more than a few milliseconds to its end."""
    connection = hypervisor.connect()
    took = {"patched": [], "stock": []}
    reading = []
    rounds = scaled(50, at_least=5)
    for _ in range(rounds):
        # In turns: what the machine does besides befalls both.
        for name, compute in (("patched", nova), ("stock", stock)):
            guest = compute.ask("boot", shape=site.shape(USUAL))
            wait_until_idle(connection, [guest["uuid"]])
            deleted = compute.ask("delete", uuid=guest["uuid"])
            took[name].append(deleted["seconds"])
            reading.append(deleted["reading"])
    reading = [seconds for seconds in reading if seconds]
    assert len(reading) == rounds
    assert connection.listAllDomains() == []
    milliseconds = {
        name: (1e3 * statistics.median(each), 1e3 * max(each))
        for name, each in {**took, "reading": reading}.items()
    }
    added = statistics.median(took["patched"]) - statistics.median(took["stock"])
    figures += [
        f"deleting an instance, {rounds} times:",
        *(
            f"  {name}: {median:.1f} ms in the median, {worst:.1f} ms at worst"
            for name, (median, worst) in milliseconds.items()
        ),
        f"  patched less stock: {1e3 * added:+.1f} ms in the median",
    ]
    assert statistics.median(reading) < ADDED
