# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""What is asked of Gnocchi's API, and its answers sorted by what can be done."""

import contextlib
import json
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from gnocchiclient import exceptions
from keystoneauth1.exceptions import ConnectTimeout

__all__ = [
    "Exists",
    "Failed",
    "Found",
    "Gnocchi",
    "Gone",
    "Metrics",
    "Refused",
    "Unavailable",
    "UnknownResources",
    "unreachable",
]

# A resource as Gnocchi gives it.
Found = Mapping[str, Any]
# The ids of a resource's metrics, by name.
Metrics = Mapping[str, str]

# Where the API has the requests of ``ceilo_nova_usage.gnocchi_bulk``, if it has them.
_BULK = "nova_usage"
# Or an error is a page.
_HEADERS = {"Accept": "application/json"}

# Gnocchi gives at most 1000 resources a page, unless it is told otherwise.
_IDS = 500
# Answers that others may not get.
_FELL_OVER = (403, 404, 405, 406, 500, 501)
_FOR_GOOD = (
    exceptions.BadRequest,
    exceptions.ResourceTypeNotFound,
    exceptions.ArchivePolicyNotFound,
    exceptions.Conflict,
    exceptions.OverLimit,
)


class Unavailable(Exception):
    """Gnocchi cannot be asked now: the same may be taken later."""


def unreachable(error: BaseException) -> bool:
    """Return whether nobody took the connection: less at a time is no remedy."""
    cause = error.__cause__
    # The client gives a request that took too long the same name.
    return isinstance(cause, exceptions.ConnectionFailure) and not isinstance(
        cause.__context__, ConnectTimeout
    )


class Failed(Unavailable):
    """Gnocchi fell over (500 and such): of what it was sent, or of its own troubles."""


class Refused(Exception):
    """Gnocchi will not have it, today or tomorrow; the text is Gnocchi's."""


class Gone(Refused):
    """The resource does not exist (any more)."""


class Exists(Refused):
    """The resource exists already."""


class UnknownResources(Refused):
    """Measures were sent for resources that do not exist: ids."""

    def __init__(self, ids: Iterable[str]) -> None:
        self.ids = frozenset(ids)
        super().__init__(f"unknown resources: {', '.join(sorted(self.ids))}")


class Gnocchi:
    """The few requests that delivery needs; client returns a gnocchiclient.

    Every method raises Unavailable where Gnocchi cannot be reached or is in trouble
    (no connection, no token, a status of 5xx, 401, 403, 429), and Refused where it
    understood and said no.
    """

    def __init__(self, client: Callable[[], Any]) -> None:
        self._client = client

    def find(self, resource_type: str, ids: Sequence[str]) -> dict[str, Found]:
        """Return the resources of a type that exist, by the ids they were made with."""
        found: dict[str, Found] = {}
        for start in range(0, len(ids), _IDS):
            query = {"in": {"id": list(ids[start : start + _IDS])}}
            for resource in self.search(resource_type, query):
                found[resource["original_resource_id"]] = resource
        return found

    def search(self, resource_type: str, query: Mapping[str, Any]) -> list[Found]:
        """Return the resources of a type that a query matches."""
        with _answers():
            found: list[Found] = self._client().resource.search(
                resource_type, json.loads(json.dumps(query))
            )
            return found

    def create(self, resource_type: str, resource: Mapping[str, Any]) -> Found:
        """Create a resource, with its ``metrics`` if it has any; return it.

        :raises Exists: where somebody else has
        """
        _sendable(resource)
        with _answers():
            try:
                created: Found = self._client().resource.create(
                    resource_type, dict(resource)
                )
            except exceptions.ResourceAlreadyExists as error:
                raise Exists(str(error)) from error
            return created

    def has_bulk(self) -> bool:
        """Return whether the API has the requests of ``ceilo_nova_usage.gnocchi_bulk``.

        Its own page lists what it has.
        """
        with _answers():
            page = self._client().api.get("v1/", headers=dict(_HEADERS)).json()
            return any(link.get("rel") == _BULK for link in page["links"])

    def create_all(
        self, resources: Mapping[str, Sequence[Mapping[str, Any]]]
    ) -> dict[str, Metrics]:
        """Create resources, by type, with metrics and measures: all of them or none.

        Return the ids of their metrics, by the ids that the resources were made with.

        :raises Exists: where one of them does
        """
        return self._post_bulk("resources", resources)

    def create_metrics(
        self, metrics: Mapping[str, Mapping[str, Any]]
    ) -> dict[str, Metrics]:
        """Create metrics of resources that exist, with measures: all of them or none.

        Return the ids of the metrics, as :meth:`create_all` does.

        :raises Exists: where one of them does
        """
        return self._post_bulk("metrics", metrics)

    def _post_bulk(self, name: str, body: Mapping[str, Any]) -> dict[str, Metrics]:
        _sendable(body)
        with _answers():
            try:
                made = self._client().api.post(
                    f"v1/{_BULK}/{name}", json=body, headers=dict(_HEADERS)
                )
            except exceptions.Conflict as error:
                raise Exists(str(error)) from error
            except exceptions.Forbidden as error:
                # One of them is somebody else's.
                raise Refused(str(error)) from error
            return {
                each["original_resource_id"]: each["metrics"] for each in made.json()
            }

    def update(
        self, resource_type: str, resource_id: str, changes: Mapping[str, Any]
    ) -> None:
        """Change a resource's attributes.

        :raises Gone: where there is no such resource
        """
        _sendable(changes)
        with _answers():
            try:
                self._client().resource.update(
                    resource_type, resource_id, dict(changes)
                )
            except exceptions.ResourceNotFound as error:
                raise Gone(str(error)) from error

    def post_to_metrics(self, measures: Mapping[str, Sequence[Any]]) -> None:
        """Send measures, by the metrics' ids, in one request.

        :raises Refused: where one of the metrics does not exist, among others
        """
        _sendable(measures)
        with _answers():
            self._client().metric.batch_metrics_measures(measures)

    def post(self, measures: Mapping[str, Mapping[str, Any]]) -> None:
        """Send measures, by resource and metric, making metrics, in one request.

        :raises UnknownResources: where some of the resources do not exist
        """
        _sendable(measures)
        with _answers():
            try:
                self._client().metric.batch_resources_metrics_measures(
                    measures, create_metrics=True
                )
            except exceptions.BadRequest as error:
                said = error.message
                if isinstance(said, dict) and said.get("cause") == "Unknown resources":
                    raise UnknownResources(
                        each["original_resource_id"] for each in said["detail"]
                    ) from error
                raise

    def newest_bucket(self, metric_id: str, since: str) -> str | None:
        """Return when the newest aggregate of a metric since then begins.

        None where there is none, or no aggregate that every counter's policy has.
        """
        for aggregation in ("last", "max", "mean"):
            with _answers():
                try:
                    measures = self._client().metric.get_measures(
                        metric_id, start=since, aggregation=aggregation
                    )
                except exceptions.NotFound:
                    # The metric's policy has not this one.
                    continue
                return max((at.isoformat() for at, _, _ in measures), default=None)
        return None


@contextlib.contextmanager
def _answers() -> Iterator[None]:
    """Turn whatever the client raises into Refused or Unavailable."""
    try:
        yield
    except (Refused, Unavailable):
        raise
    except Exception as error:
        text, code = _text(error), getattr(error, "code", None)
        _let_go(error)
        # A page is a proxy's, not Gnocchi's: it knows nothing of what was asked.
        if isinstance(error, _FOR_GOOD) and not text.startswith("<"):
            raise Refused(text) from error
        # The client itself stumbles over answers that are no JSON.
        kind = Failed if code in _FELL_OVER else Unavailable
        raise kind(f"HTTP {code}" if text.startswith("<") else text) from error


def _let_go(error: BaseException | None) -> None:
    """Free what the client's calls that ended in an error hold: the request's body.

    They and their errors hold each other. Python's collector would free them, but
    looks for such cycles seldom (:mod:`ceilo_nova_usage.guard`).
    """
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        traceback.clear_frames(error.__traceback__)
        # Where the client's own library for HTTP keeps them.
        vars(error).pop("request", None)
        vars(error).pop("response", None)
        error = error.__cause__ or error.__context__


def _sendable(body: Any) -> None:
    """See that a body can be written as JSON: what cannot will never be taken.

    :raises Refused: where it cannot
    """
    try:
        json.dumps(body, allow_nan=False)
    except (RecursionError, TypeError, ValueError) as error:
        raise Refused(f"{type(error).__name__}: {error}") from error


def _text(error: Exception) -> str:
    """Return an error as one line; a server in trouble answers with a page of HTML."""
    text = " ".join(str(error).split())
    if isinstance(error, exceptions.ClientException):
        return text
    return f"{type(error).__name__}: {text}"
