# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Whether the publishers keep what they are given."""

from collections.abc import Iterator
from importlib import metadata

from ceilo_nova_usage.checks.finding import Finding, failure, warning
from ceilo_nova_usage.checks.subject import SPOOLING, STOCK, Subject, scheme

__all__ = ["check"]


def check(subject: Subject) -> Iterator[Finding]:
    """Look at the publishers of both pipelines, by their URLs."""
    for url in subject.publishers:
        yield from _installed(url, "sample")
        if scheme(url) == STOCK:
            yield warning(
                f"The meter pipeline publishes to {url}, which loses samples while "
                f"Gnocchi is away. Name {_ours(url)} instead."
            )
    for url in subject.event_publishers:
        yield from _installed(url, "event")
        if scheme(url) == STOCK:
            yield warning(
                f"The event pipeline publishes to {url}, which ends deleted instances "
                "before their last samples are there: those take the end back. Name "
                f"{_ours(url)} instead."
            )


def _installed(url: str, kind: str) -> Iterator[Finding]:
    namespace = f"ceilometer.{kind}.publisher"
    found = metadata.entry_points(group=namespace, name=scheme(url))
    try:
        if not found:
            raise LookupError(f"{namespace} has no {scheme(url)}")
        for entry in found:
            entry.load()
    except Exception as error:  # noqa: BLE001 - any package's module, any error
        yield failure(
            f"The agent runs without the publisher {url}: {error}. Install what "
            f"provides {scheme(url)}://, or correct the URL."
        )


def _ours(url: str) -> str:
    return f"{SPOOLING}{url.removeprefix(STOCK)}"
