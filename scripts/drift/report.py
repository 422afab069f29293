"""The drift report: JSON for machines, text for people, Markdown for a pull request.

JSON has one entry for each operation and place. For a person equal changes are one line: one property of one schema
that 25 replies share is one thing to know.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Final

from attrs import frozen

from drift.operation_diff import Change
from drift.rules import CATEGORIES, DRIFT_CATEGORIES, Category
from openapi_tools import model
from openapi_tools.errors import escape_unprintable
from openapi_tools.model import Location, as_code

# GitHub takes 65,536 characters.
_MAX_MARKDOWN: Final = 60_000


@frozen
class Report:
    """Every change, in the order of the operations.

    `fragment` and `upstream` are what was compared, by name; `revision` is upstream's own name for its state.
    """

    fragment: str
    upstream: str
    revision: str | None
    changes: Sequence[Change]

    @property
    def is_drift(self) -> bool:
        """Whether there is anything breaking or additive."""
        return any(change.category in DRIFT_CATEGORIES for change in self.changes)

    def in_category(self, category: Category) -> list[Change]:
        """The changes of one class."""
        return [change for change in self.changes if change.category == category]

    def summary(self) -> str:
        """How many there are of each class, in one line."""
        return ", ".join(f"{len(self.in_category(category))} {category}" for category in CATEGORIES)

    def to_json(self) -> str:
        """The contract's form: a list for each class."""
        entries = {
            category: [
                {
                    "operation": change.operation,
                    "location": model.pointer(change.at),
                    "message": f"{describe_location(change.at)} {change.text}",
                }
                for change in self.in_category(category)
            ]
            for category in CATEGORIES
        }
        # ASCII: a document may hold what no terminal or file can.
        return json.dumps(entries, indent=2) + "\n"

    def to_text(self) -> str:
        """For a terminal: each change once, with the first of its places and the number of the others."""
        lines = [f"{self.upstream} against {self.fragment}: {self.summary()}"]
        for category in CATEGORIES:
            groups = group_changes(self.in_category(category))
            lines += ["", category] if groups else []
            for group in groups:
                lines += [
                    f"  {group.text}",
                    f"      {group.operation} {escape_unprintable(group.location)}{group.others()}",
                ]
        return "\n".join(lines) + "\n"

    def to_markdown(self) -> str:
        """For a pull request: what breaks somebody first, documentation folded away."""
        upstream, revision, fragment = map(as_code, (self.upstream, self.revision or "unknown", self.fragment))
        what = f"{upstream}, revision {revision}, against {fragment}"
        lines = ["## Upstream changed", "", f"{what}: {self.summary()}."]
        length = 0
        for category in CATEGORIES:
            groups = group_changes(self.in_category(category))
            folded = category == "documentation" and groups
            lines += ["", f"### {category.capitalize()}", ""] if groups else []
            lines += ["<details><summary>Words only; no client notices</summary>", ""] if folded else []
            for number, group in enumerate(groups):
                line = f"- {group.text}<br>{as_code(group.operation)} {_code(group.location)}{group.others()}"
                length += len(line)
                if length > _MAX_MARKDOWN:
                    lines.append(f"- and {len(groups) - number} more; `scripts/check_drift.py` lists them all")
                    break
                lines.append(line)
            lines += ["", "</details>"] if folded else []
        return "\n".join(lines) + "\n"


@frozen
class Group:
    """Equal changes: what a person reads once, and the first of the places where it is so."""

    text: str
    operation: str
    location: str
    places: int
    operations: int

    def others(self) -> str:
        """How many places there are beside the first, in words; empty where there are none."""
        if self.places == 1:
            return ""
        places = "1 more place" if self.places == 2 else f"{self.places - 1} more places"  # noqa: PLR2004 - the first, and one
        return f" and {places}" + (f", in {self.operations} operations" if self.operations > 1 else "")


def group_changes(changes: Sequence[Change]) -> list[Group]:
    """Changes that say the same of things of the same name, in the order of the first of each."""
    found: dict[str, list[Change]] = {}
    for change in changes:
        found.setdefault(f"{describe_location(change.at)} {change.text}", []).append(change)
    return [
        Group(
            text, same[0].operation, model.pointer(same[0].at), len(same), len({change.operation for change in same})
        )
        for text, same in found.items()
    ]  # fmt: skip


def describe_location(at: Location) -> str:
    """What stands at a place, in words: ("responses", "429") is "response `429`"."""
    name = holder = "the operation"
    for what, value in _steps(at):
        if what == "parameters":
            place, _, called = value.partition(":")
            name = f"{place} parameter {as_code(called)}"
        elif what in _NAMED:
            name = f"{_NAMED[what]} {as_code(value)}"
        elif what == "content":
            holder, name = name, f"media type {as_code(value)} of {name}"
        elif what == "schema" and name.startswith("media type "):
            name = f"the body of {holder}"
        elif what in _PARTS:
            name = _PARTS[what].format(value=value, name=name)
    return name


_NAMED: Final = {"responses": "response", "headers": "header", "properties": "property"}
_PARTS: Final = {
    "requestBody": "the request body",
    "items": "an item of {name}",
    "additionalProperties": "a value of {name}",
    "oneOf": "form {value} of {name}",
    "anyOf": "form {value} of {name}",
    "mapping": "form {value} of {name}",
    "description": "the description of {name}",
    "summary": "the summary of {name}",
    "example": "the example of {name}",
    "examples": "the examples of {name}",
    "externalDocs": "the link to documentation of {name}",
}
# Followed by a name or an index, which is no keyword whatever it says.
_WITH_NAME: Final = frozenset(
    {"parameters", "responses", "headers", "properties", "content", "oneOf", "anyOf", "allOf", "mapping", "security"}
)


def _steps(at: Location) -> Iterator[tuple[str, str]]:
    """A place as keywords, each with the name or index behind it."""
    waiting = iter(at)
    for keyword in waiting:
        yield keyword, next(waiting, "") if keyword in _WITH_NAME else ""


def _code(text: str) -> str:
    # As shown(), but whole: half a pointer leads nowhere.
    return f"`{escape_unprintable(text).replace('`', chr(39))}`"
