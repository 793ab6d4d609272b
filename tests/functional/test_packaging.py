# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Every way to the package takes the patch series along."""

import pathlib
import shutil
import subprocess
import sys
import tarfile
import zipfile

import pytest

TOP = pathlib.Path(__file__).parents[2]
PREFIX = "ceilo_nova_usage/patches/nova/"


@pytest.fixture(name="copy")
def _copy(tmp_path):
    """The repository without version control and whatever was built in it."""
    ignored = shutil.ignore_patterns(".*", "build", "*.egg-info", "__pycache__")
    return shutil.copytree(TOP, tmp_path / "copy", symlinks=True, ignore=ignored)


@pytest.fixture(name="series")
def _series():
    """Content of every file of a series, by its path below patches/nova."""
    top = TOP / "patches" / "nova"
    return {
        str(place.relative_to(top)): place.read_bytes() for place in top.glob("*/*")
    }


def wheel_of(source, target):
    """Build a wheel as pip does; returns the series files it holds."""
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps")
    subprocess.run([*pip, "--wheel-dir", target, source], check=True)
    (wheel,) = target.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return {
            name.removeprefix(PREFIX): archive.read(name)
            for name in archive.namelist()
            if name.startswith(PREFIX) and not name.endswith("/")
        }


def test_a_wheel_ships_the_series(copy, series, tmp_path):
    """A wheel built from a copied tree holds every series file, byte for byte."""
    assert wheel_of(copy, tmp_path / "wheel") == series


def test_a_source_distribution_ships_the_series(copy, series, tmp_path):
    """A wheel built from the source distribution holds them as well."""
    build = "from setuptools import setup; setup()"
    sdist = ("sdist", "--quiet", "--dist-dir", tmp_path)
    subprocess.run([sys.executable, "-c", build, *sdist], cwd=copy, check=True)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    assert {PREFIX + name for name in series} <= names
    assert wheel_of(archive, tmp_path / "wheel") == series
