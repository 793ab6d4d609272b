# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Writing to a Gnocchi that is played here."""

import datetime
import logging
import threading
import time

import pytest

from ceilo_nova_usage.delivery.bounded_log import BoundedLog
from ceilo_nova_usage.delivery.gnocchi.api import (
    Exists,
    Failed,
    Refused,
    Unavailable,
)
from ceilo_nova_usage.delivery.gnocchi.ends import InstanceType
from ceilo_nova_usage.delivery.gnocchi.resources import END_MARGIN, Resource
from ceilo_nova_usage.delivery.gnocchi.writer import Writer

WINDOW = datetime.timedelta(seconds=600)
# Seconds after which a request that waits for another one gives up.
PATIENCE = 30


END = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
METER = "disk.device.read.bytes"
METRIC = {"archive_policy_name": "low", "unit": "B"}


class Gnocchi:
    """A Gnocchi without resources; ``create`` is what it does to make one.

    It refuses the metrics that are made with a resource if ``metrics`` says so. Others
    may put resources into ``has``.
    """

    def __init__(self, create=lambda resource_id: None, *, metrics=True):
        self._create = create
        self._metrics = metrics
        self.has = {}
        self.looked_up = []
        self.measured = set()
        self.requests = []
        self.by_id = []

    def has_bulk(self):
        """It has Gnocchi's own requests only."""
        return False

    def find(self, resource_type, ids):
        """Return those that are there."""
        self.looked_up += ids
        return {each: self.has[each] for each in ids if each in self.has}

    def create(self, resource_type, resource):
        """Make one."""
        metrics = resource.get("metrics", {})
        if metrics and not self._metrics:
            raise Refused("no such archive policy")
        assert all(metric == METRIC for metric in metrics.values())
        self._create(resource["id"])
        self.has[resource["id"]] = {
            "metrics": _ids(resource["id"], metrics),
            "ended_at": resource.get("ended_at"),
        }
        return self.has[resource["id"]]

    def post(self, measures):
        """Take measures, and make their metrics."""
        for resource_id, metrics in measures.items():
            self.has[resource_id]["metrics"] |= _ids(resource_id, metrics)
        self.measured |= set(measures)
        self.requests.append(sum(map(len, measures.values())))

    def post_to_metrics(self, measures):
        """Take measures of metrics that are known by their ids."""
        self.measured |= {each.removeprefix(f"{METER} of ") for each in measures}
        self.by_id.append(len(measures))


def _ids(resource_id, metrics):
    return {name: f"{name} of {resource_id}" for name in metrics}


class NoEnds:
    """Knows of no ends."""

    def ended(self, resource_ids):
        """None has ended."""
        return {}

    def record_ends(self, ends):
        """Forget them."""
        list(ends)


def resources(number):
    """So many disks with a measure each."""
    return [
        Resource(
            type="instance_disk",
            id=f"disk-{index}",
            instance_id="instance",
            attributes={},
            user_id=None,
            measures={METER: {**METRIC, "measures": [{}]}},
        )
        for index in range(number)
    ]


def writer(gnocchi, clock=time.monotonic):
    """A writer to it."""
    log = BoundedLog(logging.getLogger(__name__), 60)
    return Writer(gnocchi, NoEnds(), InstanceType([]), WINDOW, log, clock)


def test_resources_are_made_at_the_same_time():
    """No resource waits for another one to be made."""
    both = threading.Barrier(2)
    gnocchi = Gnocchi(create=lambda resource_id: both.wait(PATIENCE))

    refused = writer(gnocchi).write(resources(2))

    assert refused == {}
    assert set(gnocchi.has) == gnocchi.measured == {"disk-0", "disk-1"}


def test_one_that_is_refused_holds_up_no_other():
    """Of a refused resource no measures are sent; of the others they are."""

    def create(resource_id):
        if resource_id == "disk-1":
            raise Refused("no such type")

    gnocchi = Gnocchi(create)

    refused = writer(gnocchi).write(resources(20))

    assert refused == {"disk-1": "no such type"}
    assert len(gnocchi.measured) == 19
    assert "disk-1" not in gnocchi.measured


def test_unavailable_is_said():
    """Where Gnocchi cannot be reached for one, the caller is told, and keeps all."""

    def create(resource_id):
        if resource_id == "disk-7":
            raise Unavailable("no connection")

    gnocchi = Gnocchi(create)

    with pytest.raises(Unavailable, match="no connection"):
        writer(gnocchi).write(resources(20))
    assert gnocchi.measured == set()


@pytest.mark.parametrize(("number", "requests"), [(1000, [1000]), (1001, [500, 501])])
def test_a_batch_is_one_request_unless_it_is_huge(number, requests):
    """More than a thousand measures are divided, evenly, and each is sent once."""
    gnocchi = Gnocchi(metrics=False)

    assert writer(gnocchi).write(resources(number)) == {}

    assert len(gnocchi.measured) == number
    assert sorted(gnocchi.requests) == requests


def test_metrics_are_made_with_their_resource():
    """Of resources that are new the measures go to metrics known by their ids."""
    gnocchi = Gnocchi()

    assert writer(gnocchi).write(resources(20)) == {}

    assert len(gnocchi.has) == len(gnocchi.measured) == 20
    assert gnocchi.by_id == [20]
    assert gnocchi.requests == []


def test_one_that_was_made_is_not_looked_up():
    """What this process made is known to it when it comes again."""
    gnocchi = Gnocchi()
    to_it = writer(gnocchi)
    to_it.write(resources(2))
    gnocchi.looked_up.clear()

    assert to_it.write(resources(2)) == {}

    assert gnocchi.looked_up == []
    assert gnocchi.by_id == [2, 2]


def test_a_metric_that_is_refused_leaves_the_resource():
    """Where a metric cannot be made with its resource, that is made without it."""
    gnocchi = Gnocchi(metrics=False)
    to_it = writer(gnocchi)

    assert to_it.write(resources(20)) == {}

    assert len(gnocchi.has) == 20
    assert gnocchi.by_id == []
    assert gnocchi.requests == [20]

    assert to_it.write(resources(20)) == {}

    # By now they have the metrics, which are looked up.
    assert gnocchi.by_id == [20]
    assert gnocchi.requests == [20]


def test_somebody_else_makes_it_meanwhile():
    """It is tried once, and what the other one made of it is used."""
    tried = []

    def create(resource_id):
        tried.append(resource_id)
        gnocchi.has[resource_id] = {"metrics": {METER: "theirs"}, "ended_at": None}
        raise Exists("already")

    gnocchi = Gnocchi(create)

    assert writer(gnocchi).write(resources(1)) == {}

    assert tried == ["disk-0"]
    assert gnocchi.looked_up == ["disk-0", "disk-0"]
    assert gnocchi.measured == {"theirs"}
    assert gnocchi.requests == []


def test_one_that_is_made_ended_is_looked_at_again():
    """A resource whose first measures are its last is made so; a late one may come."""
    gnocchi = Gnocchi()
    to_it = writer(gnocchi)
    (last,) = resources(1)
    last.latest, last.end = END - END_MARGIN, END

    assert to_it.write([last]) == {}

    assert gnocchi.has["disk-0"]["ended_at"] == END.isoformat()
    gnocchi.looked_up.clear()

    to_it.write(resources(1))

    assert gnocchi.looked_up == ["disk-0"]


class Knowing(Gnocchi):
    """A Gnocchi that has all resources, each with a metric; ``take`` may refuse."""

    def __init__(self, take=lambda metric_ids: None):
        super().__init__()
        self._take = take

    def find(self, resource_type, ids):
        """It has all."""
        for each in ids:
            there = {"metrics": _ids(each, [METER]), "ended_at": None}
            self.has.setdefault(each, there)
        return super().find(resource_type, ids)

    def post_to_metrics(self, measures):
        """Take measures of metrics that are known by their ids."""
        self._take(set(measures))
        super().post_to_metrics(measures)


@pytest.mark.parametrize(("number", "requests"), [(1000, [1000]), (2001, [667] * 3)])
def test_known_metrics_are_divided_too(number, requests):
    """Of metrics that are known by their ids each is sent once as well."""
    gnocchi = Knowing()

    assert writer(gnocchi).write(resources(number)) == {}

    assert sorted(gnocchi.by_id) == requests
    assert gnocchi.requests == []


def test_one_of_several_requests_is_refused():
    """Only what was in it is sent again, by the resources' names."""

    def take(metric_ids):
        if f"{METER} of disk-0" in metric_ids:
            raise Refused("no such metric")

    gnocchi = Knowing(take)

    assert writer(gnocchi).write(resources(1500)) == {}

    assert gnocchi.by_id == [750]
    assert gnocchi.requests == [750]
    assert "disk-0" in gnocchi.measured


def test_one_of_several_requests_finds_nobody():
    """The caller is told, and keeps all; to send the others again is harmless."""

    def take(metric_ids):
        if f"{METER} of disk-0" in metric_ids:
            raise Unavailable("no connection")

    with pytest.raises(Unavailable, match="no connection"):
        writer(Knowing(take)).write(resources(1500))


class Bulk(Gnocchi):
    """A Gnocchi with bulk requests; ``make`` may raise what they end with."""

    def __init__(self, make=lambda resource_ids: None):
        super().__init__()
        self._make = make
        self.asked = 0
        self.made = []
        self.completed = []

    def has_bulk(self):
        """It has."""
        self.asked += 1
        return True

    def create_all(self, by_type):
        """Make resources, their metrics and what is measured of these."""
        resources = [each for those in by_type.values() for each in those]
        self._make({each["id"] for each in resources})
        self.made.append(len(resources))
        for each in resources:
            assert all(metric["measures"] for metric in each["metrics"].values())
            self.has[each["id"]] = {
                "metrics": _ids(each["id"], each["metrics"]),
                "ended_at": each.get("ended_at"),
            }
            self.measured.add(each["id"])
        return {each["id"]: _ids(each["id"], each["metrics"]) for each in resources}

    def create_metrics(self, metrics):
        """Make metrics of resources that exist, and what is measured of these."""
        self._make(set(metrics))
        self.completed.append(len(metrics))
        self.measured |= set(metrics)
        for resource_id, those in metrics.items():
            self.has[resource_id]["metrics"] |= _ids(resource_id, those)
        return {each: _ids(each, those) for each, those in metrics.items()}


@pytest.mark.parametrize(
    ("number", "requests"), [(1, [1]), (125, [125]), (500, [125] * 4)]
)
def test_resources_are_made_by_bulk_requests(number, requests):
    """With their measures: nothing else is sent, and their metrics are known then."""
    gnocchi = Bulk()
    to_it = writer(gnocchi)

    assert to_it.write(resources(number)) == {}

    assert gnocchi.made == requests
    assert len(gnocchi.measured) == number
    assert gnocchi.by_id == gnocchi.requests == []
    gnocchi.looked_up.clear()

    assert to_it.write(resources(number)) == {}

    assert gnocchi.looked_up == []
    assert gnocchi.by_id == [number]


def test_one_that_is_made_ended_by_a_bulk_request():
    """Its end goes with it, and it is looked at again when a late measure comes."""
    gnocchi = Bulk()
    to_it = writer(gnocchi)
    (last,) = resources(1)
    last.latest, last.end = END - END_MARGIN, END

    assert to_it.write([last]) == {}

    assert gnocchi.has["disk-0"]["ended_at"] == END.isoformat()
    gnocchi.looked_up.clear()
    to_it.write(resources(1))
    assert gnocchi.looked_up == ["disk-0"]


@pytest.mark.parametrize("answer", [Refused("one is wrong"), Exists("one is there")])
def test_a_bulk_request_that_is_refused_is_made_one_by_one(answer):
    """No resource suffers for another one's sake; the next are made in bulk again."""

    def make(resource_ids):
        if "disk-0" in resource_ids:
            raise answer

    gnocchi = Bulk(make)
    to_it = writer(gnocchi)

    assert to_it.write(resources(200)) == {}

    assert gnocchi.made == [100]
    assert gnocchi.by_id == [100]
    assert len(gnocchi.has) == len(gnocchi.measured) == 200
    to_it.write(
        [each for each in resources(202) if each.id in {"disk-200", "disk-201"}]
    )
    assert gnocchi.made == [100, 2]


def test_bulk_requests_that_fall_over_are_left_alone(caplog):
    """They are said to fail, once, and tried again a minute later."""
    now = [0.0]
    broken = [Failed("HTTP 500")]

    def make(resource_ids):
        if broken:
            raise broken[0]

    gnocchi = Bulk(make)
    to_it = writer(gnocchi, lambda: now[0])

    assert to_it.write(resources(2)) == {}
    assert (gnocchi.made, gnocchi.by_id) == ([], [2])
    assert [each.levelname for each in caplog.records] == ["ERROR"]
    assert "HTTP 500" in caplog.text

    broken.clear()
    now[0] = 59.0
    to_it.write(resources(4)[2:])
    assert gnocchi.made == []
    now[0] = 60.0
    to_it.write(resources(6)[4:])
    assert gnocchi.made == [2]


def test_gnocchi_goes_away_under_a_bulk_request():
    """The caller is told, and keeps all."""

    def make(resource_ids):
        raise Unavailable("no connection")

    with pytest.raises(Unavailable, match="no connection"):
        writer(Bulk(make)).write(resources(2))


def test_what_gnocchi_has_is_asked_seldom():
    """Once in ten minutes, however many are made."""
    now = [0.0]
    gnocchi = Bulk()
    to_it = writer(gnocchi, lambda: now[0])
    for number in range(5):
        to_it.write(resources(number + 1)[number:])
    assert gnocchi.asked == 1

    now[0] = 600.0
    to_it.write(resources(6)[5:])

    assert gnocchi.asked == 2


def test_gnocchi_does_not_say_what_it_has():
    """Its own requests do; it is asked again a minute later."""
    now = [0.0]

    class Silent(Bulk):
        def has_bulk(self):
            super().has_bulk()
            raise Unavailable("no JSON")

    gnocchi = Silent()
    to_it = writer(gnocchi, lambda: now[0])

    assert to_it.write(resources(2)) == {}

    assert (gnocchi.asked, gnocchi.made, gnocchi.by_id) == (1, [], [2])
    now[0] = 60.0
    to_it.write(resources(4)[2:])
    assert gnocchi.asked == 2


def test_metrics_that_a_resource_lacks_are_made_by_a_bulk_request():
    """With their measures, and they are known then."""
    gnocchi = Bulk()
    gnocchi.has = {each.id: {"metrics": {}, "ended_at": None} for each in resources(20)}
    to_it = writer(gnocchi)

    assert to_it.write(resources(20)) == {}

    assert gnocchi.completed == [20]
    assert gnocchi.requests == gnocchi.by_id == []
    assert len(gnocchi.measured) == 20
    gnocchi.looked_up.clear()

    assert to_it.write(resources(20)) == {}

    assert gnocchi.looked_up == []
    assert gnocchi.by_id == [20]


def test_metrics_that_a_bulk_request_does_not_make():
    """Gnocchi's own request does: somebody else was first, or one of them is wrong."""

    def make(resource_ids):
        raise Exists("one of them is there")

    gnocchi = Bulk(make)
    gnocchi.has = {each.id: {"metrics": {}, "ended_at": None} for each in resources(20)}

    assert writer(gnocchi).write(resources(20)) == {}

    assert gnocchi.requests == [20]
    assert len(gnocchi.measured) == 20
