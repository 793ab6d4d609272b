# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Patches that must not be applied, and trees that must not be written to."""

import json

import pytest

HEADER = """\
From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001
From: A Developer <developer@example.org>
Date: Sun, 1 Nov 2026 00:00:00 +0000
Subject: [PATCH] A hostile patch

The reason for it.
---
 1 file changed

"""
NEW = """\
diff --git a/{0} b/{0}
new file mode 100644
index 0000000..257cc56
--- /dev/null
+++ b/{0}
@@ -0,0 +1 @@
+foo
"""
EDIT = """\
diff --git a/nova/version.py b/nova/version.py
index 0000000..257cc56 100644
--- a/nova/version.py
+++ b/nova/version.py
@@ -1 +1 @@
-version = 1
+version = 2
"""
SIGNATURE = "-- \n2.39.5\n\n"

NOT_A_PATH = {
    "parent": "../outside.py",
    "parent within": "nova/../../outside.py",
    "absolute": "/outside.py",
    "dot": "./nova/outside.py",
    "doubled slash": "nova//outside.py",
    "version control": ".git/hooks/post-checkout",
    "backslash": "nova\\outside.py",
    "control character": "nova/\x07.py",
}
REFUSED = {
    "rename": (
        "diff --git a/nova/version.py b/nova/other.py\nsimilarity index 100%\n"
        "rename from nova/version.py\nrename to nova/other.py\n",
        "nova/other.py: ",
    ),
    "copy": (
        "diff --git a/nova/version.py b/nova/other.py\nsimilarity index 100%\n"
        "copy from nova/version.py\ncopy to nova/other.py\n",
        "nova/other.py: ",
    ),
    "change of mode": (
        "diff --git a/nova/version.py b/nova/version.py\n"
        "old mode 100644\nnew mode 100755\n",
        "not supported: 'old mode 100644'",
    ),
    "binary": (
        "diff --git a/nova/x.png b/nova/x.png\nnew file mode 100644\n"
        "index 0000000..257cc56\nBinary files /dev/null and b/nova/x.png differ\n",
        "binary changes are not supported",
    ),
    "binary with content": (
        "diff --git a/nova/x.png b/nova/x.png\nnew file mode 100644\n"
        "index 0000000..257cc56\nGIT binary patch\nliteral 3\nKcmXRZNG#0&3IG5I\n\n",
        "binary changes are not supported",
    ),
    "symbolic link": (
        NEW.format("nova/link").replace("100644", "120000"),
        "not supported: 'new file mode 120000'",
    ),
    "submodule": (
        NEW.format("nova/module").replace("100644", "160000"),
        "not supported: 'new file mode 160000'",
    ),
    "set-user-id": (
        NEW.format("nova/tool").replace("100644", "104755"),
        "not supported: 'new file mode 104755'",
    ),
    "two names": (
        EDIT.replace("+++ b/nova/version.py", "+++ b/nova/other.py"),
        "Target without source",
    ),
    "quoted name": (
        EDIT.replace("a/nova/version.py", '"a/nova/version.py"').replace(
            "b/nova/version.py", '"b/nova/version.py"'
        ),
        "lack their a/ and b/",
    ),
    "long hunk": (EDIT.replace("@@ -1 +1 @@", "@@ -1 +1,0 @@"), "belong to no hunk"),
    "short hunk": (EDIT.replace("@@ -1 +1 @@", "@@ -1,2 +1,2 @@"), "shorter than"),
    "stray line": (EDIT + "+stray = 1\n", "lines that belong to no hunk"),
    "second mail": (EDIT + SIGNATURE + HEADER + EDIT, "belong to no hunk"),
    "file twice": (EDIT + EDIT, "nova/version.py: is changed twice"),
    "nothing": ("", "changes no file"),
    "no git header": (EDIT.partition("\n")[2], "changes no file"),
}


def refused(workshop, snapshot, text, words):
    """Assert that a patch is refused with these words and nothing is touched."""
    tree = workshop.unpacked()
    name = workshop.add_text("0001-hostile.patch", text)
    around = snapshot(workshop.top)
    result = workshop.run("apply", tree)
    assert result.status == 1
    assert result.out == ""
    assert name in result.err
    assert words in result.err
    assert snapshot(workshop.top) == around


@pytest.mark.parametrize("path", NOT_A_PATH.values(), ids=NOT_A_PATH)
def test_a_path_out_of_the_tree_is_refused(workshop, snapshot, path):
    """No patch writes a path that could lie outside, or is spelt to deceive."""
    text = HEADER + NEW.format(path) + SIGNATURE
    refused(workshop, snapshot, text, "not a path within a tree")


@pytest.mark.parametrize(("diff", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_plain_change_is_refused(workshop, snapshot, diff, words):
    """What could be misread or is not a change of text lines is refused whole."""
    refused(workshop, snapshot, HEADER + diff + SIGNATURE, words)


@pytest.mark.parametrize(
    ("old", "words"),
    [
        ("From: A Developer <developer@example.org>\n", "the header has no From"),
        ("Subject: [PATCH] A hostile patch\n", "the header has no Subject"),
        ("The reason for it.\n", "the header has no reason"),
    ],
)
def test_a_patch_without_its_header_is_refused(workshop, snapshot, old, words):
    """Every patch says who made it, what it does, and why."""
    refused(workshop, snapshot, HEADER.replace(old, "") + EDIT, words)


def test_all_faults_are_told_at_once(workshop):
    """One run names every fault of a series: unlisted, doubled, missing, unreadable."""
    (workshop.release / "unlisted.patch").write_text(HEADER + EDIT)
    workshop.add_text("0001-a.patch", HEADER + EDIT)
    workshop.add_text("0002-b.patch", EDIT)
    for name in ("0001-a.patch", "gone.patch", "# a comment", ""):
        workshop.enlist(name)
    result = workshop.run("check", workshop.unpacked())
    assert result.status == 1
    for words in (
        "2026.2: 0001-a.patch is listed twice",
        "2026.2: unlisted.patch is not listed in series",
        "2026.2: gone.patch is listed and not there",
        "2026.2: 0002-b.patch: the header has no Subject",
    ):
        assert words in result.err
    assert "comment" not in result.err


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("version: 34.0.0\n", "", "version is missing"),
        ("release: 2026.2", "release: 2026.1", "not the directory's name"),
        ("sha256: 0", "sha256: x", "sha256 is not 64 hexadecimal digits"),
        ("name: nova\n", "name: nova\nname: nova\n", "name is there twice"),
        ("name: nova\n", "name: nova\nurl: x\n", "url is not a known key"),
    ],
)
def test_upstream_must_be_whole(series, old, new, words):
    """The file that says what a series is for is checked before anything is done."""
    upstream = series.release / "upstream"
    upstream.write_text(upstream.read_text().replace(old, new))
    result = series.run("check", series.unpacked())
    assert (result.status, words in result.err) == (1, True)


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("name", ["nova/compute", "nova/compute/manager.py"])
def test_symbolic_links_are_refused(series, snapshot, name, inside):
    """A directory or file that is a link is not written through or replaced."""
    tree = series.unpacked()
    real = (tree if inside else series.top) / "elsewhere"
    (tree / name).rename(real)
    (tree / name).symlink_to(real)
    before = snapshot(series.top)
    result = series.run("apply", tree)
    assert result.status == 1
    assert f"{tree / name}: is a symbolic link" in result.err
    assert snapshot(series.top) == before


def test_a_link_where_a_file_is_to_be_created_is_refused(series, snapshot):
    """A dangling link does not lead the new file's content astray."""
    tree = series.unpacked()
    (tree / "nova/usage").symlink_to(series.top / "astray")
    assert series.run("apply", tree).status == 1
    assert not (series.top / "astray").exists()


def test_a_file_in_the_way_is_refused(series, snapshot):
    """A file that the series creates and that is there already is not overwritten."""
    tree = series.unpacked()
    series.write(tree, {"nova/usage/reader.py": "mine = True\n"})
    before = snapshot(tree)
    result = series.run("apply", tree, "-f", "json")
    assert result.status == 1
    reason = json.loads(result.out)[0]["reason"]
    assert reason == "nova/usage/reader.py: the file is there already"
    assert snapshot(tree) == before


def test_a_directory_in_the_way_is_an_error_line(series, snapshot):
    """A directory in a file's place is named, and nothing is written."""
    tree = series.unpacked()
    (tree / "nova/usage/reader.py").mkdir(parents=True)
    result = series.run("apply", tree)
    assert (result.status, "is not a regular file" in result.err) == (1, True)


def test_a_spoilt_record_is_an_error_line(series):
    """A record that is not JSON of ours is named, not trusted."""
    tree = series.unpacked()
    wrong = {"made_by": "1", "release": "1", "patches": 3, "before": {}, "after": {}}
    for text in ("{", "[]", '{"a": 1}', json.dumps(wrong)):
        (tree / "nova/.ceilo-nova-usage.json").write_text(text)
        result = series.run("revert", tree)
        assert (result.status, "is not a record" in result.err) == (1, True)
