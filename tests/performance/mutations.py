# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Notifications with one thing wrong, by the hundred thousand, before the dispatcher.

Recorded and handwritten notifications, in both wire forms, are each given a wrong value
somewhere. They go in batches through oslo.messaging's own batch dispatcher, with the
filters and the quarantine of an agent. Nothing may be raised or handed back, what the
wrong value does not touch must be metered as if all were well, and every notification
must be counted once.
"""

import argparse
import collections
import logging
import pathlib
import random
import sys
import tempfile
import time

from tests.support import handwritten, mutations, oracle
from tests.support.endpoints import Agent, configured, counted
from tests.support.recordings import Life

CASE = "nova-34.0.0"
MAX_DEVICES = 64
ENDS = ("metered", "without-usage", "partly-metered", "quarantined")


def originals():
    """Return notifications in both wire forms: recorded ones, and richer ones."""
    block = handwritten.usage(lifetime=handwritten.lifetime())
    bandwidth = {"public": {"bw_in": 1, "bw_out": 2}}
    return [
        *(
            oracle.dispatched(message.notification())
            for message in Life.load(CASE).messages
            if message.event_type in oracle.METERED
        ),
        handwritten.legacy(block),
        handwritten.versioned(block),
        handwritten.legacy(
            block,
            "compute.instance.exists",
            bandwidth=bandwidth,
            audit_period_ending="2026-11-22 17:00:00",
        ),
        handwritten.versioned(block, "instance.exists", bandwidth=[]),
    ]


class Count(logging.Handler):
    """Counts the tracebacks that anybody logs: the dispatcher swallows exceptions."""

    def __init__(self):
        super().__init__(logging.ERROR)
        self.exceptions = 0

    def emit(self, record):
        """Take a record, and write nothing."""
        self.exceptions += record.exc_info is not None


def main(argv=None):
    """Run, print the figures, and return 1 if any is not what it must be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--payloads", type=int, default=100_000)
    parser.add_argument("--batch", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--short", action="store_true", help="a tenth of the payloads, for every day"
    )
    args = parser.parse_args(argv)
    payloads = args.payloads // 10 if args.short else args.payloads
    with tempfile.TemporaryDirectory() as directory, counted() as counts:
        conf = configured(
            pathlib.Path(directory), max_devices=MAX_DEVICES, log_interval=0
        )
        figures = run(Agent(conf), payloads, args.batch, random.Random(args.seed))
    figures["uncounted"] = payloads - sum(counts.get((end, ""), 0) for end in ENDS)
    figures["defects"] = sum(
        count
        for (outcome, reason), count in counts.items()
        if outcome == "not-kept" or reason in ("internal-error", "publish-failed")
    )
    seconds = figures.pop("seconds")
    print(f"{payloads} payloads, seed {args.seed}, batches of {args.batch}:", end=" ")
    print(", ".join(f"{count} {name}" for name, count in figures.items()))
    for end in ENDS:
        reasons = ", ".join(
            f"{count} {reason}"
            for (outcome, reason), count in sorted(counts.items())
            if outcome == end and reason
        )
        total = counts.get((end, ""), 0)
        print(f"  {total:7d} {end}{reasons and f' ({reasons})'}")
    print(f"  {payloads / seconds:.0f} payloads/s")
    return int(any(figures.values()))


def run(agent, payloads, batch_size, rng):
    """Dispatch mutated payloads; return what went wrong, by its name, and the time."""
    counter = Count()
    logging.getLogger().handlers[:] = [counter]
    messages = originals()
    expected = [oracle.samples(message) for message in messages]
    paths = [list(mutations.mutable(message)) for message in messages]
    figures = collections.Counter(
        dict.fromkeys(("exceptions", "requeues", "samples lost", "seconds"), 0)
    )
    done = 0
    while done < payloads:
        batch = []
        spared = collections.Counter()
        for _ in range(min(batch_size, payloads - done)):
            number = rng.randrange(len(messages))
            mutation = mutations.Mutation(
                path=rng.choice(paths[number]), value=rng.choice(mutations.NASTY)
            )
            batch.append(mutation.applied(messages[number]))
            spared.update(
                oracle.as_text(sample)
                for sample in expected[number]
                if mutation.spares(sample, messages[number])
            )
        begun = time.perf_counter()
        try:
            figures["requeues"] += len(agent.handle(*batch))
        except Exception as error:  # noqa: BLE001 - that is what is looked for
            figures["exceptions"] += 1
            print(f"raised {error!r:.200}", file=sys.stderr)
        figures["seconds"] += time.perf_counter() - begun
        came = collections.Counter(
            oracle.as_text(oracle.as_expected(sample))
            for sample in agent.pipeline.publish()
        )
        figures["samples lost"] += (spared - came).total()
        done += len(batch)
    figures["exceptions"] += counter.exceptions
    return figures


if __name__ == "__main__":
    sys.exit(main())
