# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Each series on the real nova it was made for, fetched and checked by its sum."""

import hashlib
import json
import pathlib
import shutil
import subprocess
import sys
import tarfile

import pytest

from ceilo_nova_usage.cli import app
from tests.nova.environment import PATCHED, NovaEnvironment

RECORD = "nova/.ceilo-nova-usage.json"


@pytest.fixture(name="environment", params=PATCHED, scope="module")
def _environment(request):
    environment = NovaEnvironment.of(request.param)
    environment.stock()
    return environment


@pytest.fixture(name="sdist", scope="module")
def _sdist(environment):
    """The source distribution whose sum ``upstream`` gives."""
    sdist = environment.directory / environment.series.upstream.filename
    digest = hashlib.sha256(sdist.read_bytes()).hexdigest()
    assert digest == environment.series.upstream.sha256
    return sdist


@pytest.fixture(name="unpack")
def _unpack(sdist, tmp_path):
    """Makes a directory with the unpacked source distribution."""

    def unpack(name):
        with tarfile.open(sdist) as archive:
            archive.extractall(tmp_path / name, filter="data")
        (tree,) = (tmp_path / name).iterdir()
        return tree

    return unpack


@pytest.fixture(name="patches")
def _patches(environment):
    """The patch files in the order of the series."""
    top = pathlib.Path(__file__).parents[2] / "patches" / "nova"
    release = top / environment.series.upstream.release
    return [release / patch.name for patch in environment.series.patches]


@pytest.fixture(name="nova_patch")
def _nova_patch(capsys):
    """Runs the command; returns the state of each patch, and asserts success."""

    def run(verb, tree):
        status = app.main(["nova-patch", verb, "--nova", str(tree), "-f", "json"])
        out, err = capsys.readouterr()
        assert status == 0, err
        return [row["state"] for row in json.loads(out)]

    return run


def snapshot(tree, below="."):
    """Permissions and content of everything below a directory."""
    return {
        str(place.relative_to(tree)): (
            place.lstat().st_mode,
            None if place.is_dir() else place.read_bytes(),
        )
        for place in (tree / below).rglob("*")
        if place.name != "__pycache__" and place.suffix != ".pyc"
    }


def git_am(tree, patches):
    """Apply the patches as commits, and leave no trace of version control."""

    def git(*arguments):
        subprocess.run(["git", *arguments], cwd=tree, check=True, capture_output=True)

    git("init")
    git("config", "user.name", "A Developer")
    git("config", "user.email", "developer@example.org")
    git("add", "--all", "--force")
    git("commit", "--message", "nova")
    git("am", "--whitespace=error-all", *map(str, patches))
    shutil.rmtree(tree / ".git")


def test_apply_gives_what_git_am_gives(unpack, patches, nova_patch):
    """The command and ``git am`` make the same tree, and neither needs fuzz."""
    ours, theirs = unpack("ours"), unpack("theirs")
    assert nova_patch("check", ours) == ["applies"] * len(patches)
    assert nova_patch("apply", ours) == ["applied"] * len(patches)
    git_am(theirs, patches)
    (ours / RECORD).unlink()
    assert snapshot(ours) == snapshot(theirs)
    assert nova_patch("check", theirs) == ["applied"] * len(patches)


def test_each_patch_fits_its_line_numbers(unpack, patches):
    """GNU patch, and so quilt, applies each patch without an offset or fuzz."""
    tree = unpack("tree")
    for patch in patches:
        said = subprocess.run(
            ["patch", "-p1", "--fuzz=0", "--force", "--input", str(patch)],
            cwd=tree,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        assert "offset" not in said
        assert not [line for line in said.splitlines() if "patching" not in line]


def test_revert_gives_back_the_source(unpack, nova_patch):
    """After apply and revert the tree is the source distribution's, byte for byte."""
    tree = unpack("tree")
    before = snapshot(tree)
    nova_patch("apply", tree)
    assert snapshot(tree) != before
    nova_patch("revert", tree)
    assert snapshot(tree) == before


def test_a_series_taken_off_after_git(unpack, patches, nova_patch):
    """A tree that ``git am`` patched is reverted to the source distribution."""
    tree = unpack("tree")
    before = snapshot(tree)
    git_am(tree, patches)
    nova_patch("revert", tree)
    assert snapshot(tree) == before


def test_an_installed_nova(sdist, unpack, nova_patch, tmp_path):
    """In site-packages the package becomes the patched source's, and goes back."""
    target = tmp_path / "site-packages"
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps")
    subprocess.run([*pip, "--target", target, sdist], check=True)
    before = snapshot(target)
    nova_patch("apply", target)
    source = unpack("source")
    nova_patch("apply", source)
    patched = {
        name: content
        for name, (_, content) in snapshot(source, "nova").items()
        if name != RECORD
    }
    after = snapshot(target)
    assert {name: after[name][1] for name in patched} == patched
    assert {n: v for n, v in after.items() if not n.startswith("nova/")} == {
        n: v for n, v in before.items() if not n.startswith("nova/")
    }
    nova_patch("revert", target)
    assert snapshot(target) == before
