# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Which Python a nova gets, on machines made of scripts."""

import pathlib
import sys

import pytest

from ceilo_nova_usage.patching.series import Upstream
from tests.nova import environment, interpreters

#: Something that answers as a Python does that is of no use for anything else.
PYTHON = "#!/bin/sh\necho {where}\necho '{version} (main)'\n"
#: A pyenv's wrapper, where another version is chosen.
HIDDEN = "#!/bin/sh\necho 'pyenv: command not found' >&2\nexit 127\n"
PYENV = """#!/bin/sh
case $1 in
versions) echo 3.9.1; echo 3.4.5; echo other ;;
prefix) echo {home}/$2 ;;
esac
"""


@pytest.fixture(name="machine")
def _machine(tmp_path, monkeypatch):
    """Puts a script at a place below a directory of which `bin` is the search path."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin:/usr/bin")

    def put(place, text):
        file = tmp_path / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o755)
        return file

    return put


def test_the_one_at_hand_comes_first(machine):
    """Where this Python is of the version that is asked for, it is taken."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    machine(f"bin/python{version}", HIDDEN)
    assert interpreters.find(version)[0] == pathlib.Path(sys.executable)


def test_one_on_the_search_path_is_found(machine):
    """Another version is looked for by its name on the search path."""
    machine("bin/python3.4", PYTHON.format(where="/opt/py34", version="3.4.5"))
    assert interpreters.find("3.4") == (pathlib.Path("/opt/py34"), "3.4.5 (main)")


def test_one_that_is_another_version_is_not_taken(machine):
    """What is named after the version and is not of it does not count."""
    machine("bin/python3.4", PYTHON.format(where="/opt/py35", version="3.5.0"))
    with pytest.raises(interpreters.NoInterpreterError):
        interpreters.find("3.4")


def test_one_that_pyenv_hides_is_found(machine, tmp_path):
    """Of pyenv's versions, one that is not the chosen one is found as well."""
    machine("bin/python3.4", HIDDEN)
    machine("bin/pyenv", PYENV.format(home=tmp_path))
    machine("3.4.5/bin/python", PYTHON.format(where="/pyenv/py34", version="3.4.5"))
    assert interpreters.find("3.4")[0] == pathlib.Path("/pyenv/py34")


def test_an_environment_says_which_python_is_missing(machine, tmp_path, monkeypatch):
    """A lock that asks for a Python that is not there: the error names both."""
    lock = machine("locks/old.txt", "# python: 3.4\nnothing==1.0\n")
    monkeypatch.setattr(environment, "LOCKS", lock.parent)
    upstream = Upstream(
        name="nova", version="1.2.3", release="old", sha256="", filename="nova.tar.gz"
    )
    (tmp_path / "cache" / "stock").mkdir(parents=True)
    nova = environment.NovaEnvironment(upstream=upstream, directory=tmp_path / "cache")
    with pytest.raises(
        environment.NovaEnvironmentError, match=r"^nova 1\.2\.3: no Python 3\.4: "
    ):
        nova.python()
