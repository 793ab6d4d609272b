# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""One simulation for all tests of bills."""

import pytest

from ceilo_nova_usage import gnocchi_resources
from tests.functional.stack.bills.simulation import simulate
from tests.functional.stack.scale import scaled


@pytest.fixture(name="simulation", scope="session")
def _simulation(running_stack, tmp_path_factory, figures):
    """A thousand lives, told with the definitions that ``gnocchi-resources`` prints."""
    running_stack.restore()
    definitions = tmp_path_factory.mktemp("definitions") / "gnocchi_resources.yaml"
    merged = gnocchi_resources.merged(gnocchi_resources.ceilometers())
    definitions.write_text(gnocchi_resources.to_yaml(merged))
    untold = simulate(running_stack.gnocchi.client(), scaled(1000, least=30))
    told = untold.told(running_stack, definitions)
    figures.append(
        f"{len(told.lives)} lives, each in a cloud with our agent and in one without, "
        f"of which {told.polled} samples were polled in each"
    )
    return told
