# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""No row of the spool holds up another."""

import contextlib
import logging
import random

import pytest

from ceilo_nova_usage.delivery.bounded_log import BoundedLog
from ceilo_nova_usage.delivery.gnocchi.api import Failed, Unavailable
from ceilo_nova_usage.delivery.gnocchi.backlog import Backlog
from ceilo_nova_usage.delivery.spool import Spool
from tests.support.spooled import sample


class Gnocchi:
    """Takes samples, but for those of resources that are named for what they do."""

    def __init__(self):
        self.taken = []
        self.away = False
        self.by = []

    def writer(self, publisher):
        """Give what writes for a publisher."""
        self.by.append(publisher)
        return self.write

    def write(self, samples):
        """Take all of them, or none."""
        names = [each.resource_id for each, _ in samples]
        if self.away:
            raise Unavailable("away")
        if any(name.startswith("fails") for name in names):
            raise Failed("HTTP 500")
        if any(name.startswith("odd") for name in names):
            raise LookupError("a defect")
        refused = {name: "no" for name in names if name.startswith("refused")}
        self.taken += [name for name in names if name not in refused]
        return refused


@pytest.fixture(name="spool")
def _spool(tmp_path):
    with contextlib.closing(Spool(tmp_path / "spool", max_bytes=2**24)) as spool:
        yield spool


def emptied(spool, gnocchi, *, tries=60):
    """Deliver as the agent does, which tries again after whatever went wrong."""
    log = BoundedLog(logging.getLogger(__name__), 0)
    backlog = Backlog(spool, gnocchi.writer, log)
    for _ in range(tries):
        with contextlib.suppress(Unavailable, LookupError):
            if backlog.deliver() == (0, 0):
                return
    pytest.fail("the spool was not emptied")


def refused(spool):
    """The resources whose rows are kept as refused."""
    return {row.resource_id for row in spool.rows() if row.reason is not None}


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param([], id="none"),
        pytest.param(["refused"], id="one is refused"),
        pytest.param(["fails"], id="over one Gnocchi falls"),
        pytest.param(["fails-1", "fails-2", "fails-3"], id="over several"),
        pytest.param(["odd"], id="one is our defect"),
        pytest.param(["odd", "fails", "refused"], id="one of each"),
    ],
)
def test_bad_rows_are_refused_and_all_others_sent(spool, bad):
    """What fails by itself while others do not is put aside, and kept."""
    good = [f"good-{number}" for number in range(20)]
    for name in [*good[:7], *bad, *good[7:]]:
        spool.append([sample(name)])
    gnocchi = Gnocchi()

    emptied(spool, gnocchi)

    assert set(gnocchi.taken) == set(good)
    assert refused(spool) == set(bad)
    assert spool.is_empty()


def test_an_outage_refuses_nothing(spool):
    """However often Gnocchi is not there, all rows go on waiting."""
    for name in ("a", "b", "c"):
        spool.append([sample(name)])
    gnocchi = Gnocchi()
    gnocchi.away = True
    backlog = Backlog(spool, gnocchi.writer, BoundedLog(logging.getLogger(__name__), 0))

    for _ in range(20):
        with pytest.raises(Unavailable):
            backlog.deliver()

    assert [row.reason for row in spool.rows()] == [None] * 3


def test_a_gnocchi_that_falls_over_everything_refuses_nothing(spool):
    """Where no other row gets through, it is no row's fault."""
    for name in ("fails-1", "fails-2", "fails-3"):
        spool.append([sample(name)])
    gnocchi = Gnocchi()
    backlog = Backlog(spool, gnocchi.writer, BoundedLog(logging.getLogger(__name__), 0))

    for _ in range(20):
        with pytest.raises(Unavailable):
            backlog.deliver()

    assert refused(spool) == set()


def test_each_row_is_sent_as_its_publisher_would(spool):
    """Samples of two publishers go by each, whoever sends them."""
    spool.append([sample("a")], publisher="archive_policy=high")
    spool.append([sample("b")])
    gnocchi = Gnocchi()

    emptied(spool, gnocchi)

    assert gnocchi.by == ["archive_policy=high", ""]
    assert gnocchi.taken == ["a", "b"]


def test_what_is_refused_does_not_fill_the_spool(tmp_path):
    """The oldest refused rows go before there is no room for what waits."""
    text = random.Random(1).randbytes(20_000).hex()
    with contextlib.closing(Spool(tmp_path / "spool", max_bytes=2**20)) as spool:
        for number in range(100):
            name = f"refused-{number:03}"
            spool.append([sample(name, metadata={"display_name": text})])
            emptied(spool, Gnocchi())

        assert "refused-099" in refused(spool)
        assert "refused-000" not in refused(spool)
        spool.append([sample("good", metadata={"display_name": text})])
