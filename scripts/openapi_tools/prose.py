"""Digests of upstream's prose: the project keeps none of the text and can still tell that it changed.

Only words count, not their markup. A location is a JSON pointer within the operation, with references resolved, so
renaming or inlining a component changes nothing. A parameter's token is `in:name`
(`/parameters/query:pretty/description`), because its index shifts with its neighbours.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import frozen

from openapi_tools import documents, model
from openapi_tools.model import Kind, Location, canonical_json
from openapi_tools.operations import Operation, placeholders, present_operations, require_operation

# HTML tags that end a line or a paragraph.
_BREAKS: Final = re.compile(r"</?(?:br|p|div|li|ul|ol|table|tr|td|th|h[1-6])\b[^<>]*>", re.IGNORECASE)
# Other HTML tags, the targets of Markdown links, marks of lists and headings, and characters that only format (but an
# asterisk between spaces multiplies).
_MARKUP: Final = re.compile(
    r"</?\w[^<>]*>|(?<=\])\([^()\s]*\)|^\s*(?:[-+*]|\d+\.|#+|>+)\s|[`\[\]\\|]+|~~|-{3,}"
    r"|\*+(?=\S)|(?<=\S)\*+|(?<!\w)_+(?=\w)|(?<=\w)_+(?!\w)",
    re.MULTILINE,
)


@frozen
class Text:
    """A piece of prose: an example or a link to documentation is given as JSON.

    `subject` names what it is about by component and property; empty outside schemas.
    """

    at: Location
    text: str
    subject: str

    @property
    def words(self) -> str:
        """The text without markup, on one line."""
        return " ".join(_MARKUP.sub("", _BREAKS.sub("\n", self.text)).split())


def digests(root: Mapping[str, Any], operations: Sequence[Operation]) -> dict[str, str]:
    """The SHA-256 of the words of each operation with its bodies, and of what operations share.

    Raises:
        DocumentError: a reference leads to nothing, or references multiply beyond reason.
    """
    here = present_operations(root, operations)
    made: dict[str, set[str]] = {operation.title: set() for operation in here}
    for operation in here:
        for found in texts(root, operation):
            part = _part(found.at)
            made.setdefault(part or operation.title, set()).add(f"{found.at[-2:]} {found.words}")
    return {part: hashlib.sha256(canonical_json(sorted(words)).encode()).hexdigest() for part, words in made.items()}


def _part(at: Location) -> str:
    """The name of a part that operations share, by location; empty for an operation's own."""
    if at[0] == "parameters" or "headers" in at:
        return "parameters and headers"
    return "errors" if at[0] == "responses" and not at[1].startswith("2") else ""


def texts(root: Mapping[str, Any], operation: Operation) -> list[Text]:
    """Every piece of prose of an operation."""
    found = require_operation(root, operation)
    # A path's parameters belong to the operation too, unless it has one with the same name.
    parameters = {
        _stable_location(root, (), node, "Parameter"): node
        for holder in (found.path_item, found.node)
        for node in holder.get("parameters", [])
    }
    ours = dict(zip(placeholders(found.path), placeholders(operation.path), strict=True))
    renamed = {f"path:{theirs}": f"path:{name}" for theirs, name in ours.items()}
    return [
        Text(
            (*place[:1], *(renamed.get(token, token) for token in place[1:]), keyword),
            "\n".join(dict.fromkeys(value if isinstance(value, str) else canonical_json(value) for value in values)),
            subject,
        )
        for place, node, subject in _walk(root, {**found.node, "parameters": [*parameters.values()]}, "Operation")
        for keyword, values in _prose(root, node, place)
    ]


def _prose(root: Mapping[str, Any], node: Mapping[str, Any], at: Location) -> Iterator[tuple[str, list[object]]]:
    """The prose of one object by keyword; all its examples count as `example`, wherever they are written."""
    yield from ((keyword, [node[keyword]]) for keyword in sorted(model.PROSE & node.keys() - {"example", "examples"}))
    if values := model.examples(root, node, at):
        yield "example", values


def _walk(root: Mapping[str, Any], node: dict[str, Any], kind: Kind) -> Iterator[tuple[Location, dict[str, Any], str]]:
    """Every object from `node` down that may have prose, at every location; no component is entered inside itself."""
    waiting: list[tuple[Location, dict[str, Any], Kind, frozenset[Location], str]] = [((), node, kind, frozenset(), "")]
    count = 0
    while waiting:
        place, node, kind, inside, subject = waiting.pop()
        if model.reference_of(node) is not None:
            node, component = model.resolve(root, node, kind, place)
            if component in inside:
                continue
            inside |= {component}
            subject = component[-1] if kind == "Schema" else ""
        # The names of scopes and the values of a discriminator are not keywords.
        if kind not in ("Scopes", "Discriminator"):
            yield place, node, subject
        for child, child_kind, at in model.children(node, kind, place):
            count += 1
            if count > model.MAX_LOCATIONS or len(at) > documents.MAX_DEPTH:
                raise model.too_many_references(at)
            within = model.extend_subject(subject, at[len(place) :])
            # Parts of an `allOf` are parts of one schema.
            here = place if at[len(place)] == "allOf" else _stable_location(root, at, child, child_kind)
            waiting.append((here, child, child_kind, inside, within))


def _stable_location(root: Mapping[str, Any], at: Location, node: dict[str, Any], kind: Kind) -> Location:
    if kind != "Parameter":
        return at
    parameter = model.resolve(root, node, kind, at)[0]
    return (*at[:-1], f"{parameter.get('in')}:{parameter.get('name')}")
