# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Gnocchi's resource definitions: Ceilometer's own or an operator's, with ours.

Definitions are what a ``gnocchi_resources.yaml`` holds: ``archive_policies`` and
``resources``, each of these with a ``resource_type`` and its ``metrics``.
"""

import copy
import dataclasses
import pathlib
from collections.abc import Iterator, Mapping
from importlib import resources
from importlib.abc import Traversable
from typing import Any

import yaml

__all__ = [
    "Definitions",
    "Difference",
    "InvalidDefinitions",
    "ceilometers",
    "differences",
    "load",
    "merged",
    "meters",
    "ours",
    "to_yaml",
]

Definitions = dict[str, Any]

_NAME = "gnocchi_resources.yaml"
# Ceilometer's default of the default.
_DEFAULT_POLICY = "ceilometer-low"


class InvalidDefinitions(Exception):
    """A file that Ceilometer could not use as resource definitions."""


def ceilometers() -> Definitions:
    """Return the definitions of the Ceilometer that is installed."""
    return load(resources.files("ceilometer.publisher") / "data" / _NAME)


def ours() -> Definitions:
    """Return what is added to them."""
    return load(resources.files("ceilo_nova_usage") / "data" / _NAME)


def load(file: pathlib.Path | Traversable) -> Definitions:
    """Read definitions; a list of metrics becomes a mapping, as Ceilometer has it.

    :raises InvalidDefinitions: naming the place of what cannot be used
    :raises OSError: where the file cannot be read
    """
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidDefinitions(f"{file}: it is not YAML: {error}") from error
    if not isinstance(found, dict):
        raise InvalidDefinitions(f"{file}: it is not a mapping")
    for kind, naming in (("archive_policies", "name"), ("resources", "resource_type")):
        entries = found.setdefault(kind, [])
        if not isinstance(entries, list):
            raise InvalidDefinitions(f"{file}: {kind}: is not a list")
        for index, entry in enumerate(entries):
            if not isinstance(entry, dict) or not isinstance(entry.get(naming), str):
                raise InvalidDefinitions(f"{file}: {kind}.{index}: has no {naming}")
    for index, entry in enumerate(found["resources"]):
        metrics = entry.get("metrics")
        if isinstance(metrics, list):
            entry["metrics"] = dict.fromkeys(metrics)
        elif not isinstance(metrics, dict):
            raise InvalidDefinitions(f"{file}: resources.{index}: has no metrics")
    return found


def merged(base: Mapping[str, Any]) -> Definitions:
    """Return definitions with ours: our meters and policies stand, the rest stays.

    A resource type of ours that ``base`` lacks is taken from Ceilometer's own.
    """
    result: Definitions = copy.deepcopy(dict(base))
    additions = ours()
    for policy in additions["archive_policies"]:
        _replace(result["archive_policies"], policy)
    for addition in additions["resources"]:
        kind = addition["resource_type"]
        same = [each for each in result["resources"] if each["resource_type"] == kind]
        if not same:
            same = [
                each
                for each in ceilometers()["resources"]
                if each["resource_type"] == kind
            ]
            result["resources"] += same
        for name, extra in addition["metrics"].items():
            holders = [each for each in result["resources"] if name in each["metrics"]]
            home = next((each for each in same if each in holders), same[0])
            for other in holders:
                if other is not home:
                    del other["metrics"][name]
            home["metrics"][name] = {**(home["metrics"].get(name) or {}), **extra}
        for definition in same:
            _spell_out_policy(definition, addition["metrics"])
        if events := addition.get("event_delete"):
            ending = _listed(same[0].get("event_delete"))
            same[0]["event_delete"] = [
                *ending,
                *(event for event in events if event not in ending),
            ]
    return result


def _replace(policies: list[dict[str, Any]], policy: dict[str, Any]) -> None:
    for index, each in enumerate(policies):
        if each["name"] == policy["name"]:
            policies[index] = policy
            return
    policies.append(policy)


def _spell_out_policy(definition: dict[str, Any], ours: Mapping[str, Any]) -> None:
    """Give each meter the policy that stood for all, ours too, and is deprecated."""
    policy = definition.pop("archive_policy", None)
    if policy is not None:
        for name, extra in definition["metrics"].items():
            if name not in ours:
                definition["metrics"][name] = {
                    **(extra or {}),
                    "archive_policy_name": policy,
                }


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]  # yaml is untyped here
    """Writes what is null as Ceilometer's file does, and repeats what is the same."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.add_representer(
    type(None),
    lambda dumper, _: dumper.represent_scalar("tag:yaml.org,2002:null", ""),
)


def to_yaml(definitions: Mapping[str, Any]) -> str:
    """Write definitions as the YAML that Ceilometer reads."""
    text: str = yaml.dump(
        dict(definitions), Dumper=_Dumper, sort_keys=False, explicit_start=True
    )
    return text


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that is configured otherwise than it should be, and what is amiss."""

    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what}"


def differences(
    configured: Mapping[str, Any], wanted: Mapping[str, Any]
) -> Iterator[Difference]:
    """Tell what ``configured`` lacks of ``wanted``, or has otherwise.

    What it has beyond that is an operator's own, and so are the archive policies of
    Ceilometer's meters: they are no differences.
    """
    additions = ours()
    policies = {policy["name"]: policy for policy in configured["archive_policies"]}
    for policy in additions["archive_policies"]:
        yield from _policy(policies.get(policy["name"]), policy)
    there, must_be = meters(configured), meters(additions)
    for name, (kind, policy_name) in meters(wanted).items():
        place = f"meter {name}"
        its_kind, its_policy = there.get(name, (None, None))
        if its_kind is None:
            yield Difference(place=place, what=f"is not listed at {kind}")
        elif its_kind != kind:
            yield Difference(place=place, what=f"is listed at {its_kind}, not {kind}")
        elif name in must_be and its_policy != policy_name:
            what = f"has the archive policy {its_policy}, not {policy_name}"
            yield Difference(place=place, what=what)
    yield from _resources(configured, wanted)


def _policy(there: Mapping[str, Any] | None, wanted: Any) -> Iterator[Difference]:
    place = f"archive policy {wanted['name']}"
    if there is None:
        yield Difference(place=place, what="is missing")
        return
    for key, value in wanted.items():
        if there.get(key) != value:
            what = f"is {there.get(key)}, not {value}"
            yield Difference(place=f"{place}, {key}", what=what)


def meters(definitions: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Return each meter's resource type and archive policy, as Ceilometer sees them."""
    default = definitions.get("archive_policy_default", _DEFAULT_POLICY)
    return {
        name: (
            resource["resource_type"],
            resource.get("archive_policy")
            or (extra or {}).get("archive_policy_name")
            or default,
        )
        for resource in definitions["resources"]
        for name, extra in resource["metrics"].items()
    }


def _resources(
    configured: Mapping[str, Any], wanted: Mapping[str, Any]
) -> Iterator[Difference]:
    for resource in wanted["resources"]:
        kind = resource["resource_type"]
        same = [
            each for each in configured["resources"] if each["resource_type"] == kind
        ]
        for key, value in resource.items():
            if key in ("resource_type", "metrics"):
                continue
            place = f"resource type {kind}, {key}"
            if isinstance(value, dict):
                there: dict[str, Any] = {}
                for each in same:
                    there |= each.get(key) or {}
                for name, its in value.items():
                    if there.get(name) != its:
                        what = f"is {there.get(name)}, not {its}"
                        yield Difference(place=f"{place}.{name}", what=what)
            else:
                events = [event for each in same for event in _listed(each.get(key))]
                for event in _listed(value):
                    if event not in events:
                        yield Difference(place=place, what=f"lacks {event}")
