# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""What the spool costs, beside a bare file that is appended to and synced.

The file is given the same bytes as the spool's rows hold, packed beforehand: it is what
the disk allows for. Both are on the disk when the call returns. The samples are those
of instances with two disks and two interfaces, of as many notifications as a batch has.
"""

import argparse
import copy
import os
import pathlib
import statistics
import sys
import tempfile
import time

from ceilo_nova_usage.delivery.spool import Spool
from ceilo_nova_usage.delivery.spool.body import pack
from ceilo_nova_usage.handlers.delete import DeleteHandler
from tests.performance.measure import agent_conf, publisher
from tests.support import handwritten

BATCHES = (1, 10, 100)
BOUND = 2**30


class BareFile:
    """What is appended is on the disk, and that is all."""

    def __init__(self, path):
        self._file = path.open("ab", buffering=0)

    def append(self, content):
        """Write, and wait for the disk."""
        self._file.write(content)
        os.fdatasync(self._file.fileno())


def notifications(number):
    """Return the samples of so many deletes, each of an instance of its own."""
    handler = DeleteHandler(agent_conf(nova_usage__metrics_dir=""), publisher()[1])
    message = handwritten.legacy(handwritten.usage(lifetime=handwritten.lifetime()))
    samples = []
    for each in range(number):
        message = copy.deepcopy(message)
        message["payload"]["instance_id"] = f"00000000-0000-4000-8000-{each:012}"
        samples += handler.build_sample(message)
    return samples


def took(rounds, *calls):
    """Return the median seconds of each call, made in turns."""
    taken = [[] for _ in calls]
    for _ in range(rounds):
        for times, call in zip(taken, calls, strict=True):
            begun = time.perf_counter()
            call()
            times.append(time.perf_counter() - begun)
    return [statistics.median(times) for times in taken]


def appends(directory, rounds):
    """Print how long an append takes, of both, and how much of it the packing is."""
    print(f"{'an append of':20}{'a file':>10}{'the spool':>11}{'packing':>10}")
    for batch in BATCHES:
        samples = notifications(batch)
        resources = by_resource(samples)
        content = b"".join(pack(each) for each in resources)
        spool = Spool(directory / f"spool-of-{batch}", max_bytes=BOUND)
        file = BareFile(directory / f"file-of-{batch}")
        spool.append(samples)
        bare, ours, packing = took(
            rounds,
            lambda file=file, content=content: file.append(content),
            lambda spool=spool, samples=samples: spool.append(samples),
            lambda resources=resources: [pack(each) for each in resources],
        )
        state = spool.state()
        print(
            f"{batch:4} notifications  "
            f"{bare * 1e3:8.2f}ms{ours * 1e3:9.2f}ms{packing * 1e3:8.2f}ms   "
            f"{1 / ours:,.0f} appends/s, {batch / ours:,.0f} notifications/s, "
            f"{state.bytes_used / state.waiting_samples:.0f} bytes a sample"
        )
        spool.close()


def by_resource(samples):
    """Return samples in lists, one a resource."""
    resources = {}
    for sample in samples:
        resources.setdefault(sample.resource_id, []).append(sample)
    return list(resources.values())


def others(directory, rounds):
    """Print what is done to an empty spool for each batch, and to empty a full one."""
    spool = Spool(directory / "spool", max_bytes=BOUND)
    samples = notifications(100)
    for _ in range(20):
        spool.append(samples)
    (asked,) = took(rounds * 10, spool.is_empty)
    print(f"is_empty: {asked * 1e6:.0f} microseconds")

    def send():
        spool.remove(row.seq for row in spool.waiting(500))

    (sent,) = took(10, send)
    print(f"500 rows read and removed: {sent * 1e3:.0f} ms, {500 / sent:,.0f} rows/s")
    spool.close()


def main(argv=None):
    """Compare the spool with a bare file, on one disk."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--short", action="store_true", help="fewer rounds")
    parser.add_argument("--directory", help="on the disk that is meant (default: here)")
    arguments = parser.parse_args(argv)
    rounds = 20 if arguments.short else 200
    with tempfile.TemporaryDirectory(
        dir=arguments.directory or pathlib.Path.cwd(), prefix=".spool-"
    ) as directory:
        appends(pathlib.Path(directory), rounds)
        others(pathlib.Path(directory), rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
