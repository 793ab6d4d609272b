# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""What Gnocchi holds of a series, beside what it was sent.

Only for series under the `EXACT` policy: there every point stands for itself.
"""

from __future__ import annotations

import dataclasses
import datetime
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
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

#: A resource's id in samples, a meter, a moment.
Place = tuple[str, str, datetime.datetime]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Measures that were to be there, and what became of them.

    :ivar missing: those that are not there
    :ivar wrong: those with another value, and the value there
    :ivar doubled: those that were taken more than once, and how often
    :ivar unsent: those that are there, and nobody sent
    """

    expected: int
    missing: list[Place]
    wrong: dict[Place, float]
    doubled: dict[Place, int]
    unsent: list[Place]

    @property
    def exact(self) -> bool:
        """Whether each measure is there once, and no other is."""
        return not (self.missing or self.wrong or self.doubled or self.unsent)

    def __str__(self) -> str:
        return (
            f"{self.expected} measures: {len(self.missing)} missing, "
            f"{len(self.wrong)} wrong, {len(self.doubled)} doubled, "
            f"{len(self.unsent)} that nobody sent"
        )


def compare(client: Any, samples: Iterable[Mapping[str, Any]]) -> Comparison:
    """Compare the samples of instances with all that Gnocchi holds of these.

    :param client: of Gnocchi
    :param samples: as the oracle writes them, of every instance in question
    """
    expected: dict[Place, float] = {}
    instances: dict[str, None] = {}
    for sample in samples:
        place = sample["resource_id"], sample["name"], _moment(sample["timestamp"])
        expected[place] = float(sample["volume"])
        instances[sample["resource_metadata"]["instance_id"]] = None
    held = dict(_held(client, list(instances)))
    both = expected.keys() & held.keys()
    return Comparison(
        expected=len(expected),
        missing=sorted(expected.keys() - held.keys()),
        wrong={at: held[at][0] for at in both if held[at][0] != expected[at]},
        doubled={at: held[at][1] for at in both if held[at][1] != 1},
        unsent=sorted(held.keys() - expected.keys()),
    )


def _held(
    client: Any, instances: Sequence[str]
) -> Iterator[tuple[Place, tuple[float, int]]]:
    """Give each measure of instances: its value, and how often it was taken."""
    for begin in range(0, len(instances), _AT_ONCE):
        some = list(instances[begin : begin + _AT_ONCE])
        for kind, meters in _TYPES.items():
            attribute = "id" if kind == "instance" else "instance_id"
            yield from _held_of(client, kind, meters, {"in": {attribute: some}})


def _held_of(
    client: Any, kind: str, meters: Set[str], search: Any
) -> Iterator[tuple[Place, tuple[float, int]]]:
    names = _names(client, kind, search)
    there = {name for _, metrics in names.values() for name in metrics} & meters
    if not there:
        return
    wanted = [[meter, method] for meter in sorted(there) for method in _METHODS]
    # Gnocchi would give only the moments that all the series have: ask for any, and
    # it makes up a value where there is none.
    measures = client.aggregates.fetch(
        ["metric", *wanted], resource_type=kind, search=search, needed_overlap=0
    )["measures"]
    for resource, by_meter in measures.items():
        for meter, by_method in by_meter.items():
            last, count = ({at: v for at, _, v in by_method[m]} for m in _METHODS)
            for at, value in last.items():
                if math.isnan(value):
                    continue
                yield (names[resource][0], meter, _moment(at)), (value, count[at])


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
