# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""What a host's poll and a deletion cost, inside nova's own functional environment.

This module is run by nova's interpreter, in a tree with the series and in one without.
The database is SQLite's, the hypervisor is nova's stand-in for libvirt. It prints one
JSON object.
"""

import collections
import contextlib
import functools
import json
import os
import sys
import time
from unittest import mock

import sqlalchemy
from nova import context, objects
from nova.conf import CONF
from nova.tests.fixtures import libvirt
from nova.tests.functional.libvirt import base
from oslo_serialization import jsonutils

GUESTS = int(os.environ["COSTS_GUESTS"])
ROUNDS = int(os.environ["COSTS_ROUNDS"])
DELETED = 9


class CostsTest(base.ServersTestBase):
    """A host full of guests."""

    microversion = "latest"
    ADMIN_API = True

    def setUp(self):
        """Make room on the host."""
        super().setUp()
        if "instance_usage" in CONF:
            self.flags(enabled=True, poll_interval=60, group="instance_usage")
        self.flags(instances=-1, cores=-1, ram=-1, group="quota")
        for ratio in ("cpu", "ram", "disk"):
            self.flags(**{f"initial_{ratio}_allocation_ratio": 1000.0})
        self.start_compute("compute1")
        self.manager = self.computes["compute1"].manager

    def test_costs(self):
        """Measure, and print."""
        servers = [self._create_server(networks="none") for _ in range(GUESTS)]
        figures = {"walk": self._rounds(self._walk)}
        if "instance_usage" in CONF:
            figures["poll of all"] = self._rounds(self._poll, prepare=self._work)
            figures["poll of none"] = self._rounds(self._poll)
            self._work(self._domains()[:1])
            figures["poll of one"] = [self._counted(self._poll)]
        figures["delete"] = [
            self._counted(functools.partial(self._delete_server, server))
            for server in servers[:DELETED]
        ]
        figures["bytes"] = {
            "legacy": self._size(self.notifier.notifications, "compute."),
            "versioned": self._size(self.notifier.versioned_notifications, ""),
        }
        json.dump(figures, sys.stdout)

    def _domains(self):
        host = self.computes["compute1"].driver._host
        return host.get_connection().listAllDomains(
            libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE
        )

    def _work(self, domains=None):
        for domain in domains or self._domains():
            domain.tick(1)

    def _walk(self):
        """Do what nova does every ten minutes: compare each guest's power state."""
        self.manager._sync_power_states(context.get_admin_context())

    def _poll(self):
        self.manager._poll_instance_usage(context.get_admin_context())

    def _rounds(self, call, prepare=lambda: None):
        rounds = []
        for _ in range(ROUNDS):
            prepare()
            rounds.append(self._counted(call))
        return rounds

    def _counted(self, call):
        """Return the seconds, the statements by their kind, and the totals' RPCs."""
        statements, saves = collections.Counter(), []

        def executed(_connection, _cursor, statement, *_):
            statements[statement.split(None, 1)[0]] += 1

        with contextlib.ExitStack() as counting:
            event = (sqlalchemy.engine.Engine, "before_cursor_execute", executed)
            sqlalchemy.event.listen(*event)
            counting.callback(sqlalchemy.event.remove, *event)
            if totals := getattr(objects, "InstanceUsageTotals", None):
                save = totals.save

                def counted(*arguments):
                    saves.append(arguments)
                    return save(*arguments)

                counting.enter_context(mock.patch.object(totals, "save", counted))
            begun = time.monotonic()
            call()
            seconds = time.monotonic() - begun
        return {"seconds": seconds, "statements": statements, "saves": len(saves)}

    @staticmethod
    def _size(notifications, prefix):
        """Return the bytes of a deletion's payload."""
        for each in notifications:
            each = each if isinstance(each, dict) else each._asdict()
            if each["event_type"] == f"{prefix}instance.delete.start":
                return len(jsonutils.dumps(each["payload"]))
        raise AssertionError("nothing was deleted")
