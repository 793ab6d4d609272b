# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""What Gnocchi bills of simulated lives, beside what they really used."""

import contextlib
import dataclasses
import datetime
from collections import defaultdict
from importlib import resources

import pytest

from ceilo_nova_usage import gnocchi_resources
from tests.functional.stack import lives
from tests.functional.stack.polling import EXCHANGE, PollingAgents
from tests.functional.stack.scale import scaled

#: Seconds, by what the table calls them.
MEANS = {"two minutes": 120.0, "ten minutes": 600.0, "one hour": 3600.0}
#: The share of the truth by which a bill may be too low; too high it may never be.
TOLERANCE = 1e-4
#: What rounding in floating point may add.
ROUNDING = 1e-9

START = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)
STOP = datetime.datetime(2026, 4, 1, tzinfo=datetime.UTC)
HOUR, DAY, FIVE_MINUTES = 3600, 86400, 300

SEED = "bills"
TOTALS = "totals, rate:sum by day"
STOCK = "Ceilometer's pollster and policy, rate:mean"
STOCK_TOPIC = "stock"
CEILOMETERS = resources.files("ceilometer.publisher") / "data/gnocchi_resources.yaml"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """The lives, and by which runs' ids Gnocchi knows them."""

    client: object
    lives: list[lives.Life]
    run: str
    stock_run: str

    def ids(self, run):
        """Return the lives by the ids of their instances."""
        return {lives.Told.of(run, life, 0).uuid: life for life in self.lives}


@pytest.fixture(name="definitions", scope="module")
def _definitions(tmp_path_factory):
    """The file that ``gnocchi-resources`` prints."""
    file = tmp_path_factory.mktemp("definitions") / "gnocchi_resources.yaml"
    merged = gnocchi_resources.merged(gnocchi_resources.ceilometers())
    file.write_text(gnocchi_resources.to_yaml(merged))
    return file


class Agents:
    """A notification agent of ours and a stock one, with polling agents for each."""

    def __init__(self, stack, definitions):
        self._host = host = stack.host()
        exchanges = ["nova", EXCHANGE]
        self._ours = host.configure(
            "ours",
            [
                stack.publisher(
                    "gnocchi-spool", resources_definition_file=str(definitions)
                )
            ],
            notification={
                "notification_control_exchanges": exchanges,
                "batch_size": 50,
            },
            nova_usage={"baseline": True},
        )
        self._stock = host.configure(
            "stock",
            [
                # With all the time it needs: its own losses are another test's.
                stack.publisher(
                    "gnocchi", resources_definition_file=str(CEILOMETERS), timeout="120"
                )
            ],
            notification={
                "notification_control_exchanges": exchanges,
                "batch_size": 50,
            },
            oslo_messaging_notifications={"topics": STOCK_TOPIC},
        )
        self._stack = stack

    @contextlib.contextmanager
    def running(self):
        """Run them; gives nova's bus, and each agent's polling agents."""
        stack, meters = self._stack, {meter for meter, *_ in lives.METERS.values()}
        with contextlib.ExitStack() as stopping:
            polling = [
                stopping.enter_context(
                    contextlib.closing(PollingAgents(self._host, topic, meters))
                )
                for topic in ("notifications", STOCK_TOPIC)
            ]
            stock = stack.agent(self._stock)
            stopping.callback(stock.stop)
            stock.start()
            stopping.enter_context(stack.agents(self._ours))
            for each in polling:
                each.wait_for_listener()
            yield stopping.enter_context(stack.bus()), *polling
            stack.wait_until_handled(timeout=3600)
        stack.gnocchi.wait_until_processed(timeout=3600)


@pytest.fixture(name="agents", scope="module")
def _agents(running_stack, definitions):
    running_stack.restore()
    return Agents(running_stack, definitions)


def _counters(run, life, at):
    """What the pollsters read of a life, by meter and resource."""
    uuid = lives.Told.of(run, life, at).uuid
    return {
        (meter, uuid if meter == "cpu" else f"{uuid}-vda"): life.counter(name, at)
        for name, (meter, *_) in lives.METERS.items()
    }


def _polled(run, event):
    for life in event.lives:
        told = lives.Told.of(run, life, event.at)
        payload = told.legacy().notification["payload"]
        yield payload, _counters(run, life, event.at)


@pytest.fixture(name="simulation", scope="module")
def _simulation(running_stack, agents, figures):
    """A thousand lives, told to both agents in the order in which all happened."""
    told = Simulation(
        client=running_stack.gnocchi.client(),
        lives=lives.lives(MEANS, scaled(1000, least=30), SEED),
        run="bills",
        stock_run="stock bills",
    )
    polls = 0
    with agents.running() as (bus, polling, stock_polling):
        for event in lives.events(told.lives, SEED):
            if event.kind == "poll":
                at = lives.moment(event.at)
                polls += polling.send(at, _polled(told.run, event))
                stock_polling.send(at, _polled(told.stock_run, event))
                continue
            notifications = (
                lives.Told.of(told.run, life, event.at) for life in event.lives
            )
            bus.publish(
                each.legacy() if event.kind == "delete" else each.exists()
                for each in notifications
            )
    figures.append(
        f"{len(told.lives)} lives, each twice; {polls} polled samples, twice"
    )
    return told


def bills(simulation, run, operation, *, kind="instance", by="id", granularity=HOUR):
    """Return the sum of an operation's values in March, by resource or project."""
    projects = [lives.project(run, number) for number in range(lives.PROJECTS)]
    groups = simulation.client.aggregates.fetch(
        operation,
        resource_type=kind,
        search={"in": {"project_id": projects}},
        groupby=[by],
        start=START,
        stop=STOP,
        granularity=granularity,
        fill=0,
    )
    return {
        group["group"][by]: sum(
            value for *_, value in group["measures"]["measures"]["aggregated"]
        )
        for group in groups
    }


def total(meter, aggregate="rate:sum"):
    """The operation that the documentation tells of."""
    return f"(aggregate sum (metric {meter} {aggregate}))"


def by_instance(simulation, meter, granularity=HOUR):
    """Return the bill of each of our instances by the sum of a meter's differences."""
    return bills(
        simulation,
        simulation.run,
        total(meter),
        granularity=granularity,
        **_resources(meter),
    )


def _resources(meter):
    if meter.startswith("disk.device."):
        return {"kind": "instance_disk", "by": "instance_id"}
    return {"kind": "instance", "by": "id"}


def _assert_right(billed, truth):
    """A bill is never too high, and as good as never too low."""
    assert truth * (1 - TOLERANCE) <= billed <= truth * (1 + ROUNDING)


@pytest.mark.parametrize("granularity", [HOUR, DAY])
@pytest.mark.parametrize("name", lives.METERS)
def test_totals_bill_what_was_used(simulation, name, granularity):
    """Each instance's bill by its totals is what it used, whatever befell it."""
    _, meter, _ = lives.METERS[name]

    billed = by_instance(simulation, meter, granularity=granularity)

    for uuid, life in simulation.ids(simulation.run).items():
        _assert_right(billed[uuid], life.used(name))


@pytest.mark.parametrize("name", lives.METERS)
def test_shared_series_bill_what_was_used_without_a_reset(simulation, name):
    """So it is by the pollsters' series, where the counters never went back."""
    meter, *_ = lives.METERS[name]

    billed = by_instance(simulation, meter)

    for uuid, life in simulation.ids(simulation.run).items():
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
    figures.append("billed of the CPU time that was used, by the lives' mean length")
    columns = "".join(f"{mean:>14}" for mean in MEANS)
    shown = {}
    for reset, title in ((False, "never reset"), (True, "restarted once")):
        of_kind = [life for life in simulation.lives if life.was_reset == reset]
        figures.append(f"{f'{len(of_kind)} lives {title}':45}{columns}")
        for way, (of_run, operation, granularity) in ways.items():
            billed = bills(simulation, of_run, operation, granularity=granularity)
            shares = []
            for mean in MEANS:
                some = {
                    uuid: life
                    for uuid, life in simulation.ids(of_run).items()
                    if life.was_reset == reset and life.mean == mean
                }
                used = sum(life.used("cpu") for life in some.values())
                got = sum(billed.get(uuid, 0.0) for uuid in some)
                shares.append(got / used)
            shown[way, reset] = shares
            figures.append(f"{way:45}" + "".join(f"{s:>13.4%} " for s in shares))

    for (way, reset), shares in shown.items():
        assert max(shares) <= 1 + ROUNDING, (way, reset)
    for ours_share, stock_share in zip(
        shown[TOTALS, False],
        shown[STOCK, False],
        strict=True,
    ):
        assert ours_share > stock_share
