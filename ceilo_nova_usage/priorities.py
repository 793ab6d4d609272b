# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""A priority that is no text: what oslo.messaging's dispatcher raises for.

It reads the priorities of a batch before any endpoint is shown a message, and what it
raises for goes back to the bus with the whole batch, for ever. So it is not shown them.
"""

import functools
from typing import Any

from oslo_messaging.notify.dispatcher import BatchNotificationDispatcher

from ceilo_nova_usage.delivery.aside import Aside
from ceilo_nova_usage.delivery.tally import Outcome
from ceilo_nova_usage.errors import Faults
from ceilo_nova_usage.notification import message_id_of

__all__ = ["guard"]

_DISPATCH = BatchNotificationDispatcher.dispatch


def guard(aside: Aside) -> None:
    """Have the dispatchers of this process set aside what has no readable priority.

    Asked once more, they do with that other ``aside``.
    """

    @functools.wraps(_DISPATCH)
    def dispatch(dispatcher: Any, incoming: Any) -> Any:
        readable = []
        for each in incoming:
            if _has_priority(each.message):
                readable.append(each)
            else:
                _set_aside(each, aside)
        return _DISPATCH(dispatcher, readable)

    BatchNotificationDispatcher.dispatch = dispatch


def _has_priority(message: Any) -> bool:
    # The dispatcher passes over one that is absent.
    return isinstance(message.get("priority", ""), str)


def _set_aside(incoming: Any, aside: Aside) -> None:
    """Keep a message as an endpoint would have been handed it."""
    message = incoming.message
    dispatched = {
        "ctxt": incoming.ctxt,
        "publisher_id": message.get("publisher_id"),
        "event_type": message.get("event_type"),
        "payload": message.get("payload"),
        "metadata": {
            "message_id": message.get("message_id"),
            "timestamp": message.get("timestamp"),
        },
    }
    faults = Faults()
    faults.wrong_type("priority", message["priority"], "a string")
    aside.put(Outcome.ENDPOINT_FAILED, dispatched, message_id_of(dispatched), faults)
