# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""What happens to notifications that cannot be read and samples that cannot be sent."""
