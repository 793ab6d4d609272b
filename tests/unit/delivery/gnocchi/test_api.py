# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""What becomes of answers, Gnocchi's own and those of whatever stands before it."""

import contextlib
import gc
import http.server
import json
import threading

import pytest
from gnocchiclient import auth, client
from requests import PreparedRequest

from ceilo_nova_usage.delivery.gnocchi.api import (
    Exists,
    Failed,
    Gnocchi,
    Gone,
    Refused,
    Unavailable,
    UnknownResources,
)

PAGE = b"<html><body>sorry</body></html>"
JSON = "application/json"


def said(description):
    """The body of an error of Gnocchi's."""
    return json.dumps({"description": description}).encode()


@contextlib.contextmanager
def answering(status, body, content_type, **headers):
    """Give Gnocchi behind a server that gives every request this answer."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            if content_type:
                self.send_header("Content-Type", content_type)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_PATCH = do_POST  # noqa: N815 - as http.server wants it

        def log_message(self, *_):
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        basic = auth.GnocchiBasicPlugin(
            user="admin", endpoint=f"http://127.0.0.1:{server.server_port}"
        )
        gnocchi = client.Client("1", session_options={"auth": basic})
        yield Gnocchi(lambda: gnocchi)
        server.shutdown()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param((500, PAGE, "text/html"), Failed, id="it fell over"),
        pytest.param((500, PAGE, None), Unavailable, id="nobody knows of what"),
        pytest.param((502, PAGE, "text/html"), Unavailable, id="a proxy's page"),
        pytest.param((502, b"", None), Unavailable, id="a proxy's nothing"),
        pytest.param((503, b"", JSON), Unavailable, id="no body"),
        pytest.param((400, PAGE, "text/html"), Unavailable, id="a proxy's refusal"),
        pytest.param((401, said("who?"), JSON), Unavailable, id="credentials"),
        pytest.param((429, said("slow"), JSON), Unavailable, id="too fast"),
        pytest.param((400, said("bad"), JSON), Refused, id="Gnocchi's refusal"),
        pytest.param(
            (409, said("Resource a already exists"), JSON), Exists, id="it exists"
        ),
    ],
)
def test_answer(answer, error):
    """Only what Gnocchi itself refuses is refused; all else is tried again."""
    with answering(*answer) as gnocchi, pytest.raises((Refused, Unavailable)) as raised:
        gnocchi.create("instance", {"id": "a"})

    assert raised.type is error


def test_maintenance_is_no_refusal():
    """A load balancer that says when to come back refuses nothing."""
    with (
        answering(503, PAGE, "text/html", Retry_After="120") as gnocchi,
        pytest.raises(Unavailable),
    ):
        gnocchi.post({"a": {"cpu": {"measures": []}}})


def test_a_page_for_a_search_is_no_answer():
    """A page with the status of success is not taken for Gnocchi's."""
    with answering(200, PAGE, "text/html") as gnocchi, pytest.raises(Unavailable):
        gnocchi.find("instance", ["a"])


def test_a_resource_that_is_gone():
    """To change what does not exist is told apart from other refusals."""
    body = said("Resource a does not exist")
    with answering(404, body, JSON) as gnocchi, pytest.raises(Gone):
        gnocchi.update("instance", "a", {"host": "h"})


def test_unknown_resources_are_named():
    """A refusal of measures says which resources are missing."""
    detail = [{"resource_id": "1", "original_resource_id": "a"}]
    body = said({"cause": "Unknown resources", "detail": detail})
    with answering(400, body, JSON) as gnocchi, pytest.raises(UnknownResources) as no:
        gnocchi.post({"a": {"cpu": {"measures": []}}})

    assert no.value.ids == {"a"}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object()])
def test_what_is_no_json_is_refused(value):
    """A value that cannot be written is never sent, and never tried again."""
    with answering(202, b"", JSON) as gnocchi, pytest.raises(Refused):
        gnocchi.post({"a": {"cpu": {"measures": [{"value": value}]}}})


def test_nobody_there():
    """Where nobody listens, it is for later."""
    with answering(200, b"", JSON) as gnocchi:
        pass

    with pytest.raises(Unavailable):
        gnocchi.find("instance", ["a"])


def test_what_failed_is_freed():
    """A request's body is large, and the collector of cycles runs seldom."""
    with answering(200, b"", JSON) as gnocchi:
        pass
    gc.collect()
    gc.disable()
    try:
        for _ in range(10):
            with pytest.raises(Unavailable):
                gnocchi.find("instance", ["a"])
        left = [each for each in gc.get_objects() if type(each) is PreparedRequest]
        assert left == []
    finally:
        gc.enable()
