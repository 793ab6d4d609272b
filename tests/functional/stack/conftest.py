# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""One stack for all tests, whole at the start of each, and what was measured."""

import time

import pytest

from tests.functional.stack.scale import DIVISOR
from tests.functional.stack.stack import Stack

FIGURES = pytest.StashKey[list[str]]()
STACK = pytest.StashKey[Stack]()


def pytest_addoption(parser):
    """Have another Gnocchi."""
    parser.addoption(
        "--bulk", action="store_true", help="Gnocchi's API has our bulk requests"
    )


@pytest.fixture(name="running_stack", scope="session")
def _running_stack(request, figures):
    begun = time.monotonic()
    with Stack(bulk=request.config.option.bulk) as stack:
        took = ", ".join(f"{name} {spent:.1f}" for name, spent in stack.took.items())
        figures.append(f"the stack is up in {time.monotonic() - begun:.1f} s ({took})")
        request.config.stash[STACK] = stack
        yield stack


@pytest.fixture(name="stack")
def _stack(running_stack):
    """The stack, with all its servers up."""
    running_stack.restore()
    yield running_stack
    running_stack.stop_agents()


@pytest.fixture(name="run")
def _run(request):
    """A name that keeps a test's instances apart from any other's."""
    return f"{request.node.name} {time.time_ns()}"


@pytest.fixture(name="figures", scope="session")
def _figures(request):
    """Lines that are shown when all tests have run."""
    return request.config.stash.setdefault(FIGURES, [])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Show with a failure what the servers said."""
    report = yield
    stack = item.config.stash.get(STACK, None)
    if report.failed and stack is not None:
        for name, tail in stack.logs().items():
            report.sections.append((f"log of {name}", tail))
    return report


def pytest_terminal_summary(terminalreporter, config):
    """Show what was measured."""
    figures = config.stash.get(FIGURES, [])
    if figures:
        bulk = ", with bulk requests" if config.option.bulk else ""
        terminalreporter.section(
            f"measured on the running stack{bulk}, 1/{DIVISOR} of it"
        )
    for line in figures:
        terminalreporter.write_line(line)
