# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The agent that unit tests feed."""

import pytest
from hypothesis import settings

from tests.support.endpoints import Agent, configured

# How long an example takes is the machine's affair.
settings.register_profile("unhurried", settings(), deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(name="agent_with")
def _agent_with(tmp_path):
    """Start an agent with some of our options set in its configuration file."""

    def start(pipeline=None, **options):
        return Agent(configured(tmp_path, **options), pipeline)

    return start


@pytest.fixture(name="running_agent", scope="module")
def _running_agent(tmp_path_factory):
    return Agent(configured(tmp_path_factory.mktemp("agent")))


@pytest.fixture(name="agent")
def _agent(running_agent):
    """An agent under its defaults, which has handled what earlier tests fed it."""
    yield running_agent
    running_agent.pipeline.publish()
    running_agent.quarantined()
