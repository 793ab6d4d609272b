# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The agent that unit tests feed."""

import pytest

from tests.support.endpoints import Agent, configured


@pytest.fixture(name="agent_with")
def _agent_with(tmp_path):
    """Make an agent with some of our options set in its configuration file."""

    def make(pipeline=None, **options):
        return Agent(configured(tmp_path, **options), pipeline)

    return make


@pytest.fixture(name="agent")
def _agent(agent_with):
    return agent_with()
