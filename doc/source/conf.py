# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""How Sphinx builds the documentation; warnings are errors (`tox -e docs`)."""

from importlib import metadata

project = "ceilo-nova-usage"
author = "ceilo-nova-usage developers"
project_copyright = "2026, ceilo-nova-usage developers"
release = metadata.version(project)

extensions = ["cliff.sphinxext", "oslo_config.sphinxext", "sphinx.ext.extlinks"]
autoprogram_cliff_application = "ceilo-nova-usage"

html_theme = "furo"
html_title = project
highlight_language = "none"
nitpicky = True
