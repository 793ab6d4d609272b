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
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar

import msgspec

from ceilo_nova_usage.errors import Faults, Reason

__all__ = [
    "NAME_LIMIT",
    "Counter",
    "Name",
    "Part",
    "Reader",
    "Text",
    "open_object",
    "time",
]

NAME_LIMIT = 255
_TEXT_LIMIT = 4096

# A whole number from 0 to 2^64 - 1 (contract, section 1, rule 1), never a bool. What
# msgspec can bound is read in one step; the other half of the range is read by field.
Counter = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_LARGE = range(2**63, 2**64)
# What may become an id: 255 characters is the most Gnocchi's own attributes take.
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_LIMIT)]
# What is shown: the longest that is metered are URLs.
Text = Annotated[str, msgspec.Meta(max_length=_TEXT_LIMIT)]

_DATA = "nova_object.data"
_VERSION = "nova_object.version"
# Read in one step; any other 1.x is read field by field.
_COMMON_VERSIONS = Literal[
    "1.0", "1.1", "1.2", "1.3", "1.4", "1.5", "1.6", "1.7", "1.8", "1.9"
]
# A number of thousands of digits is a ValueError, as is a lone surrogate.
_UNFIT = (msgspec.ValidationError, OverflowError, ValueError)
# No sink is sure to store these, nor a lone surrogate; a name holds no line end either.
_CONTROL = re.compile("[\x00-\x07\x0b\x0e-\x1f]")
_NO_NAME = re.compile("[\x00-\x1f\x7f-\x9f]")


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What a :class:`Reader` reads: an object of the message, by its fields.

    A subclass may give the names of those that name it in ``NAMING``: to be without
    one is as bad, then, as to lack a required one.
    """

    NAMING: ClassVar[frozenset[str]] = frozenset()

    # Never there in what is open: else an object that need not have any field would
    # be read as an empty one, where it is wrapped and should not be.
    unopened: None = msgspec.field(name=_DATA, default=None)


_P = TypeVar("_P", bound=Part)
_set = msgspec.structs.force_setattr


class Reader(Generic[_P]):
    """Reads objects of the message into structures of one kind.

    Of the contract's own objects it reads version 1.x alone. Nova's others it reads
    in ``any_version``: they keep the few fields that are asked for.
    """

    def __init__(self, kind: type[_P], *, any_version: bool = False) -> None:
        self._kind = kind
        self._any_version = any_version
        self._fields = msgspec.structs.fields(kind)
        self._counters = {
            field.name
            for field in self._fields
            if field.type in (Counter, Counter | None)
        }
        self._names = {
            field.name for field in self._fields if field.type in (Name, Name | None)
        }
        self._objects: dict[str, Reader[Any]] = {}
        self._lists: dict[str, Reader[Any]] = {}
        wrapped: list[tuple[str, Any, Any]] = []
        for field in self._fields:
            inner, in_list = _part_in(field.type)
            if inner is not None:
                reader: Reader[Any] = Reader(inner, any_version=any_version)
                (self._lists if in_list else self._objects)[field.name] = reader
                kind_within: Any = reader._wrapping
                if in_list:
                    kind_within = tuple[kind_within, ...]
                wrapped.append((field.name, kind_within | None, None))
        self._nests = bool(wrapped)
        # The same kind, whose objects within are wrapped, and its own wrapping.
        self._wrapped_kind: Any = msgspec.defstruct(
            kind.__name__, wrapped, bases=(kind,), frozen=True, kw_only=True
        )
        self._wrapping: Any = msgspec.defstruct(
            f"Wrapped{kind.__name__}",
            [
                (
                    "version",
                    Any if any_version else _COMMON_VERSIONS,
                    msgspec.field(name=_VERSION),
                ),
                ("data", self._wrapped_kind, msgspec.field(name=_DATA)),
            ],
        )

    def read(self, value: Any, path: str, faults: Faults) -> _P | None:
        """Read an object at ``path``, wrapped or not; None where it cannot be used."""
        opened = open_object(value, path, faults, any_version=self._any_version)
        if opened is None:
            return None
        data, path = opened
        return self.read_open(data, path, faults, wrapped=data is not value)

    def read_open(
        self, data: Any, path: str, faults: Faults, *, wrapped: bool = False
    ) -> _P | None:
        """Read what is in an object's wrapping, or never was in one.

        ``wrapped`` tells that the objects within are nova's own, each in its wrapping.
        """
        try:
            read: _P = msgspec.convert(
                data, self._wrapped_kind if wrapped else self._kind
            )
            if wrapped:
                self._unwrap(read)
            # What may hold a control character is looked at field by field: JSON
            # escapes those below a space, and C1's begin with this byte.
            text = _encode(read)
            if b"\\" not in text and b"\x7f" not in text and b"\xc2" not in text:
                return read
        except _UNFIT:
            pass
        return self._read_by_field(data, path, faults)

    def _unwrap(self, read: _P) -> _P:
        """Take the objects within out of their wrappings."""
        for name, reader in self._objects.items():
            if (found := getattr(read, name)) is not None:
                data = found.data
                _set(read, name, reader._unwrap(data) if reader._nests else data)
        for name, reader in self._lists.items():
            if found := getattr(read, name):
                items: Any = [item.data for item in found]
                if reader._nests:
                    items = map(reader._unwrap, items)
                _set(read, name, tuple(items))
        return read

    def _read_by_field(self, data: Any, path: str, faults: Faults) -> _P | None:
        if not isinstance(data, dict):
            faults.wrong_type(path, data, "an object")
            return None
        values: dict[str, Any] = {}
        for field in self._fields:
            where = f"{path}.{field.encode_name}"
            found = data.get(field.encode_name)
            if found is None:
                if field.required:
                    faults.missing(where)
                    return None
                continue
            read = self._read_field(field, found, where, faults)
            if read is None and (field.required or field.name in self._kind.NAMING):
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
        if field.name in self._counters and type(found) is int and found in _LARGE:
            return found
        try:
            read = msgspec.convert(found, field.type)
            _encode(read)
            unfit = _NO_NAME if field.name in self._names else _CONTROL
            if not _holds(unfit, read):
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
        if value[10:11] not in ("T", " "):
            # A day is read as its midnight: a wrong place in a series.
            raise ValueError
        read = datetime.datetime.fromisoformat(value)
        if read.tzinfo is None:
            return read.replace(tzinfo=datetime.UTC)
        return read.astimezone(datetime.UTC)
    except (ValueError, OverflowError):
        faults.add(path, Reason.UNREADABLE_TIME, "is no ISO 8601 time")
        return None


def _is_version_1(version: Any) -> bool:
    return isinstance(version, str) and version.startswith("1.")


def _encode(value: Any) -> bytes:
    """Encode a value that was read, which refuses what its type lets through.

    :raises UnicodeError: for a lone surrogate
    """
    return msgspec.json.encode(value)


def _holds(unfit: re.Pattern[str], value: Any) -> bool:
    if isinstance(value, str):
        return unfit.search(value) is not None
    if isinstance(value, dict):
        return any(_holds(unfit, text) for item in value.items() for text in item)
    return False


def _explain(error: Exception) -> tuple[Reason, str]:
    text = str(error)
    if isinstance(error, UnicodeError):
        return Reason.UNREADABLE_TEXT, "is no Unicode that can be stored"
    if ", got " in text:
        return Reason.WRONG_TYPE, text
    if "`int`" in text or not isinstance(error, msgspec.ValidationError):
        return Reason.OUT_OF_RANGE, "is not from 0 to 2^64 - 1"
    return Reason.UNREADABLE_TEXT, "is empty or too long"


def _part_in(kind: Any) -> tuple[type[Part] | None, bool]:
    """Find the part that a field of type ``kind`` holds, alone or in a tuple."""
    if isinstance(kind, type) and issubclass(kind, Part):
        return kind, False
    in_list = typing.get_origin(kind) is tuple
    for part in typing.get_args(kind):
        found, deeper = _part_in(part)
        if found is not None:
            return found, in_list or deeper
    return None, False
