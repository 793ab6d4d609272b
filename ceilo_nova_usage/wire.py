# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""From untrusted objects to typed values: all at once, or field by field.

A :class:`Reader` reads one msgspec structure. What obeys it is read in one step. In
what does not, every field is read alone: an unfit one is noted, with its dotted path,
and left unknown; a structure that lacks a required field is left out.
"""

import datetime
import re
import typing
from typing import Annotated, Any, Generic, TypeVar

import msgspec

from ceilo_nova_usage.errors import Faults, Reason

__all__ = ["NAME_LIMIT", "Counter", "Name", "Reader", "Text", "open_object", "time"]

NAME_LIMIT = 255
_TEXT_LIMIT = 4096

# A whole number from 0 to 2^64 - 1 (contract, section 1, rule 1), never a bool; the
# upper bound is _encode's.
Counter = Annotated[int, msgspec.Meta(ge=0)]
# What may become an id: 255 characters is the most Gnocchi's own attributes take.
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_LIMIT)]
# What is shown: the longest that is metered are URLs.
Text = Annotated[str, msgspec.Meta(max_length=_TEXT_LIMIT)]

_DATA = "nova_object.data"
_VERSION = "nova_object.version"
_UNFIT = (msgspec.ValidationError, OverflowError, UnicodeError)
# No sink is sure to store these, nor a lone surrogate; JSON escapes them as \u00XX.
_CONTROL = re.compile("[\x00-\x07\x0b\x0e-\x1f]")

_S = TypeVar("_S", bound=msgspec.Struct)


class Reader(Generic[_S]):
    """Reads objects of the message into structures of one kind.

    Of the contract's own objects it reads version 1.x alone. Nova's others it reads
    in ``any_version``: they keep the few fields that are asked for.
    """

    def __init__(self, kind: type[_S], *, any_version: bool = False) -> None:
        self._kind = kind
        self._any_version = any_version
        self._fields = msgspec.structs.fields(kind)
        # Fields that name the structure: one that is unfit is as bad as a missing one.
        self._naming: frozenset[str] = getattr(kind, "NAMING", frozenset())
        self._objects: dict[str, Reader[Any]] = {}
        self._lists: dict[str, Reader[Any]] = {}
        for field in self._fields:
            inner, in_list = _structure_in(field.type)
            if inner is not None:
                (self._lists if in_list else self._objects)[field.name] = Reader(
                    inner, any_version=any_version
                )

    def read(
        self, value: Any, path: str, faults: Faults, *, wrapped: bool = False
    ) -> _S | None:
        """Read ``value``, which stands at ``path``; None where nothing can be used.

        ``wrapped`` tells that the objects within are nova's own, each in its wrapping.
        """
        try:
            plain = self._plain(value) if wrapped else value
            read = msgspec.convert(plain, self._kind)
            if rb"\u00" not in _encode(read):
                return read
        except _UNFIT:
            pass
        return self._read_by_field(value, path, faults)

    def _plain(self, value: Any) -> Any:
        """Return ``value`` without nova's wrappings, the same object if it has none."""
        value = _unwrap(value, self._any_version)
        if not isinstance(value, dict):
            return value
        plain = {}
        for name, reader in self._objects.items():
            found = value.get(name)
            if found is not None and (data := reader._plain(found)) is not found:
                plain[name] = data
        for name, reader in self._lists.items():
            found = value.get(name)
            # One wrapped, all wrapped; a list that mixes them is read by field.
            if isinstance(found, list) and found and _is_wrapped(found[0]):
                plain[name] = [reader._plain(item) for item in found]
        return {**value, **plain} if plain else value

    def _read_by_field(self, value: Any, path: str, faults: Faults) -> _S | None:
        opened = open_object(value, path, faults, any_version=self._any_version)
        if opened is None:
            return None
        data, path = opened
        values: dict[str, Any] = {}
        for field in self._fields:
            where = f"{path}.{field.name}"
            found = data.get(field.name)
            if found is None:
                if field.required:
                    faults.missing(where)
                    return None
                continue
            read = self._read_field(field, found, where, faults)
            if read is None and (field.required or field.name in self._naming):
                return None
            values[field.name] = read
        return self._kind(**values)

    def _read_field(
        self, field: msgspec.structs.FieldInfo, found: Any, where: str, faults: Faults
    ) -> Any:
        if field.name in self._objects:
            return self._objects[field.name].read(found, where, faults)
        if field.name in self._lists:
            if not isinstance(found, list):
                faults.wrong_type(where, found, "a list")
                return None
            reader = self._lists[field.name]
            return tuple(
                item
                for index, entry in enumerate(found)
                if (item := reader.read(entry, f"{where}.{index}", faults)) is not None
            )
        try:
            read = msgspec.convert(found, field.type)
            _encode(read)
            if not _holds_control(read):
                return read
            faults.add(where, Reason.UNREADABLE_TEXT, "holds control characters")
        except _UNFIT as error:
            faults.add(where, *_explain(error))
        return None


def open_object(
    value: Any, path: str, faults: Faults, *, any_version: bool = False
) -> tuple[dict[str, Any], str] | None:
    """Take ``value`` as an object, opening nova's wrapping; return it and its path."""
    if not isinstance(value, dict):
        faults.wrong_type(path, value, "an object")
        return None
    if _DATA not in value:
        return value, path
    if not any_version and not _is_version_1(value.get(_VERSION)):
        faults.add(f"{path}.{_VERSION}", Reason.UNKNOWN_VERSION, "is no version 1.x")
        return None
    data = value[_DATA]
    path = f"{path}.{_DATA}"
    if not isinstance(data, dict):
        faults.wrong_type(path, data, "an object")
        return None
    return data, path


def time(value: str, path: str, faults: Faults) -> datetime.datetime | None:
    """Read an ISO 8601 time as an aware one in UTC; a naive one is UTC."""
    try:
        read = datetime.datetime.fromisoformat(value)
        if read.tzinfo is None:
            return read.replace(tzinfo=datetime.UTC)
        return read.astimezone(datetime.UTC)
    except (ValueError, OverflowError):
        faults.add(path, Reason.UNREADABLE_TIME, "is no ISO 8601 time")
        return None


def _is_wrapped(value: Any) -> bool:
    return isinstance(value, dict) and _DATA in value


def _unwrap(value: Any, any_version: bool) -> Any:
    """Return the data of a nova object that can be read, or ``value`` itself."""
    if _is_wrapped(value) and (any_version or _is_version_1(value.get(_VERSION))):
        return value[_DATA]
    return value


def _is_version_1(version: Any) -> bool:
    return isinstance(version, str) and version.startswith("1.")


def _encode(value: Any) -> bytes:
    """Encode a value that was read, which refuses what its type lets through.

    :raises OverflowError: for a number of over 64 bits
    :raises UnicodeError: for a lone surrogate
    """
    return msgspec.json.encode(value)


def _holds_control(value: Any) -> bool:
    if isinstance(value, str):
        return _CONTROL.search(value) is not None
    if isinstance(value, dict):
        return any(_holds_control(text) for item in value.items() for text in item)
    return False


def _explain(error: Exception) -> tuple[Reason, str]:
    text = str(error)
    if isinstance(error, OverflowError):
        return Reason.OUT_OF_RANGE, "is over 2^64 - 1"
    if isinstance(error, UnicodeError):
        return Reason.UNREADABLE_TEXT, "is no Unicode that can be stored"
    if ", got " in text:
        return Reason.WRONG_TYPE, text
    if "`int`" in text:
        return Reason.OUT_OF_RANGE, text
    return Reason.UNREADABLE_TEXT, "is empty or too long"


def _structure_in(kind: Any) -> tuple[type[msgspec.Struct] | None, bool]:
    """Find the structure that a field of type ``kind`` holds, alone or in a tuple."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind, False
    in_list = typing.get_origin(kind) is tuple
    for part in typing.get_args(kind):
        structure, deeper = _structure_in(part)
        if structure is not None:
            return structure, in_list or deeper
    return None, False
