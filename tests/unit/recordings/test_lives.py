# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""What the committed recordings hold: the usage contract, as nova keeps it."""

import datetime
import itertools
from collections import Counter

import pytest

from tests.support import oracle
from tests.support.recordings import FIXTURES, Life, cases, plain_cases

#: The notifications that carry the block, by the two names each of them has.
TWINS = dict(zip(oracle.BOTH_FORMS[::2], oracle.BOTH_FORMS[1::2], strict=True))
#: Those of a life in which nothing happens.
PLAIN = {
    f"compute.instance.{name}" for name in ("create.end", "exists", "delete.start")
}

TOTALS = {field for _, _, field in oracle.LIFETIME}

COUNTERS = {
    "cpu": {"time"},
    "disks": {
        "read_requests",
        "read_bytes",
        "write_requests",
        "write_bytes",
        "read_time",
        "write_time",
    },
    "interfaces": {
        f"{way}_{counter}"
        for way in ("rx", "tx")
        for counter in ("bytes", "packets", "errors", "drop")
    },
}
OTHERS = {
    "cpu": {"number"},
    "disks": {"device", "volume_id"},
    "interfaces": {"name", "mac", "port_id", "filter", "parameters"},
}
BLOCK = {
    *("schema", "driver", "origin", "collected_at", "epoch_began_at", "instance_name"),
    "lifetime",
    *COUNTERS,
}

PATCHED = [case for case in cases() if not case.endswith(("stock", "xenapi", "hyperv"))]
STOCK = [case for case in cases() if case.endswith("stock")]
EVENTFUL = [case for case in cases() if case.endswith("eventful")]


def plain(value):
    """A value without the wrapping of nova's notification objects."""
    if isinstance(value, dict):
        value = value.get("nova_object.data", value)
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list) else value


def readings(case):
    """The event type and usage of each message that carries one, unknowns left out."""
    for message in Life.load(case).messages:
        usage = plain(message.notification()["payload"]).get("usage")
        if usage is not None:
            known = {key: each for key, each in usage.items() if each is not None}
            yield message.event_type, {"epoch_began_at": None} | known


def blocks(case):
    """The usages of a life in which each notification is sent once, by event type."""
    return dict(readings(case))


def live(case):
    """Each reading that was made for its notification."""
    return [block for _, block in readings(case) if block["origin"] == "live"]


def lives(case):
    """The usages of the unversioned notifications, and whether the guest is another.

    Another guest runs after the last reading of one, and where a migration ended.
    """
    before = ""
    for event_type, block in readings(case):
        if event_type in TWINS:
            is_other = before.endswith(".start") or event_type.endswith(
                ("migration.post.dest.end", "finish_resize.end", "resize.revert.end")
            )
            yield is_other, block
            before = event_type


def used(block):
    """What a guest has used by a reading, by the names of the totals."""
    return {
        "cpu_time": block["cpu"]["time"],
        **{
            f"{total}_{counter}": sum(device[counter] for device in block[devices])
            for total, devices in (("disk", "disks"), ("net", "interfaces"))
            for counter in COUNTERS[devices]
            if f"{total}_{counter}" in TOTALS
        },
    }


def groups(block):
    """Each group of counters with its name: one cpu, some disks, some interfaces."""
    yield "cpu", block["cpu"]
    for name in ("disks", "interfaces"):
        for device in block[name]:
            yield name, device


def test_there_are_recordings_of_both_kinds():
    """Each recorded nova is recorded with the series and without."""
    assert plain_cases()
    assert [f"{case}-stock" for case in plain_cases()] == STOCK
    assert [f"{case}-eventful" for case in plain_cases()] == EVENTFUL


@pytest.mark.parametrize("case", cases())
def test_every_file_is_listed(case):
    """A recording has no file that its life does not list."""
    listed = {file for file, _ in Life.load(case).files()}
    numbered = {*FIXTURES.rglob(f"{case}.json"), *FIXTURES.rglob(f"{case}-[0-9]*.json")}
    there = {str(path.relative_to(FIXTURES)) for path in numbered}
    assert {file for file in there if not file.endswith(".samples.json")} == {
        f"lives/{case}.json",
        *listed,
    }


@pytest.mark.parametrize("case", [*plain_cases(), *STOCK])
def test_a_life_is_whole(case):
    """A life goes from its creation to its end, each step in both forms."""
    events = [message.event_type for message in Life.load(case).messages]
    steps = ["create.start", "create.end", "exists", "delete.start", "delete.end"]
    for prefix in ("compute.instance", "instance"):
        places = [events.index(f"{prefix}.{step}") for step in steps]
        assert places == sorted(places)


@pytest.mark.parametrize("case", STOCK)
def test_stock_nova_says_nothing_of_usage(case):
    """Nova as published sends no usage in any notification."""
    assert blocks(case) == {}


@pytest.mark.parametrize("case", PATCHED)
def test_the_block_travels_where_the_contract_says(case):
    """Usage is in the notifications that the contract names, and in both forms."""
    legacy = TWINS.keys() if case in EVENTFUL else PLAIN

    assert {event_type for event_type, _ in readings(case)} == {
        name for event_type in legacy for name in (event_type, TWINS[event_type])
    }


@pytest.mark.parametrize("case", PATCHED)
def test_twins_carry_one_reading(case):
    """The two forms of a notification carry the very same block, one by one."""
    found = list(readings(case))
    for (legacy, block), (versioned, twin) in zip(found[::2], found[1::2], strict=True):
        assert versioned == TWINS[legacy]
        assert block == twin


@pytest.mark.parametrize("case", PATCHED)
def test_the_block_has_the_fields_of_the_contract(case):
    """Every block, disk and interface has the contract's fields and no others."""
    for block in live(case):
        assert set(block) == BLOCK
        assert set(block["lifetime"]) == TOTALS
        for name, group in groups(block):
            assert set(group) == COUNTERS[name] | OTHERS[name]


@pytest.mark.parametrize("case", PATCHED)
def test_counters_are_whole_numbers(case):
    """A counter is an integer from 0 to below 2^64, and no boolean."""
    for block in live(case):
        counters = [
            group[counter]
            for name, group in groups(block)
            for counter in COUNTERS[name]
        ]
        for counter in (*counters, *block["lifetime"].values()):
            assert type(counter) is int
            assert 0 <= counter < 2**64


@pytest.mark.parametrize("case", PATCHED)
def test_a_reading_tells_what_it_is_of(case):
    """Schema, driver, origin, name and time of a reading are as agreed."""
    for _, block in readings(case):
        assert block["schema"] == "1.0"
        assert block["driver"] == "libvirt"
        assert block["origin"] in ("live", "cached")
        assert block["instance_name"].startswith("instance-")
        collected = datetime.datetime.fromisoformat(block["collected_at"])
        assert collected.utcoffset() == datetime.timedelta(0)
        assert collected.isoformat(timespec="microseconds") == block["collected_at"]


@pytest.mark.parametrize("case", plain_cases())
def test_both_disks_and_both_ports_are_there(case):
    """A local disk, a volume and two ports are told apart by nova's own ids."""
    for block in live(case):
        local, volume = block["disks"]
        assert (local["device"], local["volume_id"]) == ("vda", None)
        assert volume["device"] == "vdb"
        ports = {nic["port_id"]: nic for nic in block["interfaces"]}
        assert len(ports) == 2
        for port, nic in ports.items():
            assert nic["name"] == f"tap{port}"[:14]
            assert all(
                value is None or isinstance(value, str)
                for value in nic["parameters"].values()
            )


@pytest.mark.parametrize("case", plain_cases())
def test_the_block_agrees_with_the_rest_of_its_notification(case):
    """Volumes and ports of the last reading are those that nova tells of besides."""
    event_type = "instance.delete.start"
    usage = blocks(case)[event_type]
    (payload,) = (
        plain(message.notification()["payload"])
        for message in Life.load(case).messages
        if message.event_type == event_type
    )
    assert [disk["volume_id"] for disk in usage["disks"] if disk["volume_id"]] == [
        volume["volume_id"] for volume in payload["block_devices"]
    ]
    assert {nic["port_id"]: nic["mac"] for nic in usage["interfaces"]} == {
        address["port_uuid"]: address["mac"] for address in payload["ip_addresses"]
    }


@pytest.mark.parametrize("case", plain_cases())
def test_counters_move_between_audit_and_deletion(case):
    """Every counter is higher in the last reading than in the audit's."""
    found = blocks(case)
    audit = groups(found["compute.instance.exists"])
    last = groups(found["compute.instance.delete.start"])
    for (name, before), (_, after) in zip(audit, last, strict=True):
        for counter in COUNTERS[name]:
            assert 0 < before[counter] < after[counter]


@pytest.mark.parametrize("case", PATCHED)
def test_totals_never_go_down(case):
    """Whatever happens to an instance, its totals grow or stay."""
    found = [block["lifetime"] for _, block in lives(case)]
    for before, after in itertools.pairwise(found):
        assert all(after[total] >= before[total] for total in TOTALS)
    assert all(total > 0 for total in found[-1].values())


@pytest.mark.parametrize("case", PATCHED)
def test_totals_are_the_sums_of_all_guests(case):
    """The last totals are what the guests' last readings come to, added up."""
    gone, here = Counter(), Counter()
    for is_other, block in lives(case):
        if block["origin"] == "cached":
            continue
        if is_other:
            gone.update(here)
        here = used(block)
        if block["epoch_began_at"] is None:
            # A migration's last reading on the source is in the totals alone.
            told = {
                total: block["lifetime"][total] - value for total, value in here.items()
            }
            assert all(told[total] >= gone[total] for total in told)
            gone = Counter(told)
        assert block["lifetime"] == {total: gone[total] + here[total] for total in here}


@pytest.mark.parametrize(
    ("case", "minutes"),
    [
        *((case, 55 + 17) for case in plain_cases()),
        # It works 7 minutes before each of 9 happenings, and 5 in two of them.
        *((case, 55 + 9 * 7 + 2 * 5 + 17) for case in EVENTFUL),
    ],
)
def test_totals_are_what_the_server_has_truly_used(case, minutes):
    """A minute's work is always the same, whichever guest and host it was done on."""
    first, *_, last = (
        block["lifetime"]
        for event_type, block in readings(case)
        if not event_type.endswith("create.end")
    )
    assert last == {total: value * minutes // 55 for total, value in first.items()}
    assert all(value % 55 == 0 for value in first.values())


@pytest.mark.parametrize("case", PATCHED)
def test_a_guest_begins_after_the_one_before_it(case):
    """The moment of zero lies between the guests, and stays the same for each."""
    last, known = datetime.datetime.min.replace(tzinfo=datetime.UTC), None
    for is_other, block in lives(case):
        if block["epoch_began_at"] is None or block["origin"] == "cached":
            # Of one that was migrated while it ran nobody knows.
            continue
        began_at = datetime.datetime.fromisoformat(block["epoch_began_at"])
        assert began_at > last if is_other or not known else began_at == known
        last, known = datetime.datetime.fromisoformat(block["collected_at"]), began_at
        assert began_at <= last
