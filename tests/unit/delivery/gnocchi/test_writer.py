# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Writing to a Gnocchi that is played here."""

import datetime
import logging
import threading

import pytest

from ceilo_nova_usage.delivery.bounded_log import BoundedLog
from ceilo_nova_usage.delivery.gnocchi.api import Refused, Unavailable
from ceilo_nova_usage.delivery.gnocchi.ends import InstanceType
from ceilo_nova_usage.delivery.gnocchi.resources import Resource
from ceilo_nova_usage.delivery.gnocchi.writer import Writer

WINDOW = datetime.timedelta(seconds=600)
# Seconds after which a request that waits for another one gives up.
PATIENCE = 30


METER = "disk.device.read.bytes"
METRIC = {"archive_policy_name": "low", "unit": "B"}


class Gnocchi:
    """A Gnocchi without resources; ``create`` is what it does to make one.

    It makes no metrics with them, unless ``metrics`` says so.
    """

    def __init__(self, create=lambda resource_id: None, *, metrics=False):
        self._create = create
        self._metrics = metrics
        self.made = set()
        self.measured = set()
        self.requests = []
        self.by_id = []

    def find(self, resource_type, ids):
        """It has none."""
        return {}

    def create(self, resource_type, resource):
        """Make one."""
        metrics = resource.get("metrics", {})
        if metrics and not self._metrics:
            raise Refused("no such archive policy")
        self._create(resource["id"])
        self.made.add(resource["id"])
        assert all(metric == METRIC for metric in metrics.values())
        return {
            "metrics": {name: f"{name} of {resource['id']}" for name in metrics},
            "ended_at": None,
        }

    def post(self, measures):
        """Take measures."""
        self.measured |= set(measures)
        self.requests.append(sum(map(len, measures.values())))

    def post_to_metrics(self, measures):
        """Take measures of metrics that are known by their ids."""
        self.by_id.append(len(measures))


class NoEnds:
    """Knows of no ends."""

    def ended(self, resource_ids):
        """None has ended."""
        return {}


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


def writer(gnocchi):
    """A writer to it."""
    log = BoundedLog(logging.getLogger(__name__), 60)
    return Writer(gnocchi, NoEnds(), InstanceType([]), WINDOW, log)


def test_resources_are_made_at_the_same_time():
    """No resource waits for another one to be made."""
    both = threading.Barrier(2)
    gnocchi = Gnocchi(create=lambda resource_id: both.wait(PATIENCE))

    refused = writer(gnocchi).write(resources(2))

    assert refused == {}
    assert gnocchi.made == gnocchi.measured == {"disk-0", "disk-1"}


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
    gnocchi = Gnocchi()

    assert writer(gnocchi).write(resources(number)) == {}

    assert len(gnocchi.measured) == number
    assert sorted(gnocchi.requests) == requests


def test_metrics_are_made_with_their_resource():
    """Of resources that are new the measures go to metrics known by their ids."""
    gnocchi = Gnocchi(metrics=True)

    assert writer(gnocchi).write(resources(20)) == {}

    assert len(gnocchi.made) == 20
    assert gnocchi.by_id == [20]
    assert gnocchi.requests == []


def test_a_metric_that_is_refused_leaves_the_resource():
    """Where a metric cannot be made with its resource, that is made without."""
    gnocchi = Gnocchi(metrics=False)

    assert writer(gnocchi).write(resources(20)) == {}

    assert len(gnocchi.made) == 20
    assert gnocchi.by_id == []
    assert gnocchi.requests == [20]


class Knowing(Gnocchi):
    """A Gnocchi that has all resources, each with a metric; ``take`` may refuse."""

    def __init__(self, take=lambda metric_ids: None):
        super().__init__()
        self._take = take

    def find(self, resource_type, ids):
        """It has all."""
        return {
            each: {
                "metrics": {METER: f"metric of {each}"},
                "ended_at": None,
            }
            for each in ids
        }

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
        if "metric of disk-0" in metric_ids:
            raise Refused("no such metric")

    gnocchi = Knowing(take)

    assert writer(gnocchi).write(resources(1500)) == {}

    assert gnocchi.by_id == [750]
    assert gnocchi.requests == [750]
    assert "disk-0" in gnocchi.measured


def test_one_of_several_requests_finds_nobody():
    """The caller is told, and keeps all; to send the others again is harmless."""

    def take(metric_ids):
        if "metric of disk-0" in metric_ids:
            raise Unavailable("no connection")

    with pytest.raises(Unavailable, match="no connection"):
        writer(Knowing(take)).write(resources(1500))
