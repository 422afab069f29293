"""Mend upstream's document for the generator: rules, each a small function that says what it changed, and why.

The generator's output is never edited; what it gets wrong is put right in what it reads. One-off mends, and words, are
openapi/overlay.yaml. The text/csv media type and literal enumerations are settings in openapi/generator.yaml. One trap
is out of any input's reach: a status that `http.HTTPStatus` does not know raises ValueError in the `*_detailed`
functions; the handwritten client looks at the status before it calls them.
"""

from __future__ import annotations

import copy
import functools
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from openapi_tools import model
from openapi_tools.errors import TransformError
from openapi_tools.model import Kind, Location
from openapi_tools.operations import Operation

Edit = Callable[[dict[str, Any], Sequence[Operation]], list[str]]
Transform = Callable[[dict[str, Any], Sequence[Operation]], tuple[dict[str, Any], list[str]]]


def apply(document: dict[str, Any], operations: Sequence[Operation]) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """The mended document, and for each rule the places it changed; an empty list is a rule that matched nothing.

    `document` is a fragment (`slicing.cut` gives one). Raises MendError where an operation lacks what is asked of it.
    """
    places: dict[str, list[str]] = {}
    for mend in TRANSFORMS:
        document, places[mend.__name__] = mend(document, operations)
    return document, places


def _on_copy(edit: Edit) -> Transform:
    """A mend gives a new document beside the places it changed, and leaves the one it was given as it is."""

    @functools.wraps(edit)
    def mend(document: dict[str, Any], operations: Sequence[Operation]) -> tuple[dict[str, Any], list[str]]:
        mended = copy.deepcopy(document)
        return mended, edit(mended, operations)

    return mend


@_on_copy
def keep_requested_media_type(document: dict[str, Any], operations: Sequence[Operation]) -> list[str]:
    """Of a 200 response, keep the media type that is asked for: the generator takes the first it can read.

    Upstream lists `+csv` before `+json` for the invoice, which would make the invoice a `str`.
    """
    changed = []
    for operation, node, at in operation_nodes(document, operations):
        responses = node.get("responses", {})
        if "200" not in responses:
            raise TransformError(f"{operation.title} has no response 200")
        response, place = model.resolve(document, responses["200"], "Response", (*at, "responses", "200"))
        others = [media for media in response.get("content", {}) if media != operation.accept]
        if operation.accept not in response.get("content", {}):
            raise TransformError(f"{operation.title} does not offer {operation.accept} with status 200")
        for media in others:
            del response["content"][media]
            changed.append(model.pointer((*place, "content", media)))
    return changed


@_on_copy
def add_accept_header(document: dict[str, Any], operations: Sequence[Operation]) -> list[str]:
    """Give every operation a header parameter `Accept` with its media type as the default.

    The generator sends no Accept, and Atlas picks the resource version from it: none is 406. OpenAPI says that tools
    shall ignore such a parameter (its `Accept` comes from the responses' media types); this generator does not ignore
    it, and so each generated function sends the right one by itself.
    """
    changed = []
    for operation, node, at in operation_nodes(document, operations):
        parameter = {"in": "header", "name": "Accept", "schema": {"type": "string", "default": operation.accept}}
        node.setdefault("parameters", []).append(parameter)
        changed.append(model.pointer((*at, "parameters")))
    return changed


@_on_copy
def name_operations(document: dict[str, Any], operations: Sequence[Operation]) -> list[str]:
    """Name operations and modules ourselves, by method and path: upstream renamed all five operationIds in 2025-10."""
    changed = []
    for operation, node, at in operation_nodes(document, operations):
        node["operationId"] = operation.name
        node["tags"] = [operation.module]
        changed.append(model.pointer(at))
    return changed


@_on_copy
def drop_query_defaults(document: dict[str, Any], operations: Sequence[Operation]) -> list[str]:
    """Drop the defaults of query parameters: the generator always sends them, and what nobody set must not be sent."""
    changed = []
    for operation, node, at in operation_nodes(document, operations):
        # Parameters of the path are the operation's too.
        for holder, place in ((document["paths"][operation.path], at[:-1]), (node, at)):
            for index, entry in enumerate(holder.get("parameters", [])):
                parameter, found = model.resolve(document, entry, "Parameter", (*place, "parameters", str(index)))
                if parameter.get("in") == "query" and "default" in parameter.get("schema", {}):
                    del parameter["schema"]["default"]
                    changed.append(model.pointer((*found, "schema", "default")))
    return changed


@_on_copy
def open_enumerations(document: dict[str, Any], operations: Sequence[Operation]) -> list[str]:
    """Drop `enum` from all that responses hold: one new value would make the whole reply unreadable.

    The lists are open in fact: that of the SKUs grew in every revision of a year, and a payment's documented ERROR is
    not in its own list. What is sent keeps its enumerations.
    """
    return _drop(document, operations, "enum")


@_on_copy
def allow_null(document: dict[str, Any], operations: Sequence[Operation]) -> list[str]:
    """Let every field of a response be null, and every value of a map: upstream let three more be null in 2026-07.

    A `nullable` beside a `$ref` is ignored in OpenAPI 3.0, so a reference is put inside an `allOf`.
    """
    changed = []
    for schema, place in response_schemas(document, operations):
        holders = [(schema.get("properties", {}), (*place, "properties"))]
        if isinstance(schema.get("additionalProperties"), dict):
            holders.append((schema, place))
        for holder, at in holders:
            for name in list(holder) if holder is not schema else ["additionalProperties"]:
                holder[name] = _nullable(holder[name])
                changed.append(model.pointer((*at, name)))
    return changed


@_on_copy
def drop_required(document: dict[str, Any], operations: Sequence[Operation]) -> list[str]:
    """Make every field of a response optional: one that is missing would be a KeyError and no reply at all.

    `GET …/invoices/pending` is documented as a page with required `results`; clients in the wild read a single invoice.
    """
    return _drop(document, operations, "required")


@_on_copy
def keep_model_names(document: dict[str, Any], operations: Sequence[Operation]) -> list[str]:
    """Drop the titles of schemas, and `nullable` of components, so that models have upstream's schema names.

    A title turns BillingPayment into Payment; a nullable component turns BadRequestDetail into BadRequestDetailType0.
    Every field that holds such a component may be null without it (`tolerate_null`).
    """
    changed = _drop(document, operations, "title")
    for name, schema in document["components"].get("schemas", {}).items():
        if schema.pop("nullable", None) is not None:
            changed.append(model.pointer(("components", "schemas", name, "nullable")))
    return changed


@_on_copy
def drop_invalid_patterns(document: dict[str, Any], operations: Sequence[Operation]) -> list[str]:
    r"""Drop patterns that are no Python regular expression, such as `\p{L}`: they make Python tools fail."""
    changed = []
    for schema, place in all_schemas(document, operations):
        pattern = schema.get("pattern")
        if isinstance(pattern, str) and not _compiles(pattern):
            del schema["pattern"]
            changed.append(model.pointer((*place, "pattern")))
    return changed


@_on_copy
def extract_inline_models(document: dict[str, Any], operations: Sequence[Operation]) -> list[str]:
    """Move objects written inside a field into components of their own, named after the place: InvoiceLineItemTags.

    The generator names an inline object after its place too, but a nullable one becomes InvoiceLineItemTagsType0.
    """
    changed = []
    schemas = document["components"].setdefault("schemas", {})
    waiting = [
        (place[-1], schema)
        for schema, place in response_schemas(document, operations)
        if place[:-1] == ("components", "schemas")
    ]
    while waiting:
        parent, schema = waiting.pop()
        # A part of an allOf that is written in place has the fields of the model it is part of.
        waiting += [(parent, part) for part in schema.get("allOf", []) if "$ref" not in part]
        properties = schema.get("properties", {})
        for name in properties:
            holder, key, made = properties, name, parent + name[:1].upper() + name[1:]
            if holder[key].get("type") == "array" and "items" in holder[key]:
                holder, key, made = holder[key], "items", f"{made}Item"
            if holder[key].get("type") == "object" and made not in schemas:
                schemas[made] = holder[key]
                holder[key] = {"$ref": model.reference_to("Schema", made)}
                waiting.append((made, schemas[made]))
                changed.append(model.pointer(("components", "schemas", made)))
    return changed


TRANSFORMS: Final[tuple[Transform, ...]] = (
    keep_requested_media_type,
    drop_query_defaults,
    add_accept_header,
    name_operations,
    open_enumerations,
    drop_required,
    keep_model_names,
    extract_inline_models,
    allow_null,
    drop_invalid_patterns,
)


def _drop(document: dict[str, Any], operations: Sequence[Operation], keyword: str) -> list[str]:
    places = [(schema, place) for schema, place in response_schemas(document, operations) if keyword in schema]
    for schema, _ in places:
        del schema[keyword]
    return [model.pointer((*place, keyword)) for _, place in places]


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        return {"allOf": [schema], "nullable": True}
    return {**schema, "nullable": True}


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


def operation_nodes(
    document: dict[str, Any], operations: Sequence[Operation]
) -> Iterator[tuple[Operation, dict[str, Any], Location]]:
    """Each operation with its node and the node's place."""
    for operation in operations:
        at = ("paths", operation.path, operation.method)
        yield operation, document["paths"][operation.path][operation.method], at


def response_schemas(
    document: dict[str, Any], operations: Sequence[Operation]
) -> list[tuple[dict[str, Any], Location]]:
    """Every schema that a response of an operation holds, once, with its place; headers are no part of the body."""
    starts: list[tuple[dict[str, Any], Kind, Location]] = []
    for _, node, at in operation_nodes(document, operations):
        for status, entry in node["responses"].items():
            response, place = model.resolve(document, entry, "Response", (*at, "responses", status))
            for media, content in response.get("content", {}).items():
                starts.append((content, "MediaType", (*place, "content", media)))
    return _walk_schemas(document, starts)


def all_schemas(document: dict[str, Any], operations: Sequence[Operation]) -> list[tuple[dict[str, Any], Location]]:
    """Every schema that an operation holds anywhere, parameters and headers included, once, with its place."""
    starts: list[tuple[dict[str, Any], Kind, Location]] = [
        (node, "Operation", at) for _, node, at in operation_nodes(document, operations)
    ]
    return _walk_schemas(document, starts)


def _walk_schemas(
    document: dict[str, Any], starts: list[tuple[dict[str, Any], Kind, Location]]
) -> list[tuple[dict[str, Any], Location]]:
    found: list[tuple[dict[str, Any], Location]] = []
    seen: set[int] = set()
    waiting = starts[::-1]
    while waiting:
        node, kind, place = waiting.pop()
        if kind in model.SECTIONS:
            node, place = model.resolve(document, node, kind, place)
        if id(node) in seen:
            continue
        seen.add(id(node))
        if kind == "Schema":
            found.append((node, place))
        inside = [(child, child_kind, at) for at, child, child_kind in model.children(node, kind, place)]
        waiting.extend(reversed(inside))
    return found
