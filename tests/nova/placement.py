# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""In which functions the lines are that a patch adds.

Git puts a change where the lines around it look alike. In an older nova that can be
another function, without any conflict.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

from unidiff import PatchSet


class Place(NamedTuple):
    """A line that a patch adds, and the function or class it is in."""

    file: str
    line: str
    inside: str


def places(patch: str, read: Callable[[str], str]) -> Counter[Place]:
    """Where the lines are that a patch adds to Python files, and how often.

    :param read: gives a file as it is with the patch, by its path
    """
    found: Counter[Place] = Counter()
    for file in PatchSet(patch):
        if file.path.endswith(".py") and not file.is_removed_file:
            inside = dict(_functions(ast.parse(read(file.path))))
            found.update(
                Place(
                    file.path, line.value.strip(), inside.get(line.target_line_no, "")
                )
                for hunk in file
                for line in hunk
                if line.is_added and line.value.strip()
            )
    return found


def moved(before: Counter[Place], after: Counter[Place]) -> Iterator[str]:
    """Tell of each line that is in another function than before."""
    gone, new = list((before - after).elements()), list((after - before).elements())
    for old in gone:
        for place in new:
            if place[:2] == old[:2]:
                yield f"{old.file}: {old.line!r}: {old.inside} -> {place.inside}"
                new.remove(place)
                break


def _functions(node: ast.AST, outer: str = "") -> Iterator[tuple[int, str]]:
    """Each line's innermost function or class, by the line's number."""
    for child in ast.iter_child_nodes(node):
        name = outer
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{outer}.{child.name}".removeprefix(".")
            first = min(each.lineno for each in (child, *child.decorator_list))
            for number in range(first, (child.end_lineno or first) + 1):
                yield number, name
        yield from _functions(child, name)
