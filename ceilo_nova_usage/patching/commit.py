# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Change several files so that all of them change or none does.

New contents are written beside the files and flushed first; a full disk or a missing
permission shows there, before any file is touched. Then each file's old inode is kept
under a second name while the new one takes its place. A failure puts the old ones back.
"""

import contextlib
import dataclasses
import os
import pathlib
from collections.abc import Iterable, Sequence

from ceilo_nova_usage.patching import errors, tree

__all__ = ["Change", "commit", "sweep"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One file's content before and after; None stands for a file not there."""

    path: pathlib.PurePosixPath
    before: bytes | None
    after: bytes | None
    mode: int | None
    """Permissions of a file that is created; one that is there keeps its own."""


def commit(nova: tree.NovaTree, changes: Sequence[Change]) -> None:
    """Make the changes in their order; on any failure the tree is as it was.

    Raises :class:`PatchingError` where a file is no longer what ``before`` says or
    cannot be written, OSError where the system refuses else. Hold the tree's lock.
    """
    sweep(nova, (change.path for change in changes))
    places = [nova.locate(change.path) for change in changes]
    with contextlib.ExitStack() as undo:
        for change, place in zip(changes, places, strict=True):
            if nova.read(change.path) != change.before:
                raise errors.PatchingError(f"{place}: changed while it was patched")
            if change.after is not None:
                _make_parents(place.parent, undo)
                _stage(place, change.after, change.mode, undo)
        for change, place in zip(changes, places, strict=True):
            _swap(place, change, undo)
        for directory in sorted({place.parent for place in places}):
            _flush(directory)
        undo.pop_all()
    sweep(nova, (change.path for change in changes))


def sweep(nova: tree.NovaTree, paths: Iterable[pathlib.PurePosixPath]) -> None:
    """Remove what work on these files left over.

    That is: the names used in between, by this command or by one that was killed; and
    where a file is not there, its bytecode and the directories that are left empty.
    """
    for path in paths:
        place = nova.locate(path)
        for name in (_new(place), _old(place)):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                name.unlink()
        if not place.exists():
            _prune(place, nova.root)


def _new(place: pathlib.Path) -> pathlib.Path:
    return place.with_name(f".{place.name}.nova-patch-new")


def _old(place: pathlib.Path) -> pathlib.Path:
    return place.with_name(f".{place.name}.nova-patch-old")


def _make_parents(directory: pathlib.Path, undo: contextlib.ExitStack) -> None:
    """Create missing directories with their parent's owner and permissions."""
    if directory.is_dir():
        return
    _make_parents(directory.parent, undo)
    directory.mkdir()
    undo.callback(directory.rmdir)
    like = directory.parent.stat()
    own = directory.stat()
    if (own.st_uid, own.st_gid) != (like.st_uid, like.st_gid):
        os.chown(directory, like.st_uid, like.st_gid)
    directory.chmod(like.st_mode & 0o7777)


def _stage(
    place: pathlib.Path, content: bytes, mode: int | None, undo: contextlib.ExitStack
) -> None:
    """Write the new content beside the file, owned and permitted like the old."""
    there = place.exists()
    like = place.stat() if there else place.parent.stat()
    new = _new(place)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        with os.fdopen(os.open(new, flags, 0o600), "wb") as stream:
            undo.callback(new.unlink, missing_ok=True)
            own = os.fstat(stream.fileno())
            if (own.st_uid, own.st_gid) != (like.st_uid, like.st_gid):
                os.fchown(stream.fileno(), like.st_uid, like.st_gid)
            allowed = like.st_mode & 0o7777 if there else mode or 0o644
            os.fchmod(stream.fileno(), allowed)
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        # What goes wrong with an open file carries no name.
        raise errors.PatchingError(f"{place}: {error.strerror}") from error


def _swap(place: pathlib.Path, change: Change, undo: contextlib.ExitStack) -> None:
    if change.before is None:
        undo.callback(place.unlink, missing_ok=True)
    else:
        old = _old(place)
        os.link(place, old)
        # Renaming one link of a file onto another does nothing: unlink what is left.
        undo.callback(old.unlink, missing_ok=True)
        undo.callback(os.replace, old, place)
    if change.after is None:
        place.unlink()
    else:
        _new(place).replace(place)


def _flush(directory: pathlib.Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _prune(place: pathlib.Path, root: pathlib.Path) -> None:
    cache = place.parent / "__pycache__"
    for compiled in cache.glob(f"{place.stem}.*.pyc"):
        compiled.unlink()
    if cache.is_dir() and not any(cache.iterdir()):
        cache.rmdir()
    for directory in place.parents:
        if directory == root or (directory.is_dir() and any(directory.iterdir())):
            return
        if directory.is_dir():
            directory.rmdir()
