# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Put a patch series onto a nova, and take it off again, whole or not at all."""
