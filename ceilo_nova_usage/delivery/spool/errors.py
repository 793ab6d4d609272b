# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Why a spool did not do as it was told."""

__all__ = ["SpoolError", "SpoolFull", "SpoolUnavailable"]


class SpoolError(OSError):
    """The spool did not do it; what it held before, it still holds."""


class SpoolFull(SpoolError):
    """There is no room: the spool is at its bound, or its disk is full."""


class SpoolUnavailable(SpoolError):
    """The spool cannot be used, or not by this user, or not in time."""
