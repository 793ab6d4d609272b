# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with a deployment: one check a module.

A check yields what it finds. It speaks in full sentences, and says what to do.
"""

from ceilo_nova_usage.checks import (
    agents,
    archive_policies,
    definitions,
    handlers,
    meters,
    nova,
    pipeline,
    publishers,
    quarantine,
    spool,
    topics,
)
from ceilo_nova_usage.checks.finding import Check

__all__ = ["CHECKS"]

#: In the order in which a notification meets them.
CHECKS: tuple[tuple[str, Check], ...] = (
    ("Handlers", handlers.check),
    ("Meters", meters.check),
    ("Notification topics", topics.check),
    ("Meter pipeline", pipeline.check),
    ("Publishers", publishers.check),
    ("Gnocchi's resource definitions", definitions.check),
    ("Gnocchi's archive policies", archive_policies.check),
    ("Agents", agents.check),
    ("Nova's notifications", nova.check),
    ("Spool", spool.check),
    ("Quarantine", quarantine.check),
)
