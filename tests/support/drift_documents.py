"""Small OpenAPI documents for the drift tests, and the report on a pair of them."""

from __future__ import annotations

import copy
import random
from collections.abc import Sequence
from typing import Any

import check_drift
from drift.report import Report
from environment import ROOT
from openapi_tools import documents, model
from openapi_tools.operations import Operation, load_operations

Json = dict[str, Any]

DATA = ROOT / "tests" / "codegen" / "data"
FIVE = load_operations(DATA)
"""The operations of our own upstream document, data/upstream.yaml."""

JSON = "application/vnd.atlas.2023-01-01+json"
THING = Operation("get_thing", "things", "get", "/things/{id}", JSON)
SCHEMES: Json = {
    "Digest": {"type": "http", "scheme": "digest"},
    "Account": {
        "type": "oauth2",
        "flows": {"clientCredentials": {"tokenUrl": "https://atlas.example/token", "scopes": {}}},
    },
}


def document(operation: Json | None = None, **components: Json) -> Json:
    """A complete document with one operation, `GET /things/{id}`, or with none."""
    return {
        "openapi": "3.0.1",
        "info": {"title": "Things", "version": "2.0"},
        "servers": [{"url": "https://atlas.example"}],
        "security": [{"Digest": []}, {"Account": []}],
        "paths": {} if operation is None else {THING.path: {THING.method: copy.deepcopy(operation)}},
        "components": {"securitySchemes": copy.deepcopy(SCHEMES), **copy.deepcopy(components)},
    }


def replying(schema: Json, **operation: Any) -> Json:
    """An operation whose response has a schema."""
    return {"operationId": "getThing", "responses": {"200": {"content": {JSON: {"schema": schema}}}}, **operation}


def taking(schema: Json, **parameter: Any) -> Json:
    """An operation with one query parameter that has a schema."""
    return replying({}, parameters=[{"in": "query", "name": "size", "schema": schema, **parameter}])


def report(before: Json, after: Json, kept: Sequence[Operation] = (THING,)) -> Report:
    """The drift report on two documents."""
    fragment, upstream = (documents.Document(name, "", root) for name, root in (("before", before), ("after", after)))
    return check_drift.compare(fragment, upstream, kept)


def classified(before: Json, after: Json, kept: Sequence[Operation] = (THING,)) -> list[tuple[str, str]]:
    """Category and location of each change between two documents."""
    return [(change.category, model.pointer(change.at)) for change in report(before, after, kept).changes]


def reordered(node: Any, dice: random.Random) -> Any:
    """The same document with keys and unordered lists in another order."""
    if isinstance(node, dict):
        keys = list(node)
        dice.shuffle(keys)
        return {key: reordered_list(key, reordered(node[key], dice), dice) for key in keys}
    return [reordered(item, dice) for item in node] if isinstance(node, list) else node


def reordered_list(key: str, value: Any, dice: random.Random) -> Any:
    """Shuffle a list whose order means nothing."""
    sets = {"enum", "required", "parameters", "security", "oneOf", "anyOf", "tags"}
    if key not in sets or not isinstance(value, list):
        return value
    return dice.sample(value, len(value))


def renamed(root: Json) -> Json:
    """The same document with other names for all components, security schemes included."""
    names = {
        (section, name): f"Other{number}"
        for section, entries in root["components"].items()
        for number, name in enumerate(entries)
    }

    def again(node: Any, place: tuple[str, ...] = ()) -> Any:
        if isinstance(node, list):
            return [again(item, place) for item in node]
        if not isinstance(node, dict):
            return node
        made = {}
        for key, value in node.items():
            if key == "$ref" and isinstance(value, str):
                _, _, section, name = value.split("/")
                made[key] = f"#/components/{section}/{names[section, name]}"
            elif place == ("security",):
                made[names["securitySchemes", key]] = value
            elif place[:1] == ("components",) and len(place) == 2:
                made[names[place[1], key]] = again(value, (*place, key))
            elif place[-2:] == ("discriminator", "mapping"):
                name = value.rpartition("/")[2]
                made[key] = f"#/components/schemas/{names['schemas', name]}"
            else:
                made[key] = again(value, (*place, key))
        return made

    changed: Json = again(root)
    return changed


def as_3_1(root: Json) -> Json:
    """The same document as OpenAPI 3.1 writes it."""

    def again(node: Any) -> Any:
        if isinstance(node, list):
            return [again(item) for item in node]
        if not isinstance(node, dict):
            return node
        made = {key: again(value) for key, value in node.items()}
        if made.get("nullable") is True:
            del made["nullable"]
            made = {**made, "type": [made["type"], "null"]} if "type" in made else {"anyOf": [made, {"type": "null"}]}
        values = made.get("enum")
        if isinstance(values, list) and isinstance(made.get("type"), str):
            del made["enum"]
            made["oneOf"] = [{"const": value, "description": "words"} for value in values]
        return made

    return {**root, "openapi": "3.1.0", "paths": again(root["paths"]), "components": again(root["components"])}


def inlined(root: Json, depth: int = 3) -> Json:
    """The same document with every reference replaced by what it refers to, `depth` times over; cycles keep theirs."""

    def again(node: Any, left: int) -> Any:
        if isinstance(node, list):
            return [again(item, left) for item in node]
        if not isinstance(node, dict):
            return node
        target = node.get("$ref")
        if isinstance(target, str):
            if not left:
                return node
            _, _, section, name = target.split("/")
            return again(root["components"][section][name], left - 1)
        return {key: again(value, left) for key, value in node.items()}

    return {**root, "paths": again(root["paths"], depth)}
