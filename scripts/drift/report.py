"""The drift report: JSON for machines, text for people, Markdown for a pull request.

JSON has one entry per operation and location. For people a line is one thing to know: what happened to a property of
one schema, with the operations it reaches, however many responses share the schema.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Final

from attrs import frozen

from drift.rules import CATEGORIES, DRIFT_CATEGORIES, Category, Change
from openapi_tools import model
from openapi_tools.errors import escape_unprintable
from openapi_tools.model import Location, as_code
from openapi_tools.operations import Operation

# GitHub accepts 65,536 characters.
_MAX_MARKDOWN: Final = 60_000
# Longer titles are cut off in lists of pull requests.
_MAX_TITLE: Final = 100
# Of the generated package: a new operation has one, a new model one.
_MAX_LINES: Final = 50
# A bar ends a cell of a table, in code too.
_BAR: Final = "\\|"
_HEADINGS: Final[dict[str, str]] = {
    "sunset": "Versions we ask for that end",
    **{category: category.capitalize() for category in CATEGORIES},
    "models": "Schemas renamed or inlined",
    "accepted": "Accepted",
}


@frozen
class Report:
    """Every change, in the order of the operations.

    `fragment` and `upstream` are the names of what was compared; `revision` is upstream's name for its revision;
    `package` has what changes in the generated package, or None where that wasn't compared.
    """

    fragment: str
    upstream: str
    revision: str | None
    operations: Sequence[Operation]
    changes: Sequence[Change]
    sunset: Sequence[Change] = ()
    models: Sequence[Change] = ()
    accepted: Sequence[Change] = ()
    package: Sequence[str] | None = None

    @property
    def is_drift(self) -> bool:
        """Whether any change is breaking or additive."""
        return any(change.category in DRIFT_CATEGORIES for change in self.changes)

    def in_category(self, category: Category) -> list[Change]:
        """The changes of one category."""
        return [change for change in self.changes if change.category == category]

    def title(self) -> str:
        """The most important facts on one line, such as "`ApiError.detail` may now be null"."""
        drift = [change for category in CATEGORIES[:2] for change in self.in_category(category)]
        groups = group_changes(drift or self.changes)
        if not groups:
            return "Nothing changed"
        title = _shorten(groups[0].fact)
        for shown, group in enumerate(groups[1:], 1):
            longer = f"{title}; {group.fact}"
            if len(longer) > _MAX_TITLE:
                return f"{title}; and {len(groups) - shown} more"
            title = longer
        return title

    def summary(self) -> str:
        """The number of things to know in each category, on one line."""
        return ", ".join(f"{len(group_changes(self.in_category(category)))} {category}" for category in CATEGORIES)

    def to_json(self) -> str:
        """A list of entries for each category, and for versions that end and models whose schema moved."""
        entries = {
            name: [
                {
                    "operation": change.operation,
                    "location": model.pointer(change.at),
                    "message": f"{_about(change, name)} {change.text}{_became(change.words)}",
                }
                for change in changes
            ]
            for name, changes in self._sections()
            if name != "accepted"
        }
        # ASCII, because a document may contain what no terminal or file can represent.
        return json.dumps(entries, indent=2) + "\n"

    def to_text(self) -> str:
        """For a terminal: each thing to know once, with the operations it reaches and its first location."""
        lines = [f"{self.upstream} against {self.fragment}: {self.summary()}"]
        for name, changes in self._sections():
            groups = group_changes(changes)
            lines += ["", _HEADINGS[name].lower()] if groups else []
            for group in groups:
                where = self._where(group, escape_unprintable(group.location))
                lines += [f"  {group.text}", f"      {where}"]
                lines += [f"      {label} {text}" for label, text in zip("-+", group.words or (), strict=False) if text]
        if self.package is not None:
            lines += ["", "generated package", *(f"  {line}" for line in self.package or ["nothing changes"])]
        return "\n".join(lines) + "\n"

    def to_markdown(self) -> str:
        """For a pull request: what happened as its title, breaking changes first, documentation folded."""
        upstream, revision, fragment = map(as_code, (self.upstream, self.revision or "unknown", self.fragment))
        about = f"{upstream}, revision {revision}, against {fragment}: {self.summary()}."
        lines, length = [f"## {self.title()}", "", about], 0
        for name, changes in self._sections():
            groups = group_changes(changes)
            folded = name == "documentation" and groups
            lines += ["", f"### {_HEADINGS[name]}", ""] if groups else []
            lines += ["<details><summary>Words only; clients don't notice</summary>", ""] if folded else []
            groups.sort(key=lambda group: group.words is not None)
            for number, group in enumerate(groups):
                if group.words and (number == 0 or not groups[number - 1].words):
                    lines += [*([""] if lines[-1] else []), "| what | before | after |", "| --- | --- | --- |"]
                where = self._where(group, as_code(group.location, _MAX_MARKDOWN))
                line = f"- {group.text}<br><sub>{where}</sub>"
                if group.words:
                    cells = [
                        f"{group.text}<br><sub>{where}</sub>",
                        *(as_code(text, _MAX_MARKDOWN) if text else "" for text in group.words),
                    ]
                    line = f"| {' | '.join(cell.replace('|', _BAR) for cell in cells)} |"
                length += len(line)
                if length > _MAX_MARKDOWN:
                    lines.append(f"- and {len(groups) - number} more; `scripts/check_drift.py` lists them all")
                    break
                lines.append(line)
            lines += ["", "</details>"] if folded else []
            if name == "additive" and self.package is not None:
                shown = self.package[:_MAX_LINES]
                more = len(self.package) - len(shown)
                lines += ["", "### Generated package", "", *(f"- {line}" for line in shown or ["nothing changes"])]
                lines += [f"- and {more} more"] if more else []
        return "\n".join(lines) + "\n"

    def _sections(self) -> Iterator[tuple[str, Sequence[Change]]]:
        yield "sunset", self.sunset
        for category in CATEGORIES:
            yield category, self.in_category(category)
        yield "models", self.models
        yield "accepted", self.accepted

    def _where(self, group: Group, location: str) -> str:
        """The operations by their names and the first location, unless a group is about operations as a whole."""
        names = [ours.name for ours in self.operations if ours.title in group.operations]
        # A new operation has no changes of its own.
        added = {change.operation for change in self.changes if not change.at}
        compared = [ours.name for ours in self.operations if ours.title not in added]
        listed = f"all {len(names)} operations" if names == compared and len(names) > 1 else ", ".join(names)
        return f"in {listed}{', first' if len(names) > 1 else ''} {location}" if group.location else f"in {listed}"


@frozen
class Group:
    """One thing to know: what happened to what, the first place, and the operations it reaches by title."""

    fact: str
    effect: str
    operation: str
    location: str
    operations: frozenset[str]
    words: tuple[str, str] | None = None

    @property
    def text(self) -> str:
        """The fact and its consequence for a client."""
        return f"{self.fact}: {self.effect}" if self.effect else self.fact


def group_changes(changes: Sequence[Change]) -> list[Group]:
    """Group changes that say the same about one thing, in order of first appearance.

    Properties of one schema that changed in the same way, in the same operations, are one thing too.
    """
    places: dict[tuple[object, ...], list[Change]] = {}
    for change in changes:
        places.setdefault((_thing(change), change.fact, change.effect, change.words), []).append(change)
    found: dict[tuple[object, ...], dict[frozenset[str], list[Change]]] = {}
    for (thing, *_), same in places.items():
        first, reached = same[0], frozenset(change.operation for change in same)
        schema, inside, _ = first.subject.partition(".")
        # Words are shown for each property.
        holder = schema if inside and not first.words else thing
        found.setdefault((holder, first.fact, first.effect, first.words), {}).setdefault(reached, []).append(first)
    groups = []
    for reached, firsts in (group for same_fact in found.values() for group in same_fact.items()):
        first = firsts[0]
        names = [_name(change) for change in firsts]
        are_several = len(names) > 1 or (len(reached) > 1 and names[0] == "the operation")
        if not first.subject:
            title = as_code(first.operation) if len(reached) == 1 else f"{len(reached)} operations"
            names = [name.replace("the operation", title) for name in names]
        listed = " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)
        fact = f"{listed} {_plural(first.fact) if are_several else first.fact}"
        effect = re.sub(r"\bit\b", "them", first.effect) if are_several else first.effect
        groups.append(Group(fact, effect, first.operation, model.pointer(first.at), reached, first.words))
    return groups


def _shorten(fact: str) -> str:
    """A fact that fits into a title: a list of values can be long."""
    if len(fact) <= 2 * _MAX_TITLE:
        return fact
    cut = fact[: 2 * _MAX_TITLE].rpartition(" ")[0]
    return cut + ("`…" if cut.count("`") % 2 else " …")


def _name(change: Change) -> str:
    if not change.subject:
        return describe_location(change.at)
    return _PARTS[change.at[-1]].format(name=as_code(change.subject)) if change.words else as_code(change.subject)


def _became(words: tuple[str, str] | None) -> str:
    return f": {words[0]!r} became {words[1]!r}" if words else ""


def _about(change: Change, section: str) -> str:
    """The subject of an entry in JSON: its location in words, or the schema that moved."""
    return as_code(change.subject) if section == "models" else describe_location(change.at)


def _plural(fact: str) -> str:
    """A fact about several things: "is new" becomes "are new", "also accepts" "also accept"; code stays as it is."""
    parts = re.split(r"(`[^`]*`)", fact)
    parts[::2] = [_SINGULAR.sub(lambda verb: _PLURALS.get(verb[0], verb[0][:-1]), words) for words in parts[::2]]
    return "".join(parts)


_SINGULAR: Final = re.compile(r"\b(?:is|was|has|accepts|ends|needs|takes)\b")
_PLURALS: Final = {"is": "are", "was": "were", "has": "have"}


def _thing(change: Change) -> str:
    """The identity of what a change is about: a schema's property, or a part of operations with the same name.

    What is written inline in a reply belongs to its operation alone, whatever it's called.
    """
    if change.subject:
        return change.subject
    is_inline = "schema" in change.at and change.at[0] != "parameters" and "headers" not in change.at
    return f"{change.operation} {model.pointer(change.at)}" if is_inline else describe_location(change.at)


def describe_location(at: Location) -> str:
    """Describe a location in words: ("responses", "429") is "response `429`"."""
    name = holder = "the operation"
    # The keyword itself is about the object, not about its values.
    for keyword, value in _steps(at[:-1] if at[-1:] == ("additionalProperties",) else at):
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
    "tokenUrl": "the token URL of {name}",
    "refreshUrl": "the refresh URL of {name}",
    "authorizationUrl": "the authorization URL of {name}",
    "openIdConnectUrl": "the OpenID Connect URL of {name}",
    "description": "the description of {name}",
    "summary": "the summary of {name}",
    "example": "the example of {name}",
    "$comment": "the comment on {name}",
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
