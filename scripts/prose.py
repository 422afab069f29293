"""Upstream's words, as digests by place: the project keeps none of them, and still can say which of them changed.

A place is a JSON pointer within the operation, with references resolved, so that renaming or inlining a component
moves nothing. A parameter's token is `in:name` (`/parameters/query:pretty/description`): its index would move with its
neighbours.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

import documents
import shape
import slicing
from errors import DocumentError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from operations import Operation
    from shape import Kind, Tokens

# References resolved can multiply without end (twenty schemas that each hold the next one twice make a million places);
# upstream's five operations have 600 places with words.
MAX_PLACES: Final = 50_000


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
    item, at = slicing.find_path(root, operation)
    node = shape.checked_object(item[operation.method], (*at, operation.method))
    # Parameters of the path are the operation's too, unless it has one of the same name.
    whole = {**node, "parameters": [*item.get("parameters", []), *node.get("parameters", [])]}
    found: dict[str, str] = {}
    for place, holder in _objects(root, whole, "Operation"):
        for keyword in sorted(slicing.PROSE & holder.keys()):
            value = holder[keyword]
            text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
            found[shape.pointer((*place, keyword))] = text
    return found


def _objects(root: Mapping[str, Any], node: dict[str, Any], kind: Kind) -> Iterator[tuple[Tokens, dict[str, Any]]]:
    """Every object from `node` down that may hold words, with its place; a component is not entered again inside it."""
    waiting: list[tuple[Tokens, dict[str, Any], Kind, frozenset[Tokens]]] = [((), node, kind, frozenset())]
    count = 0
    while waiting:
        place, node, kind, inside = waiting.pop()
        if shape.reference(node) is not None:
            node, component = shape.resolve(root, node, kind, place)
            if component in inside:
                continue
            inside |= {component}
        # The names of scopes and the values of a discriminator are no keywords.
        if kind not in ("Scopes", "Discriminator"):
            yield place, node
        for at, child, child_kind in shape.children(node, kind, place):
            count += 1
            if count > MAX_PLACES or len(at) > documents.MAX_DEPTH:
                raise DocumentError(f"{shape.pointer(at)[:200]}: references multiply beyond any document's need")
            waiting.append((_by_name(root, at, child, child_kind), child, child_kind, inside))


def _by_name(root: Mapping[str, Any], at: Tokens, node: dict[str, Any], kind: Kind) -> Tokens:
    if kind != "Parameter":
        return at
    parameter = shape.resolve(root, node, kind, at)[0]
    return (*at[:-1], f"{parameter.get('in')}:{parameter.get('name')}")
