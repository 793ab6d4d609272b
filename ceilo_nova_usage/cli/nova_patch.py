# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""``nova-patch check|apply|revert``: a nova and the series made for it."""

import argparse
import pathlib
from collections.abc import Callable, Iterable
from typing import Any

from cliff import lister

from ceilo_nova_usage.patching import actions, errors, series, tree

__all__ = ["Apply", "Check", "Revert"]


class _NovaPatch(lister.Lister):
    """The options and the table that the three commands share."""

    action: Callable[[tree.NovaTree, series.Series], actions.Outcome]
    _status = 0

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the options that say which nova and which series."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--nova",
            metavar="DIR",
            type=pathlib.Path,
            help="site-packages, an unpacked nova source, or the package nova itself "
            "(default: the nova that this Python would import)",
        )
        parser.add_argument(
            "--release",
            metavar="R",
            help="the OpenStack release, for a nova that does not tell its version",
        )
        parser.add_argument(
            "--patches",
            metavar="DIR",
            type=pathlib.Path,
            help="series of your own, one directory a release (default: those shipped)",
        )
        return parser

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Print the table; the exit status is 1 where the command was refused."""
        return super().run(parsed_args) or self._status

    def take_action(
        self, parsed_args: argparse.Namespace
    ) -> tuple[tuple[str, ...], Iterable[tuple[Any, ...]]]:
        """Do the work; the summary goes to standard error, the table is returned."""
        try:
            nova = tree.NovaTree.find(parsed_args.nova)
            patches = actions.choose(nova, parsed_args.release, parsed_args.patches)
            outcome = type(self).action(nova, patches)
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            raise errors.PatchingError(f"{where}{error.strerror}") from error
        self.app.stderr.write(f"{outcome.message}\n")
        self._status = 0 if outcome.ok else 1
        return ("patch", "state", "reason"), [
            (patch.name, str(patch.state), patch.reason) for patch in outcome.patches
        ]


class Check(_NovaPatch):
    """Say whether the series applies to a nova, is applied, or conflicts.

    Exit status 0 where it applies cleanly or is applied in full, else 1.
    """

    action = staticmethod(actions.check)


class Apply(_NovaPatch):
    """Apply the whole series to a nova, or nothing of it."""

    action = staticmethod(actions.apply)


class Revert(_NovaPatch):
    """Take the whole series off a nova again, byte for byte."""

    action = staticmethod(actions.revert)
