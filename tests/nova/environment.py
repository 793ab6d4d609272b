# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""A nova release that can run its own tests: stock, and with the series applied.

What a release is lies in data: `patches/nova/RELEASE/upstream` names the source
distribution and its checksum, `stock/RELEASE/upstream` that of one without a series,
`locks/RELEASE.txt` what is installed with it. Built once, an environment is used again
as long as what it was made from has not changed.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ceilo_nova_usage.patching import actions
from ceilo_nova_usage.patching.series import Series, Upstream
from ceilo_nova_usage.patching.tree import NovaTree
from tests.nova import interpreters

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PATCHES = Path(__file__).parents[2] / "patches" / "nova"
#: Releases that are only recorded.
STOCK = Path(__file__).parent / "stock"
LOCKS = Path(__file__).parent / "locks"

#: The environment variable that names the directory where environments are kept.
CACHE = "NOVA_TEST_CACHE"

#: The releases there is a lock for.
RELEASES = sorted(lock.stem for lock in LOCKS.glob("*.txt"))

#: Those there is a series for, the newest last.
PATCHED = sorted(series.parent.name for series in PATCHES.glob("*/series"))

#: Where a lock wants another Python than the one that runs this: `# python: 3.10`.
_PYTHON = re.compile(r"^# python: (\d+\.\d+)$", re.MULTILINE)

#: How nova's code can run, by the variable that tells it.
MODES = {
    "eventlet": {"OS_NOVA_DISABLE_EVENTLET_PATCHING": "False"},
    "native threads": {"OS_NOVA_DISABLE_EVENTLET_PATCHING": "True"},
}


class NovaEnvironmentError(RuntimeError):
    """The environment could not be built."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NovaEnvironment:
    """One nova release on disk: an interpreter and unpacked trees, built on demand."""

    upstream: Upstream
    directory: Path

    @classmethod
    def of(cls, release: str, cache: Path | None = None) -> NovaEnvironment:
        """The environment of a release, such as `2026.2`."""
        releases = PATCHES if release in PATCHED else STOCK
        upstream = Upstream.from_directory(releases / release)
        return cls(upstream=upstream, directory=(cache or default_cache()) / release)

    @property
    def series(self) -> Series:
        """The patches for it."""
        return Series.from_directory(PATCHES / self.upstream.release)

    @property
    def version(self) -> str:
        """The version of nova, such as `34.0.0`."""
        return self.upstream.version

    @property
    def lock(self) -> Path:
        """What is installed beside nova."""
        return LOCKS / f"{self.upstream.release}.txt"

    def stock(self) -> Path:
        """The tree as nova published it."""
        with self._exclusively():
            return self._tree("stock", patched=False)

    def patched(self) -> Path:
        """The tree with the series applied; another edition of it is another tree."""
        digests = "".join(patch.sha256 for patch in self.series.patches)
        with self._exclusively():
            return self._tree(f"patched-{_digest(digests)}", patched=True)

    def python(self) -> Path:
        """An interpreter with the locked requirements and nova's entry points."""
        tree = self.stock()
        lock = self.lock.read_text("utf-8")
        interpreter, version = self._interpreter(lock)
        venv = self.directory / f"venv-{_digest(lock + version)}"
        with self._exclusively():
            if not (venv / "complete").exists():
                say(f"installing nova {self.version} into {venv}")
                _run(interpreter, "-m", "venv", "--clear", venv)
                pip = (venv / "bin" / "python", "-m", "pip", "-qq", "install")
                _run(*pip, "--no-deps", "-r", self.lock)
                _run(*pip, "--no-deps", "-e", tree)
                (venv / "complete").touch()
        return venv / "bin" / "python"

    def run(
        self,
        tree: Path,
        *arguments: str | Path,
        path: Sequence[Path] = (),
        variables: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run the interpreter on a tree, and return what it printed, errors included.

        The tree's nova takes the place of the installed one; `path` is what can be
        imported besides. `timeout` is in seconds.
        """
        kept = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
        environment = {
            **kept,
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "PYTHONHASHSEED": "0",  # the order of a set must not change a recording
            "PYTHONPATH": os.pathsep.join(map(str, (tree, *path))),
            **(variables or {}),
        }
        return subprocess.run(
            [self.python(), *arguments],
            cwd=tree,
            env=environment,
            timeout=timeout,
            check=False,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def _interpreter(self, lock: str) -> tuple[Path, str]:
        if not (wanted := _PYTHON.search(lock)):
            return Path(sys.executable), sys.version
        try:
            return interpreters.find(wanted[1])
        except interpreters.NoInterpreterError as error:
            raise NovaEnvironmentError(f"nova {self.version}: {error}") from error

    def _tree(self, name: str, *, patched: bool) -> Path:
        tree = self.directory / name
        if tree.exists():
            return tree
        sdist = self._sdist()
        with tempfile.TemporaryDirectory(dir=self.directory) as scratch:
            with tarfile.open(sdist) as archive:
                archive.extractall(scratch)
            unpacked = Path(scratch, f"nova-{self.version}")
            if patched:
                outcome = actions.apply(NovaTree.find(unpacked), self.series)
                say(outcome.message)
                if not outcome.ok:
                    raise NovaEnvironmentError(outcome.message)
            unpacked.rename(tree)
        return tree

    def _sdist(self) -> Path:
        upstream = self.upstream
        sdist = self.directory / upstream.filename
        if not sdist.exists():
            say(f"downloading {upstream.filename}")
            with tempfile.TemporaryDirectory(dir=self.directory) as scratch:
                # pip checks the sum before it runs anything of what it fetched.
                wanted = Path(scratch, "wanted.txt")
                wanted.write_text(
                    f"{upstream.name}=={upstream.version} "
                    f"--hash=sha256:{upstream.sha256}\n"
                )
                pip = (sys.executable, "-m", "pip", "-qq", "download", "--no-deps")
                _run(*pip, "--no-binary", ":all:", "-d", scratch, "-r", wanted)
                shutil.move(Path(scratch, upstream.filename), sdist)
        if hashlib.sha256(sdist.read_bytes()).hexdigest() != upstream.sha256:
            raise NovaEnvironmentError(f"{sdist} is not what {upstream.release} names")
        return sdist

    @contextlib.contextmanager
    def _exclusively(self) -> Iterator[None]:
        """Let one process at a time build here."""
        self.directory.mkdir(parents=True, exist_ok=True)
        with (self.directory / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def default_cache() -> Path:
    """Where environments are kept."""
    if CACHE in os.environ:
        return Path(os.environ[CACHE]).resolve()
    return Path.home() / ".cache" / "ceilo-nova-usage" / "nova"


def say(line: str) -> None:
    """Tell the reader what is going on."""
    print(line, file=sys.stderr, flush=True)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Build an environment and print where its parts are."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--release", choices=RELEASES, default=PATCHED[-1])
    environment = NovaEnvironment.of(parser.parse_args(argv).release)
    print(environment.python(), environment.stock(), environment.patched(), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
