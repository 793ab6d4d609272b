# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The jobs that the documentation gives to users run as they stand."""

import pathlib
import shlex
import shutil
from importlib import resources

import pytest
import yaml

from tests.support.command import run

JOBS = pathlib.Path(__file__).parents[3] / "doc" / "source" / "operator" / "ci"


def github():
    """The command of the GitHub workflow."""
    workflow = yaml.safe_load((JOBS / "github.yaml").read_text())
    steps = workflow["jobs"]["replay"]["steps"]
    return steps[-1]["run"]


def zuul():
    """The command of the Zuul job's playbook."""
    job = yaml.safe_load((JOBS / "zuul.yaml").read_text())[0]["job"]
    playbook = JOBS / pathlib.PurePath(job["run"]).name
    (play,) = yaml.safe_load(playbook.read_text())
    return play["tasks"][-1]["ansible.builtin.command"]["cmd"]


@pytest.mark.parametrize("job", [github, zuul])
def test_job(job, envelope, write, tmp_path, monkeypatch):
    """A job passes on what is expected, and fails when the pipeline drops a meter."""
    _, found, line = job().partition("ceilo-nova-usage ")
    command = shlex.split(line)
    metering = tmp_path / "metering"
    (metering / "recordings").mkdir(parents=True)
    shutil.copy(write(envelope), metering / "recordings" / "deletion.jsonl")
    pipeline = metering / "pipeline.yaml"
    shipped = resources.files("ceilo_nova_usage") / "data" / "pipeline.yaml"
    pipeline.write_text(shipped.read_text())
    (metering / "ceilometer.conf").write_text("[nova_usage]\nmeters = pollster\n")
    monkeypatch.chdir(tmp_path)
    where = command.index("--expect")
    written = run(*command[:where], *command[where + 2 :], "-f", "json")
    (metering / "expected.json").write_text(written.out)

    assert found
    assert run(*command).status == 0
    pipeline.write_text(pipeline.read_text().replace('"cpu"', '"other"'))
    result = run(*command)
    assert result.status == 1
    assert "missing: cpu " in result.err
