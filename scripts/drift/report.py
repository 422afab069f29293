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
from drift.rules import CLASSES, DRIFT, Class
from openapi_tools import model
from openapi_tools.errors import printable
from openapi_tools.model import Tokens, shown

# GitHub takes 65,536 characters.
_LONGEST_MARKDOWN: Final = 60_000


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
        return any(change.judged in DRIFT for change in self.changes)

    def of(self, judged: Class) -> list[Change]:
        """The changes of one class."""
        return [change for change in self.changes if change.judged == judged]

    def summary(self) -> str:
        """How many there are of each class, in one line."""
        return ", ".join(f"{len(self.of(judged))} {judged}" for judged in CLASSES)

    def to_json(self) -> str:
        """The contract's form: a list for each class."""
        entries = {
            judged: [
                {
                    "operation": change.operation,
                    "location": model.pointer(change.at),
                    "message": f"{subject(change.at)} {change.says}",
                }
                for change in self.of(judged)
            ]
            for judged in CLASSES
        }
        # ASCII: a document may hold what no terminal or file can.
        return json.dumps(entries, indent=2) + "\n"

    def to_text(self) -> str:
        """For a terminal: each change once, with the first of its places and the number of the others."""
        lines = [f"{self.upstream} against {self.fragment}: {self.summary()}"]
        for judged in CLASSES:
            groups = grouped(self.of(judged))
            lines += ["", judged] if groups else []
            for group in groups:
                lines += [f"  {group.says}", f"      {group.operation} {printable(group.location)}{group.others()}"]
        return "\n".join(lines) + "\n"

    def to_markdown(self) -> str:
        """For a pull request: what breaks somebody first, documentation folded away."""
        what = f"{shown(self.upstream)}, revision {shown(self.revision or 'unknown')}, against {shown(self.fragment)}"
        lines = ["## Upstream changed", "", f"{what}: {self.summary()}."]
        length = 0
        for judged in CLASSES:
            groups = grouped(self.of(judged))
            folded = judged == "documentation" and groups
            lines += ["", f"### {judged.capitalize()}", ""] if groups else []
            lines += ["<details><summary>Words only; no client notices</summary>", ""] if folded else []
            for number, group in enumerate(groups):
                line = f"- {group.says}<br>{shown(group.operation)} {_code(group.location)}{group.others()}"
                length += len(line)
                if length > _LONGEST_MARKDOWN:
                    lines.append(f"- and {len(groups) - number} more; `scripts/check_drift.py` lists them all")
                    break
                lines.append(line)
            lines += ["", "</details>"] if folded else []
        return "\n".join(lines) + "\n"


@frozen
class Group:
    """Equal changes: what a person reads once, and the first of the places where it is so."""

    says: str
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


def grouped(changes: Sequence[Change]) -> list[Group]:
    """Changes that say the same of things of the same name, in the order of the first of each."""
    found: dict[str, list[Change]] = {}
    for change in changes:
        found.setdefault(f"{subject(change.at)} {change.says}", []).append(change)
    return [
        Group(
            says, same[0].operation, model.pointer(same[0].at), len(same), len({change.operation for change in same})
        )
        for says, same in found.items()
    ]  # fmt: skip


def subject(at: Tokens) -> str:
    """What stands at a place, in words: ("responses", "429") is "response `429`"."""
    name = holder = "the operation"
    for what, value in _steps(at):
        if what == "parameters":
            place, _, called = value.partition(":")
            name = f"{place} parameter {shown(called)}"
        elif what in _NAMED:
            name = f"{_NAMED[what]} {shown(value)}"
        elif what == "content":
            holder, name = name, f"media type {shown(value)} of {name}"
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


def _steps(at: Tokens) -> Iterator[tuple[str, str]]:
    """A place as keywords, each with the name or index behind it."""
    waiting = iter(at)
    for keyword in waiting:
        yield keyword, next(waiting, "") if keyword in _WITH_NAME else ""


def _code(text: str) -> str:
    # As shown(), but whole: half a pointer leads nowhere.
    return f"`{printable(text).replace('`', chr(39))}`"
