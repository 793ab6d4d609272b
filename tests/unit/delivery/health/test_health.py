# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""How the agents fare: the files they write, and the command that reads them."""

import concurrent.futures
import contextlib
import json
import os
import signal
import stat
import subprocess
import sys
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ceilo_nova_usage import conf as options
from ceilo_nova_usage import deployment as configured
from ceilo_nova_usage.delivery import kept
from ceilo_nova_usage.delivery.health import files, findings
from ceilo_nova_usage.delivery.health.metrics import PREFIX
from ceilo_nova_usage.delivery.health.writer import Writer
from ceilo_nova_usage.delivery.quarantine import Quarantine
from ceilo_nova_usage.delivery.spool import Spool
from ceilo_nova_usage.delivery.tally import DELIVERIES, TALLY, Delivery
from ceilo_nova_usage.errors import Faults, Reason
from tests.support import handwritten
from tests.support.command import run
from tests.support.deployment import Deployment
from tests.support.endpoints import Agent

BLOCK = handwritten.usage(lifetime=handwritten.lifetime())
GOOD = handwritten.legacy(BLOCK)
BROKEN = handwritten.legacy({"schema": "2.0"})
WITHOUT = handwritten.legacy(None)
PATIENCE = 20

# An agent's process: it handles what it is told to, tells of itself, and stays.
AGENT = """\
import json, os, sys, time
from ceilo_nova_usage import deployment
from tests.support.endpoints import Agent
quiet, telling = (deployment.configuration([sys.argv[1]]) for _ in range(2))
quiet.set_override("metrics_dir", "", group="nova_usage")
messages = json.loads(sys.argv[3])
if sys.argv[2] == "plain":
    Agent(quiet).handle(*messages)
agent = Agent(telling)
if sys.argv[2] == "plain" or not os.fork():
    agent.handle(*messages if sys.argv[2] == "fork" else ())
    print(os.getpid(), flush=True)
time.sleep(3600)
"""


@pytest.fixture(name="deployment")
def _deployment(tmp_path):
    """An operator's agent with directories of its own."""
    return Deployment(tmp_path)


@pytest.fixture(name="settings")
def _settings(deployment):
    """The agent's own options."""
    return options.load(configured.configuration([str(deployment.conf)]))


@pytest.fixture(name="start")
def _start(deployment):
    """Start agent processes, and kill them in the end."""
    started = []

    def start(*messages, how="plain"):
        command = [sys.executable, "-W", "ignore", "-c", AGENT]
        process = subprocess.Popen(
            [*command, deployment.conf, how, json.dumps(messages)],
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process, int(process.stdout.readline())

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


@pytest.fixture(name="health")
def _health(deployment):
    """Run the command; return its result, and its rows by metric and labels."""

    def health(*arguments):
        result = run(
            "health", "--config-file", deployment.conf, "-f", "json", *arguments
        )
        rows = {}
        if "--prometheus" not in arguments:
            for row in json.loads(result.out):
                name = row["metric"].removeprefix(PREFIX)
                rows[name, row["labels"]] = row["value"]
        return result, rows

    return health


def _written(deployment):
    return sorted(deployment.metrics.glob("*.prom"))


def _until(condition):
    """Wait until something holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _values(text, name):
    """Return a metric's values in Prometheus's text, by the labels beside process."""
    return {
        tuple(
            sorted(
                (label, value)
                for label, value in sample.labels.items()
                if label != "process" and value
            )
        ): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == PREFIX + name
    }


def _own(deployment, writer):
    """Return what this process's file says."""
    (path,) = deployment.metrics.glob(f"*{writer.process}.prom")
    return path.read_text()


def _spooled(deployment, *messages):
    """Put the samples of messages into the deployment's spool; return how many."""
    agent = deployment.agent()
    agent.handle(*messages)
    samples = agent.pipeline.publish()
    spool = Spool(deployment.spool, max_bytes=2**20)
    spool.append(samples)
    return spool, len(samples)


def test_an_agent_tells_of_itself_as_soon_as_it_is_up(start, deployment):
    """Its first handler starts the one thread that writes for the process."""
    _, pid = start()

    _until(lambda: len(_written(deployment)) == 2)
    names = [path.name for path in _written(deployment)]
    assert names[1] == "ceilo-nova-usage-host.prom"
    assert names[0].startswith(f"ceilo-nova-usage-{pid}-")


def test_an_empty_option_writes_nothing(tmp_path, deployment):
    """An operator who wants no metrics gets no files, and no thread."""
    deployment.configure(options={"metrics_dir": ""})
    before = set(tmp_path.iterdir())

    Agent(configured.configuration([str(deployment.conf)])).handle(GOOD)

    assert set(tmp_path.iterdir()) == before


def test_what_is_counted_is_on_file(deployment, settings):
    """Each notification is in one outcome; what was refused has its reason as well."""
    agent = deployment.agent()
    writer = Writer(settings)
    writer.write()
    before = _own(deployment, writer)

    agent.handle(GOOD, GOOD, BROKEN, WITHOUT)
    writer.write()

    after = _own(deployment, writer)
    name = "notifications_total"
    grown = {
        dict(labels)["outcome"]: value - _values(before, name)[labels]
        for labels, value in _values(after, name).items()
    }
    assert grown == {
        "metered": 2,
        "partly-metered": 0,
        "without-usage": 1,
        "quarantined": 1,
    }
    key = (("outcome", "quarantined"), ("reason", "unknown-version"))
    name = "refusals_total"
    assert _values(after, name)[key] == _values(before, name).get(key, 0) + 1


def test_what_is_delivered_is_on_file(deployment, settings):
    """Samples are told by what became of them, resources by what was done to them."""
    writer = Writer(settings)
    writer.write()
    before = _own(deployment, writer)
    began = time.time()

    DELIVERIES.count(Delivery.SENT, number=33)
    DELIVERIES.count(Delivery.NOT_DEFINED, "cpu.total")
    DELIVERIES.count(Delivery.ENDED)
    DELIVERIES.count(Delivery.HELD_UP)
    writer.write()

    after = _own(deployment, writer)

    def grown(name, **labels):
        key = tuple(sorted(labels.items()))
        return _values(after, name)[key] - _values(before, name).get(key, 0)

    assert grown("samples_total", outcome="sent") == 33
    assert grown("samples_total", outcome="not-defined", reason="cpu.total") == 1
    assert grown("resources_total", outcome="ended") == 1
    assert grown("held_up_total") == 1
    last = _values(after, "last_delivery_timestamp_seconds")[(("outcome", "sent"),)]
    assert began <= last <= time.time()


def test_the_spool_and_the_quarantine_are_on_file(deployment, settings):
    """What a host's processes share is in a file of its own, without their names."""
    spool, waiting = _spooled(deployment, GOOD)
    refused_row = spool.waiting(1)[0]
    spool.refuse([refused_row.seq], "no such archive policy")
    Quarantine(deployment.quarantine, max_bytes=65536, max_files=2).keep(
        BROKEN, None, Faults(), 0
    )

    Writer(settings).write()

    text = (deployment.metrics / "ceilo-nova-usage-host.prom").read_text()
    state = spool.state()
    refused = len(refused_row.samples)
    assert _values(text, "spool_samples") == {
        (("state", "waiting"),): waiting - refused,
        (("state", "refused"),): refused,
    }
    assert _values(text, "spool_rows")[(("state", "refused"),)] == 1
    assert _values(text, "spool_bytes") == {(): state.bytes_used}
    assert 0 < _values(text, "spool_oldest_seconds")[()] < PATIENCE
    assert _values(text, "quarantine_notifications") == {(): 1}
    assert "process=" not in text


def test_the_files_are_prometheuss_and_go_together(start, deployment):
    """No series is there twice, and a name means one thing in all files."""
    start(GOOD, BROKEN)
    start(WITHOUT)

    _until(lambda: len(_written(deployment)) == 3)
    series, meanings = [], {}
    for path in _written(deployment):
        for family in text_string_to_metric_families(path.read_text()):
            assert family.documentation
            assert family.name.startswith(PREFIX)
            meaning = (family.type, family.documentation)
            assert meanings.setdefault(family.name, meaning) == meaning
            for sample in family.samples:
                assert sample.name.endswith("_total") == (family.type == "counter")
                series.append((sample.name, tuple(sorted(sample.labels.items()))))
    assert len(set(series)) == len(series)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_others_can_read_the_files(deployment, settings, umask):
    """node_exporter is another user: what is written is open to all, to read."""
    before = os.umask(umask)
    try:
        Writer(settings).write()
    finally:
        os.umask(before)

    assert stat.S_IMODE(deployment.metrics.stat().st_mode) == 0o755
    for path in _written(deployment):
        assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_no_reader_sees_half_a_file(deployment, settings):
    """A file is there whole, before, while and after it is written."""
    writer = Writer(settings)
    writer.write()
    (path,) = deployment.metrics.glob(f"*{writer.process}.prom")

    with concurrent.futures.ThreadPoolExecutor() as pool:
        writing = pool.submit(lambda: [writer.write() for _ in range(30)])
        while not writing.done():
            assert path.read_text().endswith("\n")
            assert _values(path.read_text(), "held_up_total")
        writing.result()


def test_a_directory_that_cannot_be_written_stops_nothing(
    start, deployment, settings, caplog
):
    """Metering goes on; one error says that its health cannot be told."""
    deployment.metrics.write_text("in the way")
    writer = Writer(settings)

    for _ in range(5):
        writer.write()

    errors = [each for each in caplog.records if "health" in each.name]
    assert len(errors) == 1
    assert str(deployment.metrics) in errors[0].getMessage()
    start(BROKEN, how="fork")
    assert kept.state(deployment.quarantine, 1).notifications == 1


def test_a_forked_process_has_a_file_of_its_own(start, deployment):
    """A worker that was forked off after its handlers were made tells of itself too."""
    parent, child = start(GOOD, how="fork")

    _until(lambda: len(_written(deployment)) == 3)
    names = "".join(path.name for path in _written(deployment))
    assert f"-{parent.pid}-" in names
    assert f"-{child}-" in names


def test_the_file_of_a_process_that_was_killed_is_removed_by_the_next(
    start, deployment, settings, health
):
    """It is told apart once it is not written any more; then it goes."""
    process, pid = start(GOOD, BROKEN)
    _until(lambda: len(_written(deployment)) == 2)
    process.kill()
    process.wait()
    (left,) = deployment.metrics.glob(f"*-{pid}-*.prom")
    long_ago = time.time() - 2 * files.STALE
    os.utime(left, (long_ago, long_ago))

    _, rows = health()

    assert rows["processes", "state=ended"] == 1
    assert rows["processes", "state=running"] == 0
    Writer(settings).write()
    assert not left.exists()


def test_the_command_adds_up_what_processes_count(start, health):
    """Two workers' notifications are one number; a moment is the latest one."""
    start(GOOD, BROKEN)
    began = time.time()
    start(GOOD, GOOD, WITHOUT)

    _until(lambda: health()[1]["processes", "state=running"] == 2)
    _, rows = health()
    assert rows["notifications_total", "outcome=metered"] == 3
    assert rows["notifications_total", "outcome=quarantined"] == 1
    assert rows["refusals_total", "outcome=quarantined, reason=unknown-version"] == 1
    name = "last_notification_timestamp_seconds"
    assert rows[name, "outcome=metered"] >= began


def test_the_command_prints_what_prometheus_reads(start, health, deployment):
    """Each process's counts are there with its name, and each name is told of once."""
    start(GOOD)
    start(GOOD)
    _until(lambda: len(_written(deployment)) == 3)

    result, _ = health("--prometheus")

    assert result.status == 0
    families = list(text_string_to_metric_families(result.out))
    names = [family.name for family in families]
    assert len(set(names)) == len(names)
    (held_up,) = (each for each in families if each.name == f"{PREFIX}held_up")
    assert len({sample.labels["process"] for sample in held_up.samples}) == 2


def test_the_command_needs_no_agent(health):
    """Without one there is still the spool's and the quarantine's state."""
    result, rows = health()

    assert result.status == 0
    assert rows["processes", "state=running"] == 0
    assert rows["spool_samples", "state=waiting"] == 0
    assert rows["quarantine_notifications", ""] == 0


def test_the_table_tells_moments_as_times(deployment, settings):
    """A reader is not given seconds since 1970 to work out."""
    year = time.gmtime().tm_year
    TALLY.count("metered")
    Writer(settings).write()

    result = run("health", "--config-file", deployment.conf)

    (line,) = (
        each
        for each in result.out.splitlines()
        if "last_notification" in each and "=metered" in each
    )
    assert f" {year}-" in line or f" {year + 1}-01-01" in line
    assert "+00:00" in line


@pytest.mark.parametrize("content", ["no metrics {", "a five\n", "\udc80"])
def test_a_file_that_is_no_metrics_is_named(deployment, health, content):
    """Somebody else's file is an error that says which, and hides nothing else."""
    deployment.metrics.mkdir()
    path = deployment.metrics / "ceilo-nova-usage-other.prom"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))

    result, rows = health()

    assert result.status == 1
    assert str(path) in result.err
    assert rows["quarantine_notifications", ""] == 0


@pytest.fixture(name="fails")
def _fails(health):
    """Tell which findings make the command fail, one by one, and with any."""

    def fails():
        failing = set()
        for name in (*findings.FINDINGS, "any"):
            result, _ = health("--fail-on", name)
            if result.status:
                assert result.status == 1
                assert name == "any" or result.err.startswith(f"{name}: ")
                failing.add(name)
        assert ("any" in failing) == bool(failing - {"any"})
        return failing - {"any"}

    return fails


def test_fail_on_a_stopped_agent(fails, settings):
    """Nobody writes any more, or ever did."""
    assert fails() == {"stopped"}
    Writer(settings).write()
    assert fails() == set()


def test_fail_on_a_quarantine_with_something_in_it(fails, settings, deployment):
    """One notification is enough."""
    Writer(settings).write()
    faults = Faults()
    faults.add("payload", Reason.MISSING, "is missing")
    quarantine = Quarantine(deployment.quarantine, max_bytes=65536, max_files=2)
    quarantine.keep(BROKEN, None, faults, 0)

    assert fails() == {"quarantine"}


def test_fail_on_samples_that_gnocchi_refused(fails, settings, deployment):
    """They wait for somebody, not for Gnocchi."""
    Writer(settings).write()
    spool, _ = _spooled(deployment, GOOD)
    spool.refuse([row.seq for row in spool.waiting(1000)], "no such policy")

    assert fails() == {"refused"}


def test_fail_on_samples_that_wait_for_long(fails, settings, deployment, monkeypatch):
    """Longer than Gnocchi is ever away for."""
    Writer(settings).write()
    _spooled(deployment, GOOD)
    assert fails() == set()

    monkeypatch.setattr(findings, "OLD", 0.001)

    assert fails() == {"spool-old"}


def test_fail_on_a_spool_that_is_nearly_full(fails, deployment):
    """Before notifications have to wait on the bus."""
    deployment.configure(options={"spool_warn_percent": 1, "spool_max_bytes": 2**20})
    conf = configured.configuration([str(deployment.conf)])
    Writer(options.load(conf)).write()
    _spooled(deployment, GOOD)

    assert fails() == {"spool-full"}


def test_fail_on_a_spool_that_was_damaged(fails, settings, deployment):
    """What was put aside is not sent by anyone."""
    Writer(settings).write()
    spool, _ = _spooled(deployment, GOOD)
    spool.close()
    (file,) = deployment.spool.glob("spool-*.db")
    file.write_bytes(b"x" * 100_000)

    assert "damaged" in fails()
