"""Read what a schema means, however it is written: references and `allOf` resolved, defaults of keywords filled in.

A schema here is a tuple of objects that apply together, because `allOf` can describe one property twice; usually the
tuple has one object.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from attrs import field, frozen

from openapi_tools import model
from openapi_tools.errors import DocumentError
from openapi_tools.model import Kind, Location, canonical_json, checked_list, checked_object

Nodes = tuple["Mapping[str, Any]", ...]

# Keywords that don't affect data: prose, and `readOnly`, which Atlas's document sets at will.
ANNOTATIONS: Final = model.PROSE | {"title", "readOnly", "writeOnly", "xml"}
# Lower and upper bounds: the greatest lower and the smallest upper bound is the tightest.
LOWER: Final = ("minLength", "minItems", "minProperties")
UPPER: Final = ("maxLength", "maxItems", "maxProperties")
_KNOWN: Final = frozenset({
    "$ref", "allOf", "type", "format", "nullable", "enum", "default", "pattern", "properties", "required", "items",
    "oneOf", "anyOf", "not", "discriminator", "additionalProperties", "deprecated", "x-sunset", "minimum", "maximum",
    "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "uniqueItems", *LOWER, *UPPER,
})  # fmt: skip
# An `allOf` of one schema around another: null beside a reference, or words.
_MAX_WRAPPERS: Final = 5
# The value of 1e999.
_INFINITE: Final = (float("inf"), float("-inf"))


@frozen(eq=False, slots=False)
class Resolver:
    """One of the two compared documents, with its references resolved."""

    root: Mapping[str, Any] = field(repr=False)

    def resolve(self, node: object, kind: Kind, at: Location) -> Mapping[str, Any]:
        """The object that `node` is or refers to. Raises DocumentError if a reference leads to nothing."""
        return model.resolve(self.root, node, kind, at)[0]

    def name_of(self, nodes: Nodes) -> str | None:
        """The name of the component that a schema is, or that its `allOf` wraps; None if it is written inline."""
        for node in nodes:
            inner: object = node
            for _ in range(_MAX_WRAPPERS):
                if not model.is_object(inner):
                    break
                if model.reference_of(inner) is not None:
                    inner = self.resolve(inner, "Schema", ())
                if id(inner) in self._names:
                    return self._names[id(inner)]
                parts = inner.get("allOf")
                inner = parts[0] if isinstance(parts, list) and len(parts) == 1 else None
        return None

    @cached_property
    def _names(self) -> dict[int, str]:
        schemas = checked_object(self.root.get("components", {}), ("components",)).get("schemas", {})
        return {id(node): name for name, node in checked_object(schemas, ("components", "schemas")).items()}


@frozen
class Schema:
    """The meaning of a schema. An absent keyword is None or empty; a bound is a number and whether it is exclusive."""

    type: str | None
    format: str | None
    nullable: bool
    enum: frozenset[str] | None
    default: str | None
    pattern: str | None
    bounds: dict[str, tuple[float, bool]]
    properties: dict[str, Nodes]
    required: frozenset[str]
    additional_properties: Nodes | None  # of properties with other names; None: not allowed, (): anything
    items: Nodes
    variants: dict[str, tuple[Mapping[str, Any], ...]]  # of oneOf and anyOf
    negated: Nodes
    discriminator: tuple[str, dict[str, Mapping[str, Any]]] | None  # the property, and the schema for each value
    deprecated: bool
    sunset: str | None
    unknown: dict[str, str]

    @property
    def is_unconstrained(self) -> bool:
        """Whether any value is valid."""
        return self == _ANYTHING


def read_schema(resolver: Resolver, nodes: Nodes, at: Location) -> Schema:
    """Read the meaning of a schema. Raises DocumentError if a keyword's value has the wrong type."""
    parts = _parts(resolver, nodes, at)
    properties: dict[str, Nodes] = {}
    for part in parts:
        for name, node in checked_object(part.get("properties", {}), (*at, "properties")).items():
            properties[name] = (*properties.get(name, ()), checked_object(node, (*at, "properties", name)))
    additional, items = _additional_properties(parts, at), _nodes(parts, "items", at)
    required = frozenset(
        str(name) for part in parts for name in checked_list(part.get("required", []), (*at, "required"))
    )
    types = sorted({kind for part in parts if (kind := _text(part, "type", at)) is not None})
    if not types and (properties or required or additional != ()):
        types = ["object"]
    elif not types and items:
        types = ["array"]
    discriminators = [
        _discriminator(resolver, part["discriminator"], (*at, "discriminator"))
        for part in parts
        if "discriminator" in part
    ]
    return Schema(
        type=" and ".join(types) or None,
        format=_first(parts, "format", at),
        nullable=any(_nullable(resolver, node, at) for node in nodes),
        enum=_enum(parts, at),
        default=next((canonical_json(part["default"]) for part in parts if "default" in part), None),
        pattern=" and ".join(sorted({text for part in parts if (text := _text(part, "pattern", at)) is not None}))
        or None,
        bounds=_bounds(parts, at),
        properties=properties,
        required=required,
        additional_properties=additional,
        items=items,
        variants={
            keyword: tuple(
                resolver.resolve(node, "Schema", (*at, keyword, str(index)))
                for part in parts
                for index, node in enumerate(checked_list(part.get(keyword, []), (*at, keyword)))
            )
            for keyword in ("oneOf", "anyOf")
        },
        negated=_nodes(parts, "not", at),
        discriminator=discriminators[0] if discriminators else None,
        deprecated=any(_flag(part, "deprecated", at) for part in parts),
        sunset=_first(parts, "x-sunset", at),
        unknown={
            key: canonical_json(value)
            for part in parts
            for key, value in part.items()
            if key not in _KNOWN and key not in ANNOTATIONS and not key.startswith("x-")
        },
    )


def _parts(resolver: Resolver, nodes: Nodes, at: Location) -> list[Mapping[str, Any]]:
    """The objects that apply together: the schema itself and those in its `allOf`, each once."""
    waiting, seen, parts = list(reversed(nodes)), set[int](), []
    while waiting:
        part = resolver.resolve(waiting.pop(), "Schema", at)
        if id(part) in seen:
            continue
        seen.add(id(part))
        parts.append(part)
        waiting += reversed(checked_list(part.get("allOf", []), (*at, "allOf")))
    return parts


def _nullable(resolver: Resolver, node: Mapping[str, Any], at: Location) -> bool:
    """Whether null is valid: the schema says so, or it has no type of its own and its `allOf` agree."""
    waiting, seen, says = [node], set[int](), False
    while waiting:
        here = resolver.resolve(waiting.pop(), "Schema", at)
        if id(here) in seen:
            continue
        seen.add(id(here))
        nullable = _flag(here, "nullable", at)
        if "type" in here and not nullable:
            return False
        says = says or nullable
        if not nullable:
            waiting += checked_list(here.get("allOf", []), (*at, "allOf"))
    return says


def _additional_properties(parts: Sequence[Mapping[str, Any]], at: Location) -> Nodes | None:
    values = [part["additionalProperties"] for part in parts if "additionalProperties" in part]
    if any(value is False for value in values):
        return None
    nodes = [checked_object(value, (*at, "additionalProperties")) for value in values if value is not True]
    return tuple(node for node in nodes if node)


def _nodes(parts: Sequence[Mapping[str, Any]], keyword: str, at: Location) -> Nodes:
    return tuple(checked_object(part[keyword], (*at, keyword)) for part in parts if keyword in part)


def _enum(parts: Sequence[Mapping[str, Any]], at: Location) -> frozenset[str] | None:
    lists = [checked_list(part["enum"], (*at, "enum")) for part in parts if "enum" in part]
    # `nullable` decides about null.
    sets = [frozenset(canonical_json(value) for value in values if value is not None) for values in lists]
    return frozenset.intersection(*sets) if sets else None


def _bounds(parts: Sequence[Mapping[str, Any]], at: Location) -> dict[str, tuple[float, bool]]:
    made: dict[str, tuple[float, bool]] = {}
    for part in parts:
        found = {name: (_number(part, name, at), False) for name in (*LOWER, *UPPER, "multipleOf") if name in part}
        for name, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
            if name in part:
                found[name] = _number(part, name, at), _flag(part, exclusive, at)
        if _flag(part, "uniqueItems", at):
            found["uniqueItems"] = (1, False)
        for name, bound in found.items():
            made[name] = tightest(name, made.get(name, bound), bound)
    # A minimum length of 0 doesn't restrict anything.
    return {name: bound for name, bound in made.items() if name not in LOWER or bound[0] > 0}


def tightest(name: str, one: tuple[float, bool], other: tuple[float, bool]) -> tuple[float, bool]:
    """The tighter of two bounds with the same keyword."""
    upper = name in UPPER or name == "maximum"
    return max(one, other, key=lambda bound: (-bound[0] if upper else bound[0], bound[1]))


def _discriminator(resolver: Resolver, node: object, at: Location) -> tuple[str, dict[str, Mapping[str, Any]]]:
    here, place = checked_object(node, at), (*at, "mapping")
    mapping = checked_object(here.get("mapping", {}), place).items()
    return str(here.get("propertyName")), {
        value: resolver.resolve({"$ref": model.mapping_reference(target)}, "Schema", place) for value, target in mapping
    }


def _first(parts: Sequence[Mapping[str, Any]], keyword: str, at: Location) -> str | None:
    return next((text for part in parts if (text := _text(part, keyword, at)) is not None), None)


def _text(part: Mapping[str, Any], keyword: str, at: Location) -> str | None:
    value = part.get(keyword)
    if value is not None and not isinstance(value, str):
        raise DocumentError(f"{model.pointer((*at, keyword))}: must be a string")
    return value


def _flag(part: Mapping[str, Any], keyword: str, at: Location) -> bool:
    value = part.get(keyword, False)
    if not isinstance(value, bool):
        raise DocumentError(f"{model.pointer((*at, keyword))}: must be true or false")
    return value


def _number(part: Mapping[str, Any], keyword: str, at: Location) -> float:
    value = part[keyword]
    if isinstance(value, bool) or not isinstance(value, int | float) or value in _INFINITE:
        raise DocumentError(f"{model.pointer((*at, keyword))}: must be a number")
    return value


_ANYTHING: Final = read_schema(Resolver({}), (), ())
