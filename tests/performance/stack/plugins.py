# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""A tiny distribution that an agent finds, with endpoints and a publisher."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

_MODULES = Path(__file__).with_name("plugin")
_METADATA = "Metadata-Version: 2.1\nName: nothing\nVersion: 1.0\n"
_PUBLISHERS = """\
[ceilometer.sample.publisher]
null = nothing:Publisher
[ceilometer.event.publisher]
null = nothing:Publisher
"""
_ENDPOINT = """\
[ceilometer.sample.endpoint]
nothing = nothing:{}
"""


@contextlib.contextmanager
def installed(endpoint: str | None = None) -> Iterator[None]:
    """Have the agents that run meanwhile find the distribution.

    :param endpoint: which of the module's endpoints is in it, if any
    """
    with tempfile.TemporaryDirectory(prefix="nothing-") as directory:
        info = Path(directory, "nothing-1.0.dist-info")
        info.mkdir()
        (info / "METADATA").write_text(_METADATA)
        (info / "entry_points.txt").write_text(
            _PUBLISHERS + (_ENDPOINT.format(endpoint) if endpoint else "")
        )
        path = os.pathsep.join([str(_MODULES), directory])
        with mock.patch.dict(os.environ, PYTHONPATH=path):
            yield
