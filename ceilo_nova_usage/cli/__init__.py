# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The ``ceilo-nova-usage`` command."""

import sys
import warnings

if not sys.warnoptions:
    # oslo.service imports eventlet, which says that it should not be imported.
    warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
