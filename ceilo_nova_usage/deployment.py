# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""An operator's own agent, as far as its configuration tells."""

import pathlib
from collections.abc import Sequence
from typing import Any

import yaml
from ceilometer import agent, keystone_client, notification, sample
from ceilometer.pipeline import base
from oslo_config import cfg
from oslo_messaging.opts import list_opts as messaging_options

from ceilo_nova_usage import conf as options

__all__ = [
    "AGENT",
    "InvalidPipeline",
    "configuration",
    "found",
    "pipelines",
    "publisher_urls",
    "register",
]

#: The agent whose configuration files are read where none are named.
AGENT = "ceilometer-agent-notification"

_NOTIFICATIONS = "oslo_messaging_notifications"


class InvalidPipeline(Exception):
    """A pipeline file that Ceilometer would refuse."""


def configuration(
    config_files: Sequence[str] = (), *, everything: bool = False
) -> cfg.ConfigOpts:
    """Return what the agent is configured with by these files.

    Without any they are those that the agent finds itself, in ``/etc/ceilometer`` and
    its like. ``everything`` registers all of Ceilometer's options, which takes a
    second: publishers need them. Our own are registered, and not yet checked.

    :raises oslo_config.cfg.Error: where a file is missing or cannot be parsed
    """
    conf = cfg.ConfigOpts()
    register(conf, everything=everything)
    conf(
        args=[],
        project="ceilometer",
        prog=AGENT,
        default_config_files=list(config_files) or None,
        default_config_dirs=[] if config_files else None,
    )
    if everything:
        keystone_client.post_register_keystoneauth_opts(conf)
    sample.setup(conf)
    return conf


def register(conf: cfg.ConfigOpts, *, everything: bool) -> None:
    """Register the options of the agent on a configuration that is yet to be read.

    ``keystone_client.post_register_keystoneauth_opts`` is due once it has been.
    """
    if everything:
        # Takes a second to import.
        from ceilometer import opts

        for group, group_options in opts.list_opts():
            conf.register_opts(
                list(group_options), group=None if group == "DEFAULT" else group
            )
        # A transport would register them; there is none where nothing is sent.
        conf.register_opts(
            dict(messaging_options())[_NOTIFICATIONS], group=_NOTIFICATIONS
        )
        keystone_client.register_keystoneauth_opts(conf)
    else:
        conf.register_opts(sample.OPTS)
        conf.register_opts(base.OPTS)
        conf.register_opts(notification.OPTS, group="notification")
    conf.register_opts(options.OPTS, group=options.GROUP.name)


def found(conf: cfg.ConfigOpts, name: str) -> pathlib.Path | None:
    """Return where Ceilometer finds a file of definitions, or None.

    It takes a default of its own then.
    """
    path = name if pathlib.Path(name).exists() else conf.find_file(name)
    return None if path is None else pathlib.Path(path)


def pipelines(
    conf: cfg.ConfigOpts, manager: type[base.PipelineManager], option: str
) -> base.PipelineManager:
    """Make the pipelines of the file that an option of Ceilometer's names.

    :raises InvalidPipeline: where Ceilometer would refuse the file
    :raises OSError: where the file cannot be read
    """
    path = found(conf, conf[option])
    shown = path or f"Ceilometer's own {conf[option]}"
    try:
        if path is not None and not isinstance(_yaml(path), dict):
            raise InvalidPipeline(f"{shown}: it is not a mapping")
        return manager(conf)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidPipeline(f"{shown}: it is not YAML: {error}") from error
    except (base.PipelineException, agent.SourceException) as error:
        raise InvalidPipeline(f"{shown}: {error}") from error
    except (AttributeError, KeyError, TypeError) as error:
        # Ceilometer looks into sources and sinks without asking what they are.
        raise InvalidPipeline(
            f"{shown}: Ceilometer cannot read it: {error!r}"
        ) from error


def publisher_urls(
    conf: cfg.ConfigOpts, manager: type[base.PipelineManager], option: str
) -> list[str]:
    """Return the URLs of the pipelines' publishers, each once; make no publisher.

    :raises InvalidPipeline: where Ceilometer would refuse the file
    :raises OSError: where the file cannot be read
    """

    sink: Any = manager.pm_sink

    class URLs:
        def get(self, url: str) -> str:
            return url

    class NotingSink(sink):  # type: ignore[misc]  # ceilometer is untyped
        def __init__(self, conf: Any, cfg: Any, publisher_manager: object) -> None:
            super().__init__(conf, cfg, URLs())

    class NotingManager(manager):  # type: ignore[misc]
        pm_sink = NotingSink

    made = pipelines(conf, NotingManager, option).pipelines
    return list(dict.fromkeys(url for each in made for url in each.publishers))


def _yaml(path: pathlib.Path) -> Any:
    with path.open(encoding="utf-8") as file:
        return yaml.safe_load(file)
