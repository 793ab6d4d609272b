# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The ``ceilo-nova-usage`` command, run within the test's process."""

import contextlib
import dataclasses
import io
import json
import logging
from typing import Any
from unittest import mock

from ceilo_nova_usage.cli import app


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a command left: its exit status, and what it printed."""

    status: int
    out: str
    err: str

    @property
    def samples(self) -> list[dict[str, Any]]:
        """Standard output, as the JSON that all of it must be."""
        return json.loads(self.out)

    @property
    def ids(self) -> list[str]:
        """The ids of the samples, sorted: what any sink tells them apart by."""
        return sorted(sample["id"] for sample in self.samples)


def run(*arguments: object, stdin: bytes = b"") -> Result:
    """Run a command as its console script does."""
    out, err = io.StringIO(), io.StringIO()
    source = io.TextIOWrapper(io.BufferedReader(io.BytesIO(stdin)))
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch("sys.stdin", source),
    ):
        try:
            status = app.main([str(argument) for argument in arguments])
        except SystemExit as end:
            status = end.code
        finally:
            # The command takes over its process's logging.
            root.handlers[:] = handlers
            root.setLevel(level)
    return Result(status=status, out=out.getvalue(), err=err.getvalue())


def replay(*arguments: object, stdin: bytes = b"") -> Result:
    """Replay, with the samples as JSON."""
    return run("replay", "-f", "json", *arguments, stdin=stdin)
