# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Delivery of samples to Gnocchi: none lost, none twice, and ends that last."""
