# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""Other names for the same things: none of the old ones, and the same ties."""

import ipaddress
import json
import re
from collections import Counter

import pytest

from ceilo_nova_usage.recording.anonymization import Anonymizer
from ceilo_nova_usage.recording.redaction import redact
from tests.support.command import replay

KEY = b"k" * 32
#: What tells who and what, in the recorded life and in the request that led it.
NAMES = (
    "web-1",
    "compute1",
    "admin",
    "6f70656e737461636b20342065766572",
    "tapce531f90-19",
    "ce531f90-199f-48c0-816c-13e38010b442",
    "fa:16:3e:4c:2c:30",
    "155d900f-4e14-4e4c-a73d-069cbf4541e6",
    "research",
)


@pytest.fixture(name="anonymizer")
def _anonymizer():
    return Anonymizer(KEY)


@pytest.fixture(name="messages")
def _messages(life):
    return [redact(message.notification()) for message in life.messages]


@pytest.fixture(name="anonymous")
def _anonymous(anonymizer, messages):
    return [anonymizer.anonymize(message) for message in messages]


def strings(value):
    """Every string in a value, keys left out."""
    if isinstance(value, dict):
        value = [
            item
            for key, item in value.items()
            if key not in ("roles", "_context_roles", "image_type")
        ]
    if isinstance(value, list):
        return [text for item in value for text in strings(item)]
    return [value] if isinstance(value, str) else []


def test_no_name_is_left(messages, anonymous):
    """Nothing of the names and ids in a life is in it afterwards."""
    before, after = ("\n".join(strings(all_)) for all_ in (messages, anonymous))

    # These two are new in every recording.
    (instance_id,) = {each["payload"].get("instance_id") for each in messages} - {None}
    (reservation_id,) = set(re.findall(r"\br-[0-9a-z]{8}\b", before))
    names = (*NAMES, instance_id, reservation_id)

    assert [name for name in names if name not in before] == []
    assert [name for name in names if name in after] == []


def shape(samples):
    """Samples without names: how often each meter, volume and time came."""
    return Counter(
        (sample["name"], sample["volume"], sample["timestamp"]) for sample in samples
    )


def test_replays_the_same(messages, anonymous, write):
    """A life under other names gives the same samples under other names."""
    before = replay(write(*messages, name="before"))
    after = replay(write(*anonymous, name="after"))

    assert (before.status, after.status) == (0, 0)
    assert shape(after.samples) == shape(before.samples)
    assert len(set(after.ids)) == len(set(before.ids))
    assert not set(after.ids) & set(before.ids)
    for old, new in zip(before.samples, after.samples, strict=True):
        uuid = old["resource_metadata"]["instance_id"]
        new_uuid = new["resource_metadata"]["instance_id"]
        is_own = old["resource_id"] == uuid
        assert (new["resource_id"] == new_uuid) is is_own
        assert (uuid in old["resource_id"]) == (new_uuid in new["resource_id"])
        # The parts around the names are the same: a device, the separators.
        assert old["resource_id"].count("-") == new["resource_id"].count("-")


def test_same_name_for_the_same(anonymizer):
    """One thing has one other name, in whatever string it stands."""
    uuid = "ce531f90-199f-48c0-816c-13e38010b442"
    message = {
        "publisher_id": "compute.host1.example.org",
        "payload": {
            "host": "host1.example.org",
            "port_id": uuid,
            "name": f"tap{uuid[:11]}",
            "project_id": uuid.replace("-", ""),
            "_context_request_id": f"req-{uuid}",
            "instance_name": "instance-0000001f",
            "filter": "nova-instance-instance-0000001f-fa163e4c2c30",
            "mac": "fa:16:3e:4c:2c:30",
            "image_ref_url": f"http://glance:9292/images/{uuid}",
        },
    }

    after = anonymizer.anonymize(message)
    payload = after["payload"]
    port = payload["port_id"]

    assert re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", port)
    assert port != uuid
    assert after["publisher_id"] == f"compute.{payload['host']}"
    assert payload["name"] == f"tap{port[:11]}"
    assert payload["project_id"] == port.replace("-", "")
    assert payload["_context_request_id"] == f"req-{port}"
    assert payload["image_ref_url"].endswith(f"/images/{port}")
    assert payload["mac"].startswith("fa:16:3e:")
    assert payload["filter"] == (
        f"nova-instance-{payload['instance_name']}-{payload['mac'].replace(':', '')}"
    )


@pytest.mark.parametrize(
    "address", ["192.0.2.7", "192.0.2.7/24", "2001:db8::7", "2001:db8::7/64"]
)
def test_addresses(anonymizer, address):
    """An IP address becomes another of the same version, with its prefix's length."""
    after = anonymizer.anonymize({"payload": {"address": address}})["payload"][
        "address"
    ]

    old, new = ipaddress.ip_interface(address), ipaddress.ip_interface(after)
    assert old.version == new.version
    assert old.network.prefixlen == new.network.prefixlen
    assert new.ip.is_private
    assert new.ip != old.ip


def test_what_stays(anonymizer):
    """States, times, numbers, flavors and versions stay: they say what happened."""
    payload = {
        "state": "active",
        "launched_at": "2026-10-05T09:10:04.000000",
        "created_at": "2026-10-05 09:10:03+00:00",
        "vcpus": 2,
        "instance_type": "m1.medium",
        "flavor": {"nova_object.data": {"name": "m1.medium", "flavorid": "3"}},
        "device": "vda",
        "terminated_at": "",
        "os_type": None,
    }

    assert anonymizer.anonymize({"payload": payload})["payload"] == payload


def test_labels_are_names(anonymizer):
    """Where a key is a name, as a network's label, it gets another too."""
    payload = {"bandwidth": {"customer-net": {"bw_in": 1, "bw_out": 2}}}

    (label,) = anonymizer.anonymize({"payload": payload})["payload"]["bandwidth"]

    assert label.startswith("name-")


def test_keys(messages):
    """One key gives the same names in any recording, another gives others."""
    first, again = (Anonymizer(KEY).anonymize(messages[0]) for _ in range(2))

    assert first == again
    assert first != Anonymizer(b"x" * 32).anonymize(messages[0])


def test_odd_texts(anonymizer):
    """Lone surrogates, long and deep values are no reason to fail."""
    deep = json.loads("[" * 900 + '"x"' + "]" * 900)
    payload = {"a": "\ud800", "b": "x" * 100_000, "c": deep}

    json.dumps(anonymizer.anonymize({"payload": payload}))
