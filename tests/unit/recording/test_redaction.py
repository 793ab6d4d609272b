# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""What redaction takes out of a notification, and what it leaves."""

import copy
import json

import pytest
from oslo_context import context

from ceilo_nova_usage.recording.redaction import CONTEXT_KEYS, redact
from tests.support.command import replay

SECRET = "correct-horse"


@pytest.fixture(name="ctxt")
def _ctxt():
    """The context of a request as nova sends it, with secrets in every place."""
    return {
        **context.RequestContext(
            auth_token=SECRET, user_id="u", project_id="p", overwrite=False
        ).to_dict(),
        "service_catalog": [{"endpoints": [{"publicURL": f"http://{SECRET}"}]}],
        "auth_token_info": {"token": {"catalog": SECRET}},
        "service_token": SECRET,
        "remote_address": SECRET,
        "of_a_later_release": SECRET,
    }


@pytest.mark.parametrize("form", ["decoded", "dispatched", "envelope"])
def test_context(form, ctxt, decoded, dispatched):
    """Of a context only what is known to be harmless is left, in every form."""
    message = {**decoded, **{f"_context_{key}": ctxt[key] for key in ctxt}}
    if form == "dispatched":
        message = {**dispatched, "ctxt": ctxt}
    elif form == "envelope":
        message = {"oslo.version": "2.0", "oslo.message": json.dumps(message)}

    redacted = json.dumps(redact(message))

    assert SECRET not in redacted
    for name in ("request_id", "user", "project_id", "roles"):
        assert name in CONTEXT_KEYS
        assert name in redacted


@pytest.mark.parametrize(
    "payload",
    [
        {"admin_pass": SECRET},
        {"args": {"adminPass": SECRET, "new_pass": SECRET}},
        {"keypairs": [{"name": "k", "private_key": SECRET}]},
        {"user_data": SECRET},
        {"block_devices": [{"connection_info": {"data": SECRET}}]},
        {"deep": [[{"nova_object.data": {"password": [SECRET]}}]]},
        {"args": {"context": {"auth_token": SECRET, "any": SECRET}}},
        {"args": {"_context_auth_token": SECRET}},
        {"message": f"could not log in with password='{SECRET}'"},
        {"image_ref_url": f"http://user:{SECRET}@glance:9292/images/1"},
        {"X-Auth-Token": SECRET},
    ],
    ids=lambda payload: next(iter(payload)),
)
def test_payload(payload, dispatched):
    """Secrets inside a payload are masked, however deep."""
    message = {**dispatched, "payload": {**dispatched["payload"], **payload}}
    before = copy.deepcopy(message)

    assert SECRET not in json.dumps(redact(message))
    assert message == before


def test_instances_are_left(life):
    """What nova tells of an instance stays as it is."""
    messages = [message.notification() for message in life.messages]

    for message in messages:
        if "instance." not in message["event_type"]:
            continue
        assert redact(message)["payload"] == message["payload"]


def test_replays_the_same(envelope, write):
    """A redacted notification gives the samples of the one it was."""
    before, after = replay(write(envelope)), replay(write(redact(envelope)))

    assert (after.status, after.ids) == (0, before.ids)


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_depth(opening, dispatched):
    """A payload nested beyond reason is cut off, and no reason to fail."""
    closing = {"[": "]", '{"a":': "}"}[opening]
    dispatched["payload"] = json.loads(opening * 900 + "1" + closing * 900)

    assert len(json.dumps(redact(dispatched))) < 2000


def test_unreadable_envelope():
    """What can't be opened can't be looked through: it is masked whole."""
    message = {"oslo.version": "2.0", "oslo.message": f'{{"auth_token": "{SECRET}"'}

    assert SECRET not in json.dumps(redact(message))
