# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""How often things are done that are done many times: one divisor for all of it."""

import os

#: The environment variable that names the divisor; 1 is the whole measure.
VARIABLE = "LIVE_DIVISOR"


def scaled(number: int, at_least: int = 2) -> int:
    """Return the number, divided for a run that has less time."""
    return max(at_least, number // int(os.environ.get(VARIABLE, "1")))
