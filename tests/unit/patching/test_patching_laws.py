# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Laws of reading and applying a patch, on whatever git writes."""

import pathlib
import subprocess

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ceilo_nova_usage.patching import diff, errors

HEADER = b"From: A <a@example.org>\nSubject: [PATCH] x\n\nThe reason.\n---\n\n"

LINES = st.sampled_from(
    [
        *(b"a\n", b"b\n", b"\n", b"c\r\n", b"\r\n", b"\x0cform\n"),
        *(b"- \n", b"-- \n", b"--- a/x\n", b"+++ b/x\n", b"@@ -1 +1 @@\n"),
        *(b"\xff\xfe\n", "ü\u2028\n".encode(), b"\\ No newline at end of file\n"),
    ]
)
CONTENTS = st.builds(
    lambda lines, end: b"".join(lines) + end,
    st.lists(LINES, max_size=30),
    st.sampled_from([b"", b"", b"no newline", b"\r"]),
)


@pytest.fixture(name="git_diff", scope="module")
def _git_diff(tmp_path_factory):
    """What git writes for the change from one content to another, or None."""
    top = tmp_path_factory.mktemp("diff")

    def write(name: str, content: bytes | None) -> pathlib.Path:
        place = top / name / "nova" / "file.py"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        if content is not None:
            place.write_bytes(content)
        return place

    def run(before: bytes | None, after: bytes | None) -> bytes:
        write("a", before)
        write("b", after)
        return subprocess.run(
            [
                *("git", "diff", "--no-index", "--text", "--no-renames"),
                *("--no-prefix", "a", "b"),
            ],
            cwd=top,
            capture_output=True,
            check=False,
        ).stdout

    return run


@settings(
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(before=st.none() | CONTENTS, after=st.none() | CONTENTS)
def test_there_and_back_again(git_diff, before, after):
    """A change read from git's output makes ``after``, and its reverse ``before``."""
    data = git_diff(before, after)
    if before == after:
        assert data == b""
        return
    (change,) = diff.Patch.from_bytes("x.patch", HEADER + data).changes
    assert str(change.path) == "nova/file.py"
    assert change.apply(before) == after
    assert change.reverse().apply(after) == before


@settings(
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(before=CONTENTS, after=CONTENTS, other=CONTENTS)
def test_another_file_keeps_its_other_lines(git_diff, before, after, other):
    """On another content a change either fails or replaces its own lines alone."""
    data = git_diff(before, after)
    if not data:
        return
    (change,) = diff.Patch.from_bytes("x.patch", HEADER + data).changes
    try:
        result = change.apply(other)
    except errors.Mismatch as mismatch:
        assert str(mismatch)
        return
    assert result is not None
    grown = sum(
        len(b"".join(hunk.after)) - len(b"".join(hunk.before)) for hunk in change.hunks
    )
    assert len(result) == len(other) + grown
    for hunk in change.hunks:
        assert b"".join(hunk.before) in other
        assert b"".join(hunk.after) in result


@settings(deadline=None, max_examples=300)
@given(noise=st.binary(max_size=400), at=st.integers(0, 400))
def test_noise_is_refused_in_words(noise, at):
    """Whatever bytes a patch file holds, it is read or refused with its name."""
    sound = (
        HEADER + b"diff --git a/x b/x\nindex 1..2 100644\n--- a/x\n+++ b/x\n"
        b"@@ -1 +1 @@\n-a\n+b\n-- \n2.39.5\n"
    )
    data = sound[:at] + noise + sound[at:]
    try:
        patch = diff.Patch.from_bytes("x.patch", data)
    except errors.InvalidSeries as refusal:
        assert str(refusal).startswith("x.patch: ")
    else:
        assert patch.changes
