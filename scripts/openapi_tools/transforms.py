"""Change upstream's document for the generator: small functions, each of which returns what it changed.

The generator's output is never edited. What it would get wrong is corrected in its input, by these transforms where a
rule applies in many places and by openapi/overlay.yaml for text and single fixes. Literal enumerations are a setting in
openapi/generator.yaml; generator.py names the media types of CSV, and changes the templates that would show secrets.
One trap can't be avoided: the generated `*_detailed` functions raise ValueError for a status that `http.HTTPStatus`
doesn't know, so the handwritten client checks it first.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from openapi_tools import model, slicing
from openapi_tools.errors import TransformError
from openapi_tools.model import Kind, Location
from openapi_tools.operations import Operation, find_operation, placeholders

# Changes the document that it is given, and returns the locations that it changed.
Transform = Callable[[dict[str, Any], Sequence[Operation]], list[str]]


def apply(
    document: dict[str, Any], operations: Sequence[Operation], names: Mapping[str, str] = MappingProxyType({})
) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """A changed copy of a fragment, and for each transform the locations it changed; none means it matched nothing.

    `names` has our names of schemas that upstream calls otherwise, see openapi/names.yaml.

    Raises TransformError if an operation lacks what its entry in operations.yaml requests.
    """
    changed = copy.deepcopy(document)
    if _unwrap_components(changed):
        changed = slicing.slice_operations(changed, operations)
    # The generator doesn't use them, and 3.0 doesn't know every scheme of 3.1.
    changed.pop("security", None)
    changed["components"].pop("securitySchemes", None)
    _restore_paths(changed, operations)
    # Before inline models are named after what contains them, and after, because they may be what was renamed.
    done = _restore_names(changed, names)
    places = {transform.__name__: transform(changed, operations) for transform in TRANSFORMS}
    _restore_names(changed, {new: ours for new, ours in names.items() if new not in done})
    return changed, places


def _unwrap_components(document: dict[str, Any]) -> bool:
    """Replace each schema that only wraps another by a copy of that one; the generator would take the other's name."""
    schemas = document["components"].get("schemas", {})
    wrapped = {
        name: node["allOf"][0]
        for name, node in schemas.items()
        if node.keys() - {"title"} == {"allOf"} and len(node["allOf"]) == 1 and "$ref" in node["allOf"][0]
    }
    made = {name: model.resolve(document, inner, "Schema", ())[0] for name, inner in wrapped.items()}
    schemas |= copy.deepcopy(made)
    return bool(made)


def _restore_paths(document: dict[str, Any], operations: Sequence[Operation]) -> None:
    """Give paths and their parameters our own names, in case upstream renamed `{orgId}`: the URL is the same."""
    for operation in operations:
        found = find_operation(document, operation)
        if found is None or found.path == operation.path:
            continue
        names = dict(zip(placeholders(found.path), placeholders(operation.path), strict=True))
        # All operations of the path, because it's renamed for all of them.
        nodes = [found.path_item, *(found.path_item[method] for method in model.METHODS if method in found.path_item)]
        for entry in (entry for node in nodes for entry in node.get("parameters", [])):
            parameter = model.resolve(document, entry, "Parameter", ())[0]
            if parameter.get("in") == "path":
                parameter["name"] = names.get(parameter["name"], parameter["name"])
        document["paths"] = {operation.path if path == found.path else path: v for path, v in document["paths"].items()}


def _restore_names(document: dict[str, Any], names: Mapping[str, str]) -> set[str]:
    """Give schemas the names they had, all at once, and return which were renamed.

    Several that are the same share one name. One that another schema keeps is left alone.
    """
    schemas = document["components"].get("schemas", {})
    renamed = {new: ours for new, ours in names.items() if new in schemas and new != ours}
    count = -1
    while count != len(renamed):
        count, taken = len(renamed), {name: node for name, node in schemas.items() if name not in renamed}
        for new, ours in list(renamed.items()):
            if taken.setdefault(ours, schemas[new]) != schemas[new]:
                del renamed[new]
    if renamed:
        references = {model.reference_to("Schema", new): model.reference_to("Schema", renamed[new]) for new in renamed}
        _replace_references(document, references)
        given = [(renamed.get(name, name), node) for name, node in schemas.items()]
        document["components"]["schemas"] = dict(sorted(given, key=lambda entry: entry[0]))
    return {*renamed}


def _replace_references(node: object, references: Mapping[str, str]) -> None:
    inside = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in list(inside):
        if key in ("$ref", "mapping") and isinstance(node, dict):
            if isinstance(value, str):
                node[key] = references.get(value, value)
            elif isinstance(value, dict) and key == "mapping":
                targets = {name: model.mapping_reference(target) for name, target in value.items()}
                value |= {name: references[target] for name, target in targets.items() if target in references}
        _replace_references(value, references)


def keep_requested_media_type(document: dict[str, Any], operations: Sequence[Operation]) -> list[str]:
    """Keep only the requested media type of a success, because the generator uses the first that it can read, and only
    the body of the same version, because the generator would take a model for each.

    Upstream lists `+csv` before `+json` for the invoice, which would make the invoice a `str`.
    """
    changed = []
    for operation, node, at in operation_nodes(document, operations):
        kept = [(*found, operation.accept) for found in slicing.success_responses(document, node, at)]
        if not kept:
            raise TransformError(f"{operation.title} has no response {' or '.join(slicing.SUCCESSES)}")
        if "requestBody" in node:
            body = model.resolve(document, node["requestBody"], "RequestBody", (*at, "requestBody"))
            kept.append((*body, operation.body_type))
        for holder, place, wanted in kept:
            content = holder.get("content", {})
            if wanted not in content:
                raise TransformError(f"{operation.title} doesn't offer {wanted} at {model.pointer(place)}")
            for media in [media for media in content if media != wanted]:
                del content[media]
                changed.append(model.pointer((*place, "content", media)))
    return changed


def add_accept_header(document: dict[str, Any], operations: Sequence[Operation]) -> list[str]:
    """Give every operation a header parameter `Accept` with its media type as the default.

    The generated code sends no Accept header, and Atlas chooses the resource version by it: without one it answers 406.
    OpenAPI says that tools shall ignore such a parameter, but this generator doesn't, so each generated function sends
    the right header by itself.
    """
    changed = []
    for operation, node, at in operation_nodes(document, operations):
        parameter = {"in": "header", "name": "Accept", "schema": {"type": "string", "default": operation.accept}}
        node.setdefault("parameters", []).append(parameter)
        changed.append(model.pointer((*at, "parameters")))
    return changed


def name_operations(document: dict[str, Any], operations: Sequence[Operation]) -> list[str]:
    """Give operations and modules our own names, because upstream renamed all five operationIds in 2025-10.

    An operation's own `security` goes, because the generated function would then take an AuthenticatedClient only.
    """
    changed = []
    for operation, node, at in operation_nodes(document, operations):
        node["operationId"] = operation.name
        node["tags"] = [operation.module]
        node.pop("security", None)
        changed.append(model.pointer(at))
    return changed


def drop_parameter_defaults(document: dict[str, Any], operations: Sequence[Operation]) -> list[str]:
    """Drop the defaults of parameters: the generated code would send them even if the caller sets nothing."""
    starts: list[tuple[dict[str, Any], Kind, Location]] = []
    for operation, node, at in operation_nodes(document, operations):
        # A path's parameters belong to the operation too.
        for holder, place in ((document["paths"][operation.path], at[:-1]), (node, at)):
            for index, entry in enumerate(holder.get("parameters", [])):
                starts.append((entry, "Parameter", (*place, "parameters", str(index))))
    # The parameter's schema may refer to the one with the default.
    return _drop_from(_schemas_below(document, starts), "default")


def open_enumerations(document: dict[str, Any], operations: Sequence[Operation]) -> list[str]:
    """Drop every `enum` from responses, because one new value would make a whole response unreadable.

    These lists are open in practice: the one of SKUs grew in every revision of a year, and a payment's documented ERROR
    is missing from its own. Requests keep their enumerations.
    """
    return _drop(document, operations, "enum")


def allow_null(document: dict[str, Any], operations: Sequence[Operation]) -> list[str]:
    """Let every field of a response, and every value of a map, be null: upstream made three more nullable in 2026-07.

    OpenAPI 3.0 ignores `nullable` beside `$ref`, so a reference goes into an `allOf`.
    """
    changed = []
    for schema, place in response_schemas(document, operations):
        holders = [(schema.get("properties", {}), (*place, "properties"))]
        if isinstance(schema.get("additionalProperties"), dict):
            holders.append((schema, place))
        for holder, at in holders:
            for name in list(holder) if holder is not schema else ["additionalProperties"]:
                old = holder[name]
                holder[name] = {"allOf": [old], "nullable": True} if "$ref" in old else {**old, "nullable": True}
                changed.append(model.pointer((*at, name)))
    return changed


def drop_required(document: dict[str, Any], operations: Sequence[Operation]) -> list[str]:
    """Make every field of a response optional, because a missing one would be a KeyError instead of a response.

    `GET …/invoices/pending` is documented as a page with required `results`; real clients read a single invoice.
    """
    return _drop(document, operations, "required")


def keep_model_names(document: dict[str, Any], operations: Sequence[Operation]) -> list[str]:
    """Drop the titles of schemas, and `nullable` of components, so that models are named like upstream's schemas.

    A title turns BillingPayment into Payment; a nullable component turns BadRequestDetail into BadRequestDetailType0.
    Every field that holds such a component may be null anyway (`allow_null`).
    """
    changed = _drop(document, operations, "title")
    for name, schema in document["components"].get("schemas", {}).items():
        if schema.pop("nullable", None) is not None:
            changed.append(model.pointer(("components", "schemas", name, "nullable")))
    return changed


def drop_invalid_patterns(document: dict[str, Any], operations: Sequence[Operation]) -> list[str]:
    r"""Drop patterns that are not Python regular expressions, such as `\p{L}`, because Python tools fail on them."""
    changed = []
    for schema, place in all_schemas(document, operations):
        pattern = schema.get("pattern")
        if isinstance(pattern, str) and not _compiles(pattern):
            del schema["pattern"]
            changed.append(model.pointer((*place, "pattern")))
    return changed


def extract_inline_models(document: dict[str, Any], operations: Sequence[Operation]) -> list[str]:
    """Move objects written inside a field, a response or a request body into components named after their location:
    InvoiceLineItemTags, get_invoice_response_200.

    The generator names inline objects by location too, but a nullable one becomes InvoiceLineItemTagsType0, and that of
    a response couldn't keep the name that it had as a component (openapi/names.yaml).
    """
    changed = []
    schemas = document["components"].setdefault("schemas", {})
    # A response or a body may be a copy of a component, or of another response: then it's the same model.
    names = {model.canonical_json(schema): name for name, schema in reversed(schemas.items())}
    for operation, node, _ in operation_nodes(document, operations):
        holders: list[tuple[str, dict[str, Any], Kind]] = [
            (f"response_{status}", entry, "Response") for status, entry in node["responses"].items()
        ]
        holders += [("body", node["requestBody"], "RequestBody")] if "requestBody" in node else []
        for part, entry, kind in holders:
            for media in model.resolve(document, entry, kind, ())[0].get("content", {}).values():
                schema = media.get("schema", {})
                if schema.get("type") == "object":
                    made = names.setdefault(model.canonical_json(schema), f"{operation.name}_{part}")
                    schemas.setdefault(made, schema)
                    media["schema"] = {"$ref": model.reference_to("Schema", made)}
                    changed.append(model.pointer(("components", "schemas", made)))
    waiting = [
        (place[-1], schema)
        for schema, place in response_schemas(document, operations)
        if place[:-1] == ("components", "schemas")
    ]
    while waiting:
        parent, schema = waiting.pop()
        # An inline part of an allOf has fields of the model that it belongs to.
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


# In this order: names before null, because a nullable inline object would get another name.
TRANSFORMS: Final[tuple[Transform, ...]] = (
    keep_requested_media_type,
    drop_parameter_defaults,
    add_accept_header,
    name_operations,
    open_enumerations,
    drop_required,
    keep_model_names,
    extract_inline_models,
    allow_null,
    drop_invalid_patterns,
)


def operation_nodes(
    document: dict[str, Any], operations: Sequence[Operation]
) -> Iterator[tuple[Operation, dict[str, Any], Location]]:
    """Each operation with its object in the document and that object's location."""
    for operation in operations:
        at = ("paths", operation.path, operation.method)
        yield operation, document["paths"][operation.path][operation.method], at


def response_schemas(
    document: dict[str, Any], operations: Sequence[Operation]
) -> list[tuple[dict[str, Any], Location]]:
    """Every schema in the body of a response, once, with its location; headers don't count."""
    starts: list[tuple[dict[str, Any], Kind, Location]] = []
    for _, node, at in operation_nodes(document, operations):
        for status, entry in node["responses"].items():
            response, place = model.resolve(document, entry, "Response", (*at, "responses", status))
            for media, content in response.get("content", {}).items():
                starts.append((content, "MediaType", (*place, "content", media)))
    return _schemas_below(document, starts)


def all_schemas(document: dict[str, Any], operations: Sequence[Operation]) -> list[tuple[dict[str, Any], Location]]:
    """Every schema that an operation reaches, parameters and headers included, once, with its location."""
    starts: list[tuple[dict[str, Any], Kind, Location]] = [
        (node, "Operation", at) for _, node, at in operation_nodes(document, operations)
    ]
    return _schemas_below(document, starts)


def _schemas_below(
    document: dict[str, Any], starts: list[tuple[dict[str, Any], Kind, Location]]
) -> list[tuple[dict[str, Any], Location]]:
    return [(node, place) for node, kind, place in model.walk(document, starts) if kind == "Schema"]


def _drop(document: dict[str, Any], operations: Sequence[Operation], keyword: str) -> list[str]:
    return _drop_from(response_schemas(document, operations), keyword)


def _drop_from(schemas: list[tuple[dict[str, Any], Location]], keyword: str) -> list[str]:
    places = [(schema, place) for schema, place in schemas if keyword in schema]
    for schema, _ in places:
        del schema[keyword]
    return [model.pointer((*place, keyword)) for _, place in places]


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True
