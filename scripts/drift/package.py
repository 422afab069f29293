"""Tell what taking over upstream's document would change in the generated package: models, fields and functions.

Compares what the generator is given, not what it writes, because that takes a second instead of ten.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import evolve, frozen

from drift.operation_diff import compare_operations
from drift.rules import Change
from drift.schema import Resolver
from drift.schema_pairs import PairGraph
from openapi_tools import generator, model, slicing, transforms
from openapi_tools.model import Location, as_code, canonical_json
from openapi_tools.operations import Operation, find_operation

# Formats with a type of their own.
_TYPES: Final[Mapping[tuple[object, object], str]] = {
    ("string", "date-time"): "datetime",
    ("string", "date"): "date",
    ("string", "binary"): "File",
    ("string", "uuid"): "UUID",
}
_SIMPLE: Final = {"string": "str", "integer": "int", "number": "float", "boolean": "bool"}
# A value in an enumeration's type, with the sign after it.
_VALUE: Final = re.compile(r'("(?:[^"\\]|\\.)*")(?: \| )?')
# Types inside types; a model's own type is its name, so more is a list of lists.
_MAX_DEPTH: Final = 10


@frozen
class PackageChanges:
    """Changes of the package, one line each; models whose schemas upstream renamed or inlined; our names of schemas."""

    lines: Sequence[str]
    models: Sequence[Change]
    names: Mapping[str, str]


def compare_packages(
    old: Mapping[str, Any], new: Mapping[str, Any], operations: Sequence[Operation], names: Mapping[str, str]
) -> PackageChanges:
    """Compare the packages of two documents, given our names of schemas; `names` of the result has the new ones too.

    Raises ScriptError if a document has something that the generator can't be given.
    """
    both = [ours for ours in operations if find_operation(old, ours) and find_operation(new, ours)]
    befores, afters = (_given(root, both, names) for root in (old, new))
    moved = _moved(befores, afters, both)
    known = {**names, **{after: before for after, (before, _) in moved.items()}}
    made = [_given(old, operations, names), _given(new, operations, known)]
    kept = made[1]["components"].get("schemas", {}).keys()
    models: list[Change] = []
    for after, (before, at) in moved.items():
        moves = f"moves to {as_code(generator.class_name(after))}, because two schemas share it"
        fate = (
            moves
            if after in kept and after not in known.values()
            else f"keeps its name, which {as_code('openapi/names.yaml')} then has"
        )
        title = at[0]
        # A model of an inline schema is named after what holds it.
        is_inlined = _has_schema(old, before) and not _has_schema(new, after)
        fact = "is now written inline" if is_inlined else f"is now {as_code(after)}"
        change = Change("renamed", title, at[1:], fact, f"the model {fate}", before)
        # A schema that is inlined in several places keeps one model.
        if not any(evolve(other, at=change.at, operation=title) == change for other in models):
            models.append(change)
    return PackageChanges([*_lines(*(_surface(document, operations) for document in made))], models, known)


def _given(root: Mapping[str, Any], operations: Sequence[Operation], names: Mapping[str, str]) -> dict[str, Any]:
    """The generator's input for those operations that a document has."""
    here = [ours for ours in operations if find_operation(root, ours)]
    return transforms.apply(slicing.slice_operations(root, here), here, names)[0]


def _has_schema(root: Mapping[str, Any], name: str) -> bool:
    return name in root.get("components", {}).get("schemas", {})


def _moved(
    old: Mapping[str, Any], new: Mapping[str, Any], operations: Sequence[Operation]
) -> dict[str, tuple[str, Location]]:
    """For each new name of a model its old one, with the operation and the location where it was first met."""
    before, after = Resolver(old), Resolver(new)
    had, has = (document["components"].get("schemas", {}).keys() for document in (old, new))
    met: dict[tuple[str, str], Location] = {}
    for ours in operations:
        pairs = PairGraph(before, after)
        compare_operations(before, after, [ours], pairs)
        for was, now, at in pairs.names():
            met.setdefault((was, now), (ours.title, *at))
    made: dict[str, tuple[str, Location]] = {}
    for (was, now), place in met.items():
        # A name may have gone to another schema, as when two swap theirs.
        is_only = not any((was == one) != (now == other) for one, other in met)
        if was != now and now not in made and (is_only or (was not in has and now not in had)):
            made[now] = (was, place)
    # A schema that only an `allOf` includes isn't compared by itself, so it's recognized by its content.
    for was in sorted(had - has):
        same = [now for now in has - had if now not in made and _content(new, now) == _content(old, was)]
        if len(same) == 1 and was not in {kept for kept, _ in made.values()}:
            made[same[0]] = (was, (operations[0].title,))
    return made


def _content(document: Mapping[str, Any], name: str) -> str:
    return canonical_json(document["components"]["schemas"][name])


def _surface(document: dict[str, Any], operations: Sequence[Operation]) -> dict[str, str]:
    """Each model, field, function and parameter of a package with its type."""
    made: dict[str, str] = {}
    for name, schema in document["components"].get("schemas", {}).items():
        fields = dict(_fields(document, schema))
        if schema.get("type") != "object" and not fields and "allOf" not in schema:
            continue
        model_name = generator.class_name(name)
        made[model_name] = "a model"
        made |= {f"{model_name}.{field}": kind for field, kind in fields.items()}
        # The generator gives a model this dict unless its own schema takes no other properties.
        if (other := schema.get("additionalProperties", {})) is not False:
            kind = _type(document, other) if isinstance(other, dict) else "Any"
            made[f"{model_name}.additional_properties"] = f"dict[str, {kind}]"
    for ours in operations:
        found = find_operation(document, ours)
        if found is None:
            continue
        made[f"{ours.name}()"] = _reply(document, found.node)
        parameters = [*found.path_item.get("parameters", []), *found.node.get("parameters", [])]
        for node in [model.resolve(document, entry, "Parameter", ())[0] for entry in parameters]:
            key = f"{ours.name}({generator.attribute_name(str(node.get('name')))})"
            made[key] = _type(document, node.get("schema", {})) + ("" if node.get("required") else ", optional")
        if "requestBody" in found.node:
            body = model.resolve(document, found.node["requestBody"], "RequestBody", ())[0]
            kinds = [_type(document, media.get("schema", {})) for media in body.get("content", {}).values()]
            made[f"{ours.name}(body)"] = " | ".join(kinds) + ("" if body.get("required") else ", optional")
    return made


def _fields(document: dict[str, Any], schema: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    waiting, seen = [schema], set[int]()
    while waiting:
        part = waiting.pop()
        if "$ref" in part:
            part = model.resolve(document, part, "Schema", ())[0]
        if id(part) in seen:
            continue
        seen.add(id(part))
        waiting += part.get("allOf", [])
        for name, node in part.get("properties", {}).items():
            yield generator.attribute_name(name), _type(document, node)


def _reply(document: dict[str, Any], node: Mapping[str, Any]) -> str:
    """The type that a function returns; transforms left one media type in each success."""
    kinds = set()
    for status, entry in node.get("responses", {}).items():
        if status.startswith("2"):
            response = model.resolve(document, entry, "Response", ())[0]
            kinds |= {_type(document, media.get("schema", {})) for media in response.get("content", {}).values()} or {
                "None"
            }
    return " | ".join(sorted(kinds, key=lambda kind: (kind == "None", kind)))


def _type(document: dict[str, Any], schema: Mapping[str, Any], depth: int = 0) -> str:
    """A schema as a Python type, as people write it: a model by its name, an enumeration by its values."""
    parts, kind = schema.get("allOf", []), schema.get("type")
    choice = [*schema.get("oneOf", []), *schema.get("anyOf", [])]
    made = "dict" if kind == "object" or "properties" in schema else _SIMPLE.get(str(kind), "Any")
    if depth > _MAX_DEPTH:
        made = "…"
    elif "$ref" in schema:
        target, at = model.resolve(document, schema, "Schema", ())
        is_model = target.get("type") == "object" or "properties" in target or "allOf" in target
        made = generator.class_name(at[-1]) if is_model else _type(document, target, depth + 1)
    elif len(parts) == 1 and "properties" not in schema:
        made = _type(document, parts[0], depth + 1)
    elif "enum" in schema:
        made = " | ".join(canonical_json(value) for value in schema["enum"])
    elif choice:
        made = " | ".join(sorted({_type(document, variant, depth + 1) for variant in choice}))
    elif kind == "array":
        made = f"list[{_type(document, schema.get('items', {}), depth + 1)}]"
    return _TYPES.get((kind, schema.get("format")), made)


def _lines(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    for name in [*old, *(name for name in new if name not in old)]:
        before, after = old.get(name), new.get(name)
        # A new model's fields are not listed one by one.
        holder = name.partition("." if "." in name else "(")[0]
        holder += "()" if "(" in name and not name.endswith("()") else ""
        if before == after or (holder != name and ((holder in old) != (holder in new))):
            continue
        if before is None:
            yield f"{as_code(name)} is new"
        elif after is None:
            yield f"{as_code(name)} is gone"
        elif _VALUE.sub("", before) == _VALUE.sub("", after):
            # A list of values can be long, so only the difference is shown.
            was, now = _VALUE.findall(before), _VALUE.findall(after)
            for verb, values in (("now takes", {*now} - {*was}), ("no longer takes", {*was} - {*now})):
                if values:
                    yield f"{as_code(name)} {verb} {model.as_code_list(sorted(values))}"
        else:
            yield f"{as_code(name)} was {as_code(before)} and is now {as_code(after)}"
