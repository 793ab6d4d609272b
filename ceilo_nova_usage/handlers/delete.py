# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""An instance's last reading, sent while its guest still runs."""

from ceilo_nova_usage.handlers.base import UsageHandler

__all__ = ["DeleteHandler"]


class DeleteHandler(UsageHandler):
    """Meters the notifications with which nova begins to delete an instance."""

    family = "delete"
    notifications = (
        "compute.instance.delete.start",
        "instance.delete.start",
        # From nova's API, where an instance is deleted by force and its host is down;
        # there is no versioned form of it.
        "compute.instance.force_delete.start",
    )
