# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""How samples are printed: as rows in cliff's formats, or as one JSON array."""

import argparse
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

from ceilometer.sample import Sample
from cliff import columns
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


class _Object(columns.FormattableColumn[Mapping[str, Any]]):
    """A mapping: JSON where a person or a spreadsheet reads, itself elsewhere."""

    def human_readable(self) -> str:
        return json.dumps(self._value)

    def machine_readable(self) -> Mapping[str, Any]:
        return _Mapping(self._value)


class _Mapping(dict[str, Any]):
    """What the csv formatter writes as JSON, and every other as a mapping."""

    def __str__(self) -> str:
        return json.dumps(self)

    def to_dict(self) -> dict[str, Any]:
        return dict(self)


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
            values = (
                item.machine_readable()
                if isinstance(item, columns.FormattableColumn)
                else item
                for item in row
            )
            item = dict(zip(column_names, values, strict=True))
            stdout.write(opening + json.dumps(item, allow_nan=False, default=str))
            opening = ",\n"
        stdout.write("[]\n" if opening == "[\n" else "\n]\n")


def fields_of(sample: Sample) -> dict[str, Any]:
    """Return a sample's fields as JSON has them: no NaN, no infinity."""
    return {name: _finite(getattr(sample, name, None)) for name in FIELDS}


def row_of(fields: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return a row of a table from a sample's fields."""
    return tuple(
        _Object(value) if isinstance(value, dict) else value
        for value in fields.values()
    )


def _finite(value: Any) -> Any:
    """Return a value with null in the place of every number that JSON has not."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
