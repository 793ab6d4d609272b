# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Taking secrets out of a notification before it is written anywhere."""

import functools
import json
import re
from collections.abc import Mapping
from typing import Any

from oslo_utils import strutils

__all__ = ["CONTEXT_KEYS", "MASK", "redact"]

MASK = "***"
_TOO_DEEP = "*** nested too deeply ***"
_DEPTH = 100

# All of a request's context that a consumer of notifications may want to know. What
# is not named here is left out: tokens, the service catalogue, the client's address,
# and whatever a later release adds.
CONTEXT_KEYS = frozenset(
    (
        "domain",
        "domain_id",
        "domain_name",
        "global_request_id",
        "is_admin",
        "is_admin_project",
        "project",
        "project_domain",
        "project_domain_id",
        "project_domain_name",
        "project_id",
        "project_name",
        "quota_class",
        "read_deleted",
        "read_only",
        "request_id",
        "resource_uuid",
        "roles",
        "show_deleted",
        "system_scope",
        "tenant",
        "timestamp",
        "user",
        "user_domain",
        "user_domain_id",
        "user_domain_name",
        "user_id",
        "user_name",
    )
)

_CONTEXT_PREFIX = "_context_"
_CONTEXTS = frozenset(("_context", "context", "ctxt"))
_ENVELOPE = "oslo.message"

# Beside the passwords, tokens and private keys that oslo.utils knows by their names.
_SECRET_KEYS = frozenset(
    (
        "access_key",
        "api_key",
        "authorization",
        "catalog",
        "connection_info",
        "cookie",
        "credentials",
        "injected_files",
        "personality",
        "service_catalog",
        "user_data",
    )
)
_URL_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+(?=@)")


def redact(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of a notification without secrets.

    ``message`` may be a wire envelope, a decoded message (``_context_...``) or a
    dispatched one (``ctxt``). The context keeps :data:`CONTEXT_KEYS` alone. Anywhere,
    a value whose key tells of a secret becomes ``***``, and so do a password in a
    string and a user in a URL. The copy's depth is bounded.
    """
    if isinstance(text := message.get(_ENVELOPE), str):
        return {**message, _ENVELOPE: _redacted_text(text)}
    return _redacted_object(message, 0)


def _redacted_text(text: str) -> str:
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return MASK
    return json.dumps(redact(message)) if isinstance(message, dict) else MASK


def _redacted_object(value: Mapping[str, Any], depth: int) -> dict[str, Any]:
    redacted: dict[str, Any] = {}
    for key, item in value.items():
        if _is_secret(key):
            redacted[key] = MASK
        elif key in _CONTEXTS and isinstance(item, Mapping):
            redacted[key] = _redacted_object(
                {name: item[name] for name in item if name in CONTEXT_KEYS}, depth + 1
            )
        elif not _is_hidden_context(key):
            redacted[key] = _redacted(item, depth + 1)
    return redacted


def _redacted(value: Any, depth: int) -> Any:
    if depth > _DEPTH:
        return _TOO_DEEP
    if isinstance(value, str):
        return _URL_CREDENTIALS.sub(MASK, strutils.mask_password(value, MASK))
    if isinstance(value, Mapping):
        return _redacted_object(value, depth)
    if isinstance(value, (list, tuple)):
        return [_redacted(item, depth + 1) for item in value]
    return value


def _is_hidden_context(key: object) -> bool:
    return (
        isinstance(key, str)
        and key.startswith(_CONTEXT_PREFIX)
        and key.removeprefix(_CONTEXT_PREFIX) not in CONTEXT_KEYS
    )


@functools.lru_cache(maxsize=4096)
def _is_secret(key: object) -> bool:
    if not isinstance(key, str):
        return False
    name = key.lower().replace("-", "_")
    return name in _SECRET_KEYS or strutils.mask_dict_password({name: ""})[name] != ""
