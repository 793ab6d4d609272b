# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Lives of servers; nova sets up eventlet before anything else is imported."""

# One of them does it; which one depends on the release.
import nova.tests.functional
import nova.tests.unit  # noqa: F401
