# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The zero before a reading: when there is one, when there must be none."""

import copy

import pytest

from tests.support import handwritten, oracle

CREATED_AT = "2026-11-22T16:41:07+00:00"
EPOCH = "2026-11-22T16:55:00.500000+00:00"
PERIOD = {
    "audit_period_beginning": "2026-11-22 16:00:00",
    "audit_period_ending": "2026-11-22 17:00:00",
}


def _never_reset(**changes):
    """Return a block whose life's totals are its counters."""
    block = handwritten.usage(**changes)
    disks, nics = block["disks"], block["interfaces"]
    lifetime = {"cpu_time": block["cpu"]["time"]}
    for name in ("read_requests", "read_bytes", "write_requests", "write_bytes"):
        lifetime[f"disk_{name}"] = sum(disk[name] for disk in disks)
    for name in ("rx_bytes", "rx_packets", "tx_bytes", "tx_packets"):
        lifetime[f"net_{name}"] = sum(nic[name] for nic in nics)
    return {**block, "lifetime": lifetime}


def _reset(**changes):
    """Return a block of a life that began again, so that its totals are larger."""
    return handwritten.usage(lifetime=handwritten.lifetime(), **changes)


BLOCKS = {
    "never reset": _never_reset(),
    "never reset, without a device": _never_reset(disks=0, interfaces=0),
    "never reset, and the epoch known": _never_reset(epoch_began_at=EPOCH),
    "reset": _reset(),
    "reset, and the epoch known": _reset(epoch_began_at=EPOCH),
    "the epoch alone": handwritten.usage(epoch_began_at=EPOCH),
    "nothing known": handwritten.usage(),
    "nothing to compare": handwritten.usage(
        disks=0, interfaces=0, lifetime={"cpu_time": 1}, cpu=None
    ),
    "one counter unknown": {
        **_never_reset(),
        "cpu": {"time": None, "number": 1},
    },
}


def _exists(form, block, **payload):
    if form == "legacy":
        return handwritten.legacy(
            block, "compute.instance.exists", **{**PERIOD, **payload}
        )
    period = {name: f"{at.replace(' ', 'T')}Z" for name, at in PERIOD.items()}
    return handwritten.versioned(
        block,
        "instance.exists",
        **{"audit_period": handwritten.wrap("AuditPeriodPayload", period), **payload},
    )


def _delete(form, block, **payload):
    return getattr(handwritten, form)(block, **payload)


def _zeros(samples):
    return [sample for sample in samples if sample["volume"] == 0]


@pytest.mark.parametrize("form", ["legacy", "versioned"])
@pytest.mark.parametrize("notification", [_delete, _exists])
@pytest.mark.parametrize("title", BLOCKS)
def test_what_is_known_to_have_been_zero_is_published(agent, title, notification, form):
    """Zeros come beside the readings, for the meters and of the moment foreseen."""
    message = notification(form, BLOCKS[title], created_at=CREATED_AT)

    samples = agent.meter(message)

    assert samples == oracle.ordered(oracle.samples(message) + oracle.zeros(message))
    assert agent.quarantined() == []


@pytest.mark.parametrize(
    ("title", "pollsters", "totals"),
    [
        ("never reset", CREATED_AT, CREATED_AT),
        ("never reset, and the epoch known", EPOCH, CREATED_AT),
        ("reset", None, CREATED_AT),
        ("reset, and the epoch known", EPOCH, CREATED_AT),
        ("the epoch alone", EPOCH, None),
        ("nothing known", None, None),
    ],
)
def test_the_moment_of_zero_is_the_familys(agent, title, pollsters, totals):
    """Totals began with the instance; counters with their epoch, if it was not one."""
    message = handwritten.legacy(BLOCKS[title], created_at=CREATED_AT)

    zeros = _zeros(agent.meter(message))

    of_totals = {
        sample["timestamp"] for sample in zeros if sample["name"] in oracle.TOTAL_METERS
    }
    of_others = {
        sample["timestamp"]
        for sample in zeros
        if sample["name"] not in oracle.TOTAL_METERS
    }
    assert of_totals == ({totals} if totals else set())
    assert of_others == ({pollsters} if pollsters else set())


def test_a_meter_without_a_reading_has_no_zero(agent):
    """What a driver does not know now is not said to have been zero once."""
    block = _never_reset()
    block["disks"][0]["read_time"] = None
    del block["lifetime"]["net_tx_bytes"]

    zeros = {
        (sample["name"], sample["resource_id"])
        for sample in _zeros(
            agent.meter(handwritten.legacy(block, created_at=CREATED_AT))
        )
    }

    uuid = handwritten.UUID
    assert ("disk.device.read.latency", f"{uuid}-vda") not in zeros
    assert ("disk.device.read.latency", f"{uuid}-vdb") in zeros
    assert ("network.outgoing.bytes.total", uuid) not in zeros


@pytest.mark.parametrize(
    "created_at",
    [
        None,
        "",
        0,
        1700000000,
        True,
        [],
        {"nova_object.data": CREATED_AT},
        "2026-11-22",
        "2026-11-22T16:41:07",
        "2026-11-22 16:41:07.000",
        "yesterday",
        "\ud800",
        "9" * 100_000,
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
    ],
)
def test_a_creation_that_cannot_be_told_costs_the_zeros_alone(agent, created_at):
    """A time that is naive, odd or no time at all gives no zero, and no complaint."""
    message = handwritten.legacy(_never_reset())
    expected = oracle.samples(message)
    message["payload"]["created_at"] = created_at

    assert agent.meter(message) == expected
    assert agent.quarantined() == []


@pytest.mark.parametrize("block", [_never_reset(), _reset(epoch_began_at=EPOCH)])
@pytest.mark.parametrize("collected_at", [EPOCH, CREATED_AT, "2026-11-22T16:00:00Z"])
def test_a_zero_lies_before_its_reading(agent, block, collected_at):
    """Clocks that disagree make no zero of the same moment as a reading, or later."""
    block = {**block, "collected_at": collected_at}

    message = handwritten.legacy(block, created_at=CREATED_AT)

    zeros = _zeros(agent.meter(message))

    assert zeros == oracle.zeros(message)
    assert all(zero["timestamp"] < collected_at for zero in zeros)


@pytest.mark.parametrize("year", ["0001", "9999"])
def test_the_ends_of_time_are_readings_like_others(agent, year):
    """A reading at either end of the calendar is published, whatever lies before it."""
    block = _never_reset(collected_at=f"{year}-01-01T00:00:00+00:00")
    message = handwritten.legacy(block, created_at=CREATED_AT)

    assert agent.meter(message) == oracle.samples(message)
    assert agent.quarantined() == []


@pytest.mark.parametrize(
    ("created_at", "published"),
    [
        ("2026-11-21T16:00:00.123456+00:00", True),
        ("2026-11-21T16:00:00.123455+00:00", False),
        ("2020-01-01T00:00:00+00:00", False),
    ],
)
def test_a_zero_reaches_back_a_day_and_an_hour(agent, created_at, published):
    """An older instance was read before, or its rates have a gap anyway."""
    message = handwritten.legacy(_never_reset(), created_at=created_at)

    zeros = _zeros(agent.meter(message))

    assert bool(zeros) == published
    assert zeros == oracle.zeros(message)


@pytest.mark.parametrize("form", ["legacy", "versioned"])
@pytest.mark.parametrize(
    ("created_at", "published"),
    [("2026-11-22T16:00:00Z", True), ("2026-11-22T15:59:59Z", False)],
)
def test_an_audit_tells_of_what_began_in_its_period(agent, form, created_at, published):
    """An instance that exists for many periods has its zeros sent with the first."""
    message = _exists(form, _never_reset(), created_at=created_at)

    zeros = _zeros(agent.meter(message))

    assert bool(zeros) == published
    assert zeros == oracle.zeros(message)


@pytest.mark.parametrize("period", [{"audit_period_beginning": 5}, {}, None, [], "x"])
def test_an_audit_whose_period_is_unreadable_is_metered_all_the_same(agent, period):
    """A period that is not one costs nothing."""
    message = _exists(
        "versioned", _never_reset(), created_at=CREATED_AT, audit_period=period
    )

    samples = agent.meter(message)

    assert [each for each in samples if each["volume"]] == oracle.samples(
        handwritten.versioned(_never_reset(), "instance.exists")
    )
    assert agent.quarantined() == []


def test_both_forms_of_a_notification_have_the_same_zeros(agent):
    """Whichever form comes first, or again, the zeros' ids are the same."""

    def ids(message):
        return [sample["id"] for sample in _zeros(agent.meter(message))]

    block = _reset(epoch_began_at=EPOCH)
    legacy = ids(handwritten.legacy(block, created_at="2026-11-22 16:41:07+00:00"))
    versioned = ids(handwritten.versioned(block, created_at="2026-11-22T16:41:07Z"))

    assert legacy == versioned
    assert len(set(legacy)) == len(legacy) > 0


def test_the_bandwidth_of_older_novas_has_no_zeros(agent):
    """Those counters begin with each audit, of which no moment is told."""
    message = _exists(
        "legacy", None, created_at=CREATED_AT, bandwidth={"a": {"bw_in": 5}}
    )

    assert [sample["volume"] for sample in agent.meter(message)] == [5]


def test_the_baseline_can_be_switched_off(agent_with):
    """With the option off there are the readings alone."""
    message = handwritten.legacy(_never_reset(), created_at=CREATED_AT)

    assert agent_with(baseline="false").meter(message) == oracle.samples(message)


@pytest.mark.parametrize(
    ("since", "pollsters", "totals"),
    [
        ("2026-11-22T16:41:07", True, True),
        ("2026-11-22T18:41:07+02:00", True, True),
        ("2026-11-22T16:41:08Z", True, False),
        ("2026-11-22", True, True),
        ("2026-11-23", False, False),
    ],
)
def test_there_is_no_zero_before_baseline_since(agent_with, since, pollsters, totals):
    """What began before that time is billed by other means, and not again."""
    message = handwritten.legacy(_reset(epoch_began_at=EPOCH), created_at=CREATED_AT)

    zeros = {
        sample["name"]
        for sample in _zeros(agent_with(baseline_since=since).meter(message))
    }

    assert ("cpu" in zeros) == pollsters
    assert ("cpu.total" in zeros) == totals


def test_only_the_chosen_families_have_zeros(agent_with):
    """A family that is switched off publishes nothing, no zero either."""
    message = handwritten.legacy(_never_reset(), created_at=CREATED_AT)

    samples = agent_with(meters="totals").meter(message)

    assert {sample["name"] for sample in samples} == oracle.TOTAL_METERS
    assert len(_zeros(samples)) == len(oracle.TOTAL_METERS)


def test_zeros_are_published_before_the_readings_and_with_them(agent):
    """One batch has both, in the order of time: what takes them takes them at once."""
    message = handwritten.legacy(_never_reset(), created_at=CREATED_AT)

    assert agent.handle(message) == set()

    (batch,) = agent.pipeline.batches
    times = [sample.timestamp for sample in batch]
    assert times == sorted(times)
    assert len(set(times)) == 2


def test_a_message_is_not_changed_by_it(agent):
    """The next endpoint is handed what this one was."""
    message = handwritten.versioned(_never_reset(), created_at=CREATED_AT)
    before = copy.deepcopy(message)

    agent.meter(message)

    assert message == before
