# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""One patch file: its header, and its changes as exact lines of bytes.

The parser is unidiff. What a nova series has no need of is refused here: renames,
copies, changes of mode, binary files, symbolic links, and any path that could lead
out of the tree.
"""

import dataclasses
import email
import hashlib
import pathlib
import re
from collections.abc import Iterable, Sequence

from unidiff import errors as unidiff_errors
from unidiff import patch as unidiff

from ceilo_nova_usage.patching import errors

__all__ = ["FileChange", "Hunk", "Patch", "blob_id"]

_DIFF_BEGINS = re.compile(rb"^diff --git ", re.MULTILINE)
_SIGNATURE = re.compile(rb"^-- \n(?![ +\\-])[^\n]+\n*\Z", re.MULTILINE)
_INFO = re.compile(
    r"diff --git |index (?P<before>[0-9a-f]+)\.\.(?P<after>[0-9a-f]+)( 100(644|755))?$"
    r"|(new|deleted) file mode 100(?P<mode>644|755)$"
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Hunk:
    """Some lines of a file, endings included, and the lines that replace them."""

    number: int
    """Counted from 1 within the file, as a message to a reader has it."""
    before_at: int
    """Where ``before`` begins in the old file, counted from 0."""
    after_at: int
    before: tuple[bytes, ...]
    after: tuple[bytes, ...]
    at_end: bool
    """Whether the hunk must reach the end of the file."""

    def reverse(self) -> "Hunk":
        """The hunk that undoes this one."""
        return dataclasses.replace(
            self,
            before_at=self.after_at,
            after_at=self.before_at,
            before=self.after,
            after=self.before,
        )

    def find(self, lines: Sequence[bytes], begin: int, shift: int) -> int:
        """Where the hunk fits ``lines`` at or after line ``begin``.

        ``shift`` is how far earlier hunks of the file lay from their line numbers.
        A file that has not shifted is taken at the stated line. In any other the
        place must be the only one: :class:`Mismatch` is raised when it is not.
        """
        stated = self.before_at
        if shift == 0 and stated >= begin and self._fits(lines, stated):
            return stated
        places = [
            at
            for at in range(begin, len(lines) - len(self.before) + 1)
            if self._fits(lines, at)
        ]
        if len(places) == 1:
            return places[0]
        why = (
            f"its lines are found in {len(places)} places"
            if places
            else "the lines it expects are not there"
        )
        raise errors.Mismatch(f"hunk {self.number} (line {stated + 1}): {why}")

    def _fits(self, lines: Sequence[bytes], at: int) -> bool:
        end = at + len(self.before)
        return (
            (at == 0 or self.before_at > 0)
            and (end == len(lines) or (not self.at_end and end < len(lines)))
            and tuple(lines[at:end]) == self.before
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """What one patch does to one file."""

    path: pathlib.PurePosixPath
    creates: bool
    deletes: bool
    mode: int | None
    """Permissions of a file created or deleted, else None."""
    before_id: str
    """The first digits of git's name for the old content, "" where it is not told."""
    after_id: str
    hunks: tuple[Hunk, ...]

    def reverse(self) -> "FileChange":
        """The change that undoes this one."""
        return dataclasses.replace(
            self,
            before_id=self.after_id,
            after_id=self.before_id,
            creates=self.deletes,
            deletes=self.creates,
            hunks=tuple(hunk.reverse() for hunk in self.hunks),
        )

    def apply(self, content: bytes | None) -> bytes | None:
        """The file's new content; None stands for a file that is not there.

        Raises :class:`Mismatch` when the content is not what the change expects.
        """
        if self.creates:
            if content is not None:
                raise errors.Mismatch("the file is there already")
            return b"".join(line for hunk in self.hunks for line in hunk.after)
        if content is None:
            raise errors.Mismatch("the file is not there")
        if self.deletes:
            if content != b"".join(line for hunk in self.hunks for line in hunk.before):
                raise errors.Mismatch("the file to delete has other content")
            return None
        return _replace(content, self.hunks)


def blob_id(content: bytes | None) -> str:
    """Git's name for a file's content: hexadecimal, zeros for no file."""
    if content is None:
        return "0" * 40
    head = b"blob %d\0" % len(content)
    return hashlib.sha1(head + content, usedforsecurity=False).hexdigest()


def _replace(content: bytes, hunks: Iterable[Hunk]) -> bytes:
    lines = [line for line in re.split(rb"(?<=\n)", content) if line]
    result: list[bytes] = []
    taken = shift = 0
    for hunk in hunks:
        at = hunk.find(lines, taken, shift)
        result += lines[taken:at]
        result += hunk.after
        taken = at + len(hunk.before)
        shift = at - hunk.before_at
    return b"".join(result + lines[taken:])


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """One patch of a series, as ``git format-patch`` writes it."""

    name: str
    author: str
    subject: str
    reason: str
    """The message below the subject."""
    changes: tuple[FileChange, ...]
    sha256: str

    @classmethod
    def from_bytes(cls, name: str, data: bytes) -> "Patch":
        """Read one patch file; raises :class:`InvalidSeries` with all its faults."""
        faults: list[str] = []
        begin = _DIFF_BEGINS.search(data)
        head = data[: begin.start()] if begin else data
        message = email.message_from_bytes(head)
        body = message.get_payload(decode=True)
        text = body.decode("utf-8", "replace") if isinstance(body, bytes) else ""
        patch = cls(
            name=name,
            author=str(message.get("From", "")),
            subject=str(message.get("Subject", "")),
            reason=re.split(r"(?m)^---$", text)[0].strip(),
            changes=tuple(_changes(data[len(head) :], faults)),
            sha256=hashlib.sha256(data).hexdigest(),
        )
        for label, value in (
            ("From", patch.author),
            ("Subject", patch.subject),
            ("reason below the subject", patch.reason),
        ):
            if not value:
                faults.append(f"the header has no {label}")
        if not patch.changes and not faults:
            faults.append("changes no file")
        if faults:
            raise errors.InvalidSeries(name, faults)
        return patch


def _changes(diff: bytes, faults: list[str]) -> list[FileChange]:
    text = _SIGNATURE.sub(b"", diff).decode("utf-8", "surrogateescape")
    try:
        files = unidiff.PatchSet(text)
    except unidiff_errors.UnidiffParseError as error:
        faults.append(f"cannot be parsed: {error}".rstrip())
        return []
    placed = sum(
        len(file.patch_info or ())
        + (2 if file else 0)
        + sum(1 + len(hunk) for hunk in file)
        for file in files
    )
    if placed != text.count("\n") and not any(file.is_binary_file for file in files):
        faults.append("holds lines that belong to no hunk")
    changes = []
    for file in files:
        try:
            changes.append(_change(file))
        except ValueError as error:
            faults.append(f"{file.path}: {error}")
    paths = [change.path for change in changes]
    for path in sorted({path for path in paths if paths.count(path) > 1}):
        faults.append(f"{path}: is changed twice")
    return changes


def _change(file: unidiff.PatchedFile) -> FileChange:
    info = [line.rstrip("\n") for line in file.patch_info or ()]
    if file.is_binary_file:
        raise ValueError("binary changes are not supported")
    told: dict[str, str] = {}
    for line in info:
        match = _INFO.match(line)
        if match is None:
            raise ValueError(f"not supported: {line!r}")
        told |= {key: value for key, value in match.groupdict().items() if value}
    creates = file.source_file == "/dev/null"
    deletes = file.target_file == "/dev/null"
    names = {
        name
        for name, absent, prefix in (
            (file.source_file, creates, "a/"),
            (file.target_file, deletes, "b/"),
        )
        if not absent
        for name in (name.removeprefix(prefix) if name.startswith(prefix) else "",)
    }
    if len(names) != 1 or "" in names:
        raise ValueError("the old and the new name differ or lack their a/ and b/")
    if not file and not (creates or deletes):
        raise ValueError("has no hunk")
    return FileChange(
        path=_safe(names.pop()),
        creates=creates,
        deletes=deletes,
        mode=int(told["mode"], 8) if "mode" in told else None,
        before_id=told.get("before", ""),
        after_id=told.get("after", ""),
        hunks=tuple(_hunk(number, hunk) for number, hunk in enumerate(file, 1)),
    )


def _safe(name: str) -> pathlib.PurePosixPath:
    """The path, if it can only lie within the tree and is spelt one way."""
    path = pathlib.PurePosixPath(name)
    if (
        path.is_absolute()
        or str(path) != name
        or not {"..", ".git"}.isdisjoint(path.parts)
        or name == "."
        or any(ord(character) < 32 or character in '"\\' for character in name)
    ):
        raise ValueError(f"not a path within a tree: {name!r}")
    return path


def _hunk(number: int, hunk: unidiff.Hunk) -> Hunk:
    before: list[bytes] = []
    after: list[bytes] = []
    trailing = 0
    no_newline = False
    sides: tuple[list[bytes], ...] = ()
    for line in hunk:
        if line.line_type == "\\":
            no_newline = True
            for side in sides:
                side[-1] = side[-1].removesuffix(b"\n")
            continue
        if line.line_type == "":
            continue
        sides = tuple(
            side
            for side, types in ((before, " -"), (after, " +"))
            if line.line_type in types
        )
        trailing = trailing + 1 if line.is_context else 0
        for side in sides:
            side.append(line.value.encode("utf-8", "surrogateescape"))
    return Hunk(
        number=number,
        before_at=hunk.source_start - bool(before),
        after_at=hunk.target_start - bool(after),
        before=tuple(before),
        after=tuple(after),
        at_end=no_newline or not trailing,
    )
