# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""What Gnocchi holds of a series, beside what it was sent.

Only for series under the `EXACT` policy: there every point stands for itself.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tests.support import oracle

#: What Gnocchi gives back by one request.
_AT_ONCE = 50
_TYPES = {
    "instance": {"cpu"} | oracle.SUM_METERS | oracle.TOTAL_METERS,
    "instance_disk": {meter for meter, _, _ in oracle.DISK},
    "instance_network_interface": {meter for meter, _, _ in oracle.INTERFACE},
}

_METHODS = ("last", "count")

Series = tuple[str, str]
Point = tuple[datetime.datetime, float]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Points that were to be there, and what became of them.

    :ivar wrong: series whose only point has another value, moment or count, with
        what is there
    """

    expected: int
    right: int
    missing: list[tuple[Series, Point]]
    wrong: list[tuple[Series, Any]]
    doubled: list[tuple[Series, Any]]

    @property
    def exact(self) -> bool:
        """Whether each point is there once, and no other is."""
        return self.right == self.expected and not (
            self.missing or self.wrong or self.doubled
        )

    def __str__(self) -> str:
        return (
            f"{self.right} of {self.expected} measures right, {len(self.missing)} "
            f"missing, {len(self.wrong)} wrong, {len(self.doubled)} doubled"
        )


def compare(client: Any, samples: Iterable[Mapping[str, Any]]) -> Comparison:
    """Compare the samples of instances with all that Gnocchi holds of these.

    :param client: of Gnocchi
    :param samples: as the oracle writes them, of every instance in question
    """
    expected: dict[Series, Point] = {}
    instances: dict[str, None] = {}
    for sample in samples:
        series = sample["resource_id"], sample["name"]
        expected[series] = _moment(sample["timestamp"]), float(sample["volume"])
        instances[sample["resource_metadata"]["instance_id"]] = None
    held = dict(_held(client, list(instances)))
    missing, wrong, doubled, right = [], [], [], 0
    for series in expected.keys() | held.keys():
        points = held.get(series, {})
        wanted = expected.get(series)
        if wanted is None:
            wrong.append((series, points))
        elif not points:
            missing.append((series, wanted))
        elif len(points) > 1 or any(count != 1 for _, count in points.values()):
            doubled.append((series, points))
        elif points != {wanted[0]: (wanted[1], 1)}:
            wrong.append((series, points))
        else:
            right += 1
    return Comparison(
        expected=len(expected),
        right=right,
        missing=missing,
        wrong=wrong,
        doubled=doubled,
    )


def _held(
    client: Any, instances: Sequence[str]
) -> Iterator[tuple[Series, dict[datetime.datetime, tuple[float, int]]]]:
    """Give each series of instances, with the value and the count at each moment."""
    for begin in range(0, len(instances), _AT_ONCE):
        some = list(instances[begin : begin + _AT_ONCE])
        for kind, meters in _TYPES.items():
            attribute = "id" if kind == "instance" else "instance_id"
            yield from _held_of(client, kind, meters, {"in": {attribute: some}})


def _held_of(client: Any, kind: str, meters: set[str], search: Any) -> Any:
    names = _names(client, kind, search)
    there = {name for _, metrics in names.values() for name in metrics} & meters
    if not there:
        return
    wanted = [[meter, method] for meter in sorted(there) for method in _METHODS]
    measures = client.aggregates.fetch(
        ["metric", *wanted], resource_type=kind, search=search, use_history=False
    )["measures"]
    for resource, by_meter in measures.items():
        for meter, by_method in by_meter.items():
            points: Any = defaultdict(dict)
            for method, values in by_method.items():
                for moment, _, value in values:
                    points[_moment(moment)][method] = value
            yield (
                (names[resource][0], meter),
                {at: (each["last"], each["count"]) for at, each in points.items()},
            )


def _names(client: Any, kind: str, search: Any) -> dict[str, tuple[str, list[str]]]:
    """Return the resources' ids in samples and their metrics, by Gnocchi's ids."""
    return {
        resource["id"]: (resource["original_resource_id"], list(resource["metrics"]))
        for resource in client.resource.search(kind, search)
    }


def _moment(value: Any) -> datetime.datetime:
    if isinstance(value, str):
        value = datetime.datetime.fromisoformat(value)
    return value if value.tzinfo else value.replace(tzinfo=datetime.UTC)
