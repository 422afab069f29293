"""The drift check's rules: what each difference means for a client, with a document before and after."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve

from drift import rules
from drift_documents import JSON, THING, document, replying, report, taking
from openapi_tools import model
from openapi_tools.errors import AssumptionError
from openapi_tools.operations import placeholders

Json = dict[str, Any]
Case = tuple[str, Json, Json, str, str]
# The classes, short, for the tables below.
B, A = "breaking", "additive"
SENT = "/requestBody/content/application~1vnd.atlas.2023-01-01+json"
BODY = "/responses/200/content/application~1vnd.atlas.2023-01-01+json/schema"
SIZE = "/parameters/query:size/schema"


def with_schema(make: Callable[[Json], Json], before: Json, after: Json) -> tuple[Json, Json]:
    return document(make(before)), document(make(after))


def whole(**change: Any) -> Json:
    """A document with a changed top level; None removes a part."""
    made = {**document(replying({})), **change}
    return {key: value for key, value in made.items() if value is not None}


def response(**change: Any) -> Json:
    node = replying({})
    node["responses"]["200"].update(change)
    return document(node)


def responses(*statuses: str) -> Json:
    return document(replying({}) | {"responses": {status: {"description": ""} for status in statuses}})


def offering(*media: str, **keywords: Any) -> Json:
    return response(content={name: dict(keywords) for name in media})


def token_url(url: str) -> Json:
    made = document(replying({}))
    made["components"]["securitySchemes"]["Account"]["flows"]["clientCredentials"]["tokenUrl"] = url
    return made


def flow(name: str = "clientCredentials", **addresses: str) -> Json:
    """A document whose service account has another flow with these URLs, beside the usual one."""
    made = token_url("https://atlas.example/token")
    flows = made["components"]["securitySchemes"]["Account"]["flows"]
    flows.setdefault(name, {"scopes": {}}).update(addresses)
    return made


def parameters(*nodes: Json) -> Json:
    return document(replying({}, parameters=list(nodes)))


def at_path(*paths: str) -> list[Json]:
    """The document with its operation at each path, which has one parameter."""
    made = []
    for path in paths:
        node = {"in": "path", "name": placeholders(path)[0], "required": True, "schema": {"type": "string"}}
        made.append({**parameters(node), "paths": {path: parameters(node)["paths"][THING.path]}})
    return made


def body(**request: Any) -> Json:
    return document(replying({}, requestBody=request))


def needing(*roles: str) -> Json:
    return document(replying({}, **{"x-rolesRequirements": list(roles)}))


def columns(header: str) -> Json:
    """A document whose operation replies with CSV, with a preamble and this header in its example."""
    example = f'Invoice Number,1\nPeriod,"June 1, 2026 - July 1, 2026",\n\n{header}\n'
    return response(content={CSV: {"schema": {"type": "string"}, "example": example}})


CSV = "application/vnd.atlas.2023-01-01+csv"
IN_CSV = "/responses/200/content/application~1vnd.atlas.2023-01-01+csv"
FREE = {"in": "query", "name": "free", "schema": {"type": "string"}}
IN_JSON = {"in": "query", "name": "free", "content": {"application/json": {"schema": {"type": "string"}}}}
TEXT = {"type": "string"}
ONE = {"type": "object", "properties": {"a": TEXT}}
ANOTHER = {"type": "object", "properties": {"b": TEXT}}
TYPED = {"discriminator": {"propertyName": "kind"}, **ONE}

# What is the same whichever way the data goes, or goes one way only.
CASES: list[Case] = [
    ("operation-removed", document(replying({})), document(), B, ""),
    ("operation-added", document(), document(replying({})), A, ""),
    ("operation-renamed", document(replying({})), document(replying({}, operationId="new")), "renamed", "/operationId"),
    ("deprecated", document(replying({})), document(replying({}, deprecated=True)), A, "/deprecated"),
    ("no-longer-deprecated", document(replying({}, deprecated=True)), document(replying({})), A, "/deprecated"),
    ("deprecated", parameters(FREE), parameters({**FREE, "deprecated": True}), A, "/parameters/query:free/deprecated"),
    ("deprecated", *with_schema(replying, TEXT, {**TEXT, "deprecated": True}), A, f"{BODY}/deprecated"),
    ("sunset", document(replying({})), document(replying({}, **{"x-sunset": "2027-07-01"})), A, "/x-sunset"),
    ("sunset", offering(JSON), offering(JSON, **{"x-sunset": "2027-07-01"}), A, f"{BODY[:-7]}/x-sunset"),
    ("server-removed", whole(servers=[{"url": "https://a.example"}, {"url": "https://b.example"}]),
     whole(servers=[{"url": "https://a.example/"}]), B, "/servers"),
    ("server-added", whole(),
     whole(servers=[{"url": "https://atlas.example"}, {"url": "https://b.example"}]), A, "/servers"),
    # A variable stands for each of its values.
    ("server-added", whole(), whole(servers=[
        {"url": "https://{where}.example/", "variables": {"where": {"default": "atlas", "enum": ["atlas", "b"]}}}
    ]), A, "/servers"),
    ("security-removed", whole(), whole(security=[{"Digest": []}]), B, "/security/OAuth 2 clientCredentials"),
    ("security-removed", document(replying({})), document(replying({}, security=[{"Account": []}])), B,
     "/security/http digest"),
    ("security-added", whole(security=[{"Digest": []}]), whole(), A, "/security/OAuth 2 clientCredentials"),
    ("security-url-changed", token_url("https://atlas.example/token"), token_url("https://atlas.example/other"), B,
     "/security/OAuth 2 clientCredentials/tokenUrl"),
    ("security-url-added", flow(), flow(refreshUrl="https://atlas.example/refresh"), A,
     "/security/OAuth 2 clientCredentials/refreshUrl"),
    # Another flow is an alternative way to get a token, not a second token to send.
    ("security-added", flow(), flow("implicit", authorizationUrl="https://atlas.example/login"), A,
     "/security/OAuth 2 implicit"),
    ("security-removed", flow("implicit", authorizationUrl="https://atlas.example/login"), flow(), B,
     "/security/OAuth 2 implicit"),
    ("scope-added", whole(), whole(security=[{"Digest": []}, {"Account": ["billing"]}]), B,
     "/security/OAuth 2 clientCredentials"),
    ("scope-added", whole(security=[{"Account": ["read"]}, {"Account": ["write"]}]),
     whole(security=[{"Account": ["write"]}]), B, "/security/OAuth 2 clientCredentials"),
    ("scope-removed", whole(security=[{"Digest": []}, {"Account": ["billing"]}]), whole(), A,
     "/security/OAuth 2 clientCredentials"),
    ("parameter-removed", parameters(FREE), parameters(), B, "/parameters/query:free"),
    ("parameter-moved", parameters(FREE), parameters({**FREE, "in": "header"}), B, "/parameters/query:free"),
    ("parameter-renamed", *at_path("/things/{id}", "/things/{thingId}"), "renamed", "/parameters/path:thingId"),
    ("parameter-added", parameters(), parameters(FREE), A, "/parameters/query:free"),
    ("required-parameter-added", parameters(), parameters({**FREE, "required": True}), B, "/parameters/query:free"),
    ("now-required", parameters(FREE), parameters({**FREE, "required": True}), B, "/parameters/query:free/required"),
    ("now-optional", parameters({**FREE, "required": True}), parameters(FREE), A, "/parameters/query:free/required"),
    ("serialization-changed", parameters(FREE), parameters({**FREE, "style": "spaceDelimited", "explode": True}), B,
     "/parameters/query:free/style"),
    ("serialization-changed", parameters({**FREE, "explode": False}), parameters(FREE), B,
     "/parameters/query:free/explode"),
    ("serialization-changed", parameters({**FREE, "allowEmptyValue": True}), parameters(FREE), B,
     "/parameters/query:free/allowEmptyValue"),
    ("serialization-changed", parameters(FREE), parameters(IN_JSON), B, "/parameters/query:free"),
    ("serialization-changed", parameters(IN_JSON), parameters(FREE), B, "/parameters/query:free"),
    ("serialization-changed",
     response(headers={"A": {"schema": TEXT}}), response(headers={"A": {"content": {JSON: {}}}}), B,
     "/responses/200/headers/A"),
    ("serialization-looser", parameters(FREE), parameters({**FREE, "allowEmptyValue": True}), A,
     "/parameters/query:free/allowEmptyValue"),
    ("serialization-looser", parameters(FREE), parameters({**FREE, "allowReserved": True}), A,
     "/parameters/query:free/allowReserved"),
    ("body-removed", body(content={}), document(replying({})), B, "/requestBody"),
    ("body-added", document(replying({})), body(content={}), A, "/requestBody"),
    ("required-body-added", document(replying({})), body(content={}, required=True), B, "/requestBody"),
    ("now-required", body(content={}), body(content={}, required=True), B, "/requestBody/required"),
    ("media-type-removed", body(content={JSON: {}}), body(content={}), B, f"{SENT}"),
    ("media-type-newer", body(content={JSON: {}}),
     body(content={JSON: {}, "application/vnd.atlas.2027-02-01+json": {}}), A,
     "/requestBody/content/application~1vnd.atlas.2027-02-01+json"),
    ("response-removed", responses("200", "201"), responses("201"), B, "/responses/200"),
    ("error-removed", responses("200", "404"), responses("200"), A, "/responses/404"),
    ("success-added", responses("200"), responses("200", "202"), B, "/responses/202"),
    ("response-added", responses("200"), responses("200", "429"), A, "/responses/429"),
    ("header-removed", response(headers={"Retry-After": {}}), response(), B, "/responses/200/headers/Retry-After"),
    ("header-added", response(), response(headers={"Retry-After": {}}), A, "/responses/200/headers/Retry-After"),
    ("header-now-required", response(headers={"A": {}}), response(headers={"a": {"required": True}}), A,
     "/responses/200/headers/a/required"),
    ("header-now-optional", response(headers={"A": {"required": True}}), response(headers={"A": {}}), B,
     "/responses/200/headers/A/required"),
    ("type-changed", response(headers={"A": {"schema": {"type": "integer"}}}),
     response(headers={"A": {"schema": TEXT}}), B, "/responses/200/headers/A/schema/type"),
    ("media-type-removed", offering(JSON, "text/csv"), offering(JSON), B, "/responses/200/content/text~1csv"),
    ("media-type-added", offering(JSON), offering(JSON, "text/csv"), A, "/responses/200/content/text~1csv"),
    ("media-type-added", offering(JSON), offering(JSON, "application/vnd.atlas.2022-01-01+json"), A,
     "/responses/200/content/application~1vnd.atlas.2022-01-01+json"),
    ("media-type-added", offering(JSON), offering(JSON, "application/vnd.atlas.2027-02-01+csv"), A,
     "/responses/200/content/application~1vnd.atlas.2027-02-01+csv"),
    ("media-type-newer", offering(JSON), offering(JSON, "application/vnd.atlas.2027-02-01+json"), A,
     "/responses/200/content/application~1vnd.atlas.2027-02-01+json"),
    ("required-property-added", body(content={JSON: {"schema": {"type": "object"}}}),
     body(content={JSON: {"schema": {**ONE, "required": ["a"]}}}), B,
     f"{SENT}/schema/properties/a"),
    ("unknown", *with_schema(replying, TEXT, {**TEXT, "contentEncoding": "base64"}), B, f"{BODY}/contentEncoding"),
    ("unknown", document(replying({})), document(replying({}, webhook={})), B, "/webhook"),
    ("role-removed", needing("Viewer", "Owner"), needing("Owner"), B, "/x-rolesRequirements"),
    ("role-removed", needing("Owner"), needing(), B, "/x-rolesRequirements"),
    ("role-added", needing("Owner"), needing("Owner", "Viewer"), A, "/x-rolesRequirements"),
    ("roles-stated", needing(), needing("Owner", "Viewer"), "documentation", "/x-rolesRequirements"),
    ("column-removed", columns("Date,SKU,Region,Amount"), columns("Amount,Date,SKU"), B, f"{IN_CSV}/columns/Region"),
    ("column-added", columns("Date,SKU,Amount"), columns("Date,SKU,Region,Amount"), A, f"{IN_CSV}/columns/Region"),
    ("column-repeated", columns("Date,SKU,Amount"), columns("Date,SKU,Amount,Amount"), B, f"{IN_CSV}/columns/Amount"),
    ("columns-stated", columns(""), columns("Date,SKU,Amount"), "documentation", IN_CSV),
    ("columns-gone", columns("Date,SKU,Amount"), columns(""), B, IN_CSV),
]  # fmt: skip

# Rules of schemas: before, after, the class where it is sent, the class where it is read, the place in the schema.
SCHEMAS: list[tuple[str, Json, Json, str, str, str]] = [
    ("type-changed", TEXT, {"type": "integer"}, B, B, "/type"),
    ("type-wider", {"type": "integer"}, {"type": "number"}, A, B, "/type"),
    ("type-wider", TEXT, {}, A, B, "/type"),
    ("type-narrower", {"type": "number"}, {"type": "integer"}, B, A, "/type"),
    ("type-narrower", {}, TEXT, B, A, "/type"),
    ("null-allowed", TEXT, {**TEXT, "nullable": True}, A, B, "/nullable"),
    ("null-disallowed", {**TEXT, "nullable": True}, TEXT, B, A, "/nullable"),
    ("format-changed", {**TEXT, "format": "date"}, {**TEXT, "format": "date-time"}, B, B, "/format"),
    ("format-added", TEXT, {**TEXT, "format": "date"}, B, A, "/format"),
    ("format-removed", {**TEXT, "format": "date"}, TEXT, A, B, "/format"),
    ("format-wider", {"type": "integer", "format": "int32"}, {"type": "integer", "format": "int64"}, A, B,
     "/format"),
    ("format-narrower", {"type": "number", "format": "double"}, {"type": "number", "format": "float"}, B, A,
     "/format"),
    ("pattern-changed", {**TEXT, "pattern": "^a+$"}, {**TEXT, "pattern": "^a$"}, B, A, "/pattern"),
    ("pattern-changed", TEXT, {**TEXT, "pattern": "^a$"}, B, A, "/pattern"),
    ("pattern-removed", {**TEXT, "pattern": "^a$"}, TEXT, A, A, "/pattern"),
    ("bound-tighter", {"type": "integer", "minimum": 0}, {"type": "integer", "minimum": 1}, B, A, "/minimum"),
    ("bound-tighter", {"type": "integer", "minimum": 0}, {"type": "integer", "minimum": 0, "exclusiveMinimum": True},
     B, A, "/minimum"),
    ("bound-tighter", {"type": "integer", "maximum": 500}, {"type": "integer", "maximum": 100}, B, A, "/maximum"),
    ("bound-tighter", TEXT, {**TEXT, "maxLength": 9}, B, A, "/maxLength"),
    ("bound-tighter", {"type": "integer", "multipleOf": 5}, {"type": "integer", "multipleOf": 10}, B, A,
     "/multipleOf"),
    ("bound-tighter", {"type": "array", "items": {}}, {"type": "array", "items": {}, "uniqueItems": True}, B, A,
     "/uniqueItems"),
    ("bound-looser", {"type": "integer", "maximum": 100}, {"type": "integer", "maximum": 500}, A, A, "/maximum"),
    ("bound-looser", {**TEXT, "minLength": 1}, {**TEXT, "minLength": 0}, A, A, "/minLength"),
    ("bound-looser", {"type": "number", "multipleOf": 0.3}, {"type": "number", "multipleOf": 0.1}, A, A,
     "/multipleOf"),
    ("values-added", {**TEXT, "enum": ["A"]}, {**TEXT, "enum": ["B", "A"]}, A, A, "/enum"),
    ("values-removed", {**TEXT, "enum": ["A", "B"]}, {**TEXT, "enum": ["B"]}, B, A, "/enum"),
    ("enum-added", TEXT, {**TEXT, "enum": ["A"]}, B, A, "/enum"),
    ("enum-removed", {**TEXT, "enum": ["A"]}, TEXT, A, A, "/enum"),
    ("default-changed", {**TEXT, "default": "asc"}, {**TEXT, "default": "desc"}, B, A, "/default"),
    ("default-added", TEXT, {**TEXT, "default": "asc"}, A, A, "/default"),
    ("default-removed", {**TEXT, "default": "asc"}, TEXT, A, A, "/default"),
    ("property-removed", {"type": "object", "properties": {"a": TEXT, "b": TEXT}}, ONE, B, B, "/properties/b"),
    ("property-added", ONE, {"type": "object", "properties": {"a": TEXT, "b": TEXT}}, A, A, "/properties/b"),
    ("required-added", ONE, {**ONE, "required": ["a"]}, B, A, "/required"),
    ("required-removed", {**ONE, "required": ["a"]}, ONE, A, B, "/required"),
    ("additional-properties-disallowed", ONE, {**ONE, "additionalProperties": False}, B, A, "/additionalProperties"),
    ("additional-properties-allowed", {**ONE, "additionalProperties": False}, ONE, A, A, "/additionalProperties"),
    ("additional-properties-removed",
     {**ONE, "additionalProperties": TEXT}, {**ONE, "additionalProperties": False}, B, B, "/additionalProperties"),
    ("type-changed", {"type": "object", "additionalProperties": TEXT},
     {"type": "object", "additionalProperties": {"type": "integer"}}, B, B, "/additionalProperties/type"),
    ("type-changed", {"type": "array", "items": TEXT}, {"type": "array", "items": {"type": "boolean"}}, B, B,
     "/items/type"),
    ("variant-added", {"oneOf": [TEXT, ONE]}, {"oneOf": [{"type": "integer"}, TEXT, ONE]}, A, B, "/oneOf/0"),
    ("variant-removed", {"oneOf": [TEXT, {"type": "integer"}, ONE]}, {"oneOf": [TEXT, ONE]}, B, A, "/oneOf/1"),
    ("property-added", {"anyOf": [ONE, TEXT]}, {"anyOf": [TEXT, {**ONE, "properties": {"a": TEXT, "b": TEXT}}]}, A,
     A, "/anyOf/1/properties/b"),
    ("choice-added", ONE, {**ONE, "anyOf": [ONE, ANOTHER]}, B, A, "/anyOf"),
    ("choice-removed", {**ONE, "anyOf": [ONE, ANOTHER]}, ONE, A, B, "/anyOf"),
    ("discriminator-changed", TYPED, {**TYPED, "discriminator": {"propertyName": "sort"}}, B, B, "/discriminator"),
    ("discriminator-changed", TYPED, ONE, B, B, "/discriminator"),
    ("discriminator-added", ONE, TYPED, A, A, "/discriminator"),
    ("not-changed", {**ONE, "not": TEXT}, {**ONE, "not": {"type": "integer"}}, B, A, "/not"),
]  # fmt: skip


def rows() -> list[Any]:
    made = [pytest.param(*case, id=f"{case[0]}-{number}") for number, case in enumerate(CASES)]
    for number, (rule, before, after, sent, read, place) in enumerate(SCHEMAS):
        made += [
            pytest.param(rule, *with_schema(taking, before, after), sent, SIZE + place, id=f"sent-{rule}-{number}"),
            pytest.param(rule, *with_schema(replying, before, after), read, BODY + place, id=f"read-{rule}-{number}"),
        ]
    return made


@pytest.mark.parametrize(("rule", "before", "after", "judged", "location"), rows())
def test_a_change_is_reported_once_with_its_location_and_category(
    rule: str, before: Json, after: Json, judged: str, location: str
) -> None:
    kept = evolve(THING, accept=CSV) if rule.startswith("column") else THING
    (change,) = report(before, after, [kept]).changes
    assert (change.category, change.operation, model.pointer(change.at)) == (judged, "GET /things/{id}", location)
    row = rules.RULES[rule]
    pattern = re.escape(row.text).replace(r"\{before\}", ".*").replace(r"\{after\}", ".*")
    assert re.fullmatch(f"{pattern}(: .*)?", change.text)
    assert row.classify("read" if location.startswith("/responses") else "sent") == judged
    assert not any(report(same, same, [kept]).changes for same in (before, after) if same["paths"])


def test_every_rule_has_a_before_and_an_after() -> None:
    assert {case[0] for case in CASES} | {case[0] for case in SCHEMAS} == set(rules.RULES)


def test_a_removed_operation_says_where_its_operation_id_is() -> None:
    after = document()
    after["paths"]["/elsewhere"] = {"post": {"operationId": "getThing"}}
    (change,) = report(document(replying({})), after, [THING]).changes
    assert change.text == "was removed, and `POST /elsewhere` has its operationId: every call fails"


def test_a_scheme_that_is_no_longer_described_is_removed() -> None:
    after = document(replying({}))
    del after["components"]["securitySchemes"]["Digest"]
    (change,) = report(document(replying({})), after).changes
    assert (change.category, model.pointer(change.at)) == (B, "/security/http digest")


def test_documents_of_another_api_are_refused() -> None:
    with pytest.raises(AssumptionError, match=r"GET /things/\{id\} is in neither document"):
        report(document(), document())


def test_a_query_parameter_with_another_case_is_another_one() -> None:
    changes = report(parameters(FREE), parameters({**FREE, "name": "Free"})).changes
    assert [(change.category, model.pointer(change.at)) for change in changes] == [
        (A, "/parameters/query:Free"),
        (B, "/parameters/query:free"),
    ]


def test_a_moved_parameter_is_one_change() -> None:
    (change,) = report(parameters(FREE), parameters({**FREE, "in": "header", "name": "Free"})).changes
    assert "moved from `query` to `header`" in change.text
