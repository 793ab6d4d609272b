# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The older wire forms (contract, section 3): ``bandwidth`` in exists notifications.

nova up to 21 sent what XenAPI's hosts counted, per network label, over the audit
period. The keys of both forms are written here and nowhere else.
"""

import datetime
from typing import Any

from ceilo_nova_usage import wire
from ceilo_nova_usage.errors import Faults, Reason
from ceilo_nova_usage.notification import Notification
from ceilo_nova_usage.usage import InstanceUsage, NetworkTotals, unambiguous
from ceilo_nova_usage.wire import Counter, Name, Part

__all__ = ["read"]


class _Label(Part, frozen=True, kw_only=True):
    """A network of the legacy form, ``{label: {"bw_in": bytes, "bw_out": bytes}}``."""

    label: Name
    bw_in: Counter | None = None
    bw_out: Counter | None = None


class _Network(Part, frozen=True, kw_only=True):
    """A network of the versioned form, which lists them."""

    network_name: Name
    in_bytes: Counter | None = None
    out_bytes: Counter | None = None


class _Period(Part, frozen=True, kw_only=True):
    """The end of the audit period, of which both forms tell."""

    audit_period_ending: Name | None = None


_LABEL = wire.Reader(_Label)
_NETWORK = wire.Reader(_Network, any_version=True)
_PERIOD = wire.Reader(_Period, any_version=True)


def read(
    notification: Notification, max_networks: int, faults: Faults
) -> InstanceUsage | None:
    """Read the networks' totals; None where the notification holds none.

    They were counted up to the end of the audit period, so that is the time of the
    reading: whole seconds, which is all that the versioned form carries of it.
    Where the period is absent, it is the time of the notification.
    """
    value = notification.payload.get("bandwidth")
    if not value:
        return None
    path = f"{notification.path}.bandwidth"
    if not isinstance(value, dict | list):
        faults.wrong_type(path, value, "an object or a list")
        return None
    if len(value) > max_networks:
        faults.add(path, Reason.TOO_MANY, f"holds {len(value)}, over {max_networks}")
        return None
    read = _legacy if isinstance(value, dict) else _versioned
    networks = unambiguous(read(value, path, faults), "label", path, faults)
    counted_to = _counted_to(notification, faults)
    if not networks or counted_to is None:
        return None
    return InstanceUsage(
        collected_at=counted_to.replace(microsecond=0), networks=networks
    )


def _legacy(value: Any, path: str, faults: Faults) -> list[NetworkTotals]:
    networks = []
    for label, totals in value.items():
        opened = wire.open_object(totals, f"{path}.{str(label)[:80]}", faults)
        if opened is not None:
            data, where = opened
            network = _LABEL.read_open({**data, "label": label}, where, faults)
            if network is not None:
                networks.append(
                    NetworkTotals(
                        label=network.label,
                        in_bytes=network.bw_in,
                        out_bytes=network.bw_out,
                    )
                )
    return networks


def _versioned(value: Any, path: str, faults: Faults) -> list[NetworkTotals]:
    read = [
        _NETWORK.read(item, f"{path}.{index}", faults)
        for index, item in enumerate(value)
    ]
    return [
        NetworkTotals(
            label=network.network_name,
            in_bytes=network.in_bytes,
            out_bytes=network.out_bytes,
        )
        for network in read
        if network is not None
    ]


def _counted_to(notification: Notification, faults: Faults) -> datetime.datetime | None:
    payload, path = notification.payload, notification.path
    if payload.get("audit_period") is not None:
        payload, path = payload["audit_period"], f"{path}.audit_period"
    period = _PERIOD.read(payload, path, faults)
    if period is None or period.audit_period_ending is None:
        if notification.sent_at is None:
            faults.missing(f"{path}.audit_period_ending")
        return notification.sent_at
    return wire.time(period.audit_period_ending, f"{path}.audit_period_ending", faults)
