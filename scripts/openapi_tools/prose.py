"""Upstream's words, as digests by place: the project keeps none of them, and still can say which of them changed.

A place is a JSON pointer within the operation, with references resolved, so that renaming or inlining a component
moves nothing. A parameter's token is `in:name` (`/parameters/query:pretty/description`): its index would move with its
neighbours.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from openapi_tools import documents, model, slicing
from openapi_tools.model import Kind, Location, canonical_json
from openapi_tools.operations import Operation


def digests(root: Mapping[str, Any], operations: Sequence[Operation]) -> dict[str, dict[str, str]]:
    """SHA-256 of the words at each place, for each operation by its title, sorted.

    Raises:
        DocumentError: a reference leads nowhere, or references multiply beyond any document's need.
    """
    return {
        operation.title: {
            place: hashlib.sha256(text.encode()).hexdigest() for place, text in sorted(texts(root, operation).items())
        }
        for operation in operations
    }


def texts(root: Mapping[str, Any], operation: Operation) -> dict[str, str]:
    """The words themselves, by place: text as it stands, an example or a link to documentation as JSON."""
    there = slicing.require_operation(root, operation)
    # Parameters of the path are the operation's too, unless it has one of the same name.
    parameters = {
        _stable_location(root, (), node, "Parameter"): node
        for holder in (there.path_item, there.node)
        for node in holder.get("parameters", [])
    }
    whole = {**there.node, "parameters": [*parameters.values()]}
    found: dict[str, str] = {}
    for place, holder in _walk(root, whole, "Operation"):
        for keyword in sorted(model.PROSE & holder.keys()):
            value = holder[keyword]
            text = value if isinstance(value, str) else canonical_json(value)
            found[model.pointer((*place, keyword))] = text
    return found


def _walk(root: Mapping[str, Any], node: dict[str, Any], kind: Kind) -> Iterator[tuple[Location, dict[str, Any]]]:
    """Every object from `node` down that may hold words, with its place; a component is not entered again inside it."""
    waiting: list[tuple[Location, dict[str, Any], Kind, frozenset[Location]]] = [((), node, kind, frozenset())]
    count = 0
    while waiting:
        place, node, kind, inside = waiting.pop()
        if model.reference_of(node) is not None:
            node, component = model.resolve(root, node, kind, place)
            if component in inside:
                continue
            inside |= {component}
        # The names of scopes and the values of a discriminator are no keywords.
        if kind not in ("Scopes", "Discriminator"):
            yield place, node
        for at, child, child_kind in model.children(node, kind, place):
            count += 1
            if count > model.MAX_LOCATIONS or len(at) > documents.MAX_DEPTH:
                raise model.too_many_references(at)
            waiting.append((_stable_location(root, at, child, child_kind), child, child_kind, inside))


def _stable_location(root: Mapping[str, Any], at: Location, node: dict[str, Any], kind: Kind) -> Location:
    if kind != "Parameter":
        return at
    parameter = model.resolve(root, node, kind, at)[0]
    return (*at[:-1], f"{parameter.get('in')}:{parameter.get('name')}")
