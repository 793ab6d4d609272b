# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Samples a second: the endpoint, Ceilometer's declarative meters, and the floor.

All three are given the same recorded notification, in both wire forms, and publish to
nobody. The declarative meters' definitions are written for this very notification:
one for each value, as they cannot express a list of devices. The second device's have
names of their own, as a definition's name is its key. They get what is cheapest for
them: no metadata to look up, the instance as the resource. They cannot express a zero,
so the endpoint's baseline is off. The floor only makes the endpoint's own samples
again, of ready values, as Ceilometer's pollsters make theirs: each value by its
keyword.
"""

import argparse
import collections
import operator
import pathlib
import statistics
import sys
import tempfile

import yaml
from ceilometer.meter.notifications import ProcessMeterNotifications
from ceilometer.sample import Sample

from ceilo_nova_usage.handlers.delete import DeleteHandler
from tests.performance import measure
from tests.support.recordings import Life

CASE = "nova-34.0.0"
DATA = "['nova_object.data']"

#: What a sample is made of, in the order of its constructor.
FIELDS = (
    *("name", "type", "unit", "volume", "user_id", "project_id", "resource_id"),
    *("timestamp", "resource_metadata", "source", "id"),
)

#: At least so many times the declarative meters' samples a second.
WANTED_OVER_STOCK = 30.0
#: At most so many times the floor's cost.
WANTED_OVER_FLOOR = 3.0

DISK_METERS = {
    "read.requests": ("request", "read_requests"),
    "read.bytes": ("B", "read_bytes"),
    "write.requests": ("request", "write_requests"),
    "write.bytes": ("B", "write_bytes"),
}
LATENCY_METERS = {
    "read.latency": ("ns", "read_time"),
    "write.latency": ("ns", "write_time"),
}
NIC_METERS = {
    "incoming.bytes": ("B", "rx_bytes"),
    "incoming.packets": ("packet", "rx_packets"),
    "incoming.packets.drop": ("packet", "rx_drop"),
    "incoming.packets.error": ("packet", "rx_errors"),
    "outgoing.bytes": ("B", "tx_bytes"),
    "outgoing.packets": ("packet", "tx_packets"),
    "outgoing.packets.drop": ("packet", "tx_drop"),
    "outgoing.packets.error": ("packet", "tx_errors"),
}
TOTALS_METERS = {
    "cpu": ("ns", "cpu_time"),
    "disk.read.requests": ("request", "disk_read_requests"),
    "disk.read.bytes": ("B", "disk_read_bytes"),
    "disk.write.requests": ("request", "disk_write_requests"),
    "disk.write.bytes": ("B", "disk_write_bytes"),
    "network.incoming.bytes": ("B", "net_rx_bytes"),
    "network.incoming.packets": ("packet", "net_rx_packets"),
    "network.outgoing.bytes": ("B", "net_tx_bytes"),
    "network.outgoing.packets": ("packet", "net_tx_packets"),
}


def dispatched(event_type):
    """Return a recorded notification as an endpoint is given it."""
    (message,) = [
        message
        for message in Life.load(CASE).messages
        if message.event_type == event_type
    ]
    body = message.notification()
    return {
        "ctxt": {
            key.removeprefix("_context_"): value
            for key, value in body.items()
            if key.startswith("_context_")
        },
        "publisher_id": body["publisher_id"],
        "event_type": event_type,
        "payload": body["payload"],
        "metadata": {
            "message_id": body["message_id"],
            "timestamp": body["timestamp"],
        },
    }


def definitions(event_type, devices=2):
    """Return declarative meters for a notification with so many disks and NICs."""
    versioned = not event_type.startswith("compute.")
    data = DATA if versioned else ""
    payload = f"$.payload{data}"
    usage = f"{payload}.usage{data}"

    def meter(name, unit, volume):
        return {
            "name": name,
            "event_type": f"^{event_type.replace('.', '[.]')}$",
            "type": "cumulative",
            "unit": unit,
            "volume": volume,
            "timestamp": f"{usage}.collected_at",
            "user_id": f"{payload}.user_id",
            "project_id": f"{payload}.tenant_id",
            "resource_id": f"{payload}.{'uuid' if versioned else 'instance_id'}",
        }

    def named(name, index):
        return name if index == 0 else f"{name}.device{index}"

    def disk(index, counter):
        return f"{usage}.disks[{index}]{data}.{counter}"

    yield meter("cpu", "ns", f"{usage}.cpu{data}.time")
    for name, (unit, counter) in DISK_METERS.items():
        total = " + ".join(disk(index, counter) for index in range(devices))
        yield meter(f"disk.{name}", unit, total)
    for index in range(devices):
        for name, (unit, counter) in (DISK_METERS | LATENCY_METERS).items():
            volume = disk(index, counter)
            yield meter(named(f"disk.device.{name}", index), unit, volume)
        for name, (unit, counter) in NIC_METERS.items():
            volume = f"{usage}.interfaces[{index}]{data}.{counter}"
            yield meter(named(f"network.{name}", index), unit, volume)
    for name, (unit, counter) in TOTALS_METERS.items():
        yield meter(f"{name}.total", unit, f"{usage}.lifetime{data}.{counter}")


def declarative(event_type, publisher):
    """Return Ceilometer's endpoint with these definitions, and no others."""
    with tempfile.TemporaryDirectory() as directory:
        text = yaml.safe_dump({"metric": list(definitions(event_type))})
        pathlib.Path(directory, "usage.yaml").write_text(text, "utf-8")
        conf = measure.agent_conf(meter__meter_definitions_dirs=[directory])
        return ProcessMeterNotifications(conf, publisher)


def values(samples):
    """Return what is metered, however the meters are called."""
    return collections.Counter((sample.unit, sample.volume) for sample in samples)


def by_keyword(ready):
    """Make samples of ready values as Ceilometer's pollsters make theirs."""
    return [
        Sample(
            name=name,
            type=type_,
            unit=unit,
            volume=volume,
            user_id=user_id,
            project_id=project_id,
            resource_id=resource_id,
            timestamp=timestamp,
            resource_metadata=resource_metadata,
            source=source,
            id=id_,
        )
        for (
            name,
            type_,
            unit,
            volume,
            user_id,
            project_id,
            resource_id,
            timestamp,
            resource_metadata,
            source,
            id_,
        ) in ready
    ]


def compare(event_type, rounds):
    """Measure one wire form, and print it."""
    message = dispatched(event_type)
    ours_null, ours_into = measure.publisher()
    stock_null, stock_into = measure.publisher()
    conf = measure.agent_conf(nova_usage__baseline=False)
    ours = DeleteHandler(conf, ours_into)
    stock = declarative(event_type, stock_into)
    ours.info([message])
    stock.info([message])
    samples = ours_null.last
    if values(samples) != values(stock_null.last):
        raise AssertionError("the declarative meters give other values")
    ready = [operator.attrgetter(*FIELDS)(sample) for sample in samples]
    taken = measure.seconds(
        {
            "endpoint": lambda: ours.info([message]),
            "declarative": lambda: stock.info([message]),
            "floor": lambda: by_keyword(ready),
            "by position": lambda: [Sample(*each) for each in ready],
        },
        rounds,
    )
    print(f"{event_type}, {len(samples)} samples a notification")
    for name, rounds_taken in taken.items():
        median = statistics.median(rounds_taken)
        print(
            f"  {name:12} {median * 1e6:9.1f} us a notification "
            f"{len(samples) / median:11,.0f} samples/s"
        )
    over_stock = measure.ratio(taken["declarative"], taken["endpoint"])
    over_floor = measure.ratio(taken["endpoint"], taken["floor"])
    print(f"  {over_stock:.1f} times as fast as declarative meters", end="")
    print(f" (wanted: {WANTED_OVER_STOCK:g} or more)")
    print(f"  {over_floor:.2f} times the floor's cost", end="")
    print(f" (wanted: {WANTED_OVER_FLOOR:g} or less)", end="")
    by_position = measure.ratio(taken["endpoint"], taken["by position"])
    print(f", {by_position:.2f} with the samples' values by position")


def main(argv=None):
    """Measure both wire forms."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--short", action="store_true", help="fewer rounds")
    rounds = 15 if parser.parse_args(argv).short else 101
    for event_type in ("compute.instance.delete.start", "instance.delete.start"):
        compare(event_type, rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
