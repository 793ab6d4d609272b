# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""What the series costs nova: a host's poll, a deletion, and a notification's size.

A poll is put beside nova's own walk over the guests of a host, which compares their
power states, and a deletion beside that of a stock nova.
"""

import argparse
import json
import statistics
import sys
from pathlib import Path

from tests.nova.environment import PATCHED, NovaEnvironment
from tests.performance.measure import ratio

INSIDE = Path(__file__).parent / "inside"
#: Seconds.
TIMEOUT = 900.0


def figures(environment, tree, guests, rounds):
    """Return what ``inside/nova_costs.py`` prints in a tree."""
    done = environment.run(
        tree,
        *("-m", "testtools.run", "nova_costs.CostsTest"),
        path=[INSIDE],
        variables={"COSTS_GUESTS": str(guests), "COSTS_ROUNDS": str(rounds)},
        timeout=TIMEOUT,
    )
    if done.returncode:
        raise RuntimeError(done.stdout)
    (line,) = (line for line in done.stdout.splitlines() if line.startswith('{"walk"'))
    return json.JSONDecoder().raw_decode(line)[0]


def show(name, rounds):
    """Print the median time of some rounds, and what the last of them asked for."""
    seconds = statistics.median(each["seconds"] for each in rounds)
    asked = ", ".join(f"{n} {kind}" for kind, n in rounds[-1]["statements"].items())
    print(f"  {name:24} {seconds * 1e3:7.1f} ms, {rounds[-1]['saves']} RPCs, {asked}")


def main(argv=None):
    """Measure a nova with the series and one without, and print it."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--release", choices=PATCHED, default=PATCHED[-1])
    parser.add_argument("--short", action="store_true", help="fewer guests and rounds")
    wanted = parser.parse_args(argv)
    guests, rounds = (20, 3) if wanted.short else (60, 15)
    environment = NovaEnvironment.of(wanted.release)
    measured = {
        name: figures(environment, tree, guests, rounds)
        for name, tree in (
            ("stock", environment.stock()),
            ("patched", environment.patched()),
        )
    }
    stock, patched = measured["stock"], measured["patched"]
    print(f"nova {environment.version}, a host of {guests} guests")
    show("its own walk, stock", stock["walk"])
    show("its own walk, patched", patched["walk"])
    for name in ("poll of all", "poll of one", "poll of none"):
        show(f"{name} that changed", patched[name])
    for name in ("poll of all", "poll of none"):
        those = [[each["seconds"] for each in patched[part]] for part in (name, "walk")]
        print(f"  a {name} takes {ratio(*those):.2f} of the walk's time")
    for name, figure in measured.items():
        show(f"deletion, {name}", figure["delete"])
    for form, size in patched["bytes"].items():
        before = stock["bytes"][form]
        print(f"  {form} delete.start: {before} bytes stock, {size} patched")
    return 0


if __name__ == "__main__":
    sys.exit(main())
