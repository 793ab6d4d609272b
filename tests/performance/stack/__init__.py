# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Rates, side by side, on the running stack: ``python -m tests.performance.stack``."""
