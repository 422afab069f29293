"""Digests of upstream's prose by location: the project keeps none of the text and can still tell what changed.

A location is a JSON pointer within the operation, with references resolved, so renaming or inlining a component changes
nothing. A parameter's token is `in:name` (`/parameters/query:pretty/description`), because its index shifts with its
neighbours.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from openapi_tools import documents, model, slicing
from openapi_tools.model import Kind, Location, canonical_json
from openapi_tools.operations import Operation, present_operations


def digests(root: Mapping[str, Any], operations: Sequence[Operation]) -> dict[str, dict[str, str]]:
    """The SHA-256 of the text at each location, for each operation by its title, sorted.

    Raises:
        DocumentError: a reference leads to nothing, or references multiply beyond reason.
    """
    return {
        operation.title: {
            place: hashlib.sha256(text.encode()).hexdigest() for place, text in sorted(texts(root, operation).items())
        }
        for operation in present_operations(root, operations)
    }


def texts(root: Mapping[str, Any], operation: Operation) -> dict[str, str]:
    """The text at each location; an example or a link to documentation is given as JSON."""
    found = slicing.require_operation(root, operation)
    # A path's parameters belong to the operation too, unless it has one with the same name.
    parameters = {
        _stable_location(root, (), node, "Parameter"): node
        for holder in (found.path_item, found.node)
        for node in holder.get("parameters", [])
    }
    return {
        model.pointer((*place, keyword)): value if isinstance(value := node[keyword], str) else canonical_json(value)
        for place, node in _walk(root, {**found.node, "parameters": [*parameters.values()]}, "Operation")
        for keyword in sorted(model.PROSE & node.keys())
    }


def _walk(root: Mapping[str, Any], node: dict[str, Any], kind: Kind) -> Iterator[tuple[Location, dict[str, Any]]]:
    """Every object from `node` down that may have prose, at every location; no component is entered inside itself."""
    waiting: list[tuple[Location, dict[str, Any], Kind, frozenset[Location]]] = [((), node, kind, frozenset())]
    count = 0
    while waiting:
        place, node, kind, inside = waiting.pop()
        if model.reference_of(node) is not None:
            node, component = model.resolve(root, node, kind, place)
            if component in inside:
                continue
            inside |= {component}
        # The names of scopes and the values of a discriminator are not keywords.
        if kind not in ("Scopes", "Discriminator"):
            yield place, node
        for child, child_kind, at in model.children(node, kind, place):
            count += 1
            if count > model.MAX_LOCATIONS or len(at) > documents.MAX_DEPTH:
                raise model.too_many_references(at)
            waiting.append((_stable_location(root, at, child, child_kind), child, child_kind, inside))


def _stable_location(root: Mapping[str, Any], at: Location, node: dict[str, Any], kind: Kind) -> Location:
    if kind != "Parameter":
        return at
    parameter = model.resolve(root, node, kind, at)[0]
    return (*at[:-1], f"{parameter.get('in')}:{parameter.get('name')}")
