# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Giving names and ids other names: the same one for the same, in the same shape."""

import hashlib
import hmac
import ipaddress
import re
from collections.abc import Mapping
from typing import Any

__all__ = ["Anonymizer"]

_DEPTH = 100

# What has a shape that must be kept, alone or inside another string. A port's tap
# device is named for the first eleven characters of the port's id.
_SHAPES = re.compile(
    r"""
    (?P<uuid>\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b)
    |(?P<mac>\b[0-9a-f]{2}(?::[0-9a-f]{2}){5}\b)
    |\b(?P<device_kind>tap|qbr|qvo|qvb|vhu)(?P<port>[0-9a-f]{8}-[0-9a-f]{2})\b
    |\binstance-(?P<instance>[0-9a-f]{8})\b
    |\br-(?P<reservation>[0-9a-z]{8})\b
    |(?<=-)(?P<bare_mac>[0-9a-f]{12})$
    |\b(?P<ipv4>[0-9]{1,3}(?:\.[0-9]{1,3}){3})\b
    |\b(?P<id>[0-9a-f]{64}|[0-9a-f]{32})\b
    """,
    re.VERBOSE | re.IGNORECASE,
)
# What may stand around those: libvirt's filters, request ids, a prefix's length.
_AROUND = re.compile(r"(?:nova-instance-|req-|/[0-9]{1,3}$|-)*")
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]+(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_PUBLISHER = re.compile(r"([a-z][a-z-]*)([.:])(.+)")
_URL = re.compile(r"([a-z]+://)([^/]*)(/.*|)")
_PATH_WORDS = frozenset(("", "images", "flavors", "v1", "v2", "v2.1", "v3"))

# The keys whose strings are words of nova's, libvirt's or Ceilometer's own, or names of
# what a cloud offers to all: they say nothing of who uses it.
_KEPT = frozenset(
    (
        "architecture",
        "auto_disk_config",
        "base_name",
        "binary",
        "boot_index",
        "collected_at",
        "container_format",
        "delete_on_termination",
        "device",
        "disk_format",
        "driver",
        "epoch_began_at",
        "event_type",
        "exception",
        "flavorid",
        "function_name",
        "image_type",
        "instance_flavor_id",
        "instance_type",
        "memory_mb",
        "min_disk",
        "min_ram",
        "module_name",
        "namespace",
        "new_task_state",
        "nova_object.name",
        "nova_object.namespace",
        "nova_object.version",
        "old_state",
        "old_task_state",
        "origin",
        "os_type",
        "oslo.version",
        "policies",
        "policy",
        "power_state",
        "priority",
        "progress",
        "read_deleted",
        "roles",
        "schema",
        "state",
        "state_description",
        "status",
        "system_scope",
        "task_state",
        "topic",
        "type",
        "version",
        "visibility",
        "vm_mode",
    )
)
_KEPT_PREFIXES = ("hw_", "hw:", "quota:")
# Mappings whose keys are names themselves.
_NAMED = frozenset(("bandwidth",))
_CONTEXT_PREFIX = "_context_"


class Anonymizer:
    """Replaces names and ids in notifications, each always by the same pseudonym.

    Who has ``key`` (any bytes) can find out whether a pseudonym stands for a name
    that they guess; nobody else can. One key gives one set of pseudonyms, in any
    number of files.

    Ids, MAC and IP addresses, tap devices and the names of libvirt's guests and filters
    keep their shape and their ties: a tap device is still named for its port. Times,
    numbers, states, flavors and hardware stay; so do the keys of an instance's
    metadata. Every other string becomes ``name-...``.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def anonymize(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Return a copy of a decoded notification with pseudonyms."""
        return self._mapping(message, "", 0)

    def _mapping(
        self, value: Mapping[str, Any], name: str, depth: int
    ) -> dict[str, Any]:
        return {
            self._key_of(key, name): self._value(
                item, key.removeprefix(_CONTEXT_PREFIX), name, depth + 1
            )
            for key, item in value.items()
        }

    def _value(self, value: Any, key: str, parent: str, depth: int) -> Any:
        if depth > _DEPTH:
            return None
        if isinstance(value, str):
            return self._text(value, key, parent)
        if isinstance(value, Mapping):
            # A nova object's data stands for the object.
            return self._mapping(value, parent if "." in key else key, depth)
        if isinstance(value, list | tuple):
            return [self._value(item, key, parent, depth + 1) for item in value]
        return value

    def _key_of(self, key: str, parent: str) -> str:
        if parent in _NAMED and not key.startswith("nova_object."):
            return self._name(key)
        return self._shaped(key)

    def _text(self, value: str, key: str, parent: str) -> str:
        # A flavor's name is public, an image's or a network's is not.
        is_kept = key in _KEPT or (key, parent) == ("name", "flavor")
        if not value or is_kept or key.startswith(_KEPT_PREFIXES):
            return value
        if _TIME.fullmatch(value):
            return value
        if key == "publisher_id" and (match := _PUBLISHER.fullmatch(value)):
            return match[1] + match[2] + self._name_or_shape(match[3])
        if match := _URL.fullmatch(value):
            path = "/".join(
                word if word in _PATH_WORDS else self._name_or_shape(word)
                for word in match[3].split("/")
            )
            return match[1] + self._name(match[2]) + path
        return self._name_or_shape(value)

    def _name_or_shape(self, value: str) -> str:
        if _AROUND.fullmatch(_SHAPES.sub("", value)):
            return self._shaped(value)
        try:
            address = ipaddress.ip_interface(value)
        except ValueError:
            return self._name(value)
        slash, length = value.partition("/")[1:]
        return self._ip(address.ip) + slash + length

    def _shaped(self, value: str) -> str:
        return _SHAPES.sub(self._shape, value)

    def _shape(self, match: re.Match[str]) -> str:
        kind = match.lastgroup
        text = match[0].lower()
        if kind == "uuid":
            return self._uuid(text)
        if kind == "id":
            digits = self._hex(text) if len(text) == 64 else self._uuid_digits(text)
            return digits[: len(text)]
        if kind == "mac":
            octets = self._mac(text.replace(":", ""))
            return ":".join(re.findall("..", octets))
        if kind == "bare_mac":
            return self._mac(text)
        if kind == "port":
            return match["device_kind"] + _dashed(self._port_digits(match["port"]))
        if kind == "ipv4":
            return self._ipv4(text)
        # The number of an instance or a reservation, after its one or two letters.
        prefix = text.rpartition("-")[0]
        return f"{prefix}-{self._hex(text)[:8]}"

    def _uuid(self, text: str) -> str:
        digits = self._uuid_digits(text.replace("-", ""))
        parts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
        return "-".join(parts)

    def _uuid_digits(self, digits: str) -> str:
        """Return 32 digits of which the first ten follow from the first ten alone."""
        rest = self._hex(digits)
        return f"{self._hex(digits[:10])[:10]}{rest[:2]}4{rest[2:5]}a{rest[5:20]}"

    def _port_digits(self, text: str) -> str:
        return self._hex(text.lower().replace("-", ""))[:10]

    def _mac(self, digits: str) -> str:
        return digits[:6] + self._hex(digits)[:6]

    def _ipv4(self, text: str) -> str:
        try:
            return self._ip(ipaddress.IPv4Address(text))
        except ValueError:
            return text

    def _ip(self, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
        digits = self._hex(str(address))
        if address.version == 4:
            return str(ipaddress.IPv4Address(bytes.fromhex("0a" + digits[:6])))
        return str(ipaddress.IPv6Address(bytes.fromhex("fd" + digits[:30])))

    def _name(self, value: str) -> str:
        return f"name-{self._hex(value)[:10]}"

    def _hex(self, value: str) -> str:
        data = value.encode("utf-8", "surrogatepass")
        return hmac.new(self._key, data, hashlib.sha256).hexdigest()


def _dashed(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:]}"
