# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Reading recordings, one notification at a time, in memory that stays flat.

A recording is a JSON array of notifications, or lines. A line is a notification in
JSON; or a record of a service's log that holds one, as oslo.messaging's ``log``
driver writes it, in oslo.log's text or JSON format. JSON that is spread over lines
is read too. :mod:`ceilo_nova_usage.recording.recorded` tells the three forms that a
notification may have.
"""

import codecs
import dataclasses
import io
import json
import re
from collections.abc import Iterator
from typing import Any, TypeAlias

from ceilo_nova_usage.recording import files
from ceilo_nova_usage.recording.recorded import (
    Broken,
    NotANotification,
    Recorded,
    Source,
)

__all__ = ["Found", "read"]

# No notification is near this; what is longer is some other file.
_LIMIT = 64 * 1024 * 1024
_CHUNK = 64 * 1024
_BOM = b"\xef\xbb\xbf"
_BLANK = re.compile(r"[ \t\r\n]+")
_ARRAY = re.compile(rb"\s*\[\s*(?:[{\]]|\Z)")

# The logger of oslo.messaging's log driver; the event type follows.
_LOGGER = "oslo.messaging.notification."
# No log line without one of these can hold a notification.
_SIGNS = (_LOGGER.encode(), b'"event_type"', b'\\"event_type\\"', b'"oslo.message"')
# How oslo.log and syslog begin a line.
_LOG_LINE = re.compile(
    rb"(?:<\d+>)?(?:\d{4}-\d\d-\d\d[ T]\d\d:\d\d|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d )"
)

_DECODER = json.JSONDecoder()

Found: TypeAlias = Recorded | Broken


def read(stream: io.BufferedReader, name: str) -> Iterator[Found]:
    """Yield every notification of a recording, and what could not be read.

    ``name`` is the file's name in messages. Only damage to the file as a whole ends
    the reading early; it is the last thing yielded then.
    """
    line = 0
    empty = True
    try:
        head = stream.peek(_CHUNK)[:_CHUNK]
        if head.startswith(_BOM):
            stream.read(len(_BOM))
            head = head[len(_BOM) :]
        found = _array if _ARRAY.match(head) else _lines
        for item in found(stream, name):
            line = item.source.line
            empty = False
            yield item
    except files.UNREADABLE as error:
        yield Broken(
            source=Source(file=name, line=line + 1),
            reason=f"the file cannot be read any further: {error}",
        )
        return
    if empty:
        yield Broken(
            source=Source(file=name, line=0), reason="there is no notification in it"
        )


def _recorded(value: object, source: Source) -> Found:
    try:
        return Recorded.from_json(value, source)
    except NotANotification as error:
        return Broken(source=source, reason=f"this is no notification: {error}")


def _not_json(source: Source, error: Exception) -> Broken:
    if isinstance(error, RecursionError):
        return Broken(source=source, reason="this is not JSON: it is nested too deeply")
    return Broken(source=source, reason=f"this is not JSON: {error}")


# -- lines ---------------------------------------------------------------------------


def _lines(stream: io.BufferedReader, name: str) -> Iterator[Found]:
    number = 0
    in_log = False
    document = _Document()
    while line := stream.readline(_LIMIT):
        number += 1
        source = Source(file=name, line=number)
        if len(line) == _LIMIT and not line.endswith(b"\n"):
            while line and not line.endswith(b"\n"):
                line = stream.readline(_LIMIT)
            yield Broken(source=source, reason=f"the line is over {_LIMIT} bytes long")
            continue
        is_sign = any(sign in line for sign in _SIGNS)
        if document and not line.startswith(b"{") and _LOGGER.encode() not in line:
            yield from document.more(line)
        elif line.startswith(b"{"):
            yield from document.end()
            try:
                value = json.loads(line.rstrip())
            except json.JSONDecodeError as error:
                if _goes_on(error, len(line.decode(errors="replace").rstrip())):
                    document.begin(line, source)
                else:
                    yield _not_json(source, error)
            except (ValueError, RecursionError) as error:
                yield _not_json(source, error)
            else:
                yield from _from_object(value, source)
        elif is_sign:
            yield from document.end()
            yield from _from_log_line(line, source)
        elif _LOG_LINE.match(line):
            in_log = True
        elif not in_log and line.strip():
            yield Broken(
                source=source, reason="this is neither a JSON object nor a log line"
            )
    yield from document.end()


def _goes_on(error: json.JSONDecodeError, length: int) -> bool:
    """Tell whether JSON that does not parse is whole as far as it goes."""
    return error.pos >= length and not error.msg.startswith("Unterminated string")


class _Document:
    """JSON spread over lines, gathered until it is whole."""

    def __init__(self) -> None:
        self._source: Source | None = None
        self._text = bytearray()

    def __bool__(self) -> bool:
        return self._source is not None

    def begin(self, line: bytes, source: Source) -> None:
        self._source = source
        self._text = bytearray(line)

    def more(self, line: bytes) -> Iterator[Found]:
        self._text += line
        # A printer that spreads an object over lines ends it as it began.
        if line.startswith(b"}") or len(self._text) > _LIMIT:
            yield from self.end()

    def end(self) -> Iterator[Found]:
        if self._source is None:
            return
        source, self._source = self._source, None
        try:
            value = json.loads(self._text)
        except (ValueError, RecursionError) as error:
            yield _not_json(source, error)
        else:
            yield from _from_object(value, source)


def _from_object(value: Any, source: Source) -> Iterator[Found]:
    """Take a notification, or a record in oslo.log's JSON format."""
    if (
        isinstance(value, dict)
        and "event_type" not in value
        and isinstance(logger := value.get("name"), str)
        and isinstance(text := value.get("message"), str)
        and "levelname" in value
    ):
        if logger.startswith(_LOGGER):
            yield _from_text(text, source)
        return
    yield _recorded(value, source)


def _from_log_line(line: bytes, source: Source) -> Iterator[Found]:
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        yield _not_json(source, error)
        return
    # The logger's name comes before the message, which is to the end of the line.
    start = text.find("{", max(text.find(_LOGGER), 0))
    yield _from_text(text[start:] if start >= 0 else "", source)


def _from_text(text: str, source: Source) -> Found:
    try:
        # A terminal's colours may follow.
        value, _ = _DECODER.raw_decode(text)
    except (ValueError, RecursionError) as error:
        return _not_json(source, error)
    return _recorded(value, source)


# -- an array ------------------------------------------------------------------------


def _array(stream: io.BufferedReader, name: str) -> Iterator[Found]:
    window = _Window(stream)
    source = Source(file=name, line=1)
    try:
        window.expect("[")
        more = window.next() != "]"
        while more:
            window.next()
            source = Source(file=name, line=window.line)
            yield _recorded(window.value(), source)
            more = window.next() != "]"
            if more:
                window.expect(",")
        window.expect("]")
        window.expect("")
    except (ValueError, RecursionError) as error:
        source = Source(file=name, line=window.line)
        broken = _not_json(source, error)
        yield dataclasses.replace(
            broken, reason=f"{broken.reason}; what follows in the array is not read"
        )


class _Window:
    """The part of a text that is being parsed.

    ``line`` is the number of the line it stands at.
    """

    def __init__(self, stream: io.BufferedReader) -> None:
        self.line = 1
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._text = ""
        self._at = 0
        self._whole = False

    def next(self) -> str:
        """Go to the next character that is not blank; '' is the end."""
        while True:
            blank = _BLANK.match(self._text, self._at)
            self._go_to(blank.end() if blank else self._at)
            if self._at < len(self._text):
                return self._text[self._at]
            if self._whole:
                return ""
            self._read_on()

    def expect(self, mark: str) -> None:
        """Go past ``mark``, which is one character, or '' for the end."""
        found = self.next()
        if found != mark:
            wanted = repr(mark) if mark else "the end"
            raise ValueError(f"{wanted} was expected, not {found or 'the end'!r}")
        self._go_to(self._at + len(mark))

    def value(self) -> object:
        """Parse the value that begins here, and go past it."""
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
                # A number may go on in what is not read yet.
                if end < len(self._text) or self._whole:
                    self._go_to(end)
                    return value
            except json.JSONDecodeError as error:
                if self._whole or not self._may_go_on(error):
                    raise ValueError(error.msg) from error
            self._read_on()

    def _may_go_on(self, error: json.JSONDecodeError) -> bool:
        # The longest token that can be cut in two is "-Infinity"; a string can be any.
        is_at_end = error.pos >= len(self._text) - len("-Infinity")
        is_string = error.msg.startswith("Unterminated string")
        return (is_at_end or is_string) and len(self._text) - self._at < _LIMIT

    def _go_to(self, position: int) -> None:
        self.line += self._text.count("\n", self._at, position)
        self._at = position

    def _read_on(self) -> None:
        kept = self._text[self._at :]
        # As much again as is held, so that a long value is not parsed over and over.
        data = self._stream.read(max(_CHUNK, len(kept)))
        self._whole = not data
        self._text = kept + self._decoder.decode(data, final=self._whole)
        self._at = 0
