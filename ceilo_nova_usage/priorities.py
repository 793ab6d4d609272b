# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""A priority that is no text: what oslo.messaging's dispatcher raises for.

It reads a notification's priority before it asks any endpoint, and what it raises for
goes back to the bus with the whole batch, for ever. Nothing that may be handed to it, a
serializer or an endpoint's filter, is asked before that: its reading is wrapped.
"""

import functools
import logging
from typing import Any

from oslo_messaging.notify.dispatcher import NotificationDispatcher

from ceilo_nova_usage.delivery.aside import Aside
from ceilo_nova_usage.delivery.tally import Outcome
from ceilo_nova_usage.errors import Faults
from ceilo_nova_usage.notification import message_id_of

__all__ = ["guard"]

LOG = logging.getLogger(__name__)

_METHOD = "_extract_user_message"
_EXTRACT = getattr(NotificationDispatcher, _METHOD, None)

# No priority, which the dispatcher passes over, and so it is off the bus.
_NONE = ""


def guard(aside: Aside) -> None:
    """Have the dispatchers of this process set aside what has no readable priority.

    Asked once more, they do with that other ``aside``.
    """
    if _EXTRACT is None:
        LOG.warning(
            "This oslo.messaging is not known: a notification whose priority is no "
            "text may come back for ever"
        )
        return
    extract = _EXTRACT

    @functools.wraps(extract)
    def guarded(dispatcher: Any, incoming: Any) -> Any:
        priority = incoming.message.get("priority", _NONE)
        if isinstance(priority, str):
            return extract(dispatcher, incoming)
        incoming.message["priority"] = _NONE
        extracted = extract(dispatcher, incoming)
        *_, message = extracted
        faults = Faults()
        faults.wrong_type("priority", priority, "a string")
        aside.put(Outcome.QUARANTINED, message, message_id_of(message), faults)
        return extracted

    setattr(NotificationDispatcher, _METHOD, guarded)
