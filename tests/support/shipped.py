# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The recorded life that the package ships for its demonstration.

``python -m tests.support.shipped`` writes it anew from the recording.
"""

from pathlib import Path

from tests.support.recordings import Life

CASE = "nova-34.0.0"
FILE = Path(__file__).parents[2] / "ceilo_nova_usage" / "data" / "life.jsonl"


def content() -> bytes:
    """The bodies of the life's messages, one a line, in their order of arrival."""
    return b"".join(message.body + b"\n" for message in Life.load(CASE).messages)


def write() -> None:
    """Ship the life as it is recorded now."""
    FILE.write_bytes(content())


if __name__ == "__main__":
    write()
