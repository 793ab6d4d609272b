# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Every way in which a notification may have been written down."""

import bz2
import gzip
import json
import logging
import lzma

import oslo_messaging
import pytest
from oslo_config import cfg
from oslo_log import formatters

from tests.support.command import replay
from tests.unit.recording.conftest import DELETION

LOGGER = "oslo.messaging.notification.compute.instance.delete.start"
PREFIX = f"2026-10-05 10:22:04.805 4711 INFO {LOGGER} [None req-1 admin - - - -] "


@pytest.fixture(name="reference")
def _reference():
    return replay(DELETION).ids


@pytest.mark.parametrize("form", ["envelope", "decoded", "dispatched"])
@pytest.mark.parametrize(
    "written",
    [
        json.dumps,
        lambda value: json.dumps(value, indent=4),
        lambda value: json.dumps([value]),
        lambda value: json.dumps([value], indent=2),
        lambda value: f"\ufeff{json.dumps(value)}",
    ],
    ids=["line", "pretty", "array", "pretty-array", "byte-order-mark"],
)
def test_form(form, written, request, write, reference):
    """A notification gives the same samples in every form and layout."""
    result = replay(write(written(request.getfixturevalue(form))))

    assert (result.status, result.ids) == (0, reference)


def test_mixed_lines(envelope, decoded, dispatched, write, reference):
    """A recording may hold several forms, spread over lines or not."""
    pretty = json.dumps(decoded, indent=1)

    result = replay(write(envelope, "", pretty, dispatched, pretty))

    assert result.status == 0
    assert result.ids == sorted(4 * reference)


@pytest.mark.parametrize(
    "compress",
    [gzip.compress, bz2.compress, lzma.compress],
    ids=["gzip", "bzip2", "xz"],
)
@pytest.mark.parametrize("from_stdin", [False, True], ids=["file", "stdin"])
def test_compressed(compress, from_stdin, envelope, tmp_path, reference):
    """Compression is told by content, whatever the name, in a file or a pipe."""
    data = compress(json.dumps(envelope).encode())
    path = tmp_path / "recording"
    path.write_bytes(data)

    result = replay("-", stdin=data) if from_stdin else replay(path)

    assert (result.status, result.ids) == (0, reference)


def test_zstandard(write):
    """A compression that is not read is named, with what to do."""
    result = replay(write(b"\x28\xb5\x2f\xfd and so on"))

    assert result.status == 1
    assert "zstd -dc" in result.err


@pytest.mark.parametrize("cut", [20, 200])
def test_damaged_compression(cut, envelope, write):
    """A compressed file that ends early gives exit status 1 and its name."""
    path = write(gzip.compress(json.dumps(envelope).encode())[:-cut])

    result = replay(path)

    assert result.status == 1
    assert f"{path}" in result.err


@pytest.mark.parametrize(
    "formatter",
    [
        logging.Formatter(
            "%(asctime)s.%(msecs)03d %(process)d %(levelname)s %(name)s [None req-1] "
            "%(message)s"
        ),
        formatters.JSONFormatter(),
    ],
    ids=["text", "json"],
)
def test_log_driver(formatter, decoded, tmp_path, reference):
    """What oslo.messaging's log driver leaves in a log is read out of it."""
    path = tmp_path / "nova-compute.log"
    handler = logging.FileHandler(path)
    handler.setFormatter(formatter)
    for name in ("nova.compute.manager", "oslo.messaging.notification"):
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    try:
        conf = cfg.ConfigOpts()
        conf([])
        notifier = oslo_messaging.Notifier(
            oslo_messaging.get_notification_transport(conf, "fake://"),
            publisher_id=decoded["publisher_id"],
            driver="log",
        )
        logging.getLogger("nova.compute.manager").info('Deleting {"the": "server"}')
        notifier.info({}, decoded["event_type"], decoded["payload"])
    finally:
        for name in ("nova.compute.manager", "oslo.messaging.notification"):
            logging.getLogger(name).removeHandler(handler)
            logging.getLogger(name).setLevel(logging.NOTSET)
        handler.close()

    result = replay(path)

    assert (result.status, result.ids) == (0, reference)


def test_log_lines_around(decoded, write, reference):
    """Other lines of a log, a traceback's too, pass without a word."""
    path = write(
        "2026-10-05 10:22:04.805 4711 ERROR nova.compute.manager [-] Oh: {'a': 1}",
        "Traceback (most recent call last):",
        '  File "nova/compute/manager.py", line 1, in <module>',
        PREFIX + json.dumps(decoded) + "\x1b[00m",
        f"Oct  5 10:22:04 compute1 nova-compute[4711]: {PREFIX}{json.dumps(decoded)}",
    )

    result = replay(path)

    assert (result.status, result.ids) == (0, sorted(2 * reference))
    assert result.err.splitlines() == [
        f"2 notifications read, {2 * len(reference)} samples, 0 problems"
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("}} and the end of a line", "neither a JSON object nor a log line"),
        (b'{"event_type": "\xff"}', "not JSON"),
        ('{"event_type": "e", "payload"', "not JSON"),
        ('{"event_type": "e', "not JSON"),
        ('{"a":' * 100_000, "not JSON"),
        ('{"payload": ' + "9" * 5000 + "}", "not JSON"),
        (PREFIX + '{"event_type": "e", "payload', "not JSON"),
        ('{"payload": {}}', "no event_type"),
        ('{"event_type": 3, "payload": {}}', "no event_type"),
        ('{"event_type": "e"}', "no payload"),
        ('{"event_type": "e", "payload": {}}', "priority"),
        ('{"event_type": "e", "payload": {}, "priority": "LOUD"}', "priority"),
        ('{"event_type": "e", "payload": {}, "ctxt": [1]}', "ctxt"),
        ('{"event_type": "e", "payload": {}, "metadata": 1}', "metadata"),
        ('{"oslo.version": "3.0", "oslo.message": "{}"}', "oslo.version"),
        ('{"oslo.version": "2.0", "oslo.message": "{"}', "oslo.message"),
        ('{"oslo.version": "2.0", "oslo.message": {}}', "oslo.message"),
    ],
)
def test_broken_line(line, reason, envelope, write, reference):
    """A line that can't be read is named by file and number; the rest goes on."""
    path = write(envelope, line, envelope)

    result = replay(path)

    assert (result.status, result.ids) == (1, sorted(2 * reference))
    (problem,) = result.err.splitlines()[:-1]
    assert problem.startswith(f"{path}:2: ")
    assert reason in problem


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[{0},\n{{'a' 1}}, {0}]", 2),
        ("[{0}\n,", 3),
        ("[{0},\n\n{0}] and more", 3),
        ("[{0}\n{0}]", 2),
    ],
)
def test_broken_array(text, line, envelope, write, reference):
    """An array that can't be read to its end is named by file and line."""
    path = write(text.format(json.dumps(envelope)))

    result = replay(path)

    assert result.status == 1
    assert result.ids[: len(reference)]
    assert f"{path}:{line}: " in result.err


@pytest.mark.parametrize("text", ["", "\n\n", "[]", "[ ]\n"])
def test_empty(text, write):
    """A file without a notification is no success: it may be the wrong one."""
    path = write(text)

    result = replay(path)

    assert (result.status, result.samples) == (1, [])
    assert f"{path}: there is no notification in it" in result.err


def test_missing_file(envelope, write, tmp_path, reference):
    """A file that can't be opened is named, and the others are read."""
    missing = tmp_path / "missing"

    result = replay(missing, write(envelope))

    assert (result.status, result.ids) == (1, reference)
    assert f"{missing}: " in result.err


def test_array_in_pieces(dispatched, write, reference):
    """An array is read right wherever its text is cut into pieces."""
    dispatched["payload"]["padding"] = ["x" * 997, {"y": [1.5, -3, None, "é"]}] * 40
    path = write(json.dumps([dispatched] * 30, ensure_ascii=False))

    result = replay(path)

    assert (result.status, result.ids) == (0, sorted(30 * reference))
