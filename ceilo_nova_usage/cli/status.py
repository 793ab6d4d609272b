# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""``ceilo-nova-usage-status upgrade check``: what stands in the way of right bills."""

import logging
import sys
from collections.abc import Iterator, Sequence

from oslo_config import cfg
from oslo_upgradecheck import upgradecheck

from ceilo_nova_usage import deployment
from ceilo_nova_usage.checks import CHECKS
from ceilo_nova_usage.checks.finding import Check, Code, Finding, warning
from ceilo_nova_usage.checks.subject import CannotTell, Subject
from ceilo_nova_usage.cli import logs

__all__ = ["Checks", "main"]

# What is found is said here, and not by those who log it too.
_LOGGERS = ("ceilo_nova_usage", "ceilometer", "keystoneauth", "stevedore")
_REFUSED = 255


def _result(command: "Checks", check: Check) -> upgradecheck.Result:
    """Run one check; its result is the worst of what it finds."""
    found = list(_found(check, command.subject))
    code = max((each.code for each in found), default=Code.SUCCESS)
    texts = [each.text for each in found]
    if len(texts) > 1:
        texts = [f"({number}) {text}" for number, text in enumerate(texts, 1)]
    return upgradecheck.Result(code, "\n".join(texts) or None)


def _found(check: Check, subject: Subject) -> Iterator[Finding]:
    try:
        yield from check(subject)
    except CannotTell as error:
        yield warning(f"This cannot be checked. {error}")


class Checks(upgradecheck.UpgradeCommands):
    """The checks, as oslo.upgradecheck runs them, of the agent that ``conf`` is of."""

    _upgrade_checks = tuple(
        (title, (_result, {"check": check})) for title, check in CHECKS
    )

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        super().__init__()
        self.subject = Subject(conf)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns 0, 1 (a warning), 2 (a failure) or 255 (an error)."""
    conf = cfg.ConfigOpts()
    deployment.register(conf, everything=True)
    with logs.at_levels(dict.fromkeys(_LOGGERS, logging.CRITICAL)):
        try:
            return int(
                upgradecheck.main(
                    conf,
                    project="ceilometer",
                    upgrade_command=Checks(conf),
                    argv=list(sys.argv[1:] if argv is None else argv) or ["--help"],
                    default_config_files=cfg.find_config_files(
                        "ceilometer", deployment.AGENT
                    ),
                )
            )
        except cfg.Error as error:
            print(error, file=sys.stderr)  # noqa: T201
            return _REFUSED
