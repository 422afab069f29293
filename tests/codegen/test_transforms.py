"""Transforms and overlay: each returns a new document and what it changed or didn't find."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from drift_documents import FIVE
from openapi_tools import documents, operations, overlay, transforms
from openapi_tools.errors import DocumentError, TransformError

OURS = operations.load_operations()


def test_they_leave_their_input_alone(fragment: dict[str, Any]) -> None:
    before = copy.deepcopy(fragment)

    transforms.apply(fragment, FIVE)

    assert fragment == before


@pytest.mark.parametrize("transform", transforms.TRANSFORMS, ids=[one.__name__ for one in transforms.TRANSFORMS])
def test_each_returns_the_locations_that_it_changed(fragment: dict[str, Any], transform: transforms.Transform) -> None:
    before = copy.deepcopy(fragment)

    places = transform(fragment, FIVE)

    assert fragment != before
    assert places
    assert all(place.startswith(("/paths/", "/components/")) for place in places)
    assert transform.__doc__


@pytest.mark.parametrize("transform", transforms.TRANSFORMS, ids=[one.__name__ for one in transforms.TRANSFORMS])
def test_each_is_needed_by_the_committed_fragment(root: Path, transform: transforms.Transform) -> None:
    fragment = documents.read_document(root / "openapi" / "fragment.json").root

    assert transforms.apply(fragment, OURS)[1][transform.__name__]


def test_request_enumerations_stay_and_response_enumerations_go(fragment: dict[str, Any]) -> None:
    changed = transforms.apply(fragment, FIVE)[0]

    (sort_by,) = [
        parameter
        for parameter in changed["paths"]["/api/atlas/v2/orgs/{orgId}/invoices"]["get"]["parameters"]
        if parameter.get("name") == "sortBy"
    ]
    assert sort_by["schema"] == {"enum": ["END_DATE", "START_DATE"], "type": "string"}
    schemas = changed["components"]["schemas"]
    assert schemas["PaymentStatus"] == {"type": "string"}
    assert schemas["BillingInvoice"]["allOf"][1]["properties"]["statusName"] == {"nullable": True, "type": "string"}
    # A reference can't be nullable by itself in OpenAPI 3.0.
    payment = {"allOf": [{"$ref": "#/components/schemas/BillingPayment"}], "nullable": True}
    assert schemas["BillingInvoice"]["allOf"][1]["properties"]["payment"] == payment


def test_a_parameter_of_the_path_loses_its_default_too(fragment: dict[str, Any]) -> None:
    item = fragment["paths"]["/api/atlas/v2/orgs"]
    item["parameters"] = [item["get"]["parameters"].pop()]
    assert item["parameters"][0]["schema"]["default"] is True

    changed = transforms.apply(fragment, FIVE)[0]

    assert "default" not in changed["paths"]["/api/atlas/v2/orgs"]["parameters"][0]["schema"]


def test_a_value_of_a_map_may_be_null(root: Path) -> None:
    fragment = documents.read_document(root / "openapi" / "fragment.json").root
    tags = transforms.apply(fragment, OURS)[0]["components"]["schemas"]["InvoiceLineItemTags"]
    assert tags["additionalProperties"]["nullable"] is True


def test_a_success_without_the_media_type_stops(fragment: dict[str, Any]) -> None:
    content = fragment["paths"]["/api/atlas/v2/orgs"]["get"]["responses"]["200"]["content"]
    content["application/json"] = content.pop("application/vnd.atlas.2023-01-01+json")

    with pytest.raises(TransformError, match="GET /api/atlas/v2/orgs doesn't offer"):
        transforms.apply(fragment, FIVE)


def test_a_body_of_another_version_is_dropped(fragment: dict[str, Any]) -> None:
    thing = operations.Operation("make_thing", "things", "post", "/things", "application/vnd.atlas.2025-01-01+csv")
    schema = {"type": "object", "properties": {"name": {"type": "string", "enum": ["a"]}}, "required": ["name"]}
    older, wanted = "application/vnd.atlas.2024-01-01+json", "application/vnd.atlas.2025-01-01+json"
    fragment["paths"]["/things"] = {
        "post": {
            "requestBody": {"content": {older: {"schema": schema}, wanted: {"schema": schema}}},
            "responses": {"202": {"description": "", "content": {thing.accept: {"schema": {"type": "string"}}}}},
        }
    }

    changed, places = transforms.apply(fragment, [thing])

    node = changed["paths"]["/things"]["post"]
    assert node["requestBody"]["content"] == {wanted: {"schema": {"$ref": "#/components/schemas/make_thing_body"}}}
    assert changed["components"]["schemas"]["make_thing_body"] == schema
    assert places["keep_requested_media_type"] == [
        "/paths/~1things/post/requestBody/content/application~1vnd.atlas.2024-01-01+json"
    ]
    del node["requestBody"]["content"][wanted]
    with pytest.raises(TransformError, match=r"POST /things doesn't offer .*2025-01-01\+json at .*requestBody"):
        transforms.apply(changed, [thing])


DOCUMENT = {"a": {"x": {"keep": 1, "list": [1]}, "y": {"keep": 2}}, "list": [{"n": 1}, {"n": 2}, {"n": 3}]}


def applied(*actions: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    before = copy.deepcopy(DOCUMENT)
    result = overlay.apply(DOCUMENT, {"overlay": "1.0.0", "info": {}, "actions": list(actions)})
    assert before == DOCUMENT
    return result


def test_an_update_merges_objects_and_appends_to_lists() -> None:
    update = {"list": [2], "new": {"deep": True}, "keep": 3}

    document, unmatched = applied({"target": "$.a.x", "update": update})

    assert document["a"]["x"] == {"keep": 3, "list": [1, 2], "new": {"deep": True}}
    assert unmatched == []


def test_an_update_of_a_list_appends_one_entry() -> None:
    assert applied({"target": "$.list", "update": {"n": 4}})[0]["list"][-1] == {"n": 4}


def test_every_match_gets_a_copy_of_its_own() -> None:
    document, _ = applied({"target": "$.a['x', 'y']", "update": {"new": {"deep": []}}})

    document["a"]["x"]["new"]["deep"].append(1)
    assert document["a"]["y"]["new"] == {"deep": []}


def test_several_entries_of_one_list_are_removed() -> None:
    document, _ = applied({"target": "$.list[?@.n < 3]", "remove": True})

    assert document["list"] == [{"n": 3}]


def test_a_later_action_sees_an_earlier_one() -> None:
    made = {"target": "$", "update": {"b": {}}}

    assert applied(made, {"target": "$.b", "update": {"c": 1}}) == ({**DOCUMENT, "b": {"c": 1}}, [])


def test_targets_that_match_nothing_are_returned() -> None:
    gone, there = {"target": "$.gone", "update": {}}, {"target": "$.a", "update": {}}

    assert applied(gone, there, {"target": "$..z", "remove": True})[1] == ["$.gone", "$..z"]


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ({"update": {}}, "no `target`"),
        ({"target": "$.a"}, "either `update` or `remove: true`"),
        ({"target": "$.a", "update": {}, "remove": True}, "either `update` or `remove: true`"),
        ({"target": "a[", "update": {}}, "not a JSONPath"),
        ({"target": "$.a.x.keep", "update": {"b": 1}}, "must be an object or a list"),
        ({"target": "$", "remove": True}, "can't remove the whole document"),
    ],
)
def test_an_action_that_makes_no_sense_is_refused(action: dict[str, Any], message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        applied(action)


def test_another_document_than_an_overlay_is_refused() -> None:
    with pytest.raises(DocumentError, match="not an OpenAPI Overlay"):
        overlay.apply({}, {"actions": []})


def test_the_committed_overlay_gives_reasons_for_fixes(root: Path) -> None:
    for action in documents.read_document(root / "openapi" / "overlay.yaml").root["actions"]:
        only_words = set(action.get("update", {})) <= {"summary", "description"}
        assert only_words or action["description"], action["target"]
