# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The command's frame: cliff finds the commands by their entry points."""

import sys
from collections.abc import Sequence
from importlib import metadata

from cliff import app, commandmanager

__all__ = ["UsageApp", "main"]


class UsageApp(app.App):
    """Meter what nova knows of an instance's usage, and look into recordings."""

    def __init__(self) -> None:
        super().__init__(
            description=(
                "Meter instance usage from nova's notifications: replay and record "
                "them, patch a nova, look after what could not be read."
            ),
            version=metadata.version("ceilo-nova-usage"),
            command_manager=commandmanager.CommandManager("ceilo_nova_usage.cli"),
            deferred_help=True,
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    return int(UsageApp().run(sys.argv[1:] if argv is None else list(argv)))
