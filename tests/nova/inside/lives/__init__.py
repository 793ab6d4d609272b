# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Lives of servers; nova sets up eventlet before anything else is imported."""

import nova.tests.functional  # noqa: F401
