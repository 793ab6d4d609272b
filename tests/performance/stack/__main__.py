# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The rates on the running stack, all of them or those that are named.

The environment variable ``STACK_DIVISOR`` has everything counted done so many times
less often.
"""

import argparse
import sys

from tests.functional.stack.scale import DIVISOR, scaled
from tests.functional.stack.stack import Stack
from tests.performance.stack import bus, gnocchi, memory

SHORT = DIVISOR > 1


def _bus(stack: Stack) -> None:
    if SHORT:
        rivals = (bus.NOTHING, bus.READY, bus.OURS)
        number = scaled(20_000, least=2_000)
        bus.measure(stack, number, rounds=1, batches=(100,), rivals=rivals)
        return
    bus.measure(stack, 6_000, rounds=3, batches=(1, 100))


def _memory(stack: Stack) -> None:
    memory.through_nothing(stack, scaled(100_000))
    memory.through_gnocchi(stack, scaled(10_000))


def _gnocchi(stack: Stack) -> None:
    def measure(work: gnocchi.Work, *rivals: gnocchi.Rival) -> None:
        gnocchi.measure(stack, work, number, rounds=rounds, rivals=rivals)

    def stock(batch: int = 1) -> gnocchi.Rival:
        return gnocchi.Rival(scheme=gnocchi.STOCK, batch=batch)

    def ours(batch: int, *, bulk: bool = False) -> gnocchi.Rival:
        return gnocchi.Rival(scheme=gnocchi.OURS, batch=batch, bulk=bulk)

    number, rounds = scaled(100, least=12), 1 if SHORT else 3
    stack.gnocchi.metricd.stop()
    if SHORT:
        measure(gnocchi.UNSEEN_WITH_EVENTS, stock(), ours(number, bulk=True))
        measure(gnocchi.KNOWN, stock(), ours(number))
        return
    measure(
        gnocchi.KNOWN, stock(), stock(100), *(ours(each) for each in (1, 10, 100, 500))
    )
    bulk = [ours(each, bulk=True) for each in (1, 10, 100)]
    measure(gnocchi.UNSEEN, stock(), stock(100), ours(1), ours(100), *bulk)
    measure(gnocchi.UNSEEN_WITH_EVENTS, stock(), ours(100), ours(100, bulk=True))
    measure(gnocchi.KNOWN_WITH_EVENTS, stock(), ours(100), ours(100, bulk=True))
    stack.gnocchi.metricd.start()
    measure(gnocchi.KNOWN, stock(), ours(100))
    measure(gnocchi.UNSEEN, stock(), ours(100, bulk=True))
    stack.gnocchi.metricd.stop()


PARTS = {"gnocchi": _gnocchi, "bus": _bus, "memory": _memory}


def main(argv=None):
    """Measure, and print it."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], help="all if none")
    parts = parser.parse_args(argv).parts or list(PARTS)
    with Stack() as stack:
        for part in parts:
            print(f"--- {part}", flush=True)
            PARTS[part](stack)
    return 0


if __name__ == "__main__":
    sys.exit(main())
