# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Deployments as operators have them, and the command that checks them."""

import contextlib
import http.server
import io
import json
import threading

import pytest
import stevedore
import yaml

from ceilo_nova_usage import conf as options
from ceilo_nova_usage import deployment as configured
from ceilo_nova_usage import gnocchi_resources
from ceilo_nova_usage.cli import status
from ceilo_nova_usage.delivery.health.writer import Writer
from ceilo_nova_usage.delivery.quarantine import Quarantine
from ceilo_nova_usage.delivery.spool import Spool
from ceilo_nova_usage.delivery.tally import TALLY
from ceilo_nova_usage.errors import Faults
from tests.support import handwritten
from tests.support.deployment import Deployment

SPOOLING = "gnocchi-spool://?enable_filter_project=false"


@pytest.fixture(name="deployment")
def _deployment(tmp_path):
    """An operator's agent with directories of its own."""
    return Deployment(tmp_path)


@pytest.fixture(name="command")
def _command(deployment):
    """Run the command; return its exit status and what it printed."""

    def command(*arguments):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            code = status.main(
                ["--config-file", str(deployment.conf), "upgrade", "check", *arguments]
            )
        return code, out.getvalue()

    return command


@pytest.fixture(name="check")
def _check(command):
    """Run the checks; return the code and the details of the one of this title."""

    def check(title):
        code, out = command("--json")
        results = {each["check"]: each for each in json.loads(out)["checks"]}
        assert code == max(each["result"] for each in results.values())
        return results[title]["result"], results[title]["details"] or ""

    return check


@pytest.fixture(name="count")
def _count(deployment, monkeypatch):
    """Be an agent that has counted this, and nothing else."""

    def count(counts):
        monkeypatch.setattr(TALLY, "snapshot", counts.copy)
        Writer(options.load(_conf(deployment))).write()

    return count


@pytest.fixture(name="gnocchi")
def _gnocchi(deployment):
    """Let the deployment have a Gnocchi that has these archive policies."""
    policies = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps(policies).encode()
            self.send_response(200 if "archive_policy" in self.path else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()

    def gnocchi(*names_and_methods, **configure):
        policies[:] = [
            {"name": name, "aggregation_methods": list(methods)}
            for name, methods in names_and_methods
        ]
        deployment.configure(
            more="[service_credentials]\nauth_type = gnocchi-basic\nuser = admin\n"
            f"endpoint = http://127.0.0.1:{server.server_port}",
            **configure,
        )

    yield gnocchi
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(name="recommended")
def _recommended(tmp_path):
    """Write the definitions that 'gnocchi-resources' prints; return their URL."""

    def recommended(change=lambda definitions: None):
        definitions = gnocchi_resources.merged(gnocchi_resources.ceilometers())
        change(definitions)
        file = tmp_path / "gnocchi_resources.yaml"
        file.write_text(yaml.safe_dump(definitions))
        return f"{SPOOLING}&resources_definition_file={file}"

    return recommended


@pytest.fixture(name="install")
def _install(tmp_path, monkeypatch):
    """Install a package that has nothing but an entry point."""

    def install(group, name, value):
        info = tmp_path / "site" / "acme_usage-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(
            "Metadata-Version: 2.1\nName: acme-usage\nVersion: 1.0\n"
        )
        (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {value}\n")
        # stevedore looks once at what is installed.
        monkeypatch.setattr(stevedore.ExtensionManager, "ENTRY_POINT_CACHE", {})
        monkeypatch.syspath_prepend(tmp_path / "site")

    return install


@pytest.fixture(name="keep")
def _keep(deployment):
    """Keep a notification in the quarantine, for a reason."""
    quarantine = Quarantine(deployment.quarantine, max_bytes=65536, max_files=2)

    def keep(reason):
        faults = Faults()
        faults.add("payload.usage.schema", reason, "is broken")
        quarantine.keep(handwritten.legacy({"schema": "2"}), "id", faults, 0)

    return keep


@pytest.fixture(name="spooled")
def _spooled(deployment):
    """Put a notification's samples into the spool; return that."""

    def spooled():
        agent = deployment.agent()
        agent.handle(handwritten.legacy(handwritten.usage()))
        spool = Spool(deployment.spool, max_bytes=2**20)
        spool.append(agent.pipeline.publish())
        return spool

    return spooled


def _conf(deployment):
    return configured.configuration([str(deployment.conf)])
