# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""``gnocchi-resources``: the resource definitions that Gnocchi's publisher needs."""

import argparse
import pathlib
from collections.abc import Iterator, Sequence
from importlib import metadata
from urllib import parse

from ceilometer.pipeline import event, sample
from cliff import command
from oslo_config import cfg

from ceilo_nova_usage import deployment, gnocchi_resources
from ceilo_nova_usage.cli.configuration import add_config_file

__all__ = ["GnocchiResources", "Publisher", "publishers"]

_DEFAULT_FILE = "gnocchi_resources.yaml"
_SCHEMES = ("gnocchi", "gnocchi-spool")
_PIPELINES = (
    (sample.SamplePipelineManager, "pipeline_cfg_file"),
    (event.EventPipelineManager, "event_pipeline_cfg_file"),
)


class GnocchiResources(command.Command):
    """Print Gnocchi's resource definitions: Ceilometer's own, with ours.

    Ceilometer's are those of the version that is installed. Every meter, attribute and
    archive policy of theirs stays; its comments do not.

    With '--check', compare what is configured with that, and say each difference; the
    exit status is 1 then. What is configured beyond it is no difference.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add what to build on, and what to compare with."""
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--base",
            metavar="FILE",
            type=pathlib.Path,
            help="build on these definitions, your own, in the place of Ceilometer's",
        )
        parser.add_argument(
            "--check",
            action="store_true",
            help="compare with the definitions that the pipelines' publishers to "
            "Gnocchi are configured with",
        )
        add_config_file(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        """Print the definitions, or the differences; return the exit status."""
        base_file = parsed_args.base
        wanted = gnocchi_resources.merged(
            gnocchi_resources.load(base_file)
            if base_file
            else gnocchi_resources.ceilometers()
        )
        if parsed_args.check:
            return self._check(parsed_args.config_file, base_file, wanted)
        begun = base_file or f"Ceilometer {metadata.version('ceilometer')}'s own"
        self.app.stdout.write(
            f"# Made by: ceilo-nova-usage {metadata.version('ceilo-nova-usage')}, "
            f"gnocchi-resources\n# Made of: {begun}\n"
        )
        self.app.stdout.write(gnocchi_resources.to_yaml(wanted))
        return 0

    def _check(
        self,
        config_files: Sequence[str],
        base_file: pathlib.Path | None,
        wanted: gnocchi_resources.Definitions,
    ) -> int:
        conf = deployment.configuration(config_files)
        found = list(publishers(conf))
        if not found:
            self._say("No pipeline publishes to Gnocchi: there is nothing to compare.")
            return 1
        status = 0
        for publisher in found:
            configured = (
                gnocchi_resources.ceilometers()
                if publisher.file is None
                else gnocchi_resources.load(publisher.file)
            )
            lines = [str(d) for d in gnocchi_resources.differences(configured, wanted)]
            anew = bool(lines)
            if publisher.override is not None:
                lines.append(
                    f"archive_policy={publisher.override} in the URL stands for every "
                    "meter: take it out"
                )
            where = publisher.file or "Ceilometer's own definitions"
            self._say(f"{publisher.url}, {where}: {len(lines)} differences")
            for line in lines:
                status = 1
                self._say(f"  {line}")
            if anew:
                option = f" --base {base_file}" if base_file else ""
                target = publisher.file or f"/etc/ceilometer/{publisher.name}"
                self._say(
                    f"  To do: ceilo-nova-usage gnocchi-resources{option} > "
                    f"{target}.new\n  Compare, move it to {target}, restart the "
                    "agents. Metrics that Gnocchi has keep the policy they were made "
                    "with."
                )
        return status

    def _say(self, line: str) -> None:
        self.app.stdout.write(f"{line}\n")


class Publisher:
    """A publisher to Gnocchi, as a pipeline's URL configures it.

    :ivar name: the definitions' file as it is named
    :ivar file: where that is found; None where Ceilometer takes its own
    :ivar override: the archive policy that stands for every meter's, or None
    """

    def __init__(self, conf: cfg.ConfigOpts, url: str) -> None:
        options = parse.parse_qs(parse.urlsplit(url).query)
        self.url = url
        self.name = options.get("resources_definition_file", [_DEFAULT_FILE])[-1]
        self.file = deployment.found(conf, self.name)
        self.override = options.get("archive_policy", [None])[-1]


def publishers(conf: cfg.ConfigOpts) -> Iterator[Publisher]:
    """Find the pipelines' publishers to Gnocchi, each URL once; connect to nothing.

    :raises ceilo_nova_usage.deployment.InvalidPipeline: where Ceilometer would refuse
        a pipeline's file
    """
    urls: dict[str, None] = {}
    for manager, option in _PIPELINES:
        urls |= dict.fromkeys(deployment.publisher_urls(conf, manager, option))
    for url in urls:
        if parse.urlsplit(url).scheme in _SCHEMES:
            yield Publisher(conf, url)
