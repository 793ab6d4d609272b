# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Endpoints that Ceilometer's notification agent loads, one event family a module."""
