"""Drift that somebody looked at and accepted until a day: a YAML file of places with reasons."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Final

from attrs import evolve, fields, frozen

from drift.report import Report
from drift.rules import Change
from openapi_tools import documents, model
from openapi_tools.errors import DocumentError, error_context

HELP: Final = (
    "YAML with a list `accept`; each entry has `operation` (`GET /…`), `location` (a JSON pointer as the report shows "
    "it; `*` matches anything in both), `reason` and `until`, the last day (YYYY-MM-DD) on which it is accepted"
)


@frozen
class Entry:
    """One place that is accepted; `*` in `operation` and `location` matches anything."""

    operation: str
    location: str
    reason: str
    until: date

    def covers(self, change: Change) -> bool:
        """Whether a change is at this place."""
        return _matches(self.operation, change.operation) and _matches(self.location, model.pointer(change.at))


def _matches(pattern: str, text: str) -> bool:
    """Whether a text is the pattern, in which only `*` is special: a query parameter may be called `filter[]`."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL) is not None


def read_entries(path: Path) -> list[Entry]:
    """The entries of a file. Raises DocumentError if it can't be read, or an entry isn't as HELP says."""
    try:
        root = documents.read_document(path).root
        with error_context(path.name):
            nodes = model.checked_list(root.get("accept"), ("accept",))
            return [_entry(node, f"entry {number}") for number, node in enumerate(nodes, 1)]
    except DocumentError as error:
        raise DocumentError(f"{error}; scripts/README.md has an example") from None


def _entry(node: object, name: str) -> Entry:
    wanted = [attribute.name for attribute in fields(Entry)]
    if not isinstance(node, dict):
        raise DocumentError(f"{name}: must have the keys {', '.join(wanted)}")
    for key in [*wanted, *node]:
        if key not in wanted:
            raise DocumentError(f"{name}: {model.as_code(key)} is not one of {', '.join(wanted)}")
        if not isinstance(node.get(key), str) or not node[key]:
            raise DocumentError(f"{name}: `{key}` is missing or isn't text")
    try:
        return Entry(**{**node, "until": date.fromisoformat(node["until"])})
    except ValueError:
        raise DocumentError(f"{name}: `until` must be a day such as 2026-12-31") from None


def accept(report: Report, entries: Sequence[Entry], today: date) -> tuple[Report, list[str]]:
    """The report without what is accepted, and which entries are over or match nothing, one line each."""
    current = [entry for entry in entries if entry.until >= today]
    found = [(change, next((entry for entry in current if entry.covers(change)), None)) for change in report.changes]
    notes = []
    for entry in entries:
        place = f"{entry.operation} {entry.location} ({entry.reason})"
        if entry not in current:
            notes.append(f"accepted until {entry.until}, so it counts again: {place}")
        elif not any(entry.covers(change) for change in report.changes):
            notes.append(f"matches nothing, so it can go: {place}")
    kept = [change for change, entry in found if entry is None]
    accepted = [evolve(c, effect=f"accepted until {entry.until}: {entry.reason}") for c, entry in found if entry]
    return evolve(report, changes=kept, accepted=accepted), notes
