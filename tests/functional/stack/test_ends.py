# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Whatever comes in which order, by whatever clock: what was deleted has ended."""

import dataclasses
import datetime
import itertools
import time
import uuid

import pytest

from tests.functional.stack.scale import DIVISOR
from tests.support.deletes import Delete, Instance
from tests.support.polls import poll
from tests.support.processes import wait_until

# Seconds after the last reading at which a poll saw the guest still.
LATE = datetime.timedelta(seconds=3)
NOTHING = datetime.timedelta(0)
#: The disk that a polled instance has no more when it is deleted.
DETACHED = "vdb"
BEFORE = datetime.timedelta(seconds=60)
# Seconds in which ends are looked at twice.
PATIENCE = 100
SKEWS = (-5, 0, 5)
EVENTS_FIRST, SAMPLES_FIRST, NO_EVENT = "events first", "samples first", "no event"
ORDERS = (EVENTS_FIRST, SAMPLES_FIRST, NO_EVENT)
RESTORED = "compute.instance.restore.end"

TYPES = {
    "instance": "id",
    "instance_disk": "instance_id",
    "instance_network_interface": "instance_id",
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One instance of the matrix."""

    instance: Instance
    polled: bool
    order: str
    polled_late: bool

    @property
    def before(self):
        """The instance while it had one disk more."""
        return dataclasses.replace(self.instance, disks=self.instance.disks + 1)

    def last(self, resource_id):
        """The time of the last measure of one of its resources."""
        late = self.polled_late and resource_id != f"{self.instance.uuid}-{DETACHED}"
        return self.instance.collected_at + (LATE if late else NOTHING)

    def __str__(self):
        skew = self.instance.collected_at.isoformat()
        return f"{skew} polled={self.polled} {self.order} late={self.polled_late}"


def cases(run):
    """All of the matrix: every instance is read about now, by nova's clock."""
    matrix = itertools.product(SKEWS, (False, True), ORDERS, (False, True))
    for number, (skew, polled, order, polled_late) in enumerate(matrix):
        now = datetime.datetime.now(datetime.UTC)
        yield Case(
            instance=Instance(
                run=run,
                number=number,
                collected_at=now + datetime.timedelta(seconds=skew),
                disks=1,
                nics=1,
            ),
            polled=polled,
            order=order,
            polled_late=polled_late,
        )


def resources(stack, instance_id):
    """What Gnocchi has of an instance: itself, its disks and interfaces."""
    client = stack.gnocchi.client()
    return [
        resource
        for kind, attribute in TYPES.items()
        for resource in client.resource.search(kind, {"=": {attribute: instance_id}})
    ]


def wrong(stack, cases):
    """The resources of cases that have not ended, or before their last measure."""
    found = []
    for case in cases:
        expected = 3 + case.polled
        there = resources(stack, case.instance.uuid)
        if len(there) != expected:
            found.append((str(case), f"{len(there)} resources, not {expected}"))
        for resource in there:
            ended, name = resource["ended_at"], resource["original_resource_id"]
            if ended is None or datetime.datetime.fromisoformat(ended) <= case.last(
                name
            ):
                found.append((str(case), name, ended))
    return found


def settled(stack):
    """Wait until the agents and Gnocchi have done all there is to do."""
    stack.wait_until_handled()
    stack.gnocchi.wait_until_processed()


@pytest.mark.parametrize("scheme", ["gnocchi-spool", "gnocchi"])
@pytest.mark.parametrize("agents", [1, 2] if DIVISOR == 1 else [2])
def test_what_was_deleted_has_ended(stack, run, figures, scheme, agents):
    """Polled or never seen, events before or after, clocks off: all has ended.

    The events go through our publisher or through Ceilometer's. With two agents, each
    with a spool of its own, metricd sees nothing until all has been sent.
    """
    configs = [
        stack.host().configure(
            "agent",
            [stack.publisher("gnocchi-spool")],
            event_publishers=[stack.publisher(scheme)],
        )
        for _ in range(agents)
    ]
    with stack.agents(*configs), stack.bus() as bus:
        matrix = list(cases(run))
        bus.publish(
            poll(case.before.legacy().samples, case.instance.collected_at - BEFORE)
            for case in matrix
            if case.polled
        )
        settled(stack)
        if agents > 1:
            stack.gnocchi.metricd.stop()
        bus.publish(
            case.instance.legacy()
            if case.order == EVENTS_FIRST
            else case.instance.versioned()
            for case in matrix
        )
        stack.wait_until_handled()
        bus.publish(
            case.instance.legacy() for case in matrix if case.order == SAMPLES_FIRST
        )
        stack.wait_until_handled()
        bus.publish(
            poll(case.instance.legacy().samples, case.instance.collected_at + LATE)
            for case in matrix
            if case.polled_late
        )
        stack.wait_until_handled()
        stack.gnocchi.metricd.start()
        settled(stack)
        begun = time.monotonic()
        while wrong(stack, matrix) and time.monotonic() - begun < PATIENCE:
            time.sleep(2)
        took = time.monotonic() - begun
        assert wrong(stack, matrix) == []
        # Nothing that is still under way takes an end back.
        settled(stack)
        time.sleep(3)
        assert wrong(stack, matrix) == []
    figures.append(
        f"ends: {len(matrix)} instances, {agents} agents, events by {scheme}: "
        f"0 resources wrong, {took:.0f} s after metricd had caught up"
    )


def restored(instance):
    """The notification that an instance was restored, made of its deletion."""
    notification = dict(instance.legacy().notification)
    notification.update(
        event_type=RESTORED, message_id=str(uuid.uuid4()), _unique_id=uuid.uuid4().hex
    )
    return Delete(notification=notification, routing_key="notifications.info")


def test_what_came_back_has_not_ended(stack, run):
    """An instance whose deletion came to nothing lives on with its next polls.

    One was restored, which says that at once; of the other it shows in polls that go on
    for longer than those of a guest that is about to go.
    """
    config = stack.host().configure(
        "agent",
        [stack.publisher("gnocchi-spool")],
        event_publishers=[stack.publisher("gnocchi-spool")],
        nova_usage={"end_window": 60},
    )
    now = datetime.datetime.now(datetime.UTC)
    by_event, by_poll = instances = [
        Instance(run=run, number=number, collected_at=at, disks=1, nics=1)
        for number, at in enumerate((now, now - 10 * BEFORE))
    ]

    def ends():
        return [
            each["ended_at"]
            for instance in instances
            for each in resources(stack, instance.uuid)
        ]

    with stack.agents(config), stack.bus() as bus:
        bus.publish(each.legacy() for each in instances)
        settled(stack)
        wait_until(lambda: len(ends()) == 6 and all(ends()), "all has ended")

        bus.publish([restored(by_event)])
        stack.wait_until_handled()
        bus.publish(
            poll(each.legacy().samples, now + LATE) for each in (by_event, by_poll)
        )
        settled(stack)

        wait_until(lambda: ends() == [None] * 6, "all lives")
        # Nor does a later look at the ends take that back.
        time.sleep(20)
        assert ends() == [None] * 6
