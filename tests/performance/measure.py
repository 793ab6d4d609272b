# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Rivals on the same input, and their times side by side."""

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence

from ceilometer import service
from ceilometer.pipeline.base import PublishContext

from ceilo_nova_usage import conf as options

# Where a machine is busy, what it does to one round it must do to all rivals.
_ROUND_SECONDS = 0.02


class Null:
    """A publisher that forgets; ``last`` is what it was given last."""

    last: Sequence = ()

    def publish_data(self, samples):
        """Take samples as a pipeline does."""
        self.last = samples

    def flush(self):
        """Forget nothing more."""


def agent_conf(**overrides):
    """Return the agent's configuration, Ceilometer's defaults but for ``overrides``.

    Nothing is quarantined, and no metrics are written. A key is ``GROUP__OPTION``.
    """
    conf = service.prepare_service([], config_files=[])
    options.load(conf)
    for place in ("quarantine_dir", "metrics_dir"):
        conf.set_override(place, "", group=options.GROUP.name)
    for key, value in overrides.items():
        group, _, name = key.rpartition("__")
        conf.set_override(name, value, group=group or None)
    return conf


def publisher():
    """Return a forgetful publisher and the endpoints' way into it."""
    null = Null()
    return null, PublishContext([null])


def seconds(
    rivals: Mapping[str, Callable[[], object]], rounds: int
) -> dict[str, list[float]]:
    """Time rivals in turns; return each one's seconds for one call, by round."""
    calls = {name: _calls_in_a_round(rival) for name, rival in rivals.items()}
    taken: dict[str, list[float]] = {name: [] for name in rivals}
    gc.collect()
    for _ in range(rounds):
        for name, rival in rivals.items():
            number = calls[name]
            begun = time.thread_time()
            for _ in range(number):
                rival()
            taken[name].append((time.thread_time() - begun) / number)
    return taken


def ratio(over: Sequence[float], under: Sequence[float]) -> float:
    """Return the median of the ratios of two rivals' rounds."""
    return statistics.median(a / b for a, b in zip(over, under, strict=True))


def _calls_in_a_round(rival: Callable[[], object]) -> int:
    rival()
    begun, number = time.thread_time(), 0
    while time.thread_time() - begun < _ROUND_SECONDS:
        rival()
        number += 1
    return number
