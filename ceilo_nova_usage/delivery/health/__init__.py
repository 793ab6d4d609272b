# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""How the agents fare, in numbers: written by them, read by whoever looks after them.

Each agent process keeps a file of its own counts. One more file tells of what a host's
processes share: the spool and the quarantine.
"""
