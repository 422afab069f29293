"""Amounts that changed places: every sum agrees, and yet one line has the money of another.

That a line stands on another day than its item is no difference: nothing documents that both sides mean the same day,
and quantities, prices and clusters may be written in other ways as well. But whatever the two ways are, each leads one
way only. That what the invoice has on the 1st stands on the 2nd and what it has on the 2nd stands on the 1st can't be
explained so: there, amounts were exchanged. So of each project the ways are drawn, and a circle is a difference.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

from atlas_invoices._utils import pluralize, single_line

from ._amounts import money_shown
from ._reconciliation import Difference

if TYPE_CHECKING:
    from ._line_match import LineMatch
    from ._reconciliation import DifferenceKind, Key, MatchResult, Mismatch, Unmatched


_SHOWN_LINES = 20
_SHOWN_TEXT = 60


class _Trait(NamedTuple):
    """Something that shows on which line an amount belongs."""

    kind: DifferenceKind
    pick: Callable[[Key], Any]
    where: str


_TRAITS = (
    _Trait("day", lambda key: key.day, "on {}"),
    _Trait("quantity", lambda key: key.quantity, "for a quantity of {}"),
    _Trait("unit_price", lambda key: key.unit_price, "at a unit price of {}"),
    _Trait("cluster", lambda key: key.cluster, "for cluster {}"),
)


class _Way(NamedTuple):
    """From where the invoice has an amount to where the CSV has it."""

    begin: Any
    end: Any
    entry: Unmatched


def swap_differences(
    match: LineMatch, result: MatchResult, project_name: Callable[[str | None], str]
) -> list[Difference]:
    """Return a difference for every line whose amount changed places, the first few by name."""
    if not result.tolerated:
        return []
    found: dict[int, Difference] = {}
    for trait in _TRAITS:
        ways: defaultdict[str | None, list[_Way]] = defaultdict(list)
        spans = match.last_days() if trait.kind == "day" else {}
        for group in result.moved(trait.pick):
            ways[group.csv[0].key.project_id] += _ways(group, trait, spans)
        for project_id, of_project in ways.items():
            for way in _on_circles(of_project):
                number = way.entry.line_number or 0
                if number not in found:
                    found[number] = _difference(way, trait, project_name(project_id))
    shown = [found[number] for number in sorted(found)[:_SHOWN_LINES]]
    if len(shown) < len(found):
        more = pluralize(len(found) - len(shown), "more line has", "more lines have")
        shown.append(Difference(kind=shown[0].kind, message=f"{more} an amount that changed places"))
    return shown


def _ways(group: Mismatch, trait: _Trait, spans: Mapping[Key, date]) -> Iterable[_Way]:
    """Pair the lines with the items, the last with the last, so that ways that all lead forward stay so."""
    if any(trait.pick(entry.key) is None for entries in group for entry in entries):
        return  # Nobody knows which of the others it is.
    ours, theirs = (sorted(entries, key=lambda entry: trait.pick(entry.key)) for entries in group)
    while ours:
        one, other = ours.pop(), theirs.pop()
        count = min(one.lines, other.lines)
        begin, end = trait.pick(other.key), trait.pick(one.key)
        last = spans.get(other.key)
        # An item that stands for several days may be written on any of them.
        if last is None or not begin <= end <= last:
            yield _Way(begin, end, one._replace(lines=count))
        for entry, entries in ((one, ours), (other, theirs)):
            if entry.lines > count:
                entries.append(entry._replace(lines=entry.lines - count))


def _on_circles(ways: list[_Way]) -> list[_Way]:
    """Return the ways that lead back to where they began; those of places only ever left, or only reached, go."""
    at: defaultdict[Any, list[int]] = defaultdict(list)
    for number, way in enumerate(ways):
        at[way.begin].append(number)
        at[way.end].append(number)
    leaving, arriving = Counter(way.begin for way in ways), Counter(way.end for way in ways)
    gone: set[int] = set()
    loose = list(at)
    while loose:
        place = loose.pop()
        if leaving[place] and arriving[place]:
            continue
        for number in at.pop(place, ()):
            if number not in gone:
                gone.add(number)
                leaving[ways[number].begin] -= 1
                arriving[ways[number].end] -= 1
                loose += ways[number][:2]
    return [way for number, way in enumerate(ways) if number not in gone]


def _difference(way: _Way, trait: _Trait, project: str) -> Difference:
    begin, end = (single_line(place, _SHOWN_TEXT) for place in (way.begin, way.end))
    number = way.entry.line_number
    more = f" and {way.entry.lines - 1:,} more like it" if way.entry.lines > 1 else ""
    return Difference(
        kind=trait.kind,
        key=str(number),
        csv=end,
        invoice=begin,
        message=f"line {number} of the CSV{more} ({project}) has {money_shown(way.entry.key.cents or 0)} "
        f"{trait.where.format(end)}; the invoice has that {trait.where.format(begin)}: amounts of this project have "
        f"changed places",
    )
