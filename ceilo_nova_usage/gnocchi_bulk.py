# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Two requests that Gnocchi's API lacks: many resources at once, many metrics at once.

This runs in Gnocchi's API, not in Ceilometer: an operator names :class:`V1Controller`
as the ``root`` of ``[app:gnocchiv1]`` in Gnocchi's ``api-paste.ini``. All else of the
API stays as it is: who may do what is asked of the same policies, and what is valid of
the same schemas.

Gnocchi makes one resource a request, and each of its metrics by a statement of its own.
Here all rows of a request are written together, in one transaction: all of its
resources and metrics are made, or none. What is refused can be tried by Gnocchi's own
requests.
"""

import datetime
import itertools
import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import pecan
import sqlalchemy.exc
import voluptuous
from gnocchi import indexer, utils
from gnocchi.indexer import sqlalchemy as sql
from gnocchi.rest import api
from oslo_db import exception
from pecan import rest

__all__ = ["PATH", "V1Controller"]

#: Where below ``/v1`` the requests are.
PATH = "nova_usage"

# Gnocchi takes the first time of a list for how the others are written, too.
_TIME = re.compile(r"\d{4}-\d\d-\d\dT")


class _Metrics:
    """Metrics that are to be made, with their measures."""

    def __init__(self, creator: str) -> None:
        #: A row a metric, as the indexer has them.
        self.rows: list[dict[str, Any]] = []
        self._creator = creator
        # Those looked at already: most resources of a type have the same metrics.
        self._definitions: dict[tuple[Any, ...], Mapping[str, Any]] = {}
        self._measures: list[Any] = []
        self._numbers: list[int] = []

    def add(
        self, resource_id: uuid.UUID, metrics: Mapping[str, Mapping[str, Any]]
    ) -> dict[str, uuid.UUID]:
        """Add those of a resource; return the ids that they will have, by name."""
        ids = {}
        for name, metric in metrics.items():
            given = {key: value for key, value in metric.items() if key != "measures"}
            measures = metric.get("measures", [])
            _check(isinstance(measures, list), "measures are a list")
            row = {
                **self._definition(name, given, resource_id),
                "id": uuid.uuid4(),
                "creator": self._creator,
                "resource_id": resource_id,
            }
            self._measures += measures
            self._numbers.append(len(measures))
            self.rows.append(row)
            ids[name] = row["id"]
        return ids

    def measures(self) -> dict[uuid.UUID, list[Any]]:
        """Return the measures of those that have any, by the metrics' ids."""
        # All at once: Gnocchi reads one time in as long as many.
        for each in self._measures:
            _check(
                isinstance(each, dict) and _TIME.match(str(each.get("timestamp"))),
                "a measure has a timestamp as of ISO 8601",
            )
        read = iter(api.validate(api.MeasuresListSchema, self._measures))
        return {
            row["id"]: list(itertools.islice(read, number))
            for row, number in zip(self.rows, self._numbers, strict=True)
            if number
        }

    def _definition(
        self, name: str, given: dict[str, Any], resource_id: uuid.UUID
    ) -> Mapping[str, Any]:
        """Return a definition as Gnocchi completes it; see that it may be used."""
        _check(
            all(isinstance(value, str) for value in given.values()),
            "a metric is defined by texts",
        )
        key = (name, *sorted(given.items()))
        if key not in self._definitions:
            _check("resource_id" not in given, "a metric's resource is given already")
            checked = api.validate(
                api.MetricsController.MetricSchema, {**given, "name": name}
            )
            definition = {"unit": None, **checked}
            # All are the same user's: one stands for those that are defined alike.
            user, _, project = self._creator.partition(":")
            api.enforce(
                "post measures",
                {
                    **definition,
                    "resource_id": resource_id,
                    "creator": self._creator,
                    "created_by_user_id": user,
                    "created_by_project_id": project,
                },
            )
            self._definitions[key] = definition
        return self._definitions[key]


class _ResourcesController(rest.RestController):  # type: ignore[misc]
    @pecan.expose("json")  # type: ignore[untyped-decorator]
    def post(self) -> list[dict[str, Any]]:
        """Make resources, with their metrics and measures; return their ids.

        The body has a list of resources by type. Each is as Gnocchi's own request for
        one has it, but that the definition of a metric may have ``measures``.

        :status 400: it is not valid
        :status 409: one of the resources exists
        """
        creator = _creator()
        metrics = _Metrics(creator)
        rows: dict[str, list[dict[str, Any]]] = {}
        made = []
        for resource_type, resources in _body(list).items():
            for resource in api.validate([_schema(resource_type, creator)], resources):
                original_id, resource_id = resource.pop("id")
                of_resource = resource.pop("metrics", {})
                named = {**resource, "original_resource_id": original_id}
                api.enforce(
                    "create resource",
                    {"resource_type": resource_type, **named, "id": resource_id},
                )
                _check_times(**resource)
                rows.setdefault(resource_type, []).append(
                    {
                        **named,
                        "id": resource_id,
                        "type": resource_type,
                        "creator": creator,
                    }
                )
                made.append(
                    {
                        "original_resource_id": original_id,
                        "metrics": metrics.add(resource_id, of_resource),
                    }
                )
        _write(rows, metrics)
        return made


class _MetricsController(rest.RestController):  # type: ignore[misc]
    @pecan.expose("json")  # type: ignore[untyped-decorator]
    def post(self) -> list[dict[str, Any]]:
        """Make metrics of resources that exist, with measures; return their ids.

        The body has, by resource and name, the definition of a metric, which may have
        ``measures``.

        :status 400: it is not valid, or there is no such resource
        :status 409: one of the metrics exists
        """
        creator = _creator()
        metrics = _Metrics(creator)
        body = {
            original_id: (_resource_id(original_id, creator), of_resource)
            for original_id, of_resource in _body({str: dict}).items()
        }
        found = pecan.request.indexer.list_resources(
            attribute_filter={"in": {"id": [each for each, _ in body.values()]}}
        )
        for resource in found:
            api.enforce("update resource", resource)
        known = {resource.id for resource in found}
        missing = [name for name, (each, _) in body.items() if each not in known]
        if missing:
            api.abort(400, {"cause": "Unknown resources", "detail": missing})
        made = [
            {
                "original_resource_id": original_id,
                "metrics": metrics.add(resource_id, of_resource),
            }
            for original_id, (resource_id, of_resource) in body.items()
        ]
        _write({}, metrics)
        return made


class _Bulk:
    resources = _ResourcesController()
    metrics = _MetricsController()


class V1Controller(api.V1Controller):  # type: ignore[misc]
    """Gnocchi's API and, at `PATH`, what it lacks."""

    def __init__(self) -> None:
        super().__init__()
        # Its own page lists them: that is how one finds out that they are there.
        self.sub_controllers[PATH] = _Bulk()
        setattr(self, PATH, self.sub_controllers[PATH])


def _creator() -> str:
    creator: str = pecan.request.auth_helper.get_current_user(pecan.request)
    return creator


def _body(kind: Any) -> dict[str, Any]:
    """Return the request's body, an object with values of a kind."""
    body: dict[str, Any] = api.validate({str: kind}, api.deserialize())
    return body


def _schema(resource_type: str, creator: str) -> dict[Any, Any]:
    """Return what one resource of a type has to be like."""
    try:
        schema = dict(api.schema_for(resource_type))
    except indexer.NoSuchResourceType as error:
        api.abort(400, str(error))
    schema["id"] = lambda value: api.ResourceID(value, creator)
    schema[voluptuous.Optional("metrics")] = {str: dict}
    return schema


def _resource_id(value: str, creator: str) -> uuid.UUID:
    resource_id: uuid.UUID
    _, resource_id = api.validate(lambda each: api.ResourceID(each, creator), value)
    return resource_id


def _check(holds: object, text: str) -> None:
    if not holds:
        api.abort(400, f"Invalid input: {text}")


def _check_times(
    started_at: datetime.datetime | None = None,
    ended_at: datetime.datetime | None = None,
    **_: Any,
) -> None:
    if started_at is not None and ended_at is not None:
        _check(started_at <= ended_at, "a resource ends after it starts")


def _write(rows: Mapping[str, Sequence[Mapping[str, Any]]], metrics: _Metrics) -> None:
    """Write resources by type, with metrics, then the measures of these."""
    measures = metrics.measures()
    try:
        _insert(pecan.request.indexer, rows, metrics.rows)
    except exception.DBDuplicateEntry:
        api.abort(409, "One of the resources or metrics exists already")
    except (exception.DBConstraintError, exception.DBReferenceError) as error:
        api.abort(400, f"Against a rule of the index: {type(error).__name__}")
    except exception.DBError as error:
        # A text that the database cannot hold, too long or with a NUL in it.
        if not isinstance(
            error.inner_exception, (sqlalchemy.exc.DataError, ValueError)
        ):
            raise
        api.abort(400, "The index cannot hold one of the texts")
    except indexer.IndexerException as error:
        api.abort(400, str(error))
    # To try again after a failure of this is harmless: the resources will be found.
    pecan.request.incoming.add_measures_batch(measures)
    pecan.response.status = 201


@sql.retry_on_deadlock  # type: ignore[untyped-decorator]
def _insert(
    driver: Any,
    rows: Mapping[str, Sequence[Mapping[str, Any]]],
    metrics: Sequence[Mapping[str, Any]],
) -> None:
    # All in the same order in any request: no two of them wait for each other.
    with driver.facade.writer() as session:
        for resource_type, resources in sorted(rows.items()):
            mapped = driver._resource_type_to_mappers(session, resource_type)
            session.bulk_insert_mappings(
                mapped["resource"],
                sorted(_alike(resources), key=lambda row: str(row["id"])),
                render_nulls=True,
            )
        session.bulk_insert_mappings(
            sql.Metric,
            sorted(metrics, key=lambda row: (str(row["resource_id"]), row["name"])),
            render_nulls=True,
        )


def _alike(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows that all have the same columns, as one statement wants them."""
    lacking: dict[str, Any] = dict.fromkeys(name for row in rows for name in row)
    if "started_at" in lacking:
        lacking["started_at"] = utils.utcnow()
    return [{**lacking, **row} for row in rows]
