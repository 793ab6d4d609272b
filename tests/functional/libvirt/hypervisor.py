# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""A libvirt of a test's own: a real libvirtd with real QEMUs, and nothing left behind.

It lives in namespaces of its own. It sees its own ``/run``, ``/var/lib`` and the like,
so it meets no libvirt that the machine may run already; its bridges, taps and filters
are on a network nobody else sees; and when the first process of its process namespace
ends, the kernel ends all others: libvirtd, every QEMU, whatever they started. That
first process ends with its standard input, which the test holds, however the test ends,
and removes what was written.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import libvirt

from tests.support.processes import Lasting

#: Where libvirtd keeps what it knows, and what it sees of the test's directory there.
_PRIVATE = {
    "etc": "/etc",
    "run": "/run",
    "lib": "/var/lib",
    "cache": "/var/cache",
    "log": "/var/log",
}

_PROGRAMS = (
    *("libvirtd", "qemu-system-x86_64", "qemu-img", "qemu-nbd"),
    *("ovs-vsctl", "ovs-vswitchd", "ovsdb-server", "ovsdb-tool"),
    *("as", "ld", "ip", "ebtables", "iptables", "unshare", "nsenter"),
)

_LIBVIRTD_CONF = """
auth_unix_ro = "none"
auth_unix_rw = "none"
log_outputs = "3:file:/var/log/libvirtd.log"
"""

#: QEMU as root in the namespaces there are: no control groups, no confinement.
_QEMU_CONF = """
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
cgroup_controllers = []
namespaces = []
seccomp_sandbox = 0
stdio_handler = "file"
"""

#: libvirt looks this user and group up whatever qemu.conf says.
_ACCOUNT = "libvirt-qemu"
_ACCOUNTS = {
    "passwd": "65533:65533::/nonexistent:/usr/sbin/nologin",
    "group": "65533:",
}

_BOOT_PROGRAM = Path(__file__).with_name("boot.S")

#: Seconds.
_TIMEOUT = 30.0


class HypervisorError(RuntimeError):
    """Something it needs is not installed, not allowed, or did not come up."""


class Hypervisor(Lasting):
    """A libvirtd with a network of its own, up between `start` and `close`.

    Guests outlive `kill_libvirtd`, as they do outside of tests.
    """

    def __init__(self) -> None:
        # A socket's path has to be short.
        self.directory = Path(tempfile.mkdtemp(prefix="libvirt-", dir="/tmp"))
        self._namespaces: subprocess.Popen[bytes] | None = None
        self._init: int | None = None
        self._libvirtd: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        """The URI of the daemon, for anyone outside of the namespaces."""
        socket = self.directory / "run" / "libvirt" / "libvirt-sock"
        return f"qemu+unix:///system?socket={socket}"

    @property
    def log(self) -> str:
        """What libvirtd has complained of so far."""
        log = self.directory / "log" / "libvirtd.log"
        return log.read_text("utf-8", "replace") if log.exists() else ""

    def start(self) -> None:
        """Make the namespaces, and start libvirtd in them.

        :raises HypervisorError: with what is missing or what went wrong
        """
        missing = [name for name in _PROGRAMS if _which(name) is None]
        if missing:
            raise HypervisorError(f"not installed: {', '.join(missing)}")
        if os.geteuid() != 0:
            raise HypervisorError("namespaces, taps and bridges need root")
        self._enter_namespaces()
        for name, text in (
            ("libvirtd.conf", _LIBVIRTD_CONF),
            ("qemu.conf", _QEMU_CONF),
        ):
            (self.directory / "etc" / "libvirt" / name).write_text(text)
        self.start_libvirtd()

    def start_libvirtd(self) -> None:
        """Start the daemon, and wait until it answers."""
        self._libvirtd = self.popen(
            "libvirtd",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + _TIMEOUT
        while True:
            try:
                with contextlib.closing(self.connect()):
                    return
            except libvirt.libvirtError as error:
                if self._libvirtd.poll() is not None or time.monotonic() > deadline:
                    raise HypervisorError(f"{error}\n{self.log}") from error
            time.sleep(0.05)

    def kill_libvirtd(self) -> None:
        """Kill the daemon with SIGKILL; the guests go on."""
        self.signal_libvirtd(signal.SIGKILL)
        if self._libvirtd is not None:
            self._libvirtd.wait(_TIMEOUT)
            self._libvirtd = None

    def signal_libvirtd(self, number: signal.Signals) -> None:
        """Send a signal to the daemon."""
        if self._libvirtd is None:
            raise HypervisorError("libvirtd does not run")
        (daemon,) = _children(self._libvirtd.pid)
        os.kill(daemon, number)
        if number == signal.SIGCONT:
            # nsenter stops when what it has started is stopped.
            self._libvirtd.send_signal(number)

    def close(self) -> None:
        """End every process that was started here, and remove what they wrote."""
        if self._namespaces is not None:
            if self._namespaces.stdin is None:
                raise HypervisorError("the namespaces have no standard input")
            self._namespaces.stdin.close()
            self._namespaces.wait(_TIMEOUT)
        if self._libvirtd is not None:
            self._libvirtd.wait(_TIMEOUT)
        shutil.rmtree(self.directory, ignore_errors=True)

    def connect(self) -> libvirt.virConnect:
        """Return a connection of its own."""
        return libvirt.open(self.uri)

    def popen(self, *command: str | Path, **settings: Any) -> subprocess.Popen[bytes]:
        """Start a process in the namespaces; it ends with them."""
        return subprocess.Popen(self._inside(*command), **settings)

    def run(self, *command: str | Path) -> str:
        """Run a command in the namespaces, and return what it printed."""
        done = subprocess.run(
            self._inside(*command), check=False, capture_output=True, text=True
        )
        if done.returncode:
            raise HypervisorError(f"{command}: {done.stderr}")
        return done.stdout

    def add_bridge(self, name: str) -> None:
        """Make a bridge that guests can be plugged into."""
        # One that looks after multicast sends reports of its own, at any moment
        self.run("ip", "link", "add", name, "type", "bridge", "mcast_snooping", "0")
        self.run("ip", "link", "set", name, "up")

    def add_ovs_bridge(self, name: str) -> None:
        """Start Open vSwitch with a bridge that guests can be plugged into.

        It switches in its own process: the kernel may not have its module.
        """
        database = "/var/lib/openvswitch.db"
        schema = "/usr/share/openvswitch/vswitch.ovsschema"
        socket = "punix:/run/openvswitch/db.sock"
        self.run("mkdir", "/run/openvswitch")
        self.run("ovsdb-tool", "create", database, schema)
        self.run("ovsdb-server", "--detach", f"--remote={socket}", database)
        self.run("ovs-vsctl", "--no-wait", "init")
        self.run("ovs-vswitchd", "--detach")
        self.run("ovs-vsctl", "add-br", name, "--", *_USERSPACE.format(name).split())
        self.run("ip", "link", "set", name, "up")

    def add_tap(self, name: str) -> None:
        """Make a tap device, as nova does for a port of type tap."""
        self.run("ip", "tuntap", "add", "dev", name, "mode", "tap")
        self.run("ip", "link", "set", name, "up")

    def send_frames(self, device: str, number: int) -> None:
        """Broadcast as many Ethernet frames of 60 bytes from a host's device."""
        self.run(
            *("python3", "-c", _SEND, device, str(number)),
        )

    def add_disk(self, path: Path, image_format: str, mebibytes: int = 1) -> None:
        """Make a disk that boots the program in `boot.S`."""
        with tempfile.TemporaryDirectory() as scratch:
            raw = Path(scratch, "raw")
            raw.write_bytes(boot_sector().ljust(mebibytes << 20, b"\0"))
            path.parent.mkdir(parents=True, exist_ok=True)
            _run("qemu-img", "convert", "-O", image_format, raw, path)

    def serve(self, path: Path, name: str, port: int) -> None:
        """Serve a raw disk over NBD, at a port of the namespaces' 127.0.0.1."""
        where = ("--bind", "127.0.0.1", "--port", str(port), "--export-name", name)
        how = ("--persistent", "--shared", "8", "--fork", "--format", "raw")
        self.run("qemu-nbd", *where, *how, path)

    def signal_guest(self, name: str, number: signal.Signals) -> None:
        """Send a signal to the QEMU of a guest."""
        pid = self.directory / "run" / "libvirt" / "qemu" / f"{name}.pid"
        self.run("kill", f"-{number.value}", pid.read_text().strip())

    def _enter_namespaces(self) -> None:
        for name in _PRIVATE:
            (self.directory / name).mkdir()
        # All of it but libvirt's own: there may be no /etc/libvirt to hide.
        etc = self.directory / "etc"
        _run("cp", "--archive", "/etc/.", etc)
        shutil.rmtree(etc / "libvirt", ignore_errors=True)
        (etc / "libvirt").mkdir()
        for file, line in _ACCOUNTS.items():
            names = (etc / file).read_text()
            if f"\n{_ACCOUNT}:" not in names:
                (etc / file).write_text(f"{names}{_ACCOUNT}:x:{line}\n")
        binds = [f"{self.directory / name} {place}" for name, place in _PRIVATE.items()]
        script = [
            "set -e",
            *(f"mount --bind {bind}" for bind in binds),
            # The kernel would send frames of its own on every new device.
            "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6",
            "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6",
            "ip link set lo up",
            "echo ready",
            f"exec {sys.executable} -c '{_FIRST}' {self.directory}",
        ]
        self._namespaces = subprocess.Popen(
            [
                *("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child"),
                *("--mount-proc", "sh", "-c", "\n".join(script)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        if self._namespaces.stdout is None:
            raise HypervisorError("the namespaces have no standard output")
        said = []
        for line in map(bytes.decode, self._namespaces.stdout):
            if line == "ready\n":
                break
            said.append(line)
        else:
            raise HypervisorError(f"no namespaces could be made: {''.join(said)}")
        (self._init,) = _children(self._namespaces.pid)

    def _inside(self, *command: str | Path) -> list[str]:
        namespaces = ("--mount", "--net", "--pid")
        return [
            *("nsenter", "--target", str(self._init), *namespaces),
            *("env", f"PATH={_PATH}", *map(str, command)),
        ]


def boot_sector() -> bytes:
    """Assemble the program that the guests boot."""
    with tempfile.TemporaryDirectory() as scratch:
        compiled, linked = Path(scratch, "boot.o"), Path(scratch, "boot")
        _run("as", "--32", "-o", compiled, _BOOT_PROGRAM)
        how = ("-m", "elf_i386", "-Ttext", "0x7c00", "-e", "start")
        _run("ld", *how, "--oformat", "binary", "-o", linked, compiled)
        return linked.read_bytes()


#: Debian keeps the daemons out of an ordinary user's path.
_PATH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))

_USERSPACE = "set bridge {} datapath_type=netdev"

# Orphans that end are the first process's to bury: the kernel does it for one that
# ignores them.
_FIRST = """
import shutil, signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
sys.stdin.read()
shutil.rmtree(sys.argv[1])
"""

_SEND = """
import socket, sys
device, number = sys.argv[1], int(sys.argv[2])
frame = b"\\xff" * 6 + b"\\x02\\0\\0\\0\\0\\2" + b"\\x88\\xb5" + bytes(46)
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
    raw.bind((device, 0))
    for _ in range(number):
        raw.send(frame)
"""


def _which(name: str) -> str | None:
    return shutil.which(name, path=_PATH)


def _children(pid: int) -> list[int]:
    return [
        int(child)
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    ]


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True)
