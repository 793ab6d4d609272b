# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""What Gnocchi does not take now is kept here, on disk, until it does."""

from ceilo_nova_usage.delivery.spool.errors import (
    SpoolError,
    SpoolFull,
    SpoolUnavailable,
)
from ceilo_nova_usage.delivery.spool.spool import Spool
from ceilo_nova_usage.delivery.spool.values import (
    Dropped,
    End,
    Held,
    Row,
    Salvaged,
    Selection,
    SpoolState,
)

__all__ = [
    "Dropped",
    "End",
    "Held",
    "Row",
    "Salvaged",
    "Selection",
    "Spool",
    "SpoolError",
    "SpoolFull",
    "SpoolState",
    "SpoolUnavailable",
]
