"""What the kept operations reach in a document: their own nodes, and the schemas of their responses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import references
import shape

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from operations import Operation
    from shape import Kind, Tokens


def nodes(
    document: dict[str, Any], operations: Sequence[Operation]
) -> Iterator[tuple[Operation, dict[str, Any], Tokens]]:
    """Each operation with its node and the node's place."""
    for operation in operations:
        at = ("paths", operation.path, operation.method)
        yield operation, document["paths"][operation.path][operation.method], at


def response_schemas(document: dict[str, Any], operations: Sequence[Operation]) -> list[tuple[dict[str, Any], Tokens]]:
    """Every schema that a response of an operation holds, once, with its place; headers are no part of the body."""
    starts: list[tuple[dict[str, Any], Kind, Tokens]] = []
    for _, node, at in nodes(document, operations):
        for status, entry in node["responses"].items():
            response, place = references.resolve(document, entry, "Response", (*at, "responses", status))
            for media, content in response.get("content", {}).items():
                starts.append((content, "MediaType", (*place, "content", media)))
    return _below(document, starts)


def schemas(document: dict[str, Any], operations: Sequence[Operation]) -> list[tuple[dict[str, Any], Tokens]]:
    """Every schema that an operation holds anywhere, parameters and headers included, once, with its place."""
    starts: list[tuple[dict[str, Any], Kind, Tokens]] = [
        (node, "Operation", at) for _, node, at in nodes(document, operations)
    ]
    return _below(document, starts)


def _below(
    document: dict[str, Any], starts: list[tuple[dict[str, Any], Kind, Tokens]]
) -> list[tuple[dict[str, Any], Tokens]]:
    found: list[tuple[dict[str, Any], Tokens]] = []
    seen: set[int] = set()
    waiting = starts[::-1]
    while waiting:
        node, kind, place = waiting.pop()
        if kind in shape.SECTIONS:
            node, place = references.resolve(document, node, kind, place)
        if id(node) in seen:
            continue
        seen.add(id(node))
        if kind == "Schema":
            found.append((node, place))
        inside = [(child, child_kind, at) for at, child, child_kind in shape.children(node, kind, place)]
        waiting.extend(reversed(inside))
    return found
