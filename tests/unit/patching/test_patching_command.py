# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""``nova-patch check|apply|revert`` on source trees and installed packages."""

import json
import shutil

import pytest


def states(result):
    """The state of each patch, from a command's JSON."""
    return [row["state"] for row in json.loads(result.out)]


@pytest.mark.parametrize("revision", ["stock", "HEAD"])
def test_check_leaves_the_tree_alone(series, snapshot, revision):
    """Checking tells an unpatched from a patched tree and changes neither."""
    tree = series.unpacked(revision)
    before = snapshot(tree)
    result = series.run("check", tree, "-f", "json")
    assert result.status == 0
    expected = "applies" if revision == "stock" else "applied"
    assert states(result) == [expected] * 3
    assert f"nova 34.0.0 (source tree) in {tree}, release 2026.2" in result.err
    assert snapshot(tree) == before


def test_apply_gives_what_git_gives(series, snapshot):
    """A source tree is patched to the bytes git has after the same commits."""
    tree = series.unpacked()
    assert series.run("apply", tree).status == 0
    (tree / "nova/.ceilo-nova-usage.json").unlink()
    (tree / "PKG-INFO").unlink()
    (tree / "setup.cfg").unlink()
    assert snapshot(tree) == snapshot(series.checkout("HEAD", "expected"))


def test_apply_says_what_it_did(series):
    """The summary counts the files, the table lists the patches."""
    result = series.run("apply", series.unpacked(), "-f", "json")
    assert "applied 3 patches: 3 files changed, 4 files created" in result.err
    assert states(result) == ["applied"] * 3


@pytest.mark.parametrize("layout", ["unpacked", "installed"])
def test_revert_gives_back_every_byte(series, snapshot, layout):
    """After apply and revert a tree is what it was, new directories gone."""
    tree = getattr(series, layout)()
    (tree / "nova/compute/manager.py").chmod(0o640)
    before = snapshot(tree)
    assert series.run("apply", tree).status == 0
    assert snapshot(tree) != before
    assert (tree / "nova/compute/manager.py").stat().st_mode & 0o777 == 0o640
    result = series.run("revert", tree)
    assert result.status == 0
    assert "reverted 3 patches" in result.err
    assert snapshot(tree) == before


def test_revert_takes_bytecode_of_its_own_files_along(series, snapshot):
    """Bytecode made from a created module goes with it, other bytecode stays."""
    tree = series.installed()
    (tree / "nova/compute/__pycache__").mkdir()
    (tree / "nova/compute/__pycache__/manager.cpython-311.pyc").touch()
    before = snapshot(tree)
    series.run("apply", tree)
    cache = tree / "nova/usage/__pycache__"
    cache.mkdir()
    (cache / "reader.cpython-311.pyc").touch()
    (cache / "__init__.cpython-311.pyc").touch()
    assert series.run("revert", tree).status == 0
    assert snapshot(tree) == before


def test_twice_is_once(series, snapshot):
    """Applying again, or reverting a clean tree, succeeds and does nothing."""
    tree = series.unpacked()
    before = snapshot(tree)
    result = series.run("revert", tree)
    assert (result.status, "nothing to revert" in result.err) == (0, True)
    assert snapshot(tree) == before
    series.run("apply", tree)
    applied = snapshot(tree)
    result = series.run("apply", tree)
    assert (result.status, "applied already" in result.err) == (0, True)
    assert snapshot(tree) == applied


def test_a_tree_patched_by_git_is_reverted(series, snapshot):
    """A series that other tools applied is recognised and taken off."""
    tree = series.unpacked("HEAD")
    assert series.run("revert", tree).status == 0
    shutil.rmtree(tree / "doc")
    stock = series.checkout("stock", "expected")
    shutil.rmtree(stock / "doc")
    (tree / "PKG-INFO").unlink()
    (tree / "setup.cfg").unlink()
    assert snapshot(tree) == snapshot(stock)


def test_an_installed_nova_gets_the_package_alone(series, snapshot):
    """Beside an installed package nothing is created, and that is said."""
    tree = series.installed()
    result = series.run("apply", tree, "-f", "json")
    rows = json.loads(result.out)
    assert states(result) == ["applied", "applied", "left out"]
    assert rows[2]["reason"] == "left out 1 files outside the package nova"
    assert not (tree / "doc").exists()
    assert (tree / "nova/usage/reader.py").is_file()


def test_the_package_directory_is_the_limit(series, snapshot):
    """Given the package of a source tree, nothing outside it changes."""
    tree = series.unpacked()
    outside = {k: v for k, v in snapshot(tree).items() if not k.startswith("nova")}
    assert series.run("apply", tree / "nova").status == 0
    after = {k: v for k, v in snapshot(tree).items() if not k.startswith("nova")}
    assert after == outside
    assert (tree / "nova/usage/reader.py").is_file()


def test_a_nova_without_tests_is_patched_without_them(series, snapshot):
    """Where a distribution has stripped nova/tests, they are left out and stay out."""
    tree = series.installed()
    shutil.rmtree(tree / "nova/tests")
    before = snapshot(tree)
    result = series.run("apply", tree, "-f", "json")
    assert result.status == 0
    assert "of nova/tests" in json.loads(result.out)[0]["reason"]
    assert not (tree / "nova/tests").exists()
    assert series.run("revert", tree).status == 0
    assert snapshot(tree) == before


def test_shifted_lines_are_found(series, snapshot):
    """A nova with other patches is patched where the place is the only one."""
    tree = series.unpacked()
    manager = tree / "nova/compute/manager.py"
    manager.write_text("".join(["a\n", "b\n", "c\n", manager.read_text()]))
    before = snapshot(tree)
    assert series.run("apply", tree).status == 0
    text = manager.read_text()
    assert "line 10\nread usage\nsend usage\nline 11\n" in text
    assert series.run("revert", tree).status == 0
    assert snapshot(tree) == before


def test_an_ambiguous_place_is_refused(series, snapshot):
    """Lines that have moved and are there twice are not guessed at."""
    tree = series.unpacked()
    manager = tree / "nova/compute/manager.py"
    manager.write_text("other\n" + manager.read_text() * 2)
    before = snapshot(tree)
    result = series.run("apply", tree, "-f", "json")
    assert result.status == 1
    reason = json.loads(result.out)[0]["reason"]
    assert "manager.py: hunk 1 (line 8): its lines are found in 2 places" in reason
    assert snapshot(tree) == before


SIMILAR = "def one():\n    raise NotImplementedError()\n\n\n"


@pytest.mark.parametrize("adds", [True, False])
def test_lines_like_their_neighbours_are_told_apart(workshop, snapshot, adds):
    """Where a patch's lines repeat their context, git's name of the file decides."""
    few, many = SIMILAR * 3 + "end\n" * 3, SIMILAR * 5 + "end\n" * 3
    before, after = (few, many) if adds else (many, few)
    workshop.write(workshop.source, {"nova/similar.py": before})
    workshop.git("add", "-A")
    workshop.git("commit", "-qm", "similar")
    workshop.patch("Repeat", {"nova/similar.py": after})
    tree = workshop.unpacked("HEAD")
    assert states(workshop.run("apply", tree, "-f", "json")) == ["applied"]
    assert (tree / "nova/similar.py").read_text() == after
    assert states(workshop.run("revert", tree, "-f", "json")) == ["applies"]
    assert (tree / "nova/similar.py").read_text() == before

    place = tree / "nova/similar.py"
    place.write_text("# a line of somebody else\n" * 6 + before)
    untouched = snapshot(tree)
    for verb in ("check", "apply", "revert"):
        result = workshop.run(verb, tree)
        assert result.status == 1
        assert "cannot be told whether it is patched" in result.out
    assert snapshot(tree) == untouched


def test_a_conflict_names_file_and_hunk(series, snapshot):
    """A changed tree is refused with the file, the hunk and its line."""
    tree = series.unpacked()
    manager = tree / "nova/compute/manager.py"
    manager.write_text(manager.read_text().replace("line 51\n", "line LI\n"))
    before = snapshot(tree)
    for verb in ("check", "apply", "revert"):
        result = series.run(verb, tree, "-f", "json")
        assert result.status == 1
        assert "refused: the tree is not what the series expects" in result.err
        rows = json.loads(result.out)
        assert rows[1]["state"] == "conflicts"
        assert "nova/compute/manager.py: hunk 2 (line 48): " in rows[1]["reason"]
    assert snapshot(tree) == before


def test_a_partly_applied_tree_is_refused(series, snapshot):
    """Where only the first patches are in, each patch's state is told."""
    tree = series.unpacked("HEAD~2")
    before = snapshot(tree)
    for verb in ("check", "apply", "revert"):
        result = series.run(verb, tree, "-f", "json")
        assert result.status == 1
        assert "partly applied" in result.err
        assert states(result) == ["applied", "applies", "applies"]
    assert snapshot(tree) == before


def test_a_mixed_patch_names_its_files(series, snapshot):
    """Where a patch is in some files only, both lists are told."""
    tree = series.unpacked("HEAD")
    shutil.copy(series.source / "nova/version.py", tree / "nova/version.py")
    series.git("checkout", "-q", "stock", "--", "nova/virt/driver.py")
    shutil.copy(series.source / "nova/virt/driver.py", tree / "nova/virt/driver.py")
    result = series.run("check", tree, "-f", "json")
    row = json.loads(result.out)[1]
    assert (result.status, row["state"]) == (1, "partly applied")
    assert "not applied: nova/virt/driver.py" in row["reason"]
    assert "applied: nova/compute/manager.py" in row["reason"]


def test_a_file_changed_since_is_not_reverted(series, snapshot):
    """An edit made after apply, wherever in the file, makes revert refuse."""
    tree = series.unpacked()
    series.run("apply", tree)
    manager = tree / "nova/compute/manager.py"
    manager.write_text(manager.read_text() + "# a later thought\n")
    before = snapshot(tree)
    result = series.run("revert", tree)
    assert result.status == 1
    assert "nova/compute/manager.py: changed since it was patched" in result.out
    assert snapshot(tree) == before
    assert series.run("check", tree).status == 1


def test_a_reinstalled_nova_is_patched_again(series, snapshot):
    """A record left over from an earlier nova does not stand in the way."""
    tree = series.unpacked()
    before = snapshot(tree)
    series.run("apply", tree)
    for name, (_, data) in before.items():
        if data is not None:
            (tree / name).write_bytes(data)
    for name in ("nova/usage/reader.py", "nova/usage/__init__.py"):
        (tree / name).unlink()
    for name in ("nova/tests/unit/test_reader.py", "doc/notes/usage.yaml"):
        (tree / name).unlink()
    assert states(series.run("check", tree, "-f", "json")) == ["applies"] * 3
    assert series.run("apply", tree).status == 0
    assert series.run("revert", tree).status == 0
    assert snapshot(tree) == before


def test_another_edition_of_the_series_is_told(series):
    """A tree patched from an older edition is refused and the way out is named."""
    tree = series.unpacked()
    series.run("apply", tree)
    series.git("checkout", "-q", "HEAD")
    series.patch("More", {"nova/virt/driver.py": "all new\n"})
    result = series.run("revert", tree)
    assert result.status == 1
    assert "another edition of the series: revert with that version first" in result.err


def test_the_importable_nova_is_the_default(series, monkeypatch):
    """Without --nova the command finds what Python would import, unimported."""
    tree = series.installed()
    (tree / "nova/__init__.py").write_text("raise RuntimeError('imported')\n")
    monkeypatch.syspath_prepend(str(tree))
    result = series.run("check", None)
    assert result.status == 0
    assert str(tree) in result.err


def test_no_nova_is_an_error_line(series):
    """Where no nova can be imported, the option to use is named."""
    result = series.run("check", None)
    assert result.status == 1
    assert "name its directory with --nova" in result.err


@pytest.mark.parametrize(
    ("version", "more", "words"),
    [
        ("33.0.0", [], "no series for this version; there are series for 2026.2"),
        ("33.0.0", ["--release", "2026.2"], "is not of release 2026.2"),
        ("34.0.0", ["--release", "2026.1"], "no series for release 2026.1"),
    ],
)
def test_an_unknown_version_is_refused(series, version, more, words):
    """A nova of another release is refused, whatever --release says."""
    result = series.run("check", series.unpacked(version=version), *more)
    assert result.status == 1
    assert words in result.err


@pytest.mark.parametrize("version", ["34.0.1", "34.1.0.dev3"])
def test_a_point_release_is_recognised(series, version):
    """The release follows from the major version."""
    assert series.run("check", series.unpacked(version=version)).status == 0


def test_a_silent_tree_needs_the_release(series):
    """A tree without metadata is patched when the release is named, else refused."""
    tree = series.unpacked()
    (tree / "PKG-INFO").unlink()
    result = series.run("apply", tree)
    assert (result.status, "--release" in result.err) == (1, True)
    assert series.run("apply", tree, "--release", "2026.2").status == 0


def test_metadata_that_disagree_are_refused(series):
    """Two versions beside one package are not chosen between."""
    tree = series.unpacked()
    info = tree / "nova-33.0.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: nova\nVersion: 33.0.0\n")
    result = series.run("check", tree)
    assert result.status == 1
    assert "disagree on its version: 33.0.0, 34.0.0" in result.err


def test_what_is_no_nova_is_refused(series, tmp_path):
    """A missing directory, a file, and a directory without a nova give a line each."""
    assert "does not exist" in series.run("apply", tmp_path / "none").err
    (tmp_path / "file").touch()
    assert "is no directory" in series.run("apply", tmp_path / "file").err
    empty = tmp_path / "empty"
    empty.mkdir()
    result = series.run("apply", empty)
    assert (result.status, "not a nova" in result.err) == (1, True)
    assert not any(empty.iterdir())
