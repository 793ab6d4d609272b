# SPDX-FileCopyrightText: 2026 ceilo-nova-usage developers
# SPDX-License-Identifier: Apache-2.0
"""The bulk requests in Gnocchi's API: what they make is what its own requests make."""

import datetime
import json
import uuid

import pytest
import requests

from ceilo_nova_usage.gnocchi_bulk import PATH
from tests.functional.stack.delivery import Delivery, compare_all, configure
from tests.functional.stack.stack import EXACT
from tests.support.deletes import Instance
from tests.support.gnocchi_server import USER

AT = "2026-01-01T00:00:00"
LATER = "2026-01-01T00:05:00"
DEFINITION = {"archive_policy_name": EXACT, "unit": "B"}
METRIC = {**DEFINITION, "measures": [{"timestamp": AT, "value": 7}]}
ATTRIBUTES = {
    "display_name": "name",
    "host": "host",
    "flavor_id": "1",
    "flavor_name": "small",
}
# What Gnocchi says of a resource that it was not told.
OWN = {"metrics", "revision_start", "id", "original_resource_id"}


@pytest.fixture(name="bulk", scope="module")
def _bulk(running_stack, request):
    """Gnocchi with the bulk requests."""
    running_stack.restore()
    running_stack.set_bulk(True)
    yield running_stack.gnocchi
    running_stack.set_bulk(request.config.option.bulk)


@pytest.fixture(name="post")
def _post(bulk):
    """Send a bulk request; return the status, and what the answer was."""

    def post(name, body, user=USER):
        answer = requests.post(
            f"{bulk.url}/v1/{PATH}/{name}",
            json=body,
            auth=(user, ""),
            headers={"Accept": "application/json"},
            timeout=30,
        )
        return answer.status_code, answer.json() if answer.ok else answer.text

    return post


def an_instance(**more):
    """What is asked for an instance."""
    return {"id": str(uuid.uuid4()), "project_id": "project", **ATTRIBUTES, **more}


def a_disk(instance, **more):
    """What is asked for a disk of an instance, whose id is no UUID."""
    return {
        "id": f"{instance['id']}-vda",
        "instance_id": instance["id"],
        "name": "vda",
        **more,
    }


def there(gnocchi, resource_type, resource):
    """Whether Gnocchi has a resource."""
    query = {"=": {"id": resource["id"]}}
    return bool(gnocchi.client().resource.search(resource_type, query))


def test_a_resource_is_as_gnocchi_makes_it(bulk, post):
    """But for its ids, and when it was made, there is no difference."""
    client = bulk.client()
    times = {"started_at": f"{AT}+00:00", "ended_at": f"{LATER}+00:00"}
    one, other = (an_instance(user_id="user", **times) for _ in range(2))
    theirs = client.resource.create(
        "instance", {**one, "metrics": {"metric": dict(DEFINITION)}}
    )

    status, made = post(
        "resources", {"instance": [{**other, "metrics": {"metric": METRIC}}]}
    )

    assert status == 201
    ours = client.resource.get("instance", other["id"])
    assert ours["original_resource_id"] == other["id"]
    assert made == [{"original_resource_id": other["id"], "metrics": ours["metrics"]}]
    assert {key: value for key, value in ours.items() if key not in OWN} == {
        key: value for key, value in theirs.items() if key not in OWN
    }
    metrics = [client.metric.get("metric", each["id"]) for each in (theirs, ours)]
    same = ("archive_policy", "creator", "name", "unit", "resource_id")
    for metric in metrics:
        metric["archive_policy"] = metric["archive_policy"]["name"]
        metric["resource_id"] = metric.pop("resource")["type"]
    assert [metrics[0][each] for each in same] == [metrics[1][each] for each in same]


def test_measures_are_taken(bulk, post):
    """Of every metric of every resource, disks among them, its own."""
    instance = an_instance()
    disk = a_disk(instance)
    many = {
        f"metric {number}": {
            **DEFINITION,
            "measures": [
                {"timestamp": time, "value": number + more}
                for time, more in ((AT, 0.5), (LATER, 0.75))[: number % 3]
            ],
        }
        for number in range(6)
    }

    status, made = post(
        "resources",
        {
            "instance": [{**instance, "metrics": {"metric": METRIC}}],
            "instance_disk": [{**disk, "metrics": many}],
        },
    )

    assert status == 201
    ids = {each["original_resource_id"]: each["metrics"] for each in made}
    bulk.wait_until_processed()
    assert values(bulk, ids[instance["id"]]["metric"]) == [7]
    assert {name: values(bulk, each) for name, each in ids[disk["id"]].items()} == {
        "metric 0": [],
        "metric 1": [1.5],
        "metric 2": [2.5, 2.75],
        "metric 3": [],
        "metric 4": [4.5],
        "metric 5": [5.5, 5.75],
    }


def values(gnocchi, metric_id):
    """The values of a metric, in the order of time."""
    measures = gnocchi.client().metric.get_measures(metric_id, aggregation="last")
    return [value for _, _, value in measures]


def test_metrics_are_added_to_a_resource(bulk, post):
    """It has them beside those it had, with their measures."""
    instance = an_instance()
    disk = a_disk(instance)
    post(
        "resources",
        {
            "instance": [{**instance, "metrics": {"first": METRIC}}],
            "instance_disk": [disk],
        },
    )

    status, made = post(
        "metrics", {instance["id"]: {"second": METRIC}, disk["id"]: {"third": METRIC}}
    )

    assert status == 201
    ids = {each["original_resource_id"]: each["metrics"] for each in made}
    client = bulk.client()
    has = client.resource.get("instance", instance["id"])["metrics"]
    assert set(has) == {"first", "second"}
    assert ids[instance["id"]] == {"second": has["second"]}
    assert (
        client.resource.get("instance_disk", disk["id"])["metrics"] == ids[disk["id"]]
    )
    bulk.wait_until_processed()
    assert values(bulk, ids[disk["id"]]["third"]) == [7]


@pytest.mark.parametrize(
    ("status", "metrics"),
    [
        pytest.param(400, {"a/b": METRIC}, id="a name with a slash"),
        pytest.param(400, {"a": {"archive_policy_name": "none such"}}, id="no policy"),
        pytest.param(400, {"a": {**METRIC, "unit": "u" * 40}}, id="a long unit"),
        pytest.param(400, {"a": {**METRIC, "resource_id": "b"}}, id="another resource"),
        pytest.param(400, {"a": {**METRIC, "measures": 7}}, id="measures are no list"),
        pytest.param(400, {"a": {**METRIC, "measures": [7]}}, id="no measure"),
        pytest.param(
            400,
            {"a": {**METRIC, "measures": [{"timestamp": AT, "value": "much"}]}},
            id="a value that is no number",
        ),
        # What Gnocchi takes alone, and would misread behind a time in another form.
        pytest.param(
            400,
            {"a": METRIC, "b": {"measures": [{"timestamp": 1767225600, "value": 1}]}},
            id="a time as a number",
        ),
        pytest.param(400, [], id="metrics are no object"),
        pytest.param(400, {"a": {"unit": ["B"]}}, id="a unit that is no text"),
        pytest.param(400, {"a": 7}, id="no definition"),
        pytest.param(400, {"a\0b": METRIC}, id="a name with a NUL"),
        pytest.param(400, {"a" * 300: METRIC}, id="a long name"),
    ],
)
def test_what_is_refused_makes_nothing(bulk, post, status, metrics):
    """One metric is wrong: none of the request's resources or metrics is made."""
    wrong, right = an_instance(), an_instance()

    answer = post("resources", {"instance": [right, {**wrong, "metrics": metrics}]})

    assert answer[0] == status, answer
    assert not there(bulk, "instance", wrong)
    assert not there(bulk, "instance", right)
    post("resources", {"instance": [wrong]})
    assert post("metrics", {wrong["id"]: metrics})[0] == status
    assert bulk.client().resource.get("instance", wrong["id"])["metrics"] == {}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"none such": [an_instance()]}, id="no such type"),
        pytest.param({"instance": [{"id": "a"}]}, id="attributes are lacking"),
        pytest.param({"instance": [an_instance(id="a/b")]}, id="an id with a slash"),
        pytest.param({"instance": an_instance()}, id="no list"),
        pytest.param([], id="no object"),
        pytest.param(
            {"instance": [an_instance(started_at=LATER, ended_at=AT)]},
            id="it ends before it starts",
        ),
    ],
)
def test_resources_that_are_refused(post, body):
    """As Gnocchi refuses them."""
    assert post("resources", body)[0] == 400


def test_what_exists_is_not_made_again(bulk, post):
    """Nor is what was asked for beside it; what exists stays as it was."""
    old, new = an_instance(), an_instance()
    post("resources", {"instance": [{**old, "metrics": {"metric": METRIC}}]})

    assert post("resources", {"instance": [new, {**old, "host": "other"}]})[0] == 409

    assert not there(bulk, "instance", new)
    assert bulk.client().resource.get("instance", old["id"])["host"] == "host"
    assert post("resources", {"instance": [new, new]})[0] == 409
    both = {"metric": METRIC, "more": METRIC}
    assert post("metrics", {old["id"]: both})[0] == 409
    assert set(bulk.client().resource.get("instance", old["id"])["metrics"]) == {
        "metric"
    }


def test_metrics_of_a_resource_that_does_not_exist(post):
    """It is named, as in Gnocchi's own answer."""
    status, answer = post("metrics", {"nobody": {"metric": METRIC}})

    assert status == 400
    assert "Unknown resources" in answer
    assert "nobody" in answer


def test_metrics_are_not_added_to_what_is_anothers(bulk, post):
    """Gnocchi's policy says who may change a resource: its creator, for one."""
    instance = an_instance()
    post("resources", {"instance": [instance]})

    assert post("metrics", {instance["id"]: {"metric": METRIC}}, user="eve")[0] == 403

    assert bulk.client().resource.get("instance", instance["id"])["metrics"] == {}


@pytest.fixture(name="forbidding")
def _forbidding(bulk, running_stack):
    """Have each of Gnocchi's policies forbid something to a user of its name."""
    rules = ("create resource", "create metric", "post measures", "update resource")
    bulk.policies.write_text(
        json.dumps({rule: f"not user:no-{rule.replace(' ', '-')}" for rule in rules})
    )
    running_stack.set_bulk(True)
    yield
    bulk.policies.write_text("{}")
    running_stack.set_bulk(True)


@pytest.mark.usefixtures("forbidding")
def test_gnocchis_policies_are_asked(bulk, post):
    """Each of those that Gnocchi's own requests ask."""
    for user in ("no-create-resource", "no-create-metric", "no-post-measures"):
        instance = an_instance()
        body = {"instance": [{**instance, "metrics": {"metric": METRIC}}]}
        assert post("resources", body, user=user)[0] == 403
        assert not there(bulk, "instance", instance)
    instance = an_instance()
    post("resources", {"instance": [instance]})
    for user in ("no-create-metric", "no-post-measures", "no-update-resource"):
        body = {instance["id"]: {"metric": METRIC}}
        assert post("metrics", body, user=user)[0] == 403
    assert bulk.client().resource.get("instance", instance["id"])["metrics"] == {}
    assert post("metrics", {instance["id"]: {"metric": METRIC}}, user="any")[0] == 201


def test_all_else_of_the_api_is_as_it_was(bulk):
    """Its own page lists what it has: ours, and all that is there without."""
    page = requests.get(f"{bulk.url}/v1/", auth=(USER, ""), timeout=30).json()
    names = {link["rel"] for link in page["links"]}
    assert names >= {"self", "archive_policy", "metric", "resource", PATH}
    instance = an_instance()
    made = bulk.client().resource.create("instance", instance)
    assert made["original_resource_id"] == instance["id"]


def test_two_agents_make_the_same_at_once(bulk, running_stack, run, figures):
    """Each hears of each instance, in one form or the other: all is there once."""
    at = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    instances = [
        Instance(run=run, number=number, collected_at=at) for number in range(40)
    ]
    legacy = [each.legacy() for each in instances]
    configs = [
        configure(running_stack.host(), "agent", running_stack.exact())
        for _ in range(2)
    ]
    with running_stack.agents(*configs), running_stack.bus() as bus:
        # To one agent the one half of the legacy form and the other of the versioned.
        before = len(bulk.requests())
        bus.publish([*legacy, *(each.versioned() for each in instances)])
        running_stack.wait_until_handled()
        bulk.wait_until_processed()

    refused = bulk.requests()[before:].count(f"POST /{PATH}/resources 409")
    comparison = compare_all(running_stack, legacy)
    assert comparison.exact, comparison
    figures.append(
        f"two agents, {len(instances)} instances in both forms, {refused} bulk "
        f"requests refused for the other's sake: {comparison}"
    )


def test_the_publisher_uses_them(bulk, running_stack, run, figures):
    """While they are there: all comes to Gnocchi, with them and after them."""
    delivery = Delivery(running_stack, run, 40)
    asked = {}
    with running_stack.agents(delivery.configure()):
        for there, part in zip((True, False), delivery.parts(2), strict=True):
            running_stack.set_bulk(there)
            before = len(bulk.requests())
            delivery.publish(part)
            delivery.wait_until_arrived()
            asked[there] = bulk.requests()[before:]
    running_stack.set_bulk(True)

    comparison = delivery.compare()
    assert comparison.exact, comparison
    made = f"POST /{PATH}/resources 201"
    singly = "POST /resource/instance 201"
    assert made in asked[True]
    assert singly not in asked[True]
    assert made not in asked[False]
    assert asked[False].count(singly) == len(delivery.sent) / 2
    figures.append(
        f"{len(delivery.sent)} deletes, half of them with bulk requests: "
        f"{len(asked[True])} and {len(asked[False])} requests, {comparison}"
    )
