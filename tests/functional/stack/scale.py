# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""How much is done: everything that is counted is divided by one number."""

import math
import os

#: 1 does it all; the environment variable says how many times less is done.
DIVISOR = int(os.environ.get("STACK_DIVISOR", "1"))


def scaled(number: int, *, least: int = 1) -> int:
    """Return a count, or a number of seconds, as it is done in this run."""
    return max(least, math.ceil(number / DIVISOR))
