# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""A nova on disk: where it lies, which version it is, what of it may be touched."""

import contextlib
import dataclasses
import email
import fcntl
import importlib.util
import os
import pathlib
import stat
from collections.abc import Iterator
from importlib import metadata

from ceilo_nova_usage.patching import errors

__all__ = ["NovaTree"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NovaTree:
    """A directory that holds the package ``nova``.

    ``whole`` is true for an unpacked source distribution or checkout, with its
    documentation. Of anything else the package alone may be touched.
    """

    root: pathlib.Path
    version: str | None
    whole: bool

    @classmethod
    def find(cls, given: pathlib.Path | None) -> "NovaTree":
        """The nova in ``given``, or the one that this Python would import.

        ``given`` is a directory that holds the package (site-packages, a source
        tree) or the package's own. Raises :class:`PatchingError` for anything else.
        """
        directory = _importable() if given is None else given
        if not directory.is_dir():
            what = "is no directory" if directory.exists() else "does not exist"
            raise errors.PatchingError(f"{directory}: {what}")
        directory = directory.resolve()
        if _is_nova(directory / "nova"):
            root = directory
            # A stray setup.py does not make a source tree of site-packages.
            whole = (root / "doc").is_dir() and (
                (root / "setup.cfg").is_file() or (root / "setup.py").is_file()
            )
        elif directory.name == "nova" and _is_nova(directory):
            # Whatever lies around it: nothing outside the given directory is touched.
            root, whole = directory.parent, False
        else:
            raise errors.PatchingError(
                f"{directory}: not a nova: neither a directory that holds the package "
                "nova (site-packages, an unpacked source) nor the package itself"
            )
        return cls(root=root, version=_version(root), whole=whole)

    def __str__(self) -> str:
        kind = "source tree" if self.whole else "package"
        return f"nova {self.version or 'of unknown version'} ({kind}) in {self.root}"

    def lacks(self, path: pathlib.PurePosixPath) -> str | None:
        """Why ``path`` is no part of this nova, or None where it can be."""
        if self.whole:
            return None
        if path.parts[0] != "nova":
            return "outside the package nova"
        if (
            path.parts[:2] == ("nova", "tests")
            and not (self.root / "nova" / "tests").is_dir()
        ):
            return "of nova/tests, which is not here"
        return None

    def locate(self, path: pathlib.PurePosixPath) -> pathlib.Path:
        """The file's place on disk; refuses to go through a symbolic link."""
        place = self.root
        for part in path.parts:
            place = place / part
            if place.is_symlink():
                raise errors.PatchingError(
                    f"{place}: is a symbolic link; a nova made of links is not patched"
                )
        return place

    def read(self, path: pathlib.PurePosixPath) -> bytes | None:
        """The file's content, or None where it is not there."""
        place = self.locate(path)
        try:
            if not stat.S_ISREG(place.lstat().st_mode):
                raise errors.PatchingError(f"{place}: is not a regular file")
            return place.read_bytes()
        except FileNotFoundError:
            return None

    @contextlib.contextmanager
    def lock(self, *, exclusive: bool) -> Iterator[None]:
        """Keep other commands off this nova; it leaves no file behind.

        Raises :class:`PatchingError` at once where another command is at work.
        """
        package = os.open(self.root / "nova", os.O_RDONLY | os.O_DIRECTORY)
        try:
            how = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
            try:
                fcntl.flock(package, how | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise errors.PatchingError(
                    f"{self.root}: another nova-patch command is at work here"
                ) from error
            except OSError as error:
                raise errors.PatchingError(
                    f"{self.root}: cannot be locked: {error.strerror}"
                ) from error
            yield
        finally:
            os.close(package)


def _is_nova(package: pathlib.Path) -> bool:
    return all((package / name).is_file() for name in ("__init__.py", "version.py"))


def _importable() -> pathlib.Path:
    """The directory that holds the package nova, which is not imported."""
    spec = importlib.util.find_spec("nova")
    if spec is None or not spec.has_location or spec.origin is None:
        raise errors.PatchingError(
            "no nova can be imported here: name its directory with --nova"
        )
    return pathlib.Path(spec.origin).parent.parent


def _version(root: pathlib.Path) -> str | None:
    """What the metadata beside the package say; they must say one thing."""
    versions: set[str] = set()
    for found in metadata.distributions(name="nova", path=[str(root)]):
        if found.metadata["Version"]:
            versions.add(found.version)
    sdist = root / "PKG-INFO"
    if sdist.is_file():
        fields = email.message_from_bytes(sdist.read_bytes())
        if fields["Name"] == "nova" and fields["Version"]:
            versions.add(str(fields["Version"]))
    if len(versions) > 1:
        raise errors.PatchingError(
            f"{root}: the metadata beside nova disagree on its version: "
            + ", ".join(sorted(versions))
        )
    return versions.pop() if versions else None
