# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Check a nova against its series, apply the series, revert it."""

import dataclasses
import pathlib
from importlib import metadata

from ceilo_nova_usage.patching import commit, errors, plan, tree
from ceilo_nova_usage.patching import record as records
from ceilo_nova_usage.patching import series as patch_series

__all__ = ["Outcome", "apply", "check", "choose", "revert"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a command found or did."""

    ok: bool
    message: str
    patches: tuple[plan.PatchState, ...]


def choose(
    nova: tree.NovaTree, release: str | None, root: pathlib.Path | None = None
) -> patch_series.Series:
    """The series for this nova: the tree's own word, or ``release`` where it is silent.

    ``root`` holds the series, one directory a release; without it, the shipped ones.
    Raises :class:`PatchingError` where the two disagree or no series fits.
    """
    directories = patch_series.directories(root)
    upstreams = {
        name: patch_series.Upstream.from_directory(directory)
        for name, directory in directories.items()
    }
    there = "there are series for " + (
        ", ".join(f"{name} (nova {up.version})" for name, up in upstreams.items())
        or "no release"
    )
    if release is not None and release not in upstreams:
        raise errors.PatchingError(f"no series for release {release}; {there}")
    if nova.version is None:
        if release is None:
            raise errors.PatchingError(
                f"{nova}: nothing here tells its version: name the release with "
                f"--release; {there}"
            )
        return patch_series.Series.from_directory(directories[release])
    major = nova.version.partition(".")[0]
    fitting = [name for name, up in upstreams.items() if up.major == major]
    if release is not None and release not in fitting:
        raise errors.PatchingError(
            f"{nova}: is not of release {release}, which is nova "
            f"{upstreams[release].major}"
        )
    if len(fitting) != 1:
        raise errors.PatchingError(f"{nova}: no series for this version; {there}")
    return patch_series.Series.from_directory(directories[fitting[0]])


def check(nova: tree.NovaTree, series: patch_series.Series) -> Outcome:
    """Say how the tree stands; ok where the series applies cleanly or is applied."""
    with nova.lock(exclusive=False):
        found = plan.assess(nova, series)
    if found.state is plan.State.APPLIES:
        return _outcome(nova, series, found, "the series applies cleanly")
    if found.state is plan.State.APPLIED:
        return _outcome(nova, series, found, "the series is applied")
    return _refusal(nova, series, found)


def apply(nova: tree.NovaTree, series: patch_series.Series) -> Outcome:
    """Apply the whole series, or nothing of it."""
    with nova.lock(exclusive=True):
        found = plan.assess(nova, series)
        if found.state is plan.State.APPLIED:
            return _outcome(nova, series, found, "the series is applied already")
        if found.state is not plan.State.APPLIES:
            return _refusal(nova, series, found)
        changes = [
            commit.Change(
                path=file.path,
                before=file.content,
                after=file.final(),
                mode=file.steps[0].change.mode,
            )
            for file in found.files
        ]
        record = records.Record(
            made_by=metadata.version("ceilo-nova-usage"),
            release=series.upstream.release,
            patches={patch.name: patch.sha256 for patch in series.patches},
            before={str(c.path): records.digest(c.before) for c in changes},
            after={str(c.path): records.digest(c.after) for c in changes},
        )
        stale = nova.read(records.PATH)
        note = commit.Change(
            path=records.PATH, before=stale, after=record.to_bytes(), mode=0o644
        )
        commit.commit(nova, [note, *changes])
        found = plan.assess(nova, series)
    done = f"applied {len(series.patches)} patches: {_count(changes)}"
    return _outcome(nova, series, found, done)


def revert(nova: tree.NovaTree, series: patch_series.Series) -> Outcome:
    """Take the whole series off, or nothing of it; undoes an interrupted ``apply``."""
    with nova.lock(exclusive=True):
        found = plan.assess(nova, series)
        clean = found.state is plan.State.APPLIES
        if not (clean or found.interrupted or found.state is plan.State.APPLIED):
            return _refusal(nova, series, found)
        changes = [
            commit.Change(
                path=file.path,
                before=file.content,
                after=file.original(),
                mode=file.steps[-1].change.mode,
            )
            for file in found.files
            if file.position
        ]
        commit.sweep(nova, [records.PATH, *(file.path for file in found.files)])
        if found.record is not None:
            _check_digests(nova, found.record, changes)
            note = commit.Change(
                path=records.PATH, before=nova.read(records.PATH), after=None, mode=None
            )
            commit.commit(nova, [*changes, note])
        else:
            commit.commit(nova, changes)
        found = plan.assess(nova, series)
    done = "there is nothing to revert"
    if changes:
        done = f"reverted {len(series.patches)} patches: {_count(changes)}"
    return _outcome(nova, series, found, done)


def _check_digests(
    nova: tree.NovaTree, record: records.Record, changes: list[commit.Change]
) -> None:
    """Refuse to write anything but the bytes that were there before ``apply``."""
    for change in changes:
        name = str(change.path)
        if (
            records.digest(change.before) == record.after.get(name)
            and name in record.before
            and records.digest(change.after) != record.before[name]
        ):
            raise errors.PatchingError(
                f"{nova.locate(change.path)}: reverting would not give back the file "
                "as it was; nothing was changed"
            )


def _count(changes: list[commit.Change]) -> str:
    created = sum(change.before is None for change in changes)
    removed = sum(change.after is None for change in changes)
    changed = len(changes) - created - removed
    parts = (("changed", changed), ("created", created), ("removed", removed))
    return ", ".join(f"{count} files {what}" for what, count in parts if count)


def _outcome(
    nova: tree.NovaTree,
    series: patch_series.Series,
    found: plan.Assessment,
    message: str,
) -> Outcome:
    return Outcome(
        ok=found.state in (plan.State.APPLIES, plan.State.APPLIED),
        message=f"{nova}, release {series.upstream.release}: {message}",
        patches=found.patches,
    )


def _refusal(
    nova: tree.NovaTree, series: patch_series.Series, found: plan.Assessment
) -> Outcome:
    if found.interrupted:
        message = (
            "an interrupted command left the series partly applied; "
            "'nova-patch revert' takes it off"
        )
    elif found.state is plan.State.PARTLY:
        message = "refused: the series is partly applied"
    else:
        message = "refused: the tree is not what the series expects"
    ours = {patch.name: patch.sha256 for patch in series.patches}
    if found.record is not None and found.record.patches != ours:
        message += (
            f"; it was patched by ceilo-nova-usage {found.record.made_by} with another "
            "edition of the series: revert with that version first"
        )
    elif found.record is not None and found.state is plan.State.CONFLICTS:
        message += (
            f"; put back the changed files, or remove {nova.locate(records.PATH)} to "
            "go by the patches' own lines"
        )
    return Outcome(
        ok=False,
        message=f"{nova}, release {series.upstream.release}: {message}",
        patches=found.patches,
    )
