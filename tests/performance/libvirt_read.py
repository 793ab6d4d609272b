# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Reading live guests: our bulk read, Ceilometer's inspector, and nova's diagnostics.

Guests of two disks and a NIC run on a libvirt of their own, and all read the same ones,
in turns. Beside them stand ways of reading that were tried for the bulk read, each a
call of libvirt alone, and what no way can beat: one exchange with each QEMU.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent import futures
from xml.etree import ElementTree

import libvirt
import libvirt_qemu

from tests.functional.libvirt.hypervisor import Hypervisor
from tests.functional.libvirt.nova_compute import HOST, NovaCompute
from tests.functional.libvirt.pollster import Pollsters
from tests.functional.libvirt.scale import VARIABLE, scaled
from tests.functional.libvirt.shapes import USUAL, Site
from tests.nova.environment import PATCHED, NovaEnvironment
from tests.performance import measure

NUMBERS = (1, 10, 30, 60)
ROUNDS = 15
CHUNK = 25

#: At least so many times faster than the inspector, with all guests.
WANTED_OVER_INSPECTOR = 4.0
#: At least as fast as diagnostics, with any number of guests.
WANTED_OVER_DIAGNOSTICS = 1.0
#: What a guest costs among all of them, over what it costs among ten.
WANTED_GROWTH = 1.15

OURS, INSPECTOR, DIAGNOSTICS = "our reading", "inspector", "diagnostics"

GROUPS = (
    libvirt.VIR_DOMAIN_STATS_VCPU
    | libvirt.VIR_DOMAIN_STATS_BLOCK
    | libvirt.VIR_DOMAIN_STATS_INTERFACE
)
ACTIVE = libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE
NOWAIT = libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT


def timed(call: Callable[[], object]) -> Callable[[], float]:
    """Return what makes a call and returns its seconds."""

    def seconds() -> float:
        begun = time.perf_counter()
        call()
        return time.perf_counter() - begun

    return seconds


def inspect(pollsters: Pollsters, uuids: Sequence[str]) -> Callable[[], None]:
    """Return what reads guests as the pollsters of cpu, disks and NICs do."""
    instances = [each for each in pollsters.instances() if each.id in uuids]
    inspector = pollsters.inspector

    def call() -> None:
        for instance in instances:
            inspector.inspect_instance(instance, None)
            assert len(list(inspector.inspect_disks(instance, None))) == 2
            assert len(list(inspector.inspect_vnics(instance, None))) == 1

    return call


def alternatives(
    connection: libvirt.virConnect, domains: Sequence[libvirt.virDomain]
) -> dict[str, Callable[[], object]]:
    """Return ways to read guests by libvirt's calls alone, by what they are."""

    def stats(some: Sequence[libvirt.virDomain], groups: int, flags: int) -> object:
        return connection.domainListGetStats(some, groups, flags)

    half = len(domains) // 2
    connections = connection, libvirt.open(connection.getURI())
    halves = (
        domains[:half],
        [connections[1].lookupByUUID(domain.UUID()) for domain in domains[half:]],
    )
    threads = futures.ThreadPoolExecutor(len(halves))

    def bulk_read(own: libvirt.virConnect, some: Sequence[libvirt.virDomain]) -> object:
        return own.domainListGetStats(some, GROUPS, ACTIVE | NOWAIT)

    def parsed() -> None:
        stats(domains, GROUPS, ACTIVE | NOWAIT)
        for domain in domains:
            ElementTree.fromstring(domain.XMLDesc()).findall("devices/disk")

    def exchange() -> None:
        for domain in domains:
            libvirt_qemu.qemuMonitorCommand(domain, '{"execute": "query-name"}', 0)

    return {
        "one bulk call, three groups, no wait (ours)": lambda: stats(
            domains, GROUPS, ACTIVE | NOWAIT
        ),
        "the same, but waiting": lambda: stats(domains, GROUPS, ACTIVE),
        "all groups": lambda: stats(domains, 0, ACTIVE | NOWAIT),
        "without disks": lambda: stats(
            domains, GROUPS & ~libvirt.VIR_DOMAIN_STATS_BLOCK, ACTIVE | NOWAIT
        ),
        "disks alone": lambda: stats(
            domains, libvirt.VIR_DOMAIN_STATS_BLOCK, ACTIVE | NOWAIT
        ),
        f"in chunks of {CHUNK}": lambda: [
            stats(domains[start : start + CHUNK], GROUPS, ACTIVE | NOWAIT)
            for start in range(0, len(domains), CHUNK)
        ],
        "half of them on each of two connections": lambda: list(
            threads.map(bulk_read, connections, halves)
        ),
        "a call a guest": lambda: [
            stats([domain], GROUPS, ACTIVE | NOWAIT) for domain in domains
        ],
        "ours, and every guest's XML": parsed,
        "one exchange with each QEMU through libvirt": exchange,
    }


def in_turns(
    rivals: Mapping[str, Callable[[], float]], rounds: int
) -> dict[str, list[float]]:
    """Let rivals read in turns; return each one's seconds, by round."""
    for rival in rivals.values():
        rival()
    taken: dict[str, list[float]] = {name: [] for name in rivals}
    for _ in range(rounds):
        for name, rival in rivals.items():
            taken[name].append(rival())
    return taken


def asked(nova: NovaCompute, call: str, uuids: Sequence[str]) -> Callable[[], float]:
    """Return what makes nova read guests and returns the seconds it took there."""

    def seconds() -> float:
        taken: float = nova.ask(call, uuids=uuids)
        return taken

    return seconds


def boot(nova: NovaCompute, site: Site, connection: libvirt.virConnect) -> str:
    """Boot a guest, wait until it has done all it does, and return its UUID."""
    uuid: str = nova.ask("boot", shape=site.shape(USUAL))["uuid"]
    domain = connection.lookupByUUIDString(uuid)
    while not domain.blockStats("vdb")[2]:
        time.sleep(0.05)
    return uuid


def compare(hypervisor: Hypervisor, nova: NovaCompute) -> bool:
    """Measure, print, and return whether all is as it is wanted."""
    numbers = [scaled(number, at_least=1) for number in NUMBERS]
    rounds = scaled(ROUNDS, at_least=5)
    site = Site(hypervisor)
    connection = hypervisor.connect()
    pollsters = Pollsters(hypervisor.uri, HOST)
    print(f"{rounds} rounds, medians in ms, and how often ours fits into the others'\n")
    print(f"{'guests':>6} {OURS:>12} {INSPECTOR:>12} {DIAGNOSTICS:>12}   a guest")
    uuids: list[str] = []
    ratios = {}
    for number in numbers:
        uuids += [boot(nova, site, connection) for _ in range(number - len(uuids))]
        taken = in_turns(
            {
                OURS: asked(nova, "read_usages", uuids),
                INSPECTOR: timed(inspect(pollsters, uuids)),
                DIAGNOSTICS: asked(nova, "read_diagnostics", uuids),
            },
            rounds,
        )
        ratios[number] = [
            measure.ratio(taken[name], taken[OURS]) for name in (INSPECTOR, DIAGNOSTICS)
        ]
        print(
            f"{number:6d}",
            *(
                f"{1e3 * statistics.median(seconds):12.1f}"
                for seconds in taken.values()
            ),
            f"{1e3 * statistics.median(taken[OURS]) / number:7.2f} ms",
            "  x{:.1f} x{:.1f}".format(*ratios[number]),
        )
    print(f"\n{numbers[-1]} guests by other ways, over one bulk call")
    domains = [connection.lookupByUUIDString(uuid) for uuid in uuids]
    ways = alternatives(connection, domains)
    taken = in_turns({name: timed(way) for name, way in ways.items()}, rounds)
    first, *_ = taken.values()
    for name, seconds in taken.items():
        print(
            f"{1e3 * statistics.median(seconds):9.1f} ms"
            f"  x{measure.ratio(seconds, first):4.2f}  {name}"
        )
    few, many = numbers[1], numbers[-1]
    taken = in_turns(
        {
            "few": asked(nova, "read_usages", uuids[:few]),
            "many": asked(nova, "read_usages", uuids),
        },
        rounds,
    )
    growth = measure.ratio(taken["many"], taken["few"]) * few / many
    over_inspector, _ = ratios[many]
    over_diagnostics = min(ratio for _, ratio in ratios.values())
    print(
        f"\ninspector over ours with {many}: {over_inspector:.1f}, wanted"
        f" {WANTED_OVER_INSPECTOR}; diagnostics over ours, the least:"
        f" {over_diagnostics:.2f}, wanted {WANTED_OVER_DIAGNOSTICS}; a guest's cost"
        f" among {many} over {few}: {growth:.2f}, allowed {WANTED_GROWTH}"
    )
    return (
        over_inspector >= WANTED_OVER_INSPECTOR
        and over_diagnostics >= WANTED_OVER_DIAGNOSTICS
        and growth <= WANTED_GROWTH
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Measure on a hypervisor of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--release", choices=PATCHED, default=PATCHED[-1])
    parser.add_argument("--divisor", help=f"the same as {VARIABLE}")
    wanted = parser.parse_args(argv)
    if wanted.divisor:
        os.environ[VARIABLE] = wanted.divisor
    libvirt.registerErrorHandler(lambda *_: None, None)
    environment = NovaEnvironment.of(wanted.release)
    with Hypervisor() as hypervisor, NovaCompute(hypervisor, environment) as nova:
        return 0 if compare(hypervisor, nova) else 1


if __name__ == "__main__":
    sys.exit(main())
