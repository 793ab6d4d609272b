# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""What more than one command reads from its arguments."""

import argparse
import datetime
from collections.abc import Callable
from typing import Any

__all__ = ["aware_time", "positive"]


def aware_time(text: str) -> datetime.datetime:
    """Read a time in ISO 8601, which is in UTC where it does not say.

    :raises argparse.ArgumentTypeError: where it is none
    """
    try:
        time = datetime.datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"no time in ISO 8601: {error}") from error
    return time if time.tzinfo else time.replace(tzinfo=datetime.UTC)


def positive(kind: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return what reads a number of some kind that is above 0."""

    def positive(text: str) -> Any:
        value = kind(text)
        if not value > 0:
            raise argparse.ArgumentTypeError(f"{text} is not above 0")
        return value

    return positive
