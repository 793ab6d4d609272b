# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""How a release's series is made from the newest one's, on novas of one file."""

import shutil
import subprocess

import pytest

from ceilo_nova_usage.patching.series import Series
from tests.nova import rebase
from tests.nova.scratch import Release, Scratch

#: The newest nova: two lines that the series changes, far from each other.
NEWEST = "".join(f"line {number}\n" for number in range(40))
UPSTREAM = "name: nova\nversion: 1.0\nrelease: {}\nsha256: {}\nfilename: nova.tar.gz\n"


class Workshop:
    """Two releases, `new` with a series and `old` without, and what is made of them."""

    def __init__(self, directory):
        self.directory = directory
        self.count = 0
        for name in ("new", "old"):
            (directory / name / "nova").mkdir(parents=True)
            patches = directory / "patches" / name
            patches.mkdir(parents=True)
            (patches / "upstream").write_text(UPSTREAM.format(name, "0" * 64))
        self.nova("new", NEWEST)
        self.nova("old", NEWEST)

    def release(self, name):
        """A release as the command takes it."""
        return Release(
            patches=self.directory / "patches" / name,
            nova=self.directory / name / "nova",
        )

    def nova(self, name, text):
        """Publish a nova."""
        (self.release(name).nova / "code.py").write_text(text)

    def patch(self, release, name, *changes):
        """Put a patch that changes words of the code behind a release's series."""
        release = self.release(release)
        scratch = self.scratch(release, release)
        scratch.git("switch", "--quiet", "base")
        code = scratch.directory / "code.py"
        code.write_text(changed(code.read_text(), *changes))
        scratch.git("commit", "--all", "--message", f"{name}\n\nA reason.")
        patch = scratch.git("format-patch", "--stdout", "--zero-commit", "-1")
        (release.patches / name).write_text(patch)
        if name not in release.names:
            with (release.patches / "series").open("a") as series:
                series.write(f"# About {name}\n{name}\n")

    def scratch(self, base, onto):
        """A scratch repository of its own."""
        self.count += 1
        return Scratch(self.directory / f"scratch-{self.count}", base, onto)

    def make(self, scratch=None):
        """Make the old release's series; returns the names of those adapted."""
        base, onto = self.release("new"), self.release("old")
        scratch = scratch or self.scratch(base, onto)
        made = rebase.make(scratch, base, onto)
        rebase.write(onto, rebase.files(base, made))
        return made.adapted

    def resolve(self, text):
        """Make the series, and be the developer who resolves what conflicts."""
        base, onto = self.release("new"), self.release("old")
        scratch = self.scratch(base, onto)
        with pytest.raises(rebase.ConflictError):
            rebase.make(scratch, base, onto)
        (scratch.directory / "code.py").write_text(text)
        scratch.git("add", "--all")
        scratch.git("-c", "core.editor=true", "cherry-pick", "--continue")
        return self.make(scratch)

    def patched(self):
        """The old release's code with its series, as GNU patch applies it."""
        release = self.release("old")
        tree = self.directory / "patched"
        shutil.rmtree(tree, ignore_errors=True)
        shutil.copytree(release.nova, tree)
        for name in release.names:
            command = ["patch", "-p1", "--fuzz=0", "-i", release.patches / name]
            said = subprocess.run(command, cwd=tree, check=True, capture_output=True)
            assert b"offset" not in said.stdout
        return (tree / "code.py").read_text()


@pytest.fixture(name="workshop")
def _workshop(tmp_path):
    workshop = Workshop(tmp_path)
    workshop.patch("new", "0001-five.patch", ("line 5", "line five"))
    workshop.patch("new", "0002-thirty.patch", ("line 30", "line thirty"))
    return workshop


def changed(text, *changes):
    """A text with words changed."""
    for before, after in changes:
        assert f"{before}\n" in text
        text = text.replace(f"{before}\n", f"{after}\n")
    return text


def test_patches_go_where_their_lines_are(workshop):
    """A nova with other lines gets the same changes, without offsets."""
    older = "first\n" * 7 + changed(NEWEST, ("line 20", "line XX"))
    workshop.nova("old", older)
    assert workshop.make() == []
    assert workshop.patched() == changed(
        older, ("line 5", "line five"), ("line 30", "line thirty")
    )


def test_a_series_made_is_a_series(workshop):
    """What is made lists the base's patches, in its words, and can be applied."""
    workshop.make()
    old, new = workshop.release("old"), workshop.release("new")
    assert old.lines == new.lines
    assert [p.name for p in Series.from_directory(old.patches).patches] == new.names


def test_a_conflict_is_resolved_once(workshop):
    """A patch adapted by hand is named, and stays as adapted when made again."""
    older = changed(NEWEST, ("line 30", "line 30 of old"))
    workshop.nova("old", older)
    wanted = changed(
        older, ("line 5", "line five"), ("line 30 of old", "line thirty of old")
    )
    assert workshop.resolve(wanted) == ["0002-thirty.patch"]
    assert workshop.patched() == wanted
    assert Series.from_directory(workshop.release("old").patches)
    assert workshop.make() == ["0002-thirty.patch"]
    assert workshop.patched() == wanted


def test_an_adapted_patch_moves_with_those_before_it(workshop):
    """Where a patch before it changes, an adapted one is merged, not adapted again."""
    older = changed(NEWEST, ("line 30", "line 30 of old"))
    workshop.nova("old", older)
    workshop.resolve(
        changed(
            older, ("line 5", "line five"), ("line 30 of old", "line thirty of old")
        )
    )
    base = workshop.release("new").patches
    (base / "series").unlink()
    workshop.patch("new", "0001-five.patch", ("line 5", "line five\nand more"))
    workshop.patch("new", "0002-thirty.patch", ("line 30", "line thirty"))
    assert workshop.make() == ["0002-thirty.patch"]
    assert workshop.patched() == changed(
        older,
        ("line 5", "line five\nand more"),
        ("line 30 of old", "line thirty of old"),
    )


def test_an_adapted_patch_is_adapted_anew_when_its_origin_changes(workshop):
    """A change to the patch that an adapted one was made from is not overlooked."""
    older = changed(NEWEST, ("line 30", "line 30 of old"))
    workshop.nova("old", older)
    workshop.resolve(
        changed(older, ("line 5", "line five"), ("line 30 of old", "thirty of old"))
    )
    (workshop.release("new").patches / "series").write_text("0001-five.patch\n")
    workshop.patch("new", "0002-thirty.patch", ("line 30", "line thirty!"))
    with pytest.raises(rebase.ConflictError, match=r"^0002-thirty\.patch "):
        workshop.make()


def test_patches_of_its_own_follow(workshop):
    """A release's own patches stay last, with their comments, on their lines."""
    workshop.make()
    workshop.patch("old", "0003-own.patch", ("line 35", "line of its own"))
    (workshop.release("new").patches / "series").write_text("")
    workshop.patch("new", "0001-five.patch", ("line 5", "line five\nand more"))
    workshop.patch("new", "0002-thirty.patch", ("line 30", "line thirty"))
    assert workshop.make() == []
    assert workshop.release("old").lines[-2:] == [
        "# About 0003-own.patch",
        "0003-own.patch",
    ]
    assert workshop.patched() == changed(
        NEWEST,
        ("line 5", "line five\nand more"),
        ("line 30", "line thirty"),
        ("line 35", "line of its own"),
    )


def test_what_was_edited_is_found(workshop):
    """A series is stale where a file was edited, is missing, or should not be there."""
    workshop.make()
    base, onto = workshop.release("new"), workshop.release("old")
    made = rebase.make(workshop.scratch(base, onto), base, onto)
    wanted = rebase.files(base, made)
    assert rebase.stale(onto, wanted) == []
    with (onto.patches / "0001-five.patch").open("a") as patch:
        patch.write("edited\n")
    (onto.patches / "0002-thirty.patch").unlink()
    (onto.patches / "left.patch").touch()
    assert rebase.stale(onto, wanted) == [
        "0001-five.patch",
        "0002-thirty.patch",
        "left.patch",
    ]
    rebase.write(onto, wanted)
    assert rebase.stale(onto, wanted) == []
