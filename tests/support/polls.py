# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""What Ceilometer's polling agent puts on the bus, made by Ceilometer's own code."""

from __future__ import annotations

import dataclasses
import datetime
import json
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from ceilometer.publisher import utils
from ceilometer.sample import Sample

#: Ceilometer's default of ``telemetry_secret``.
SECRET = "change this for valid signing"
EVENT_TYPE = "telemetry.polling"

# What nova's usage adds to the pollster's metadata.
_OURS = ("event_type", "usage_driver", "usage_origin")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """One notification of the polling agent's."""

    samples: list[dict[str, Any]]
    routing_key: str = "notifications.sample"

    @property
    def body(self) -> bytes:
        """The bytes on the bus: oslo.messaging's envelope."""
        message = {
            "message_id": str(uuid.uuid4()),
            "publisher_id": "telemetry.publisher.compute",
            "event_type": EVENT_TYPE,
            "priority": "SAMPLE",
            "payload": {"samples": self.samples},
            "timestamp": str(datetime.datetime.now(datetime.UTC).replace(tzinfo=None)),
            "_unique_id": uuid.uuid4().hex,
        }
        return json.dumps(
            {"oslo.version": "2.0", "oslo.message": json.dumps(message)}
        ).encode()


def poll(
    samples: Iterable[Mapping[str, Any]],
    at: datetime.datetime,
    *,
    share: float = 1.0,
    meters: Iterable[str] | None = None,
) -> Poll:
    """Return a poll that finds the series of samples at another moment.

    :param samples: as the oracle writes them
    :param share: how much of their volumes it finds
    :param meters: those that it polls; all, if not given
    """
    wanted = None if meters is None else set(meters)
    return Poll(
        samples=[
            utils.meter_message_from_counter(
                Sample(
                    each["name"],
                    each["type"],
                    each["unit"],
                    int(each["volume"] * share),
                    each["user_id"],
                    each["project_id"],
                    each["resource_id"],
                    timestamp=at.isoformat(),
                    resource_metadata={
                        name: value
                        for name, value in each["resource_metadata"].items()
                        if name not in _OURS
                    },
                ),
                SECRET,
            )
            for each in samples
            if wanted is None or each["name"] in wanted
        ]
    )
