# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""A tiny nova, a series for it made by git, and the command that joins the two."""

import logging
import pathlib
import shutil
import subprocess

import pytest

from ceilo_nova_usage.cli import app

RELEASE = "2026.2"
VERSION = "34.0.0"

MANAGER = "".join(f"line {number}\n" for number in range(1, 61))
FILES = {
    "nova/__init__.py": "",
    "nova/version.py": "version = 1\n",
    "nova/compute/manager.py": MANAGER,
    "nova/virt/driver.py": "".join(f"driver {number}\n" for number in range(1, 21)),
    "nova/tests/unit/test_driver.py": "def test_nothing():\n    pass\n",
    "doc/sample.json": '{\n  "a": 1\n}\n',
}


class Workshop:
    """A source tree under version control, the series, and the trees to patch."""

    def __init__(self, top: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys
        self.source = top / "source"
        self.patches = top / "patches"
        self.release = self.patches / RELEASE
        self.top = top
        self.source.mkdir(parents=True)
        self.release.mkdir(parents=True)
        (self.release / "series").touch()
        (self.release / "upstream").write_text(
            f"name: nova\nversion: {VERSION}\nrelease: {RELEASE}\n"
            f"sha256: {'0' * 64}\nfilename: nova-{VERSION}.tar.gz\n"
        )
        self.git("init", "-q")
        self.git("config", "user.name", "A Developer")
        self.git("config", "user.email", "developer@example.org")
        self.write(self.source, FILES)
        self.git("add", "-A")
        self.git("commit", "-qm", "nova")
        self.git("tag", "stock")

    def git(self, *arguments: str) -> str:
        """Run git in the source tree; returns what it prints."""
        return subprocess.run(
            ["git", *arguments],
            cwd=self.source,
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    @staticmethod
    def write(root: pathlib.Path, files: dict[str, str | bytes | None]) -> None:
        """Write files below a directory; None removes one."""
        for name, content in files.items():
            place = root / name
            if content is None:
                place.unlink()
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            data = content.encode() if isinstance(content, str) else content
            place.write_bytes(data)

    def patch(self, subject: str, files: dict[str, str | bytes | None]) -> str:
        """Commit these contents and add the commit to the series."""
        self.write(self.source, files)
        self.git("add", "-A")
        self.git("commit", "-qm", f"{subject}\n\nThe reason for it.")
        number = len((self.release / "series").read_text().splitlines()) + 1
        name = pathlib.Path(
            self.git(
                "format-patch",
                "-1",
                f"--start-number={number}",
                "-o",
                str(self.release),
            ).strip()
        ).name
        self.enlist(name)
        return name

    def add_text(self, name: str, text: str | bytes) -> str:
        """Add a patch file written by hand to the series."""
        data = text.encode() if isinstance(text, str) else text
        (self.release / name).write_bytes(data)
        self.enlist(name)
        return name

    def enlist(self, name: str) -> None:
        """Add a line to the series."""
        with (self.release / "series").open("a") as stream:
            stream.write(f"{name}\n")

    def checkout(self, revision: str, name: str) -> pathlib.Path:
        """The source tree at a revision, without version control."""
        tree = self.top / name
        tree.mkdir()
        archive = subprocess.run(
            ["git", "-c", "tar.umask=0022", "archive", revision],
            cwd=self.source,
            check=True,
            capture_output=True,
        )
        subprocess.run(["tar", "x", "-C", tree], input=archive.stdout, check=True)
        return tree

    def unpacked(self, revision: str = "stock", version: str = VERSION) -> pathlib.Path:
        """An unpacked source distribution."""
        tree = self.checkout(revision, "unpacked")
        self.write(
            tree,
            {
                "setup.cfg": "[metadata]\nname = nova\n",
                "PKG-INFO": f"Metadata-Version: 2.1\nName: nova\nVersion: {version}\n",
            },
        )
        return tree

    def installed(
        self, revision: str = "stock", version: str = VERSION
    ) -> pathlib.Path:
        """A directory like site-packages."""
        tree = self.checkout(revision, "site-packages")
        shutil.rmtree(tree / "doc")
        self.write(
            tree,
            {
                f"nova-{version}.dist-info/METADATA": "Metadata-Version: 2.1\n"
                f"Name: nova\nVersion: {version}\n",
            },
        )
        return tree

    def run(self, verb: str, tree: pathlib.Path | None, *more: str) -> "Result":
        """Run the command as a shell would."""
        where = ["--nova", str(tree)] if tree else []
        handlers = logging.getLogger().handlers[:]
        status = app.main(
            ["nova-patch", verb, *where, "--patches", str(self.patches), *more]
        )
        logging.getLogger().handlers[:] = handlers
        out, err = self.capsys.readouterr()
        return Result(status, out, err)


class Result:
    """What a command said."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status = status
        self.out = out
        self.err = err
        assert "Traceback" not in err

    def __repr__(self) -> str:
        return f"exit {self.status}\n{self.out}\n{self.err}"


def snapshot(tree: pathlib.Path) -> dict[str, tuple[int, bytes | None]]:
    """Permissions and content of everything in a tree, directories included."""
    return {
        str(place.relative_to(tree)): (
            place.lstat().st_mode,
            None if place.is_dir() else place.read_bytes(),
        )
        for place in tree.rglob("*")
    }


@pytest.fixture(name="snapshot")
def _snapshot():
    return snapshot


@pytest.fixture(name="workshop")
def _workshop(tmp_path, capsys):
    return Workshop(tmp_path, capsys)


@pytest.fixture(name="series")
def _series(workshop):
    """Three patches that build upon each other, create files, and document."""
    manager = MANAGER.replace("line 10\n", "line 10\nread usage\n")
    workshop.patch(
        "Read the usage",
        {
            "nova/compute/manager.py": manager,
            "nova/usage/reader.py": "def read():\n    return {}\n",
            "nova/usage/__init__.py": "",
            "nova/tests/unit/test_reader.py": "def test_read():\n    pass\n",
        },
    )
    manager = manager.replace("read usage\n", "read usage\nsend usage\n")
    manager = manager.replace("line 50\n", "line fifty\n")
    workshop.patch(
        "Send the usage",
        {
            "nova/compute/manager.py": manager,
            "nova/virt/driver.py": FILES["nova/virt/driver.py"] + "driver 21",
            "doc/sample.json": '{\n  "a": 1,\n  "usage": {}\n}\n',
        },
    )
    workshop.patch("Tell of it", {"doc/notes/usage.yaml": "features:\n  - usage\n"})
    return workshop
