# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The Pythons of a machine: a nova may need another than the one that tests it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

_WHAT = "import sys; print(sys.executable); print(sys.version)"


class NoInterpreterError(RuntimeError):
    """There is no such Python here."""


def find(version: str) -> tuple[Path, str]:
    """The Python of a version such as `3.10`: where it is, and its full version.

    The one that runs this comes first, then the one on the search path, then pyenv's,
    which hides all but its chosen one.

    :raises NoInterpreterError: where there is none
    """
    for candidate in _candidates(version):
        done = subprocess.run(
            [candidate, "-c", _WHAT], check=False, capture_output=True, text=True
        )
        executable, _, full = done.stdout.strip().partition("\n")
        if not done.returncode and full.startswith(f"{version}."):
            return Path(executable), full
    raise NoInterpreterError(
        f"no Python {version}: python{version} is not on the search path, nor has "
        "pyenv one"
    )


def _candidates(version: str) -> Iterator[str]:
    yield sys.executable
    if found := shutil.which(f"python{version}"):
        yield found
    if pyenv := shutil.which("pyenv"):
        for installed in _output(pyenv, "versions", "--bare").split():
            if installed.startswith(f"{version}."):
                prefix = _output(pyenv, "prefix", installed).strip()
                yield str(Path(prefix, "bin", "python"))


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
