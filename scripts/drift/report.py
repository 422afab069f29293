"""The drift report: JSON for machines, text for people, Markdown for a pull request.

JSON has one entry per operation and location. For people, equal changes are one line: a property of one schema that 25
responses share is one thing to know.
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

# GitHub accepts 65,536 characters.
_MAX_MARKDOWN: Final = 60_000


@frozen
class Report:
    """Every change, in the order of the operations.

    `fragment` and `upstream` are the names of what was compared; `revision` is upstream's name for its revision.
    """

    fragment: str
    upstream: str
    revision: str | None
    changes: Sequence[Change]

    @property
    def is_drift(self) -> bool:
        """Whether any change is breaking or additive."""
        return any(change.category in DRIFT_CATEGORIES for change in self.changes)

    def in_category(self, category: Category) -> list[Change]:
        """The changes of one category."""
        return [change for change in self.changes if change.category == category]

    def summary(self) -> str:
        """The number of changes in each category, on one line."""
        return ", ".join(f"{len(self.in_category(category))} {category}" for category in CATEGORIES)

    def to_json(self) -> str:
        """A list of entries for each category."""
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
        # ASCII, because a document may contain what no terminal or file can represent.
        return json.dumps(entries, indent=2) + "\n"

    def to_text(self) -> str:
        """For a terminal: each change once, with its first location and the number of others."""
        lines = [f"{self.upstream} against {self.fragment}: {self.summary()}"]
        for category in CATEGORIES:
            groups = group_changes(self.in_category(category))
            lines += ["", category] if groups else []
            for group in groups:
                where = f"{group.operation} {escape_unprintable(group.location)}{group.others()}"
                lines += [f"  {group.text}", f"      {where}"]
        return "\n".join(lines) + "\n"

    def to_markdown(self) -> str:
        """For a pull request: breaking changes first, documentation folded."""
        upstream, revision, fragment = map(as_code, (self.upstream, self.revision or "unknown", self.fragment))
        lines = ["## Upstream changed", "", f"{upstream}, revision {revision}, against {fragment}: {self.summary()}."]
        length = 0
        for category in CATEGORIES:
            groups = group_changes(self.in_category(category))
            folded = category == "documentation" and groups
            lines += ["", f"### {category.capitalize()}", ""] if groups else []
            lines += ["<details><summary>Prose only; clients don't notice</summary>", ""] if folded else []
            for number, group in enumerate(groups):
                line = f"- {group.text}<br>{as_code(group.operation)} {_whole_code(group.location)}{group.others()}"
                length += len(line)
                if length > _MAX_MARKDOWN:
                    lines.append(f"- and {len(groups) - number} more; `scripts/check_drift.py` lists them all")
                    break
                lines.append(line)
            lines += ["", "</details>"] if folded else []
        return "\n".join(lines) + "\n"


@frozen
class Group:
    """Equal changes: the text, the first location, and how many locations and operations there are."""

    text: str
    operation: str
    location: str
    places: int
    operations: int

    def others(self) -> str:
        """The number of further locations, in words; empty if there are none."""
        more = self.places - 1
        if not more:
            return ""
        operations = f", in {self.operations} operations" if self.operations > 1 else ""
        return f" and {more} more place{'' if more == 1 else 's'}{operations}"


def group_changes(changes: Sequence[Change]) -> list[Group]:
    """Group changes that say the same about things of the same name, in order of first appearance."""
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
    """Describe a location in words: ("responses", "429") is "response `429`"."""
    name = holder = "the operation"
    for keyword, value in _steps(at):
        if keyword == "parameters":
            place, _, called = value.partition(":")
            name = f"{place} parameter {as_code(called)}"
        elif keyword in _NAMED:
            name = f"{_NAMED[keyword]} {as_code(value)}"
        elif keyword == "content":
            holder, name = name, f"media type {as_code(value)} of {name}"
        elif keyword == "schema" and name.startswith("media type "):
            name = f"the body of {holder}"
        elif keyword in _PARTS:
            name = _PARTS[keyword].format(value=value, name=name)
    return name


_NAMED: Final = {"responses": "response", "headers": "header", "properties": "property", "columns": "column"}
_PARTS: Final = {
    "requestBody": "the request body",
    "items": "an item of {name}",
    "additionalProperties": "a value of {name}",
    "oneOf": "variant {value} of {name}",
    "anyOf": "variant {value} of {name}",
    "mapping": "variant {value} of {name}",
    "description": "the description of {name}",
    "summary": "the summary of {name}",
    "example": "the example of {name}",
    "examples": "the examples of {name}",
    "externalDocs": "the link to documentation of {name}",
}
# Followed by a name or an index, which is not a keyword whatever it says.
_WITH_NAME: Final = frozenset(
    {
        "parameters",
        "responses",
        "headers",
        "properties",
        "content",
        "oneOf",
        "anyOf",
        "allOf",
        "mapping",
        "security",
        "columns",
    }
)


def _steps(at: Location) -> Iterator[tuple[str, str]]:
    """A location as keywords, each with the name or index after it."""
    waiting = iter(at)
    for keyword in waiting:
        yield keyword, next(waiting, "") if keyword in _WITH_NAME else ""


def _whole_code(text: str) -> str:
    # Like as_code(), but never shortened: half a pointer is useless.
    return f"`{escape_unprintable(text).replace('`', chr(39))}`"
