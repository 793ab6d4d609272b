# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The recorded deletion that these tests write down in every form there is."""

import json

import pytest

from tests.support.recordings import FIXTURES, Life

CASE = "nova-34.0.0"
DELETION = FIXTURES / "compute.instance.delete.start" / f"{CASE}.json"
VERSIONED_DELETION = FIXTURES / "instance.delete.start" / f"{CASE}.json"


@pytest.fixture(name="life")
def _life():
    """A server's life in a patched nova."""
    return Life.load(CASE)


@pytest.fixture(name="envelope")
def _envelope():
    """The deletion as it was on the wire."""
    return json.loads(DELETION.read_text("utf-8"))


@pytest.fixture(name="decoded")
def _decoded(envelope):
    """The deletion as oslo.messaging decodes it."""
    return json.loads(envelope["oslo.message"])


@pytest.fixture(name="dispatched")
def _dispatched(decoded):
    """The deletion as an endpoint is given it."""
    return {
        "ctxt": {"request_id": decoded["_context_request_id"]},
        "publisher_id": decoded["publisher_id"],
        "event_type": decoded["event_type"],
        "payload": decoded["payload"],
        "metadata": {
            "message_id": decoded["message_id"],
            "timestamp": decoded["timestamp"],
        },
    }


@pytest.fixture(name="broken")
def _broken(dispatched):
    """A deletion whose CPU time is below zero and whose usage is fine otherwise."""
    dispatched["payload"]["usage"]["cpu"]["time"] = -1
    return dispatched


@pytest.fixture(name="write")
def _write(tmp_path):
    """Write values as lines of JSON; text and bytes as they are."""

    def write(*lines, name="recording.jsonl"):
        path = tmp_path / name
        path.write_bytes(b"\n".join(map(_encoded, lines)) + b"\n")
        return path

    return write


def _encoded(line):
    if isinstance(line, bytes):
        return line
    return (line if isinstance(line, str) else json.dumps(line)).encode()
