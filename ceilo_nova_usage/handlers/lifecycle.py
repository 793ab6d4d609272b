# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The readings at which a guest's counters end, or have begun anew."""

from ceilo_nova_usage import boundaries
from ceilo_nova_usage.handlers.base import UsageHandler

__all__ = ["LifecycleHandler"]


class LifecycleHandler(UsageHandler):
    """Meters the notifications before a guest's process goes, and after one came."""

    family = "lifecycle"
    notifications = tuple(boundaries.event_types())
