# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""What the committed recordings hold: the usage contract, as nova keeps it."""

import datetime

import pytest

from tests.support.recordings import FIXTURES, Life, cases

#: The notifications that carry the block, by the two names each of them has.
TWINS = {
    "compute.instance.exists": "instance.exists",
    "compute.instance.delete.start": "instance.delete.start",
}

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
    *COUNTERS,
}

PATCHED = [case for case in cases() if not case.endswith("stock")]
STOCK = [case for case in cases() if case.endswith("stock")]


def plain(value):
    """A value without the wrapping of nova's notification objects."""
    if isinstance(value, dict):
        value = value.get("nova_object.data", value)
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list) else value


def blocks(case):
    """The usage of each notification that carries one, by event type, unknowns out."""
    found = {}
    for message in Life.load(case).messages:
        usage = plain(message.notification()["payload"]).get("usage")
        if usage is not None:
            known = {key: each for key, each in usage.items() if each is not None}
            found[message.event_type] = {"epoch_began_at": None} | known
    return found


def groups(block):
    """Each group of counters with its name: one cpu, some disks, some interfaces."""
    yield "cpu", block["cpu"]
    for name in ("disks", "interfaces"):
        for device in block[name]:
            yield name, device


def test_there_are_recordings_of_both_kinds():
    """Each recorded nova is recorded with the series and without."""
    assert PATCHED
    assert [f"{case}-stock" for case in PATCHED] == STOCK


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


@pytest.mark.parametrize("case", cases())
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
    assert set(blocks(case)) == {*TWINS, *TWINS.values()}


@pytest.mark.parametrize("case", PATCHED)
def test_twins_carry_one_reading(case):
    """The two forms of a notification carry the very same block."""
    found = blocks(case)
    for legacy, versioned in TWINS.items():
        assert found[legacy] == found[versioned]


@pytest.mark.parametrize("case", PATCHED)
def test_the_block_has_the_fields_of_the_contract(case):
    """Every block, disk and interface has the contract's fields and no others."""
    for block in blocks(case).values():
        assert set(block) - {"lifetime"} == BLOCK
        for name, group in groups(block):
            assert set(group) == COUNTERS[name] | OTHERS[name]


@pytest.mark.parametrize("case", PATCHED)
def test_counters_are_whole_numbers(case):
    """A counter is an integer from 0 to below 2^64, and no boolean."""
    for block in blocks(case).values():
        for name, group in groups(block):
            for counter in COUNTERS[name]:
                assert type(group[counter]) is int
                assert 0 <= group[counter] < 2**64


@pytest.mark.parametrize("case", PATCHED)
def test_a_reading_tells_what_it_is_of(case):
    """Schema, driver, origin, name and time of a live reading are as agreed."""
    for block in blocks(case).values():
        assert block["schema"] == "1.0"
        assert block["driver"] == "libvirt"
        assert block["origin"] == "live"
        assert block["instance_name"].startswith("instance-")
        collected = datetime.datetime.fromisoformat(block["collected_at"])
        assert collected.utcoffset() == datetime.timedelta(0)
        assert collected.isoformat(timespec="microseconds") == block["collected_at"]


@pytest.mark.parametrize("case", PATCHED)
def test_both_disks_and_both_ports_are_there(case):
    """A local disk, a volume and two ports are told apart by nova's own ids."""
    for block in blocks(case).values():
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


@pytest.mark.parametrize("case", PATCHED)
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


@pytest.mark.parametrize("case", PATCHED)
def test_counters_move_between_audit_and_deletion(case):
    """Every counter is higher in the last reading than in the audit's."""
    found = blocks(case)
    audit = groups(found["compute.instance.exists"])
    last = groups(found["compute.instance.delete.start"])
    for (name, before), (_, after) in zip(audit, last, strict=True):
        for counter in COUNTERS[name]:
            assert 0 < before[counter] < after[counter]
