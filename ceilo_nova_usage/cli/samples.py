# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""How samples are printed: as rows in cliff's formats, or as one JSON array."""

import argparse
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

from ceilometer.sample import Sample
from cliff.formatters import base

__all__ = ["FIELDS", "SHOWN", "JSONArray", "fields_of", "row_of"]

# A sample's fields, and those of them that a table shows if it isn't told.
FIELDS = (
    "name",
    "type",
    "unit",
    "volume",
    "resource_id",
    "timestamp",
    "user_id",
    "user_name",
    "project_id",
    "project_name",
    "id",
    "source",
    "monotonic_time",
    "resource_metadata",
)
SHOWN = ("name", "volume", "unit", "resource_id", "timestamp")


class JSONArray(base.ListFormatter):
    """Writes one JSON array, an object a line, and holds one object at a time."""

    def add_argument_group(self, parser: argparse.ArgumentParser) -> None:
        """Take no options: an array is an array."""

    def emit_list(
        self,
        column_names: Sequence[str],
        data: Iterable[Sequence[Any]],
        stdout: TextIO,
        parsed_args: argparse.Namespace,
    ) -> None:
        """Write the rows as they come."""
        opening = "[\n"
        for row in data:
            item = dict(zip(column_names, row, strict=True))
            stdout.write(opening + _json(item))
            opening = ",\n"
        stdout.write("[]\n" if opening == "[\n" else "\n]\n")


def fields_of(sample: Sample) -> dict[str, Any]:
    """Return a sample's fields; what is not a number in JSON is no volume either."""
    fields = {name: getattr(sample, name, None) for name in FIELDS}
    fields["volume"] = _finite(fields["volume"])
    return fields


def row_of(fields: Mapping[str, Any], *, as_text: bool) -> tuple[Any, ...]:
    """Return a row of a table; ``as_text`` writes the objects in it as JSON."""
    if not as_text:
        return tuple(fields.values())
    return tuple(
        _json(value) if isinstance(value, dict) else value for value in fields.values()
    )


def _json(item: Mapping[str, Any]) -> str:
    try:
        return json.dumps(item, allow_nan=False, default=str)
    except ValueError:
        return json.dumps(_finite(item), allow_nan=False, default=str)


def _finite(value: Any) -> Any:
    """Return a value with null in the place of every number that JSON has not."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
