# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""What of other code's logging a command lets through."""

import contextlib
import logging
from collections.abc import Iterator, Mapping

__all__ = ["at_levels"]


@contextlib.contextmanager
def at_levels(levels: Mapping[str, int]) -> Iterator[None]:
    """Hold loggers at levels, by name, and give them their own back."""
    before = {name: logging.getLogger(name).level for name in levels}
    try:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
