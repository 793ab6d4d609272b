# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The readings of nova's usage audit, and of the operations that send one too."""

from ceilo_nova_usage.handlers.base import UsageHandler

__all__ = ["ExistsHandler"]


class ExistsHandler(UsageHandler):
    """Meters the notifications with which nova says that an instance exists."""

    family = "exists"
    notifications = ("compute.instance.exists", "instance.exists")
    with_bandwidth = True
