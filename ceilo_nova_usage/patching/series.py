# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""A series for one nova release: what it is for, and its patches in order.

``<release>/upstream`` names the source distribution the series was made for,
``<release>/series`` lists the patches, and both are the only truth: what they do not
list does not exist, and what lies there unlisted is a fault. ``<release>/adapted`` is
for those who develop a series that is made from another release's.
"""

import dataclasses
import importlib.resources
import pathlib
import re
from collections.abc import Mapping
from importlib.resources.abc import Traversable

from ceilo_nova_usage.patching import diff, errors

__all__ = ["Series", "Upstream", "directories"]

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """The source distribution a series was made for."""

    name: str
    version: str
    release: str
    sha256: str
    filename: str

    @classmethod
    def from_directory(cls, directory: Traversable) -> "Upstream":
        """Read ``upstream``; raises :class:`InvalidSeries` with all its faults."""
        where = f"{directory.name}/upstream"
        lines = (directory / "upstream").read_text("utf-8").splitlines()
        parts = [line.partition(":") for line in lines if not line.startswith("#")]
        keys = [key.strip() for key, _, _ in parts if key.strip()]
        values = {key.strip(): value.strip() for key, _, value in parts}
        known = [field.name for field in dataclasses.fields(cls)]
        faults = [f"{key} is not a known key" for key in sorted({*keys} - {*known})]
        faults += [f"{key} is missing" for key in known if not values.get(key)]
        faults += [f"{key} is there twice" for key in known if keys.count(key) > 1]
        if faults:
            raise errors.InvalidSeries(where, faults)
        upstream = cls(**{key: values[key] for key in known})
        if upstream.release != directory.name:
            faults.append(f"release is {upstream.release}, not the directory's name")
        if not _SHA256.fullmatch(upstream.sha256):
            faults.append("sha256 is not 64 hexadecimal digits")
        if faults:
            raise errors.InvalidSeries(where, faults)
        return upstream

    @property
    def major(self) -> str:
        """The version's first number, which nova counts up with each release."""
        return self.version.partition(".")[0]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The patches for one nova release, in the order they build upon each other."""

    upstream: Upstream
    patches: tuple[diff.Patch, ...]

    @classmethod
    def from_directory(cls, directory: Traversable) -> "Series":
        """Read a release's directory; raises :class:`InvalidSeries`, all faults."""
        upstream = Upstream.from_directory(directory)
        lines = (directory / "series").read_text("utf-8").splitlines()
        names = [line.strip() for line in lines]
        names = [name for name in names if name and not name.startswith("#")]
        there = {entry.name for entry in directory.iterdir()}
        faults = [
            f"{name} is listed twice"
            for name in sorted(set(names))
            if names.count(name) > 1
        ]
        faults += [
            f"{name} is not listed in series"
            for name in sorted(there - {*names, "series", "upstream", "adapted"})
        ]
        patches = []
        for name in names:
            if name not in there:
                faults.append(f"{name} is listed and not there")
                continue
            try:
                data = (directory / name).read_bytes()
                patches.append(diff.Patch.from_bytes(name, data))
            except errors.InvalidSeries as error:
                faults += [f"{name}: {fault}" for fault in error.faults]
        if not names:
            faults.append("series lists no patch")
        if faults:
            raise errors.InvalidSeries(directory.name, faults)
        return cls(upstream=upstream, patches=tuple(patches))


def directories(root: pathlib.Path | None = None) -> Mapping[str, Traversable]:
    """The directory of each release that has a series, by the release's name.

    ``root`` holds one directory a release; without it, the shipped series are used.
    """
    top: Traversable = root or (
        importlib.resources.files("ceilo_nova_usage") / "patches" / "nova"
    )
    if not top.is_dir():
        raise errors.PatchingError(f"{top}: there is no directory of patch series here")
    found = sorted(
        (entry for entry in top.iterdir() if (entry / "series").is_file()),
        key=lambda entry: entry.name,
    )
    return {entry.name: entry for entry in found}
