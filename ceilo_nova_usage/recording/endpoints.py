# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Ceilometer's own machinery, set up as the agent does but for what leaves it.

The endpoints are those that the agent loads, the pipeline is the operator's. Only the
publishers are not Ceilometer's: whatever a pipeline would publish is collected.
"""

import pathlib
from collections.abc import Callable, Iterable, Sequence
from importlib import metadata
from typing import Any

from ceilometer import notification, sample
from ceilometer.pipeline import base
from ceilometer.pipeline.sample import (
    SampleEndpoint,
    SamplePipelineManager,
    SampleSink,
)
from oslo_config import cfg
from stevedore import named

from ceilo_nova_usage import conf as options
from ceilo_nova_usage import deployment

__all__ = ["Collector", "collecting", "configured", "endpoints", "publisher"]

NAMESPACE = "ceilometer.sample.endpoint"


class Collector:
    """Stands where publishers would: keeps each sample once until it is taken.

    A sample that a pipeline would send to several sinks or publishers is one sample.
    """

    def __init__(self) -> None:
        self._samples: dict[int, sample.Sample] = {}

    def publish_samples(self, samples: Iterable[sample.Sample]) -> None:
        """Take samples as a publisher does."""
        for each in samples:
            self._samples.setdefault(id(each), each)

    # What a pipeline does, where there is none.
    publish_data = publish_samples

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self) -> list[sample.Sample]:
        """Return what was published since the last time, in order."""
        taken = list(self._samples.values())
        self._samples.clear()
        return taken


def configured(
    config_files: Sequence[str], *, with_ceilometer_options: bool
) -> cfg.ConfigOpts:
    """Return the configuration of an agent that was given ``config_files`` alone.

    Ceilometer's endpoints need all of its options, which take long to load. Nothing
    is quarantined, and no metrics are written, under this configuration.

    :raises oslo_config.cfg.Error: where a file is missing or cannot be parsed
    :raises InvalidConfiguration: naming each of our options whose value is refused
    """
    conf = cfg.ConfigOpts()
    conf.register_opts(sample.OPTS)
    conf.register_opts(base.OPTS)
    conf.register_opts(notification.OPTS, group="notification")
    if with_ceilometer_options:
        _register_ceilometer_options(conf)
    conf(
        args=[],
        project="ceilometer",
        default_config_files=list(config_files),
        default_config_dirs=[],
    )
    options.load(conf)
    for place in ("quarantine_dir", "metrics_dir"):
        conf.set_override(place, "", group=options.GROUP.name)
    sample.setup(conf)
    return conf


def _register_ceilometer_options(conf: cfg.ConfigOpts) -> None:
    # Takes a second to import.
    from ceilometer import opts

    for group, group_options in opts.list_opts():
        conf.register_opts(
            list(group_options), group=None if group == "DEFAULT" else group
        )


def publisher(
    conf: cfg.ConfigOpts, collector: Collector, pipeline_file: str | None
) -> base.PublishContext:
    """Return the way into a pipeline whose publishers are ``collector``.

    Without a pipeline file every sample goes straight there.

    :raises InvalidPipeline: where Ceilometer would refuse the file
    :raises OSError: where the file cannot be read
    """
    if pipeline_file is None:
        return base.PublishContext([collector])
    # Ceilometer takes a default of its own in the place of a file that is missing.
    pathlib.Path(pipeline_file).stat()
    conf.set_override("pipeline_cfg_file", pipeline_file)
    return deployment.pipelines(
        conf, collecting(collector), "pipeline_cfg_file"
    ).publisher()


def collecting(collector: Collector) -> type[SamplePipelineManager]:
    """Return pipelines' manager, as Ceilometer's but for the publishers it makes."""

    class OnlyCollector:
        """Gives the collector for every publisher's URL, and connects to nothing."""

        def get(self, url: str) -> Collector:
            return collector

    class CollectingSink(SampleSink):  # type: ignore[misc]  # ceilometer is untyped
        def __init__(self, conf: Any, cfg: Any, publisher_manager: object) -> None:
            super().__init__(conf, cfg, OnlyCollector())

    class CollectingManager(SamplePipelineManager):  # type: ignore[misc]
        pm_sink = CollectingSink

    return CollectingManager


def endpoints(
    conf: cfg.ConfigOpts,
    into: base.PublishContext,
    *,
    everyone: bool,
    on_failure: Callable[[str, BaseException], None],
) -> list[SampleEndpoint]:
    """Load the agent's sample endpoints: ours, or ``everyone``'s.

    Ours are the handlers of this package, and any other package's that are
    :class:`~ceilo_nova_usage.handlers.base.UsageHandler`. ``on_failure`` is told the
    name of an endpoint that cannot be loaded, and why; the agent would run without it.
    """
    manager: named.NamedExtensionManager[SampleEndpoint] = named.NamedExtensionManager(
        namespace=NAMESPACE,
        names=[
            entry.name
            for entry in metadata.entry_points(group=NAMESPACE)
            if everyone or _is_ours(entry, on_failure)
        ],
        invoke_on_load=True,
        invoke_args=(conf, into),
        name_order=True,
        on_load_failure_callback=lambda _, entry, error: on_failure(entry.name, error),
    )
    return [extension.obj for extension in manager.extensions]


def _is_ours(
    entry: metadata.EntryPoint, on_failure: Callable[[str, BaseException], None]
) -> bool:
    from ceilo_nova_usage.handlers.base import UsageHandler

    package = entry.module.partition(".")[0]
    # Ceilometer's own take long to import, and none is ours.
    if package in ("ceilo_nova_usage", "ceilometer"):
        return package == "ceilo_nova_usage"
    try:
        handler = entry.load()
    except Exception as error:  # noqa: BLE001 - any package's module, any error
        on_failure(entry.name, error)
        return False
    return isinstance(handler, type) and issubclass(handler, UsageHandler)
