# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""What an instance has used over all of its guests, on a live hypervisor.

The true sums are kept here: what libvirt shows of a guest that is paused, and so stands
still, just before it goes.
"""

import itertools
import time
from collections import Counter

import libvirt
import pytest

from tests.functional.libvirt.shapes import PLUGGED_DISK, PLUGGED_NIC, USUAL

#: Seconds until a guest has done what it does.
PATIENCE = 120

_DEVICES = {
    "block": {
        "disk_read_requests": "rd.reqs",
        "disk_read_bytes": "rd.bytes",
        "disk_write_requests": "wr.reqs",
        "disk_write_bytes": "wr.bytes",
    },
    "net": {
        "net_rx_bytes": "rx.bytes",
        "net_rx_packets": "rx.pkts",
        "net_tx_bytes": "tx.bytes",
        "net_tx_packets": "tx.pkts",
    },
}


class Life:
    """An instance, and what it has truly used."""

    def __init__(self, nova, site, hypervisor):
        self._nova = nova
        self._shape = site.shape(USUAL)
        self._connection = hypervisor.connect()
        self.uuid = nova.ask("boot", shape=self._shape)["uuid"]
        self.domain = self._connection.lookupByUUIDString(self.uuid)
        self._gone = Counter()
        self.readings = []

    def ask(self, call, **arguments):
        """Have nova do something to the instance."""
        return self._nova.ask(call, uuid=self.uuid, **arguments)

    @property
    def nics(self):
        """The NICs that it was booted with."""
        return self._shape["nics"]

    def _stats(self):
        ((_, stats),) = self._connection.domainListGetStats([self.domain])
        return stats

    def used(self, *devices):
        """What the guest, or these devices of it, have used by now."""
        stats = self._stats()
        found = dict.fromkeys(itertools.chain(*_DEVICES.values()), 0)
        if not devices:
            found["cpu_time"] = sum(
                stats.get(f"vcpu.{number}.{part}", 0)
                for number in range(stats["vcpu.current"])
                for part in ("time", "wait")
            )
        for kind, counters in _DEVICES.items():
            for number in range(stats.get(f"{kind}.count", 0)):
                if devices and stats[f"{kind}.{number}.name"] not in devices:
                    continue
                for total, counter in counters.items():
                    found[total] += stats.get(f"{kind}.{number}.{counter}", 0)
        return found

    def true(self):
        """All that the instance has used by now."""
        used = self.used()
        return {total: self._gone[total] + used[total] for total in used}

    def settle(self, writes):
        """Wait until the guest has written so often, and stands still."""
        deadline = time.monotonic() + PATIENCE
        before, now = None, self._at_rest()
        while before != now or now["block.0.wr.reqs"] < writes:
            assert time.monotonic() < deadline, now
            time.sleep(0.3)
            before, now = now, self._at_rest()

    def _at_rest(self):
        return {
            key: value
            for key, value in self._stats().items()
            if key.startswith(("block.", "net."))
        }

    def check(self):
        """Read it while it is paused, as nova does, and compare with the truth."""
        self.domain.suspend()
        try:
            usage = self.ask("read")
            assert usage["origin"] == "live"
            assert usage["lifetime"] == self.true()
        finally:
            self.domain.resume()
        self.readings.append(usage)
        return usage

    def end(self, operation):
        """Let an operation end the guest, after its last reading."""
        self.domain.suspend()
        usage = self.ask("read")
        assert usage["lifetime"] == self.true()
        self._gone.update(self.used())
        self.ask(operation)
        self.readings.append(usage)

    def begin(self, writes):
        """Start another guest; return its first reading."""
        self.ask("start")
        if self.domain.state()[0] == libvirt.VIR_DOMAIN_PAUSED:
            # It goes on as it was saved.
            self.domain.resume()
        usage = self.ask("read")
        self.settle(writes)
        return usage

    def unplug(self, disk, nic):
        """Take a disk and a NIC out; what they have used stays in the totals."""
        plugged = {"disk": disk, "nic": nic, "nics": self.nics}
        self.check()
        used = self.used(disk["device"], nic["name"])
        assert used["disk_write_bytes"] > 0
        self.ask("detach", **plugged)
        self.domain.reset()  # at which the guest lets them go
        deadline = time.monotonic() + PATIENCE
        while self._stats()["block.count"] > len(self._shape["disks"]):
            assert time.monotonic() < deadline
            time.sleep(0.3)
        self.ask("unplugged", device=disk["device"], nic=nic["name"])
        self._gone.update(used)


@pytest.fixture(name="life")
def _life(nova, site, hypervisor):
    life = Life(nova, site, hypervisor)
    yield life
    try:
        if life.domain.isActive():
            life.domain.destroy()
        life.domain.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE)
    except libvirt.libvirtError as error:
        # It was deleted.
        if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
            raise


def test_totals_are_the_true_sums(life, site, figures):
    """Through stops, resets, a managed save, and devices that come and go."""
    life.settle(writes=3)
    booted = life.check()

    life.end("stop")
    assert life.ask("read") == {**life.readings[-1], "origin": "cached"}
    started = life.begin(writes=3)
    assert started["cpu"]["time"] < booted["cpu"]["time"]
    life.check()

    life.domain.reset()
    life.settle(writes=6)
    life.check()

    life.end("save")
    life.begin(writes=0)
    life.check()

    for turn in (1, 2):
        # The same device names again, which count from zero again.
        disk, nic = site.disk(PLUGGED_DISK, 9), site.nic(PLUGGED_NIC)
        life.ask("attach", disk=disk, nic=nic, nics=[*life.nics, nic])
        life.domain.reset()
        life.settle(writes=6 * turn - 3)
        life.unplug(disk, nic)
        life.settle(writes=6 * turn)
        life.check()

    lifetimes = [usage["lifetime"] for usage in life.readings]
    for before, after in itertools.pairwise(lifetimes):
        assert all(after[total] >= value for total, value in before.items())

    life.domain.suspend()
    last = life.ask("read")
    true = life.true()
    told = life.ask("delete")["usage"]
    assert told["lifetime"] == last["lifetime"] == true
    figures.append(
        f"totals of an instance with 5 guests, {len(lifetimes)} readings: "
        + ", ".join(f"{name} {value:,}" for name, value in last["lifetime"].items())
    )


def test_totals_outlive_nova_compute(life, nova, figures):
    """A nova-compute that knows nothing goes on from what was kept."""
    life.settle(writes=3)
    life.end("stop")
    life.begin(writes=3)
    life.check()

    nova.ask("forget")

    life.check()
    life.end("stop")
    nova.ask("forget")
    cached = life.ask("read")
    assert cached["origin"] == "cached"
    assert cached["lifetime"] == life.readings[-1]["lifetime"]
