# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""A scratch repository in which git brings one release's patches over to another.

Branch `onto` grows on the release's nova, a commit a patch. Tags name where a patch can
be taken from: `base/NAME` from the newest series on its own nova, `was/NAME` from the
release's series as it is now. A developer resolves conflicts here with git's own means.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.nova.placement import Place, places

_PERSON = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (
        ("NAME", "A Developer"),
        ("EMAIL", "developer@example.org"),
        ("DATE", "2026-01-01T00:00:00+00:00"),
    )
}
_SETTINGS = {
    # Files that look alike, such as samples, are not each other's successors.
    "merge.renames": "false",
    "diff.renames": "false",
    "merge.conflictStyle": "diff3",
    "commit.gpgSign": "false",
    "core.autocrlf": "false",
    "core.hooksPath": "/dev/null",
    "gc.auto": "0",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Release:
    """A release's nova as published, and the directory of its patches."""

    patches: Path
    nova: Path

    @property
    def lines(self) -> list[str]:
        """The lines of ``series``; none where there is no series yet."""
        series = self.patches / "series"
        return series.read_text("utf-8").splitlines() if series.exists() else []

    @property
    def names(self) -> list[str]:
        """The patches that ``series`` lists."""
        return [line for line in self.lines if line and not line.startswith("#")]


class Scratch:
    """The repository. One that is there already is gone on with."""

    def __init__(self, directory: Path, base: Release, onto: Release) -> None:
        self.directory = directory
        if (directory / ".git").exists():
            self.git("switch", "--quiet", "onto")
            return
        directory.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", "--initial-branch", "base")
        for name, value in _SETTINGS.items():
            self.git("config", name, value)
        self._commit(base.nova)
        for name in base.names:
            self.git("am", "--quiet", str(base.patches / name))
            self.git("tag", f"base/{name}")
        self.git("switch", "--quiet", "--orphan", "was")
        self._commit(onto.nova)
        self.git("tag", "nova")
        for name in onto.names:
            if not self.succeeds("am", "--quiet", str(onto.patches / name)):
                # Another nova than it was made for: it is made without.
                self.succeeds("am", "--abort")
                break
            self.git("tag", f"was/{name}")
        self.git("switch", "--quiet", "--create", "onto", "nova")

    def git(self, *arguments: str) -> str:
        """What git prints.

        :raises RuntimeError: where git fails
        """
        done = self._run(*arguments)
        if done.returncode:
            raise RuntimeError(f"git {arguments[0]}: {done.stdout}{done.stderr}")
        return done.stdout

    def succeeds(self, *arguments: str) -> bool:
        """Whether git does it."""
        return self._run(*arguments).returncode == 0

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["git", *arguments],
            cwd=self.directory,
            check=False,
            capture_output=True,
            text=True,
            env={**os.environ, **_PERSON},
        )

    def _commit(self, nova: Path) -> None:
        """Commit a release as nova published it, and nothing else."""
        shutil.copytree(
            nova,
            self.directory,
            symlinks=True,
            dirs_exist_ok=True,
            ignore=shutil.ignore_patterns("*.pyc", "__pycache__", "*.egg-info"),
        )
        self.git("add", "--all", "--force")
        self.git("commit", "--quiet", "--no-verify", "--message", nova.name)

    def has(self, tag: str) -> bool:
        """Whether a patch can be taken from there."""
        return self.succeeds("rev-parse", "--quiet", "--verify", f"refs/tags/{tag}")

    def pick(self, tag: str) -> bool:
        """Merge a patch by git alone; where that fails, conflicts are left behind."""
        return self.succeeds("cherry-pick", tag)

    def commits(self) -> list[str]:
        """What has been brought over so far."""
        return self.git("rev-list", "--reverse", "nova..onto").split()

    def merges(self, commit: str, tag: str) -> bool:
        """Whether git, merging the patch by itself, would come to this commit."""
        self.git("switch", "--quiet", "--detach", f"{commit}~")
        same = self.pick(tag) and self.succeeds("diff", "--quiet", "HEAD", commit)
        self.succeeds("cherry-pick", "--abort")
        self.git("switch", "--quiet", "onto")
        return same

    def export(self) -> Iterator[bytes]:
        """What has been brought over, in the form of the base's patches."""
        # Whole ids: how short one may be depends on all that is in the repository.
        form = ("--zero-commit", "--no-signature", "--no-stat", "-N", "--full-index")
        with tempfile.TemporaryDirectory() as into:
            self.git("format-patch", "--quiet", *form, "-o", into, "nova..onto")
            for file in sorted(Path(into).iterdir()):
                yield file.read_bytes()

    def difference(self) -> str:
        """How the patches differ from the base's, as git tells it."""
        root = self.git("rev-list", "--max-parents=0", "base").strip()
        return self.git("range-diff", "--no-color", f"{root}..base", "nova..onto")

    def places(self, commit: str) -> Counter[Place]:
        """Where the lines are that a commit adds."""
        return places(
            self.git("diff", f"{commit}~", commit),
            lambda path: self.git("show", f"{commit}:{path}"),
        )
