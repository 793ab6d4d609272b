# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The shipped series are sound, and the package finds them."""

import importlib.resources
import pathlib

import pytest

from ceilo_nova_usage.patching import series

TOP = pathlib.Path(__file__).parents[3]
PATCHES = TOP / "patches" / "nova"
RELEASES = series.directories(PATCHES)


@pytest.mark.parametrize("release", RELEASES)
def test_a_series_is_the_only_truth(release):
    """Every listed patch is there, parses and has its header; none is unlisted."""
    found = series.Series.from_directory(RELEASES[release])
    assert found.upstream.name == "nova"
    assert found.upstream.filename == f"nova-{found.upstream.version}.tar.gz"


def test_every_directory_is_a_series():
    """No release's directory is passed over for want of a file."""
    directories = {entry.name for entry in PATCHES.iterdir() if entry.is_dir()}
    assert directories == set(RELEASES)


def test_no_two_series_are_for_one_release():
    """The major version of a nova tells its series."""
    majors = [
        series.Upstream.from_directory(directory).major
        for directory in RELEASES.values()
    ]
    assert len(majors) == len(set(majors))


def test_the_installed_package_finds_them():
    """The package, however it was installed here, finds the same series."""
    shipped = series.directories()
    assert list(shipped) == list(RELEASES)
    top = importlib.resources.files("ceilo_nova_usage") / "patches" / "nova"
    for release, directory in RELEASES.items():
        for entry in directory.iterdir():
            assert (top / release / entry.name).read_bytes() == entry.read_bytes()
