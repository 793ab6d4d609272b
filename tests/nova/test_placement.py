# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Whether a patch's lines are in the functions that they were in."""

import difflib

from tests.nova.placement import moved, places

BEFORE = """\
class Manager:
    def first(self):
        end()

    def second(self):
        end()
"""
FIRST = BEFORE.replace("        end()\n", "        end()\n        forget()\n", 1)
SECOND = BEFORE + "        forget()\n"


def of(after, name="nova/manager.py"):
    """Places of the lines between BEFORE and a text."""
    lines = BEFORE.splitlines(keepends=True), after.splitlines(keepends=True)
    patch = "".join(difflib.unified_diff(*lines, f"a/{name}", f"b/{name}"))
    return places(patch, {name: after}.__getitem__)


def test_a_line_in_the_same_function_is_not_told_of():
    """Lines around it and its number may differ, if the function is the same."""
    assert (
        list(moved(of(FIRST), of(FIRST.replace("class", "import os\n\nclass")))) == []
    )


def test_a_line_in_another_function_is_told_of():
    """What was put elsewhere is named with its file and both functions."""
    assert list(moved(of(FIRST), of(SECOND))) == [
        "nova/manager.py: 'forget()': Manager.first -> Manager.second"
    ]


def test_files_of_other_kinds_are_left_out():
    """Only Python has functions."""
    assert of("text\n", "doc.rst") == {}
