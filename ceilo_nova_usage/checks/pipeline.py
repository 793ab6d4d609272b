# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Whether the meter pipeline lets our meters through."""

from collections.abc import Iterator

from ceilo_nova_usage import deployment
from ceilo_nova_usage.checks.finding import Finding, failure, listed, warning
from ceilo_nova_usage.checks.subject import CannotTell, Subject

__all__ = ["check"]


def check(subject: Subject) -> Iterator[Finding]:
    """Ask each source of the pipeline for each meter in force."""
    try:
        pipelines = subject.pipelines
    except CannotTell as error:
        # Here it is the finding itself.
        yield failure(str(error))
        return
    dropped = [
        name
        for name in subject.meters
        if not any(pipeline.source.support_meter(name) for pipeline in pipelines)
    ]
    if not dropped:
        return
    name = subject.conf.pipeline_cfg_file
    where = deployment.found(subject.conf, name) or f"Ceilometer's own {name}"
    told = (
        f"No source of {where} takes {listed(dropped)}: their samples are thrown away. "
        "Add them to a source, or take their families out of [nova_usage] meters."
    )
    yield (failure if len(dropped) == len(subject.meters) else warning)(told)
