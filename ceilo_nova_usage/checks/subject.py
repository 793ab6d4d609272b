# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The deployment that is checked, as far as this host can tell of it."""

import contextlib
import functools
import urllib.parse
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import gnocchiclient.exceptions
import keystoneauth1.exceptions
from ceilometer import gnocchi_client, keystone_client
from ceilometer.pipeline.event import EventPipelineManager
from oslo_config import cfg

from ceilo_nova_usage import conf as options
from ceilo_nova_usage import deployment, gnocchi_resources
from ceilo_nova_usage.cli.gnocchi_resources import Publisher
from ceilo_nova_usage.delivery import kept
from ceilo_nova_usage.delivery.health.health import Health, look
from ceilo_nova_usage.errors import InvalidConfiguration
from ceilo_nova_usage.meters import table
from ceilo_nova_usage.recording import endpoints

__all__ = ["SPOOLING", "STOCK", "CannotTell", "Subject", "scheme"]

#: The schemes of the publishers to Gnocchi: Ceilometer's, and ours.
STOCK, SPOOLING = "gnocchi", "gnocchi-spool"
# Seconds that Gnocchi is given to answer.
_TIMEOUT = 5


class CannotTell(Exception):
    """A check cannot be made; the text says why, and what to do."""


class Subject:
    """A deployment; what a check asks for is read when it first does.

    ``conf`` is the agent's configuration, with all of Ceilometer's options. Whatever
    is asked for raises :class:`CannotTell` where it cannot be had.
    """

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self.conf = conf

    @functools.cached_property
    def settings(self) -> options.Settings:
        """Our own options."""
        try:
            return options.load(self.conf)
        except InvalidConfiguration as error:
            raise CannotTell(
                f"Options are refused: {error}. Mend them, then check again."
            ) from error

    @functools.cached_property
    def meters(self) -> list[str]:
        """The names of the meters in force, sorted."""
        found = table.in_force(self.settings.meters, left_out=lambda _: None)
        return sorted({meter.name for meter in found})

    @functools.cached_property
    def pipelines(self) -> Sequence[Any]:
        """The meter pipelines, which publish nothing."""
        unconnected = endpoints.collecting(endpoints.Collector())
        with _readable("meter"):
            return list(
                deployment.pipelines(
                    self.conf, unconnected, "pipeline_cfg_file"
                ).pipelines
            )

    @functools.cached_property
    def publishers(self) -> list[str]:
        """The URLs of the publishers that are sent any of our meters."""
        urls = [
            url if "://" in url else f"{url}://"
            for pipeline in self.pipelines
            if any(map(pipeline.source.support_meter, self.meters))
            for url in pipeline.sink.cfg["publishers"]
        ]
        return list(dict.fromkeys(urls))

    @functools.cached_property
    def event_publishers(self) -> list[str]:
        """The URLs of the event pipelines' publishers."""
        if "event" not in self.conf.notification.pipelines:
            return []
        with _readable("event"):
            return deployment.publisher_urls(
                self.conf, EventPipelineManager, "event_pipeline_cfg_file"
            )

    @functools.cached_property
    def health(self) -> Health:
        """What the agents of this host told of themselves."""
        return look(self.settings)

    @functools.cached_property
    def quarantined(self) -> Counter[str]:
        """How many notifications the quarantine keeps for each reason."""
        directory = self.settings.quarantine_dir
        if directory is None:
            return Counter()
        try:
            return Counter(
                reason
                for each in kept.read(directory)
                for reason in {fault.reason for fault in each.faults}
            )
        except OSError as error:
            raise CannotTell(
                f"The quarantine cannot be read: {error}. Check again as the agent's "
                "user, or as root."
            ) from error

    @functools.cached_property
    def definitions(self) -> list[tuple[Publisher, gnocchi_resources.Definitions]]:
        """The publishers to Gnocchi, each with its resource definitions."""
        found = [
            Publisher(self.conf, url)
            for url in self.publishers
            if scheme(url) in (STOCK, SPOOLING)
        ]
        try:
            return [
                (
                    each,
                    gnocchi_resources.load(each.file)
                    if each.file is not None
                    else gnocchi_resources.ceilometers(),
                )
                for each in found
            ]
        except (gnocchi_resources.InvalidDefinitions, OSError) as error:
            raise CannotTell(
                f"The resource definitions cannot be read: {error}. Mend them, then "
                "check again."
            ) from error

    @functools.cached_property
    def archive_policies(self) -> dict[str, Any]:
        """The archive policies that Gnocchi has, by name."""
        keystone_client.post_register_keystoneauth_opts(self.conf)
        try:
            client = gnocchi_client.get_gnocchiclient(
                self.conf, request_timeout=_TIMEOUT
            )
            found = client.archive_policy.list()
        except (
            keystoneauth1.exceptions.ClientException,
            gnocchiclient.exceptions.ClientException,
        ) as error:
            raise CannotTell(
                f"Gnocchi cannot be asked ({type(error).__name__}: {error}). Is it "
                "up, and do [service_credentials] let this host reach it?"
            ) from error
        return {policy["name"]: policy for policy in found}


def scheme(url: str) -> str:
    """Return what a publisher's URL names: the publisher."""
    return urllib.parse.urlsplit(url).scheme


@contextlib.contextmanager
def _readable(kind: str) -> Iterator[None]:
    """Say of a pipeline that it cannot be read, where that is so."""
    try:
        yield
    except (deployment.InvalidPipeline, OSError) as error:
        raise CannotTell(
            f"The {kind} pipeline cannot be read: {error}. Mend it, then check again."
        ) from error
