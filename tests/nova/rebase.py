# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Make a release's series from the newest one's, or see how the two differ.

Only the newest series is written. Any other is made from it, patch by patch, by git's
three-way merge with that release's nova. Where that fails, or comes to something wrong,
a developer adapts the patch, once: it stays as adapted until the one that it was made
from changes. Patches of the release's own follow at the end of its ``series``.

    python -m tests.nova.rebase 2026.1             make patches/nova/2026.1 anew
    python -m tests.nova.rebase 2026.1 --check     see that it is as it would be made
    python -m tests.nova.rebase 2026.1 --show      see how it differs from the newest
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import hashlib
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.nova.environment import PATCHES, NovaEnvironment, say
from tests.nova.placement import moved
from tests.nova.scratch import Release, Scratch

#: Which patches were adapted: a name and the sum of the patch it was made from a line.
ADAPTED = "adapted"

#: What is written by hand in the directory of a series that is made.
KEPT = frozenset(["upstream"])


_WHERE = "; with '--work DIR' it is left there for you"
_HOW = (
    "; resolve the conflicts that 'git status' shows there, see that all of the patch "
    "has come over, 'git cherry-pick --continue', and run this again"
)


class ConflictError(RuntimeError):
    """A patch has to be adapted by hand."""


@dataclasses.dataclass(frozen=True, slots=True)
class Made:
    """A series as it is made.

    :ivar patches: their content by name, in order
    :ivar adapted: those of the base that git does not merge by itself
    :ivar own: the lines of ``series`` after the base's
    """

    patches: Mapping[str, bytes]
    adapted: Sequence[str]
    own: Sequence[str]


def make(scratch: Scratch, base: Release, onto: Release) -> Made:
    """Bring each patch over to a release, and the release's own on top.

    :raises ConflictError: where one has to be adapted; what a developer commits in the
        scratch repository then is gone on from
    """
    adapted = dict(_adapted(onto))
    own_lines = _own_lines(base, onto)
    own = [line for line in own_lines if line and not line.startswith("#")]
    names = [*base.names, *own]
    done = len(scratch.commits())
    merged = set()
    for name in names[done:]:
        if name in own or adapted.get(name) == _sum(base, name):
            source = f"was/{name}"
        else:
            source = f"base/{name}"
            merged.add(name)
        if not (scratch.has(source) and scratch.pick(source)):
            raise ConflictError(f"{name} does not merge into {onto.patches.name}")
    commits = dict(zip(names, scratch.commits(), strict=True))
    return Made(
        patches=dict(zip(names, scratch.export(), strict=True)),
        adapted=[
            name
            for name in base.names
            if name not in merged and not scratch.merges(commits[name], f"base/{name}")
        ],
        own=own_lines,
    )


def elsewhere(scratch: Scratch, base: Release) -> Iterator[str]:
    """Tell of lines of the base's patches that are in other functions than there."""
    for name, commit in zip(base.names, scratch.commits(), strict=False):
        for line in moved(scratch.places(f"base/{name}"), scratch.places(commit)):
            yield f"{name}: in another function: {line}"


def files(base: Release, made: Made) -> Mapping[str, bytes]:
    """What is in the directory of a series that is made, by name."""
    found = {
        "series": _text([*base.lines, *made.own]),
        **made.patches,
    }
    if made.adapted:
        head = f"# Adapted by hand; the sum of what it was in {base.patches.name}."
        sums = [f"{name} {_sum(base, name)}" for name in made.adapted]
        found[ADAPTED] = _text([head, *sums])
    return found


def stale(onto: Release, wanted: Mapping[str, bytes]) -> list[str]:
    """The names of files that are not as they would be made."""
    there = {
        path.name: path.read_bytes()
        for path in onto.patches.iterdir()
        if path.name not in KEPT
    }
    return sorted(
        name
        for name in there.keys() | wanted.keys()
        if there.get(name) != wanted.get(name)
    )


def write(onto: Release, wanted: Mapping[str, bytes]) -> None:
    """Make the release's directory what it should be."""
    for name in stale(onto, wanted):
        path = onto.patches / name
        if name in wanted:
            path.write_bytes(wanted[name])
        else:
            path.unlink()


def _own_lines(base: Release, onto: Release) -> list[str]:
    """The lines of a release's ``series`` that follow those of the base."""
    lines, names = onto.lines, {*base.names}
    of_base = [number for number, line in enumerate(lines, 1) if line in names]
    return lines[max(of_base, default=0) :]


def _sum(base: Release, name: str) -> str:
    """Of all that a patch says but where: that changes with the patches before it."""
    content = (base.patches / name).read_text("utf-8")
    says = [
        "@@" if line.startswith("@@ ") else line
        for line in content.splitlines()
        if not line.startswith(("index ", "Date: "))
    ]
    return hashlib.sha256(_text(says)).hexdigest()


def _adapted(onto: Release) -> Iterator[tuple[str, str]]:
    file = onto.patches / ADAPTED
    for line in file.read_text("utf-8").splitlines() if file.exists() else ():
        if line and not line.startswith("#"):
            name, digest = line.split()
            yield name, digest


def _text(lines: Sequence[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def _release(name: str) -> Release:
    nova = NovaEnvironment.of(name).stock()
    return Release(patches=PATCHES / name, nova=nova)


def main(argv: Sequence[str] | None = None) -> int:
    """Make, check or compare a series."""
    releases = sorted(path.parent.name for path in PATCHES.glob("*/upstream"))
    newest = max(path.parent.name for path in PATCHES.glob("*/series"))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("release", choices=releases)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true")
    what.add_argument("--show", action="store_true")
    parser.add_argument("--base", choices=releases, default=newest)
    parser.add_argument(
        "--work", type=Path, help="a scratch repository to keep, and to go on with"
    )
    wanted = parser.parse_args(argv)
    if wanted.release == wanted.base:
        parser.error(f"{wanted.base} is what the others are made from")
    base, onto = _release(wanted.base), _release(wanted.release)
    with contextlib.ExitStack() as stack:
        work = wanted.work or stack.enter_context(tempfile.TemporaryDirectory())
        scratch = Scratch(Path(work), base, onto)
        try:
            made = make(scratch, base, onto)
        except ConflictError as conflict:
            say(f"{conflict}{_HOW if wanted.work else _WHERE}")
            return 1
        if wanted.show:
            print(scratch.difference())
            print(*elsewhere(scratch, base), sep="\n")
    wrong = stale(onto, files(base, made))
    if not (wanted.check or wanted.show):
        write(onto, files(base, made))
    own = len(made.patches) - len(base.names)
    print(
        f"{wanted.release}: {len(base.names)} patches from {wanted.base}, adapted "
        f"{len(made.adapted)} ({', '.join(made.adapted) or 'none'}), own {own}"
    )
    if wanted.check and wrong:
        print(f"not as they would be made: {', '.join(wrong)}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
