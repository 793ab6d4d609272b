# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Record what a nova puts on the bus, or check that it still puts there the same."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import amqp

from ceilo_nova_usage import boundaries
from ceilo_nova_usage.handlers.delete import DeleteHandler
from ceilo_nova_usage.handlers.exists import ExistsHandler
from tests.nova import compare
from tests.nova.environment import MODES, PATCHED, RELEASES, NovaEnvironment, say
from tests.support import shipped
from tests.support.rabbitmq import RabbitMQ
from tests.support.recordings import FIXTURES, Life, Message

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

INSIDE = Path(__file__).parent / "inside"

#: Seconds; a life takes about ten.
TIMEOUT = 300.0

EXCHANGE = "nova"


class RecordingError(RuntimeError):
    """The life was not led to its end."""


class Tap:
    """A queue that every message of nova's exchange goes to."""

    def __init__(self, channel: amqp.Channel) -> None:
        self._channel = channel
        # Declared as oslo.messaging declares it, whichever of the two comes first.
        channel.exchange_declare(EXCHANGE, "topic", durable=False, auto_delete=False)
        self._queue = channel.queue_declare(exclusive=True).queue
        channel.queue_bind(self._queue, EXCHANGE, "#")

    def drain(self) -> Iterator[Message]:
        """Every message that has arrived, in order, its body untouched."""
        while message := self._channel.basic_get(self._queue, no_ack=True):
            yield Message(
                exchange=message.delivery_info["exchange"],
                routing_key=message.delivery_info["routing_key"],
                properties=message.properties,
                body=message.body,
            )


@contextlib.contextmanager
def tapped(port: int) -> Iterator[Tap]:
    """A tap on the broker at the port."""
    with amqp.Connection(f"127.0.0.1:{port}", "guest", "guest") as connection:
        # Decoding is left off: what is stored is what was sent.
        channel = amqp.Channel(connection, auto_decode=False)
        channel.open()
        yield Tap(channel)


@dataclasses.dataclass(frozen=True, slots=True)
class Script:
    """A life to lead.

    :ivar test: its name below ``inside/lives``
    :ivar patched: whether in the patched tree or the stock one
    :ivar only: the event types that are kept, or None for all of them
    :ivar release: the one release it is for, or None for all that have no life of
        their own
    """

    test: str
    patched: bool
    only: frozenset[str] | None = None
    release: str | None = None


#: What is left of a life that has some hundred messages.
METERED = frozenset(
    [
        *boundaries.event_types(),
        *DeleteHandler.notifications,
        *ExistsHandler.notifications,
    ]
)

#: The lives, by what is put behind a version to name the case.
SCRIPTS = {
    "": Script("server.PlainLifeTest", patched=True),
    "-stock": Script("server.PlainLifeTest", patched=False),
    "-eventful": Script("server.EventfulLifeTest", patched=True, only=METERED),
    "-xenapi": Script(
        "xenapi.XenAPILifeTest", patched=False, only=METERED, release="ussuri"
    ),
    "-hyperv": Script(
        "hyperv.HyperVLifeTest", patched=True, only=METERED, release="2023.2"
    ),
}


def scripts(release: str) -> dict[str, Script]:
    """The lives that are led in a release, by what is put behind its version."""
    own = {name: each for name, each in SCRIPTS.items() if each.release == release}
    return own or {name: each for name, each in SCRIPTS.items() if not each.release}


def record(environment: NovaEnvironment, suffix: str, mode: str) -> Life:
    """Lead a life in a nova and return what went over the bus."""
    script = SCRIPTS[suffix]
    case = f"nova-{environment.version}{suffix}"
    tree = environment.patched() if script.patched else environment.stock()
    say(f"recording {case}, {mode}")
    with RabbitMQ() as broker, tapped(broker.port) as tap:
        done = environment.run(
            tree,
            *("-m", "testtools.run", f"lives.{script.test}"),
            path=[INSIDE],
            variables={"RECORD_TRANSPORT_URL": broker.url, **MODES[mode]},
            timeout=TIMEOUT,
        )
        if done.returncode:
            raise RecordingError(done.stdout)
        kept = (
            message
            for message in tap.drain()
            if script.only is None or message.event_type in script.only
        )
        return Life(case=case, messages=tuple(kept))


def keep(life: Life, fixtures: Path = FIXTURES) -> bool:
    """Store a life that says something new; one that does not is left as it is."""
    with contextlib.suppress(FileNotFoundError):
        if not compare.difference(Life.load(life.case, fixtures), life):
            say(f"{life.case}: {len(life.messages)} messages, as recorded before")
            return True
    life.save(fixtures)
    say(f"{life.case}: stored {len(life.messages)} messages")
    return True


def check(life: Life, fixtures: Path = FIXTURES) -> bool:
    """Whether a life is the committed one; prints how it is not."""
    difference = compare.difference(Life.load(life.case, fixtures), life)
    if difference:
        print(difference)
        say(f"{life.case}: differs from the committed recording")
        return False
    say(f"{life.case}: {len(life.messages)} messages, as committed")
    return True


def main(argv: Sequence[str] | None = None) -> int:
    """Record a release's lives, in a nova with the series and one without."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--release", choices=RELEASES, default=PATCHED[-1])
    parser.add_argument(
        "--check",
        action="store_true",
        help="change nothing; fail where a life differs from the committed one",
    )
    parser.add_argument(
        "--only", choices=("patched", "stock"), help="record in one of the two trees"
    )
    parser.add_argument(
        "--mode",
        choices=MODES,
        default="eventlet",
        help="how nova runs; it must not show on the bus",
    )
    wanted = parser.parse_args(argv)
    environment = NovaEnvironment.of(wanted.release)
    done = [
        (check if wanted.check else keep)(record(environment, suffix, wanted.mode))
        for suffix, script in scripts(wanted.release).items()
        if wanted.only is None or (wanted.only == "patched") == script.patched
    ]
    if not wanted.check:
        shipped.write()
    return 0 if all(done) else 1


if __name__ == "__main__":
    sys.exit(main())
