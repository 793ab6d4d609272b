# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""How a command is told what the agent is configured with."""

import argparse

__all__ = ["add_config_file"]


def add_config_file(parser: argparse.ArgumentParser) -> None:
    """Add ``--config-file``, for :func:`ceilo_nova_usage.deployment.configuration`."""
    parser.add_argument(
        "--config-file",
        metavar="FILE",
        action="append",
        default=[],
        help="the agent's configuration; may be repeated (default: the files that the "
        "agent finds itself, in /etc/ceilometer and its like)",
    )
