"""The drift check compares meaning: the same written differently is no change, and no document makes it run forever."""

from __future__ import annotations

import copy
import itertools
import json
import random
import time
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from attrs import evolve

from drift_documents import (
    FIVE,
    JSON,
    THING,
    as_3_1,
    classified,
    document,
    inlined,
    renamed,
    reordered,
    replying,
    report,
    taking,
)
from openapi_tools import documents, operations, slicing
from openapi_tools.errors import DocumentError, ScriptError

Json = dict[str, Any]
BODY = "/responses/200/content/application~1vnd.atlas.2023-01-01+json/schema"
TEXT = {"type": "string"}


def indented(root: Json) -> Json:
    """The same document written by another YAML writer in another style and read again."""
    text = yaml.safe_dump(root, indent=7, default_flow_style=None, width=40, sort_keys=False, explicit_start=True)
    return documents.parse(text.encode(), "indented")


def as_json(root: Json) -> Json:
    return documents.parse(json.dumps(root).encode(), "as_json")


WAYS: dict[str, Callable[[Json], Json]] = {
    "reordered": lambda root: reordered(root, random.Random(1)),  # noqa: S311 - a seeded shuffle
    "renamed": renamed,
    "inlined": inlined,
    "indented": indented,
    "json": as_json,
    "3.1": as_3_1,
    "all": lambda root: indented(reordered(inlined(renamed(root)), random.Random(2))),  # noqa: S311 - a seeded shuffle
}


@pytest.mark.parametrize("way", WAYS)
def test_the_same_written_differently_is_no_drift(way: str, small_root: Json) -> None:
    assert classified(small_root, WAYS[way](small_root), FIVE) == []
    assert classified(WAYS[way](small_root), small_root, FIVE) == []


@pytest.mark.parametrize("way", WAYS)
def test_the_committed_fragment_written_differently_is_no_drift(way: str) -> None:
    fragment = documents.read_document(operations.OPENAPI / "fragment.json").root
    assert classified(fragment, WAYS[way](fragment), operations.load_operations()) == []


def drop_words(node: Any) -> None:
    """Change prose, tags, readOnly, writeOnly and vendor extensions everywhere."""
    if isinstance(node, list):
        for item in node:
            drop_words(item)
    elif isinstance(node, dict):
        for key in list(node):
            if key in {"summary", "title", "example"} and isinstance(node[key], str):
                node[key] = "other words"
            elif (
                (key == "tags" and "responses" in node) or key in {"readOnly", "writeOnly"} or key.startswith("x-xgen")
            ):
                del node[key]
            else:
                drop_words(node[key])
        if "type" in node or "responses" in node:
            node["x-new-extension"] = {"anything": [1]}
            node.setdefault("description", "new words")


def test_prose_tags_and_extensions_are_no_structural_change() -> None:
    fragment = documents.read_document(operations.OPENAPI / "fragment.json").root
    other = copy.deepcopy(fragment)
    drop_words(other["paths"])
    drop_words(other["components"]["schemas"])
    assert other != fragment
    assert classified(fragment, other, operations.load_operations()) == []


SAME: dict[str, tuple[Json, Json]] = {
    "allOf with one member": ({**TEXT, "nullable": True}, {"allOf": [{**TEXT, "nullable": True}], "description": "x"}),
    "allOf merged": (
        {"type": "object", "properties": {"a": TEXT, "b": TEXT}, "required": ["a"]},
        {"allOf": [{"properties": {"a": TEXT}, "required": ["a"]}, {"type": "object", "properties": {"b": TEXT}}]},
    ),
    "one property in two members": (
        {"type": "object", "properties": {"a": {**TEXT, "maxLength": 3}}},
        {"allOf": [{"properties": {"a": TEXT}}, {"properties": {"a": {"maxLength": 3}}}]},
    ),
    "nullable false": (TEXT, {**TEXT, "nullable": False}),
    "nullable inside what has a type": (TEXT, {**TEXT, "allOf": [{"nullable": True}]}),
    "null in an enum": ({**TEXT, "nullable": True, "enum": ["A"]}, {**TEXT, "nullable": True, "enum": [None, "A"]}),
    "additionalProperties true": ({"type": "object"}, {"type": "object", "additionalProperties": True}),
    "additionalProperties anything": ({"type": "object"}, {"type": "object", "additionalProperties": {}}),
    "type left out": ({"type": "object", "properties": {"a": TEXT}}, {"properties": {"a": TEXT}}),
    "numbers": ({"type": "integer", "minimum": 1, "default": 1}, {"type": "integer", "minimum": 1.0, "default": 1.0}),
    "no bound": (TEXT, {**TEXT, "minLength": 0}),
    "exclusive without a bound": ({"type": "integer"}, {"type": "integer", "exclusiveMinimum": True}),
    "forms in another order": ({"oneOf": [TEXT, {"type": "integer"}]}, {"oneOf": [{"type": "integer"}, TEXT]}),
    "constants as variants": (
        {**TEXT, "enum": ["A", "B"]},
        {"oneOf": [{**TEXT, "enum": ["B"]}, {**TEXT, "enum": ["A"]}]},
    ),
    "constants without a type": ({**TEXT, "enum": ["A", "B"]}, {"oneOf": [{"enum": ["B"]}, {"enum": ["A"]}]}),
    "values without a type": ({"type": "integer", "enum": [1, 2]}, {"enum": [1, 2]}),
    "an exclusive bound of integers": (
        {"type": "integer", "minimum": 1, "maximum": 8},
        {"type": "integer", "minimum": 0, "exclusiveMinimum": True, "maximum": 9, "exclusiveMaximum": True},
    ),
    "constants beside their type": (TEXT, {"anyOf": [{**TEXT, "enum": ["A", "B"]}, TEXT]}),
    "a choice of one": (TEXT, {"oneOf": [TEXT], "description": "x"}),
    "a list of one type": (TEXT, {"type": ["string"]}),
    "a list of types": ({"anyOf": [TEXT, {"type": "boolean"}]}, {"type": ["boolean", "string"]}),
    "integers are numbers": ({"type": "number"}, {"type": ["integer", "number"]}),
    "a property called $ref": (
        {"type": "object", "properties": {"$ref": TEXT, "example": TEXT}},
        {"type": "object", "properties": {"example": TEXT, "$ref": TEXT}},
    ),
}


@pytest.mark.parametrize("name", SAME)
@pytest.mark.parametrize("make", [replying, taking])
def test_two_ways_to_say_the_same(name: str, make: Callable[[Json], Json]) -> None:
    before, after = (document(make(schema)) for schema in SAME[name])
    assert classified(before, after) == []
    assert classified(after, before) == []


REFERENCE = {"$ref": "#/components/schemas/Other"}
NEW_DIALECT: dict[str, tuple[Json, Json]] = {
    "type with null": ({**TEXT, "nullable": True}, {"type": ["string", "null"]}),
    "null as a variant": ({**TEXT, "format": "date", "nullable": True},
                          {"anyOf": [{**TEXT, "format": "date"}, {"type": "null"}]}),
    "a reference or null": ({"allOf": [REFERENCE], "nullable": True}, {"oneOf": [REFERENCE, {"type": "null"}]}),
    "null in an enum": ({**TEXT, "enum": ["A"], "nullable": True}, {"type": ["string", "null"], "enum": ["A", None]}),
    "a constant": ({**TEXT, "enum": ["A"]}, {**TEXT, "const": "A"}),
    "constants": ({**TEXT, "enum": ["A", "B"]},
                  {**TEXT, "oneOf": [{"const": "A", "title": "x"}, {"const": "B", "description": "y"}]}),
    "an exclusive bound": ({"type": "number", "minimum": 0, "exclusiveMinimum": True},
                           {"type": "number", "exclusiveMinimum": 0}),
    "an exclusive bound of integers": ({"type": "integer", "minimum": 1}, {"type": "integer", "exclusiveMinimum": 0}),
    "two bounds": ({"type": "integer", "maximum": 5, "exclusiveMaximum": True},
                   {"type": "integer", "maximum": 9, "exclusiveMaximum": 5}),
    "examples": (TEXT, {**TEXT, "examples": ["a", "b"]}),
    "a comment": (TEXT, {**TEXT, "$comment": "x"}),
    "words beside a reference": (REFERENCE, {**REFERENCE, "description": "x"}),
    "a keyword beside a reference": ({"allOf": [REFERENCE, {"maxLength": 3}]}, {**REFERENCE, "maxLength": 3}),
    "anything": ({"type": "array", "items": {}}, {"type": "array", "items": True}),
    "a wrapper": ({"type": "object", "properties": {"b": TEXT}},
                  {"allOf": [{"type": "object", "properties": {"b": TEXT}}]}),
}  # fmt: skip


@pytest.mark.parametrize("name", NEW_DIALECT)
@pytest.mark.parametrize("make", [replying, taking])
def test_openapi_3_1_means_the_same_as_3_0(name: str, make: Callable[[Json], Json]) -> None:
    """The structure is the same, so nothing is reported, and the fragment has the same bytes."""
    before, after = (document(make({"type": "object", "properties": {"a": schema}}), schemas={"Other": TEXT})
                     for schema in NEW_DIALECT[name])  # fmt: skip
    after["openapi"] = "3.1.1"
    before["info"]["license"] = {"name": "CC"}
    after["info"]["license"] = {"name": "CC", "identifier": "CC-BY-4.0"}
    assert classified(before, after) == classified(after, before) == []
    written = [slicing.slice_operations(root, [THING]) for root in (before, after)]
    assert written[1] == written[0] or name == "a keyword beside a reference"


def test_a_change_within_3_1_is_reported() -> None:
    old, new = (document(replying(schema)) | {"openapi": "3.1.0"} for schema in (TEXT, {"type": ["string", "null"]}))
    assert classified(old, new) == [("breaking", f"{BODY}/nullable")]


@pytest.mark.parametrize(
    ("name", "target"),
    [("A B", "A%20B"), ("A/B", "A~1B"), ("A/B", "A%7E1B"), ("{A}", "%7BA%7d"), ("{A}", "{A}"), ("Plain", "Pl%61in")],
)
def test_a_reference_may_be_percent_encoded(name: str, target: str) -> None:
    form = {"$ref": f"#/components/schemas/{target}"}
    either = {"oneOf": [form], "discriminator": {"propertyName": "kind", "mapping": {"a": form["$ref"]}}}
    for schema in (form, either):
        after = document(replying(schema), schemas={name: TEXT})
        plain = json.loads(json.dumps(schema).replace(target, "Text"))
        assert classified(document(replying(plain), schemas={"Text": TEXT}), after) == []


def test_a_security_scheme_may_have_any_name() -> None:
    before, after = document(replying({})), document(replying({}))
    after["components"]["securitySchemes"]["A/B %41"] = after["components"]["securitySchemes"].pop("Digest")
    after["security"] = [{"A/B %41": []}, {"Account": []}]
    assert classified(before, after) == []


def test_parameters_of_the_path_and_defaults_of_style_are_filled_in() -> None:
    parameter = {"in": "query", "name": "a", "schema": TEXT}
    before = document(replying({}, parameters=[parameter]))
    after = document(replying({}))
    after["paths"]["/things/{id}"]["parameters"] = [
        {**parameter, "style": "form", "explode": True, "required": False, "allowReserved": False},
        {"in": "header", "name": "Accept", "schema": TEXT},
    ]
    assert classified(before, after) == []


def test_case_and_order_of_media_types_and_headers_mean_nothing() -> None:
    before, after = document(replying({})), document(replying({}))
    reply = before["paths"]["/things/{id}"]["get"]["responses"]["200"]
    reply["content"] = {"Text/CSV; charset=utf-8; header=present": {}, JSON: {}}
    reply["headers"] = {"Retry-After": {}}
    reply = after["paths"]["/things/{id}"]["get"]["responses"]["200"]
    reply["content"] = {"text/csv;header=present": {}, f"{JSON.upper()}; charset=UTF-8": {}}
    reply["headers"] = {"retry-after": {}, "content-type": {}}
    assert classified(before, after) == classified(after, before) == []
    assert [
        *slicing.slice_operations(after, [THING])["paths"]["/things/{id}"]["get"]["responses"]["200"]["content"]
    ] == [JSON, "text/csv; header=present"]


def test_a_token_url_may_be_relative_to_the_server() -> None:
    before, after = document(replying({})), document(replying({}))
    after["components"]["securitySchemes"]["Account"]["flows"]["clientCredentials"]["tokenUrl"] = "/token"
    assert classified(before, after) == []


def ring(**extra: Json) -> Json:
    """A schema that contains itself through another one."""
    refer = {"$ref": "#/components/schemas/Invoice"}
    schemas = {
        "Invoice": {"properties": {"linked": {"items": refer}, "of": {"$ref": "#/components/schemas/Of"}}},
        "Of": {"properties": {"invoice": refer, **extra}},
    }
    return document(replying(refer), schemas=schemas)


def test_a_cycle_is_reported_once() -> None:
    assert classified(ring(), ring(note=TEXT)) == [("additive", f"{BODY}/properties/of/properties/note")]


def test_a_variant_is_identified_by_its_discriminator_value() -> None:
    def choice(card: str, cash: str) -> Json:
        mapping = {"card": "Card", "cash": "#/components/schemas/Cash"}
        forms = [{"$ref": "#/components/schemas/Card"}, {"$ref": "#/components/schemas/Cash"}]
        schemas = {"Card": {"properties": {card: TEXT}}, "Cash": {"properties": {cash: TEXT}}}
        either = {"oneOf": forms, "discriminator": {"propertyName": "kind", "mapping": mapping}}
        return document(replying(either), schemas=schemas)

    # Compared without the discriminator only the order changed, but cards are now what cash was.
    changes = classified(choice("number", "amount"), choice("amount", "number"))
    assert sorted(judged for judged, _ in changes) == ["additive", "additive", "breaking", "breaking"]


def test_a_schema_is_reported_in_every_place_that_shares_it() -> None:
    def shared(schema: Json) -> Json:
        refer = {"$ref": "#/components/schemas/Error"}
        statuses = {status: {"content": {"application/json": {"schema": refer}}} for status in ("401", "403")}
        return document({"operationId": "getThing", "responses": statuses}, schemas={"Error": schema})

    changes = classified(shared(TEXT), shared({**TEXT, "nullable": True}))
    places = [f"/responses/{status}/content/application~1json/schema/nullable" for status in (401, 403)]
    assert changes == [("breaking", place) for place in places]
    text = report(shared(TEXT), shared({**TEXT, "nullable": True})).to_text()
    assert text.count("`Error` may now be null") == 1


def doubling(last: Json, keyword: str = "properties") -> Json:
    """Thirty schemas, each of which holds the next one twice: a billion locations."""
    names = [f"S{number}" for number in range(30)]
    schemas: Json = {}
    for name, following in itertools.pairwise(names):
        refer = {"$ref": f"#/components/schemas/{following}"}
        schemas[name] = (
            {"properties": {"a": refer, "b": refer}} if keyword == "properties" else {keyword: [refer, refer]}
        )
    schemas[names[-1]] = last
    return document(replying({"$ref": "#/components/schemas/S0"}), schemas=schemas)


@pytest.mark.parametrize("keyword", ["properties", "allOf"])
def test_doubling_references_cost_nothing_if_nothing_differs(keyword: str) -> None:
    started = time.monotonic()
    assert classified(doubling(TEXT, keyword), doubling(TEXT, keyword)) == []
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("keyword", ["properties", "oneOf", "anyOf"])
def test_doubling_references_with_a_difference_end_in_a_clear_error(keyword: str) -> None:
    started = time.monotonic()
    with pytest.raises(DocumentError, match="multiply beyond reason"):
        classified(doubling(TEXT, keyword), doubling({"type": "integer"}, keyword))
    assert time.monotonic() - started < 10


def chain(length: int, keyword: str) -> Json:
    schemas: Json = {}
    for number in range(length):
        refer = {"$ref": f"#/components/schemas/S{number + 1}"}
        held = {"items": refer, "not": refer, "$ref": refer["$ref"]}.get(keyword, [refer])
        schemas[f"S{number}"] = {keyword: held}
    schemas[f"S{length}"] = TEXT
    return document(replying({"$ref": "#/components/schemas/S0"}), schemas=schemas)


@pytest.mark.parametrize("keyword", ["items", "allOf", "oneOf", "not", "$ref"])
def test_a_long_chain_is_followed_or_refused_without_a_crash(keyword: str) -> None:
    root = chain(3000, keyword)
    # A choice of one is no choice.
    if keyword in ("allOf", "oneOf"):
        assert classified(root, copy.deepcopy(root)) == []
        return
    with pytest.raises(DocumentError, match=r"form a circle|multiply beyond"):
        classified(root, copy.deepcopy(root))


WRONG: dict[str, tuple[Json, str]] = {
    "reference to a file": (replying({"$ref": "other.yaml#/Thing"}), "refers to a file or URL"),
    "reference to a URL": (replying({"$ref": "https://evil.example/x#/a"}), "refers to a file or URL"),
    "reference to nothing": (replying({"$ref": "#/components/schemas/Nobody"}), "is not in the document"),
    "reference in a circle": (replying({"$ref": "#/components/schemas/Circle"}), "form a circle"),
    "reference a number": (replying({"properties": {"a": {"$ref": 5}}}), "must be a string"),
    "properties a list": (replying({"properties": []}), "must be an object"),
    "a property a text": (replying({"properties": {"a": "string"}}), "must be an object"),
    "required a text": (replying({"required": "a"}), "must be a list"),
    "enum a text": (replying({"enum": "A"}), "must be a list"),
    "type a list of numbers": (replying({"type": [1]}), "must be a string or a list of strings"),
    "minimum a text": (replying({"minimum": "0"}), "must be a number"),
    "nullable a text": (replying({"nullable": "yes"}), "must be true or false"),
    "a parameter without a name": (replying({}, parameters=[{"in": "query"}]), "needs a name and one of"),
    "responses a list": ({"responses": []}, "must be an object"),
    "an operation a text": ("text", "must be an object"),  # type: ignore[dict-item] # what is wrong is its type
}


@pytest.mark.parametrize("name", WRONG)
def test_an_error_in_a_document_names_the_location(name: str) -> None:
    operation, problem = WRONG[name]
    circle = {"Circle": {"$ref": "#/components/schemas/Circle"}}
    with pytest.raises(ScriptError, match=problem) as caught:
        classified(document(replying({})), document(operation, schemas=circle))
    assert str(caught.value).startswith("after against before: /")


def test_ways_to_authenticate_do_not_multiply() -> None:
    flow = {"tokenUrl": "https://atlas.example/token", "scopes": {}}
    after = document(replying({}))
    after["components"]["securitySchemes"] = {
        f"S{number}": {"type": "oauth2", "flows": {f"flow{way}{number}": flow for way in range(4)}}
        for number in range(40)
    }
    after["security"] = [{name: [] for name in after["components"]["securitySchemes"]}]
    with pytest.raises(DocumentError, match="more ways to authenticate than any API has"):
        classified(document(replying({})), after)


def test_an_invalid_token_url_is_named() -> None:
    after = document(replying({}))
    after["components"]["securitySchemes"]["Account"]["flows"]["clientCredentials"]["tokenUrl"] = "https://[x/token"
    with pytest.raises(DocumentError, match=r"/security: `https://\[x/token` is not a URL"):
        classified(document(replying({})), after)


def test_names_from_a_document_are_harmless_in_terminal_and_markdown() -> None:
    evil = "a`\n\x1b[31m\u202e| <img src=x> @everyone \ud800" + "z" * 500
    after = document(replying({"type": "object", "properties": {evil: TEXT}}, operationId=evil))
    made = report(document(replying({"type": "object"})), after)
    for text in (made.to_text(), made.to_markdown()):
        assert not {"\x1b", "\u202e", "\ud800"} & set(text)
        assert not any(line.startswith("\x1b") for line in text.splitlines())
    markdown = made.to_markdown()
    assert markdown.count("`") % 2 == 0
    assert all(line.count("`") % 2 == 0 for line in markdown.splitlines())
    assert json.loads(made.to_json())["renamed"][0]["location"] == "/operationId"


def test_a_report_fits_into_a_pull_request() -> None:
    names = {f"property{number}": TEXT for number in range(2000)}
    after = document(replying({"type": "object", "properties": names}))
    made = report(document(replying({"type": "object"})), after)
    assert len(made.to_markdown()) < 65_536
    assert "more; `scripts/check_drift.py` lists them all" in made.to_markdown()
    assert len(json.loads(made.to_json())["additive"]) == 2000


def test_an_optional_operation_comes_and_goes() -> None:
    optional = evolve(THING, optional=True)
    there, absent = document(replying(TEXT)), document()

    assert classified(absent, absent, [optional]) == []
    assert classified(absent, there, [optional]) == [("additive", "")]
    assert classified(there, absent, [optional]) == [("breaking", "")]
