# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The cost of a notification by its number of devices: a line, if all is well.

An instance with N devices has N disks and N NICs, in both wire forms. The line is of
the work alone; beside it stands the cost with Python's garbage collector, which looks
at all the samples of a notification again where there are hundreds.
"""

import argparse
import gc
import statistics
import sys

from ceilo_nova_usage.handlers.delete import DeleteHandler
from tests.performance import measure
from tests.support import handwritten

DEVICES = (1, 2, 4, 8, 16, 32, 64)


def compare(form, rounds):
    """Measure one wire form, and print it with the line that fits best."""
    null, into = measure.publisher()
    handler = DeleteHandler(measure.agent_conf(), into)
    messages = {
        number: form(handwritten.usage(disks=number, interfaces=number))
        for number in DEVICES
    }
    rivals = {
        number: lambda message=message: handler.info([message])
        for number, message in messages.items()
    }
    collected = _least(measure.seconds(rivals, rounds))
    gc.disable()
    cost = _least(measure.seconds(rivals, rounds))
    gc.enable()
    slope, intercept = statistics.linear_regression(DEVICES, list(cost.values()))
    print(f"{form.__name__}: {intercept:.1f} us + {slope:.2f} us a device fits best")
    for number, found in cost.items():
        handler.info([messages[number]])
        line = intercept + slope * number
        print(
            f"  {number:3} devices, {len(null.last):4} samples: {found:6.1f} us, "
            f"{found / number:5.2f} us a device, {found / line - 1:+5.1%} off the line "
            f"({collected[number]:.1f} us with the collector)"
        )


def _least(taken):
    """Return each rival's least time, in us: what disturbs a round only adds to it."""
    return {number: min(times) * 1e6 for number, times in taken.items()}


def main(argv=None):
    """Measure both wire forms."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--short", action="store_true", help="fewer rounds")
    rounds = 7 if parser.parse_args(argv).short else 51
    for form in (handwritten.legacy, handwritten.versioned):
        compare(form, rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
