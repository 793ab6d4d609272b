# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""An operator's own agent, as far as its configuration tells."""

from collections.abc import Sequence

from ceilometer import keystone_client, notification, sample
from ceilometer.pipeline import base
from oslo_config import cfg
from oslo_messaging.opts import list_opts as messaging_options

from ceilo_nova_usage import conf as options

__all__ = ["AGENT", "configuration", "register"]

#: The agent whose configuration files are read where none are named.
AGENT = "ceilometer-agent-notification"

_NOTIFICATIONS = "oslo_messaging_notifications"


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
