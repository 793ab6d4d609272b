# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""One hypervisor for all tests, and a nova-compute on it."""

import time

import libvirt
import pytest

from tests.functional.libvirt.hypervisor import Hypervisor
from tests.functional.libvirt.nova_compute import NovaCompute
from tests.functional.libvirt.shapes import USUAL, Site
from tests.nova.environment import NovaEnvironment

RELEASE = "2026.2"


@pytest.fixture(name="environment", scope="session")
def _environment():
    """The nova whose series is put to the test."""
    return NovaEnvironment.of(RELEASE)


@pytest.fixture(name="hypervisor", scope="module")
def _hypervisor():
    """A libvirt of the module's own."""
    # What goes wrong is raised as well; it need not be printed.
    libvirt.registerErrorHandler(lambda *_: None, None)
    with Hypervisor() as hypervisor:
        yield hypervisor


@pytest.fixture(name="site", scope="module")
def _site(hypervisor):
    """What guests stand on."""
    return Site(hypervisor)


@pytest.fixture(name="boot")
def _boot(nova, site, hypervisor):
    """Boots guests of the usual shape, so many; ends them after the test."""
    connection = hypervisor.connect()
    booted = []

    def boot(number):
        for _ in range(number):
            booted.append(nova.ask("boot", shape=site.shape(USUAL)))
        wait_until_idle(connection, [guest["uuid"] for guest in booted])
        return booted

    yield boot
    for guest in booted:
        try:
            domain = connection.lookupByUUIDString(guest["uuid"])
        except libvirt.libvirtError:
            continue  # deleted
        if domain.isActive():
            domain.destroy()
        domain.undefine()


def wait_until_idle(connection, uuids):
    """Wait until guests have done all they do."""
    domains = [connection.lookupByUUIDString(uuid) for uuid in uuids]
    deadline = time.monotonic() + 120
    while not all(
        stats["block.1.wr.reqs"]
        for _, stats in connection.domainListGetStats(
            domains, libvirt.VIR_DOMAIN_STATS_BLOCK
        )
    ):
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.fixture(name="nova", scope="module")
def _nova(hypervisor, environment):
    """A patched nova-compute on the hypervisor."""
    with NovaCompute(hypervisor, environment) as nova:
        yield nova


FIGURES = pytest.StashKey[list[str]]()


@pytest.fixture(name="figures", scope="session")
def _figures(request):
    """Lines that are shown when all tests have run."""
    return request.config.stash.setdefault(FIGURES, [])


def pytest_terminal_summary(terminalreporter, config):
    """Show what was measured."""
    if config.stash.get(FIGURES, []):
        terminalreporter.section("measured on the live hypervisor")
    for line in config.stash.get(FIGURES, []):
        terminalreporter.write_line(line)
