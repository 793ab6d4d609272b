# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""A nova-compute, patched or stock, in a process of its own on a hypervisor."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import libvirt

if TYPE_CHECKING:
    import subprocess

    from tests.functional.libvirt.hypervisor import Hypervisor
    from tests.nova.environment import NovaEnvironment

HOST = "compute1"

_INSIDE = Path(__file__).with_name("inside")

_CONF = """
[DEFAULT]
host = {host}
compute_driver = libvirt.LibvirtDriver
concurrency_backend = {backend}
transport_url = fake://
state_path = {state}
instance_name_template = {name}-%08x
instance_usage_audit = true
log_file = {state}/nova-compute.log
[database]
connection = sqlite:///{state}/nova.db
[glance]
endpoint_override = http://image.example.org
[libvirt]
virt_type = qemu
cpu_mode = none
connection_uri = {uri}
[notifications]
notification_format = both
[oslo_concurrency]
lock_path = {state}/locks
[oslo_messaging_notifications]
driver = test
[vnc]
enabled = false
"""

_USAGE = """
[instance_usage]
enabled = true
"""


class NovaError(RuntimeError):
    """What was asked of nova failed there; the text is its traceback."""


class NovaCompute:
    """Nova's compute manager with its libvirt driver, up between `start` and `close`.

    ``name`` is what its instances' domains are called by. What can be asked of it are
    the methods of ``inside/compute.py``, by name.
    """

    def __init__(
        self,
        hypervisor: Hypervisor,
        environment: NovaEnvironment,
        *,
        patched: bool = True,
        backend: str = "threading",
        name: str = "instance",
    ) -> None:
        self._hypervisor = hypervisor
        self._environment = environment
        self._patched = patched
        self._backend = backend
        self._name = name
        self._state = hypervisor.directory / f"nova-{name}"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """What nova has logged so far."""
        return (self._state / "nova-compute.log").read_text("utf-8", "replace")

    def start(self) -> None:
        """Start the process, and wait until its driver has met the hypervisor."""
        self._state.mkdir()
        bindings = self._state / "bindings"
        bindings.mkdir()
        # Nova's interpreter is to see our libvirt binding and nothing else of ours.
        for file in Path(libvirt.__file__).parent.glob("libvirt*.*"):
            if file.is_file():
                (bindings / file.name).symlink_to(file)
        conf = self._state / "nova.conf"
        text = _CONF.format(
            host=HOST,
            backend=self._backend,
            state=self._state,
            name=self._name,
            uri=self._hypervisor.uri,
        )
        conf.write_text(text + _USAGE if self._patched else text)
        nova = self._environment
        tree = nova.patched() if self._patched else nova.stock()
        ours, theirs = socket.socketpair()
        with theirs, (self._state / "output").open("wb") as output:
            self._process = self._hypervisor.popen(
                nova.python(),
                _INSIDE / "compute.py",
                "--config-file",
                conf,
                str(theirs.fileno()),
                pass_fds=[theirs.fileno()],
                stdout=output,
                stderr=output,
                env={
                    "HOME": os.environ.get("HOME", "/"),
                    "LANG": "C.UTF-8",
                    "PATH": os.environ["PATH"],
                    "PYTHONPATH": os.pathsep.join((str(tree), str(bindings))),
                },
            )
        self._socket = ours
        self._lines = ours.makefile("rw")
        try:
            if self.ask("is_eventlet") != (self._backend == "eventlet"):
                raise NovaError(f"nova does not run in {self._backend} mode")
        except NovaError:
            self.close()
            raise

    def close(self) -> None:
        """End the process."""
        self._lines.close()
        self._socket.close()
        if self._process is not None:
            self._process.wait(30)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, call: str, **arguments: Any) -> Any:
        """Have nova do something, and return what came of it.

        :raises NovaError: where it failed, with nova's own traceback
        """
        try:
            self._lines.write(json.dumps({"call": call, "arguments": arguments}) + "\n")
            self._lines.flush()
            line = self._lines.readline()
        except OSError:
            line = ""
        if not line:
            raise NovaError((self._state / "output").read_text("utf-8", "replace"))
        answer = json.loads(line)
        if "error" in answer:
            raise NovaError(answer["error"])
        return answer["result"]
