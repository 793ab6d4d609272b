# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""What Gnocchi bills of simulated lives, beside what they really used."""

from collections import defaultdict

import pytest

from tests.functional.stack.bills import lives
from tests.functional.stack.bills.simulation import (
    DAY,
    FIVE_MINUTES,
    HOUR,
    MEANS,
    bills,
    by_instance,
    total,
)

#: The share of the truth by which a bill may be too low; too high it may never be.
TOLERANCE = 1e-4
#: What rounding in floating point may add.
ROUNDING = 1e-9

TOTALS = "totals, rate:sum by day"
STOCK = "Ceilometer's pollster and policy, rate:mean"
POLLS = "(the polls' last counter less the first)"


def _assert_right(billed, truth):
    """A bill is never too high, and as good as never too low."""
    assert truth * (1 - TOLERANCE) <= billed <= truth * (1 + ROUNDING)


@pytest.mark.parametrize("granularity", [HOUR, DAY])
@pytest.mark.parametrize("name", lives.METERS)
def test_totals_bill_what_was_used(simulation, name, granularity):
    """Each instance's bill by its totals is what it used, whatever befell it."""
    _, meter, _ = lives.METERS[name]

    billed = by_instance(simulation, meter, granularity=granularity)

    for uuid, life in simulation.instances(simulation.run).items():
        _assert_right(billed[uuid], life.used(name))


@pytest.mark.parametrize("name", lives.METERS)
def test_shared_series_bill_what_was_used_without_a_reset(simulation, name):
    """So it is by the pollsters' series, where the counters never went back."""
    meter, *_ = lives.METERS[name]

    billed = by_instance(simulation, meter)

    for uuid, life in simulation.instances(simulation.run).items():
        if life.was_reset:
            assert billed[uuid] <= life.used(name) * (1 + ROUNDING)
        else:
            _assert_right(billed[uuid], life.used(name))


@pytest.mark.parametrize("granularity", [HOUR, DAY])
def test_a_projects_bill_is_its_instances(simulation, granularity):
    """One query for a project gives what its instances used together."""
    truth = defaultdict(int)
    for life in simulation.lives:
        truth[life.project] += life.used("cpu")

    billed = bills(
        simulation,
        simulation.run,
        total("cpu.total"),
        by="project_id",
        granularity=granularity,
    )

    for number, used in truth.items():
        _assert_right(billed[lives.project(simulation.run, number)], used)


def test_what_is_billed(simulation, figures):
    """The table: what each way of billing gets of what was really used."""
    run, stock_run = simulation.run, simulation.stock_run
    ways = {
        TOTALS: (run, total("cpu.total"), DAY),
        "totals, rate:sum by hour": (run, total("cpu.total"), HOUR),
        "shared series, rate:sum by hour": (run, total("cpu"), HOUR),
        "shared series, rate:sum by five minutes": (run, total("cpu"), FIVE_MINUTES),
        "shared series, negative hours left out": (
            run,
            "(aggregate sum (clip_min (metric cpu rate:sum) 0))",
            HOUR,
        ),
        STOCK: (stock_run, total("cpu", "rate:mean"), FIVE_MINUTES),
    }
    billed = {}
    for way, (of_run, operation, granularity) in ways.items():
        found = bills(simulation, of_run, operation, granularity=granularity)
        billed[way] = {
            life.number: found.get(uuid, 0.0)
            for uuid, life in simulation.instances(of_run).items()
        }
    billed[POLLS] = simulation.seen_by_polls("cpu")

    figures.append("billed of the CPU time that was used, by the lives' mean length")
    shares = {}
    for reset, title in ((False, "never reset"), (True, "restarted once")):
        groups = [
            [
                life
                for life in simulation.lives
                if life.was_reset == reset and life.mean == mean
            ]
            for mean in MEANS
        ]
        columns = "".join(f"{mean:>14}" for mean in MEANS)
        number = sum(map(len, groups))
        figures.append(f"{f'{number} lives {title}':45}{columns}")
        for way, of_life in billed.items():
            shares[way, reset] = [
                sum(of_life.get(life.number, 0) for life in group)
                / sum(life.used("cpu") for life in group)
                for group in groups
            ]
            shown = "".join(f"{share:>13.4%} " for share in shares[way, reset])
            figures.append(f"{way:45}{shown}")

    assert all(max(each) <= 1 + ROUNDING for each in shares.values())
    for ours, stock, polled in zip(
        *(shares[way, False] for way in (TOTALS, STOCK, POLLS)), strict=True
    ):
        assert ours > stock
        # What Ceilometer bills alone is what its polls saw: the simulation is fair.
        assert stock == pytest.approx(polled, rel=0.01)
