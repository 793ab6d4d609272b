# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Endpoints that meter nothing, and a publisher that sends nothing anywhere."""

import os
import threading
import time

from ceilometer import publisher
from ceilometer.pipeline.sample import SampleEndpoint
from ceilometer.sample import TYPE_CUMULATIVE, Sample

EVENT_TYPES = ("compute.instance.delete.start", "instance.delete.start")
#: What a deletion with two disks and two NICs comes to.
_SAMPLES = 33


class Nothing(SampleEndpoint):
    """Takes what our handler of deletes takes, and does nothing with it."""

    event_types = tuple(f"^{name.replace('.', '[.]')}$" for name in EVENT_TYPES)

    def process_notifications(self, priority, notifications):
        """Do nothing."""


class Ready(Nothing):
    """Publishes as many samples as ours, made before: what the pipeline costs."""

    def __init__(self, conf, publisher):
        super().__init__(conf, publisher)
        self._samples = [
            Sample(f"meter.{number}", TYPE_CUMULATIVE, "B", 0, None, None, "resource")
            for number in range(_SAMPLES)
        ]

    def process_notifications(self, priority, notifications):
        """Publish them."""
        with self.publisher as publish:
            publish(self._samples * len(notifications))


class Publisher(publisher.ConfigPublisherBase):
    """Forgets what it is given.

    Named with a file, ``null:///FILE``, it writes there, a line a call, when by the
    monotonic clock and how many were given. Behind another publisher in a sink, that
    is when the other one was done with them.
    """

    # As the one that it stands behind, or in the place of.
    TAKES_BATCHES = True

    def __init__(self, conf, parsed_url):
        super().__init__(conf, parsed_url)
        self._lock = threading.Lock()
        self._file = None
        if parsed_url.path:
            self._file = os.open(
                parsed_url.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644
            )

    def publish_samples(self, samples):
        """Forget samples."""
        self._note(len(samples))

    def publish_events(self, events):
        """Forget events."""
        self._note(len(events))

    def _note(self, number):
        if self._file is not None:
            with self._lock:
                os.write(self._file, f"{time.monotonic()} {number}\n".encode())
