# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The audit of a whole host: few reads, and one broken guest costs only itself."""

import signal

GUESTS = 11
CHUNK = 4


def is_complete(usage):
    """Whether a reading has all of a usual guest's groups."""
    return bool(
        usage
        and len(usage.get("disks", ())) == 2
        and len(usage["interfaces"]) == 1
        and usage["cpu"]["time"]
    )


def test_audit_of_a_host(nova, hypervisor, boot, figures):
    """All guests are read in chunks; what is broken is missing, and nothing else."""
    nova.ask("override", group="instance_usage", name="chunk_size", value=CHUNK)
    names = {guest["uuid"]: guest["name"] for guest in boot(GUESTS)}
    guests = list(names)
    connection = hypervisor.connect()

    audited = nova.ask("audit")

    assert audited["reads"] == [4, 4, 3]
    assert all(is_complete(audited["usages"][uuid]) for uuid in guests)

    audited_before = audited["usages"]
    off, gone, hung, *well = guests
    connection.lookupByUUIDString(off).destroy()
    connection.lookupByUUIDString(gone).destroy()
    connection.lookupByUUIDString(gone).undefine()
    hypervisor.signal_guest(names[hung], signal.SIGSTOP)
    audited = nova.ask("audit")
    hypervisor.signal_guest(names[hung], signal.SIGCONT)

    usages = audited["usages"]
    assert usages.keys() == set(guests)
    assert usages[off] == {**audited_before[off], "origin": "cached"}
    assert usages[gone] == {**audited_before[gone], "origin": "cached"}
    assert usages[hung]["origin"] == "cached" or "disks" not in usages[hung]
    assert [uuid for uuid in well if not is_complete(usages[uuid])] == []
    figures.append(
        f"audit of {GUESTS} guests, {CHUNK} at a time, one hanging, one off, one gone:"
        f" {len(well)} complete readings, {audited['seconds']:.2f} s"
    )
