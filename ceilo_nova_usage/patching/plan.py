# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""How a tree stands to a series, found out without touching the tree.

Each file's changes are walked on their own, patch after patch, in memory. A file
stands at position ``n`` when the first ``n`` of its changes can be taken back and the
others can be made: 0 is a file never patched, the number of its changes one that is
patched in full.
"""

import dataclasses
import enum
import pathlib
from collections.abc import Iterable, Sequence

from ceilo_nova_usage.patching import diff, errors, tree
from ceilo_nova_usage.patching import record as records
from ceilo_nova_usage.patching import series as patch_series

__all__ = ["Assessment", "FileState", "PatchState", "State", "assess"]


class State(enum.StrEnum):
    """How a patch, or a whole series, stands to a tree."""

    APPLIES = "applies"
    APPLIED = "applied"
    PARTLY = "partly applied"
    CONFLICTS = "conflicts"
    LEFT_OUT = "left out"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One patch's change to a file."""

    patch: str
    change: diff.FileChange


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FileState:
    """Where a file stands among the changes that the series makes to it."""

    path: pathlib.PurePosixPath
    content: bytes | None
    steps: tuple[Step, ...]
    position: int | None
    """How many of the steps are applied; None where that cannot be said."""
    problem: tuple[str, str] | None = None
    """The patch that fails and why, where ``position`` is None."""

    def original(self) -> bytes | None:
        """The file without the series."""
        return _undo(self.content, self.steps[: self.position])

    def final(self) -> bytes | None:
        """The file with the whole series."""
        return _do(self.content, self.steps[self.position :])


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PatchState:
    """One patch's standing, and what there is to say about it."""

    name: str
    state: State
    reason: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """A series' standing, patch by patch and file by file."""

    state: State
    patches: tuple[PatchState, ...]
    files: tuple[FileState, ...]
    record: records.Record | None
    """What an earlier ``apply`` left in the tree."""
    interrupted: bool
    """Whether the record tells every file's place, though the state is mixed."""


def assess(nova: tree.NovaTree, series: patch_series.Series) -> Assessment:
    """Find out how ``nova`` stands to ``series``; reads, and writes nothing."""
    record = records.Record.read(nova)
    own = record is not None and record.patches == {
        patch.name: patch.sha256 for patch in series.patches
    }
    files = [
        _stand(path, nova.read(path), steps, record if own else None)
        for path, steps in _steps(nova, series).items()
    ]
    done = sum(file.position == len(file.steps) for file in files)
    undone = sum(file.position == 0 for file in files)
    files = [
        file
        if file.position is not None or file.problem is not None
        else dataclasses.replace(file, problem=_problem(file, backward=done > undone))
        for file in files
    ]
    state = _overall(files)
    return Assessment(
        state=state,
        patches=tuple(_patch_state(nova, patch, files) for patch in series.patches),
        files=tuple(files),
        record=record,
        interrupted=own and state is State.PARTLY and done + undone == len(files),
    )


def _steps(
    nova: tree.NovaTree, series: patch_series.Series
) -> dict[pathlib.PurePosixPath, tuple[Step, ...]]:
    steps: dict[pathlib.PurePosixPath, tuple[Step, ...]] = {}
    for patch in series.patches:
        for change in patch.changes:
            if nova.lacks(change.path) is None:
                step = Step(patch=patch.name, change=change)
                steps[change.path] = (*steps.get(change.path, ()), step)
    if not steps:
        raise errors.PatchingError(f"{nova}: the series changes nothing here")
    return steps


def _stand(
    path: pathlib.PurePosixPath,
    content: bytes | None,
    steps: tuple[Step, ...],
    record: records.Record | None,
) -> FileState:
    positions = [
        position
        for position in range(len(steps) + 1)
        if _stands_at(content, steps, position)
    ]
    problem = None
    if record is not None:
        sum_now = records.digest(content)
        if sum_now == record.after.get(str(path)):
            positions = [len(steps)]
        elif sum_now == record.before.get(str(path)):
            positions = [0]
        elif positions != [0]:
            positions = []
            problem = (steps[-1].patch, f"{path}: changed since it was patched")
    if len(positions) > 1:
        # Added lines often end like the lines they follow, so that the old context is
        # there again behind them. Only a file that is git's very own is clear then.
        name = diff.blob_id(content)
        names = [*(step.change.before_id for step in steps), steps[-1].change.after_id]
        positions = [
            place
            for place in positions
            if (expected := names[place]) and name.startswith(expected)
        ]
        if len(positions) != 1:
            why = "cannot be told whether it is patched: its lines fit both ways"
            problem = (steps[0].patch, f"{path}: {why}")
    return FileState(
        path=path,
        content=content,
        steps=steps,
        position=positions[0] if len(positions) == 1 else None,
        problem=problem,
    )


def _stands_at(content: bytes | None, steps: Sequence[Step], position: int) -> bool:
    """Whether both ways can be gone from here, and back again to the same bytes."""
    try:
        original = _undo(content, steps[:position])
        final = _do(content, steps[position:])
        return (
            _do(original, steps[:position]) == content == _undo(final, steps[position:])
        )
    except errors.Mismatch:
        return False


def _do(content: bytes | None, steps: Iterable[Step]) -> bytes | None:
    for step in steps:
        content = step.change.apply(content)
    return content


def _undo(content: bytes | None, steps: Sequence[Step]) -> bytes | None:
    for step in reversed(steps):
        content = step.change.reverse().apply(content)
    return content


def _problem(file: FileState, *, backward: bool) -> tuple[str, str]:
    """The first patch that fails on a file, the way that most of the tree points."""
    content = file.content
    for step in reversed(file.steps) if backward else file.steps:
        change = step.change.reverse() if backward else step.change
        try:
            content = change.apply(content)
        except errors.Mismatch as error:
            undoing = "taking it back: " if backward else ""
            return step.patch, f"{undoing}{file.path}: {error}"
    return file.steps[0].patch, f"{file.path}: does not come back to the same bytes"


def _overall(files: Sequence[FileState]) -> State:
    if any(file.position is None for file in files):
        return State.CONFLICTS
    if all(file.position == 0 for file in files):
        return State.APPLIES
    if all(file.position == len(file.steps) for file in files):
        return State.APPLIED
    return State.PARTLY


def _patch_state(
    nova: tree.NovaTree, patch: diff.Patch, files: Sequence[FileState]
) -> PatchState:
    applied: list[str] = []
    missing: list[str] = []
    problems: list[str] = []
    for file in files:
        names = [step.patch for step in file.steps]
        if patch.name not in names:
            continue
        if file.position is None:
            culprit, why = file.problem or ("", "")
            problems.append(
                why if culprit == patch.name else f"{file.path}: fails at {culprit}"
            )
        elif names.index(patch.name) < file.position:
            applied.append(str(file.path))
        else:
            missing.append(str(file.path))
    left_out: dict[str, int] = {}
    for change in patch.changes:
        if lacking := nova.lacks(change.path):
            left_out[lacking] = left_out.get(lacking, 0) + 1
    notes = list(problems)
    if problems:
        state = State.CONFLICTS
    elif applied and missing:
        state = State.PARTLY
        notes.append("applied: " + ", ".join(applied))
        notes.append("not applied: " + ", ".join(missing))
    elif applied:
        state = State.APPLIED
    elif missing:
        state = State.APPLIES
    else:
        state = State.LEFT_OUT
    notes += [f"left out {count} files {why}" for why, count in left_out.items()]
    return PatchState(name=patch.name, state=state, reason="; ".join(notes))
