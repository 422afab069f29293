"""Rewrite OpenAPI 3.1, and other ways to say the same, as the OpenAPI 3.0 that everything else here reads.

So the same structure gives the same fragment, the same client and no drift, whichever version upstream publishes. A
keyword of 3.1 that 3.0 can't express stays, and is reported as unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from openapi_tools import model
from openapi_tools.errors import DocumentError
from openapi_tools.model import Location, checked_list, is_object
from openapi_tools.operations import LocatedOperation

# The version of what is rewritten: the one that upstream published for years.
VERSION: Final = "3.0.1"
_ANNOTATIONS: Final = model.PROSE | {"title", "readOnly", "writeOnly"}
_CHOICES: Final = ("oneOf", "anyOf")
_JSON_TYPES: Final[Mapping[type, str]] = {str: "string", bool: "boolean", int: "integer", float: "number"}
# Keywords that apply to values of one type only.
_BY_TYPE: Final[Mapping[str, tuple[str, ...]]] = {
    "string": ("format", "pattern", "minLength", "maxLength"),
    "array": ("items", "minItems", "maxItems", "uniqueItems"),
    "object": ("properties", "required", "additionalProperties", "minProperties", "maxProperties"),
}


def rewrite(root: Mapping[str, Any], found: LocatedOperation) -> None:
    """Rewrite everything that an operation reaches, in place; the meaning stays, so doing it again changes nothing.

    Raises DocumentError if a value has the wrong type, or a reference leads out of the components or to nothing.
    """
    is_new = str(root.get("openapi")).startswith("3.1.")
    inherited = {"parameters": found.path_item.get("parameters", [])}
    # walk() looks for what is inside an object after it was rewritten.
    for node, kind, at in model.walk(root, [(inherited, "PathItem", ()), (found.node, "Operation", ())]):
        if is_new:
            for keyword, (holds, child_kind) in model.FIELDS[kind].items():
                if child_kind == "Schema" and keyword in node:
                    node[keyword] = _schemas_in(node[keyword], holds, keep_flags=keyword == "additionalProperties")
        if is_object(node.get("content")):
            node["content"] = by_media_type(node["content"])
        if kind == "Schema":
            for rewrite_keyword in _REWRITES:
                rewrite_keyword(node, at)
            if is_new:
                _allow_listed_null(node)


def by_media_type(content: Mapping[str, Any]) -> dict[str, Any]:
    """The entries of a `content` under one spelling of each media type.

    Case, the order of its parameters, and `charset=utf-8`, which JSON and Atlas's CSV have anyway, mean nothing.
    """
    made: dict[str, Any] = {}
    for name, media in content.items():
        first, *rest = (part.strip().lower() for part in name.split(";"))
        made.setdefault("; ".join([first, *sorted({*rest} - {"charset=utf-8", 'charset="utf-8"'})]), media)
    return made


def _schemas_in(value: object, holds: model.Holds, *, keep_flags: bool) -> object:
    """Rewrite the schemas under a keyword that 3.0 can't write: true and false, and a reference with siblings."""
    if holds == "list" and isinstance(value, list):
        return [_schema(item) for item in value]
    if holds == "map" and is_object(value):
        return {name: _schema(item) for name, item in value.items()}
    return value if keep_flags and isinstance(value, bool) else _schema(value)


def _schema(value: object) -> object:
    if isinstance(value, bool):
        return {} if value else {"not": {}}
    if not is_object(value) or not isinstance(value.get("$ref"), str) or len(value) == 1:
        return value
    reference = {"$ref": value["$ref"]}
    rest = {key: inner for key, inner in value.items() if key != "$ref"}
    return reference if rest.keys() <= _ANNOTATIONS else {"allOf": [reference, *rest.pop("allOf", [])], **rest}


def _constant(node: dict[str, Any], _: Location) -> None:
    if "const" in node:
        node["enum"] = [node.pop("const")]


def _choices(node: dict[str, Any], at: Location) -> None:
    """Rewrite a choice with null, between constants, with one variant, or between types."""
    for keyword in _CHOICES:
        variants = checked_list(node.get(keyword, []), (*at, keyword))
        if not variants or "discriminator" in node or not all(is_object(variant) for variant in variants):
            continue
        others = [variant for variant in variants if not _is_null(variant)]
        if len(others) < len(variants):
            node |= {"nullable": True, keyword: others}
        constants = [_constants(variant) for variant in others]
        types = [variant.get("type") for variant in others]
        if others and "enum" not in node and all(constants):
            del node[keyword]
            node["enum"] = [value for values in constants for value in values or ()]
            if "type" not in node and types[0] is not None and len({str(kind) for kind in types}) == 1:
                node["type"] = types[0]
        elif len(others) == 1:
            _merge_single(node, keyword, others[0])
        elif keyword == "anyOf" and "oneOf" not in node and _are_bare_types(others):
            node["oneOf"] = node.pop("anyOf")
        elif keyword == "anyOf" and _is_open_list(others, constants):
            del node[keyword]
            node.setdefault("type", types[0])


def _single_part(node: dict[str, Any], at: Location) -> None:
    """Rewrite a schema that is nothing but one part, which isn't a reference."""
    parts = checked_list(node.get("allOf", []), (*at, "allOf"))
    if len(parts) == 1 and is_object(parts[0]) and not node.keys() - {"allOf"} - _ANNOTATIONS:
        _merge_single(node, "allOf", parts[0])


def _constants(variant: Mapping[str, Any]) -> list[Any] | None:
    """The constants that a schema consists of, or None if there is more to it."""
    if variant.keys() - {"type", "enum", "const"} - _ANNOTATIONS:
        return None
    values = [variant["const"]] if "const" in variant else variant.get("enum")
    return values if isinstance(values, list) else None


def _merge_single(node: dict[str, Any], keyword: str, variant: dict[str, Any]) -> None:
    del node[keyword]
    inside = {key: value for key, value in variant.items() if key not in _ANNOTATIONS or key not in node}
    if "$ref" in inside or inside.keys() & node.keys():
        node["allOf"] = [*node.get("allOf", []), variant]
    else:
        node |= inside


def _are_bare_types(variants: list[dict[str, Any]]) -> bool:
    """Whether each variant is a type and nothing else, so that a value fits one of them at most."""
    named = {str(variant.get("type")) for variant in variants if variant.keys() - _ANNOTATIONS == {"type"}}
    return len(named) == len(variants) and not {"integer", "number"} <= named


def _is_open_list(variants: list[dict[str, Any]], constants: list[list[Any] | None]) -> bool:
    """Whether constants stand beside their type itself, so that any value of the type is valid."""
    bare = [variant for variant in variants if variant.keys() - _ANNOTATIONS == {"type"}]
    others = [variant for variant, values in zip(variants, constants, strict=True) if values]
    one_type = len({str(variant.get("type")) for variant in variants}) == 1
    return one_type and len(bare) == 1 and len(others) == len(variants) - 1


def _is_null(variant: Mapping[str, Any]) -> bool:
    return variant.get("type") in ("null", ["null"]) or variant.get("enum", [variant.get("const", 0)]) == [None]


def _types(node: dict[str, Any], at: Location) -> None:
    """Rewrite `type: [string, "null"]` and `type: "null"`."""
    value = node.get("type")
    if value is None or (isinstance(value, str) and value != "null"):
        return
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise DocumentError(f"{model.pointer((*at, 'type'))}: must be a string or a list of strings")
    kinds = {*names} - {"null"}
    if "number" in kinds:
        kinds -= {"integer"}
    if "null" in names:
        node["nullable"] = True
    del node["type"]
    if len(kinds) == 1:
        (node["type"],) = kinds
    elif not kinds:
        node["enum"] = [None]
    else:
        choice = [
            {"type": kind, **{key: node.pop(key) for key in _BY_TYPE.get(kind, ()) if key in node}}
            for kind in sorted(kinds)
        ]
        if node.keys() & set(_CHOICES):
            node["allOf"] = [*node.get("allOf", []), {"oneOf": choice}]
        else:
            node["oneOf"] = choice


def _enum_type(node: dict[str, Any], _: Location) -> None:
    """Add the type that a list of values says anyway."""
    values = node.get("enum")
    if "type" not in node and isinstance(values, list) and not node.keys() & {"allOf", *_CHOICES}:
        types = {_JSON_TYPES.get(type(value)) for value in values if value is not None}
        if len(types) == 1 and None not in types:
            (node["type"],) = types


def _bounds(node: dict[str, Any], _: Location) -> None:
    """Rewrite an exclusive bound that is a number, and one of integers, which can include the next integer."""
    for name, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        bound = node.get(exclusive)
        if isinstance(bound, bool) or not isinstance(bound, int | float):
            continue
        other = node.get(name, bound)
        if not isinstance(other, int | float) or (other > bound if name == "minimum" else other < bound):
            del node[exclusive]
        else:
            node |= {name: bound, exclusive: True}
    if node.get("type") == "integer":
        for name, exclusive, step in (("minimum", "exclusiveMinimum", 1), ("maximum", "exclusiveMaximum", -1)):
            if node.get(exclusive) is True and type(node.get(name)) is int:
                del node[exclusive]
                node[name] += step


def _examples(node: dict[str, Any], _: Location) -> None:
    """Rewrite a list with one example."""
    examples = node.get("examples")
    if isinstance(examples, list) and len(examples) == 1:
        del node["examples"]
        node.setdefault("example", examples[0])


def _allow_listed_null(node: dict[str, Any]) -> None:
    """Rewrite null in a list of values, which means null in 3.1 and nothing without `nullable` in 3.0."""
    values = node.get("enum")
    if isinstance(values, list) and None in values and "type" not in node:
        node["nullable"] = True
    if isinstance(values, list) and node.get("nullable") is True and values != [None]:
        node["enum"] = [value for value in values if value is not None]


_REWRITES: Final[tuple[Callable[[dict[str, Any], Location], None], ...]] = (
    _constant,
    _single_part,
    _choices,
    _types,
    _enum_type,
    _bounds,
    _examples,
)
