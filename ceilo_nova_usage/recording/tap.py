# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Listening beside the agents, so that nothing is taken from them or left behind.

A pool of oslo.messaging's has a queue of its own, which gets a copy of each
notification and stays on the broker when its listener goes: it would fill up for ever.
oslo.messaging can have the broker delete such a queue, but only together with the
exchange that it is bound to, and that one is nova's. So on RabbitMQ the pool's queue
is bound to an exchange of the recorder's own, which is bound to nova's. The broker
removes queue, exchange and bindings as soon as the recorder's connection is gone,
whatever ended it. Nova's exchange is neither declared nor changed.
"""

import contextlib
import logging
import ssl
from collections.abc import Iterator, Sequence
from typing import Any

import oslo_messaging
from kombu import connection as amqp
from oslo_config import cfg
from oslo_messaging.notify.dispatcher import PRIORITIES

__all__ = ["NoSuchExchange", "Tap", "Unreachable", "tap"]

LOG = logging.getLogger(__name__)

_RABBIT = "rabbit"
# kombu tells its types in part only.
_CONNECTION: Any = amqp.Connection
# Seconds to wait for a broker's first answer.
_PATIENCE = 10.0
# oslo.messaging takes the place of its options' values from a transport's URL.
_OPTIONS = {
    "amqp_auto_delete": "true",
    "rabbit_ha_queues": "false",
    "rabbit_quorum_queue": "false",
    # Bounds what is held in memory while the disk is slow.
    "rabbit_qos_prefetch_count": "100",
}


class Unreachable(Exception):
    """No broker of the transport's URL answers."""


class NoSuchExchange(Exception):
    """The broker has no exchange of the name that is to be listened to."""


@contextlib.contextmanager
def tap(
    conf: cfg.ConfigOpts,
    url: str | None,
    *,
    exchanges: Sequence[str],
    topics: Sequence[str],
    pool: str,
    endpoint: object,
) -> Iterator["Tap"]:
    """Give ``endpoint`` a copy of every notification while the context lasts.

    ``url`` is a transport URL of oslo.messaging's; None takes ``conf``'s.

    :raises Unreachable: where there is no broker
    :raises NoSuchExchange: where nobody has ever sent to one of the exchanges
    :raises oslo_messaging.InvalidTransportURL: where the URL cannot be parsed
    :raises oslo_messaging.DriverLoadFailure: where there is no such driver
    """
    # Reads the configuration's URL too, whatever section it is in.
    oslo_messaging.get_notification_transport(conf, url or None).cleanup()
    address = oslo_messaging.TransportURL.parse(
        conf, url or conf.oslo_messaging_notifications.transport_url
    )
    with contextlib.ExitStack() as stack:
        bindings: _Bindings | None = None
        listened = exchanges
        if address.transport == _RABBIT:
            bindings = stack.enter_context(
                contextlib.closing(_Bindings(conf, address, exchanges, topics, pool))
            )
            address.query.update(_OPTIONS)
            listened = [pool]
        transport = oslo_messaging.get_notification_transport(conf, address)
        stack.callback(transport.cleanup)
        listener = oslo_messaging.get_notification_listener(
            transport,
            [
                oslo_messaging.Target(exchange=exchange, topic=topic)
                for exchange in listened
                for topic in topics
            ],
            [endpoint],
            executor="threading",
            pool=pool,
        )
        # One thread keeps the notifications in their order.
        listener.start(override_pool_size=1)
        stack.callback(listener.wait)
        stack.callback(listener.stop)
        if bindings is not None:
            bindings.ensure()
        yield Tap(bindings)


class Tap:
    """A listener that is running."""

    def __init__(self, bindings: "_Bindings | None") -> None:
        self._bindings = bindings

    def keep(self) -> None:
        """Restore what a broker's restart removes; call this every few seconds."""
        if self._bindings is not None:
            self._bindings.keep()


class _Bindings:
    """Binds the pool's exchange to those that are listened to."""

    def __init__(
        self,
        conf: cfg.ConfigOpts,
        url: oslo_messaging.TransportURL,
        exchanges: Sequence[str],
        topics: Sequence[str],
        pool: str,
    ) -> None:
        self._conf = conf
        self._url = url
        self._exchanges = exchanges
        self._keys = [
            f"{topic}.{priority}" for topic in topics for priority in PRIORITIES
        ]
        self._pool = pool
        self._is_bound = True
        self._connection = self._connected()
        self._errors = (
            *self._connection.connection_errors,
            *self._connection.channel_errors,
            OSError,
        )
        with self._channel() as channel:
            for exchange in exchanges:
                try:
                    channel.exchange_declare(exchange, type="topic", passive=True)
                except self._connection.channel_errors as error:
                    self.close()
                    raise NoSuchExchange(
                        f"the broker has no exchange {exchange!r} that can be listened "
                        f"to: {error}"
                    ) from error

    def ensure(self) -> None:
        """Bind; a binding that is there already is left alone."""
        with self._channel() as channel:
            for exchange in self._exchanges:
                for key in self._keys:
                    channel.exchange_bind(self._pool, exchange, key)

    def keep(self) -> None:
        """Bind again where the broker has lost the bindings, or try to."""
        try:
            if not self._is_bound:
                self._connection = self._connected()
            self.ensure()
        except (Unreachable, *self._errors) as error:
            self.close()
            if self._is_bound:
                LOG.warning("What is sent from now on may not be recorded: %s", error)
            self._is_bound = False
        else:
            if not self._is_bound:
                LOG.warning("The recording goes on: the broker answers again")
            self._is_bound = True

    def close(self) -> None:
        """Let go of the connection; the bindings stay as long as the queue."""
        self._connection.release()

    @contextlib.contextmanager
    def _channel(self) -> Iterator[Any]:
        with contextlib.closing(self._connection.channel()) as channel:
            yield channel

    def _connected(self) -> Any:
        failures = []
        for host in self._url.hosts or [oslo_messaging.TransportHost()]:
            connection = _CONNECTION(
                hostname=host.hostname or "localhost",
                port=host.port,
                userid=host.username or "guest",
                password=host.password or "guest",
                virtual_host=self._url.virtual_host or "/",
                transport="pyamqp",
                ssl=self._ssl(host.hostname),
                login_method=self._option("rabbit_login_method"),
                connect_timeout=_PATIENCE,
            )
            try:
                connection.connect()
            except (*connection.connection_errors, OSError) as error:
                failures.append(f"{host.hostname}:{host.port}: {error}")
                connection.release()
            else:
                return connection
        raise Unreachable("no broker answers: " + "; ".join(failures))

    def _ssl(self, hostname: str | None) -> dict[str, Any] | bool:
        if str(self._option("ssl")).lower() not in ("true", "1", "yes", "on"):
            return False
        files = {
            "keyfile": self._option("ssl_key_file"),
            "certfile": self._option("ssl_cert_file"),
            "ca_certs": self._option("ssl_ca_file"),
        }
        parameters = {name: value for name, value in files.items() if value}
        if "ca_certs" in parameters:
            parameters["cert_reqs"] = ssl.CERT_REQUIRED
            parameters["server_hostname"] = hostname
        return parameters or True

    def _option(self, name: str) -> Any:
        """Return a driver's option; the URL's word goes before the file's."""
        return self._url.query.get(name, self._conf.oslo_messaging_rabbit[name])
