# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The check that a recording is still what nova says."""

import dataclasses
import json
import re
import uuid

import pytest

from tests.nova import compare, record
from tests.support.recordings import Life

CASE = "nova-34.0.0"
EXISTS = "compute.instance.exists"


@pytest.fixture(name="life")
def _life():
    return Life.load(CASE)


def rewrite(life, event_type, change):
    """A life whose notifications of one type went through a change."""

    def written(message):
        if message.event_type != event_type:
            return message
        notification = message.notification()
        change(notification)
        envelope = message.envelope() | {"oslo.message": json.dumps(notification)}
        return dataclasses.replace(message, body=json.dumps(envelope).encode())

    return dataclasses.replace(
        life, messages=tuple(written(message) for message in life.messages)
    )


def substitute(life, pattern, replacement):
    """A life with a regular expression replaced in every body."""
    return dataclasses.replace(
        life,
        messages=tuple(
            dataclasses.replace(
                message,
                body=re.sub(pattern, replacement, message.body.decode()).encode(),
            )
            for message in life.messages
        ),
    )


def test_a_life_is_like_itself(life):
    """A recording does not differ from itself."""
    assert compare.difference(life, life) == ""


def test_other_ids_are_no_difference(life):
    """The same life with every uuid renamed is the same life."""
    names = {}

    def rename(found):
        return names.setdefault(found[0], str(uuid.uuid4()))

    renamed = substitute(life, r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", rename)
    assert renamed != life
    assert compare.difference(life, renamed) == ""


def test_a_few_seconds_are_no_difference(life):
    """The same life led a little faster or slower is the same life."""
    slower = substitute(life, r"([T ]\d\d:\d)\d:\d\d", r"\g<1>9:59")
    assert slower != life
    assert compare.difference(life, slower) == ""


def _altered_counter(notification):
    notification["payload"]["usage"]["disks"][1]["write_bytes"] += 1


def _lost_counter(notification):
    del notification["payload"]["usage"]["cpu"]["time"]


def _number_turned_text(notification):
    cpu = notification["payload"]["usage"]["cpu"]
    cpu["number"] = str(cpu["number"])


def _new_field(notification):
    notification["payload"]["usage"]["host"] = "compute1"


def _swapped_ids(notification):
    payload = notification["payload"]
    disk, interface = payload["usage"]["disks"][1], payload["usage"]["interfaces"][0]
    disk["volume_id"], interface["port_id"] = interface["port_id"], disk["volume_id"]


def _swapped_times(notification):
    payload = notification["payload"]
    payload["audit_period_beginning"], payload["audit_period_ending"] = (
        payload["audit_period_ending"],
        payload["audit_period_beginning"],
    )


def _time_without_zone(notification):
    usage = notification["payload"]["usage"]
    usage["collected_at"] = usage["collected_at"].removesuffix("+00:00")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (_altered_counter, "write_bytes"),
        (_lost_counter, "time"),
        (_number_turned_text, "number"),
        (_new_field, "host"),
        (_swapped_ids, "volume_id"),
        (_swapped_times, "audit_period_beginning"),
        (_time_without_zone, "collected_at"),
    ],
)
def test_a_difference_fails_the_check_and_is_shown(
    life, change, named, tmp_path, capsys
):
    """A committed recording that says something else fails, and the diff names it."""
    rewrite(life, EXISTS, change).save(tmp_path)
    assert not record.check(life, tmp_path)
    shown = capsys.readouterr().out
    assert f"committed/{EXISTS}/{CASE}.json" in shown
    assert re.search(rf'^[+-] *"{named}"', shown, re.MULTILINE)


def test_a_difference_is_shown_alone(life):
    """Ids that one message has lost do not make differences of those that follow."""

    def without_ports(notification):
        data = notification["payload"]["nova_object.data"]
        data["ip_addresses"] = []

    shown = compare.difference(
        life, rewrite(life, "instance.create.end", without_ports)
    )
    headings = [line for line in shown.splitlines() if line.startswith("+++ ")]
    assert headings == [f"+++ recorded/instance.create.end/{CASE}.json"]


def test_a_message_more_fails_the_check(life, tmp_path, capsys):
    """A message that the committed recording lacks is shown by its file's name."""
    fewer = tuple(each for each in life.messages if each.event_type != EXISTS)
    dataclasses.replace(life, messages=fewer).save(tmp_path)
    assert not record.check(life, tmp_path)
    assert f"+{EXISTS}/{CASE}.json" in capsys.readouterr().out


def test_another_order_fails_the_check(life, tmp_path):
    """The same messages in another order are another life."""
    dataclasses.replace(life, messages=life.messages[::-1]).save(tmp_path)
    assert not record.check(life, tmp_path)


def test_another_routing_key_fails_the_check(life, tmp_path):
    """What the bus says of a message outside its body counts as well."""
    messages = tuple(
        dataclasses.replace(each, routing_key="notifications.error")
        for each in life.messages
    )
    dataclasses.replace(life, messages=messages).save(tmp_path)
    assert not record.check(life, tmp_path)


def test_what_is_saved_is_loaded(life, tmp_path):
    """A saved life comes back whole, its bodies byte for byte."""
    life.save(tmp_path)
    assert Life.load(CASE, tmp_path) == life


def test_saving_replaces(life, tmp_path):
    """A life that is saved again leaves no file of the earlier one behind."""
    life.save(tmp_path)
    shorter = dataclasses.replace(life, messages=life.messages[:3])
    shorter.save(tmp_path)
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.json")}
    assert files == {f"lives/{CASE}.json"} | {file for file, _ in shorter.files()}


def test_an_unchanged_life_is_kept(life, tmp_path):
    """Recording again leaves the committed bytes alone where nothing has changed."""
    life.save(tmp_path)
    record.keep(substitute(life, r"([T ]\d\d:\d)\d:\d\d", r"\g<1>9:59"), tmp_path)
    assert Life.load(CASE, tmp_path) == life
