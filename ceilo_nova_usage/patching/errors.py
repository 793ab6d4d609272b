# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""What stands in the way of patching a nova."""

__all__ = ["InvalidSeries", "Mismatch", "PatchingError"]


class PatchingError(Exception):
    """Patching was refused or could not be done; the text is for the operator."""


class InvalidSeries(PatchingError):
    """A patch series cannot be used: every fault found in it, one a line."""

    def __init__(self, where: str, faults: list[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(f"{where}: {fault}" for fault in faults))


class Mismatch(Exception):
    """A file is not what a patch expects; the text says where and why."""
