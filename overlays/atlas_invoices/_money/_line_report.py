"""What a match of lines left over, as differences that name the place: which line, which item, which project."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

from atlas_invoices._utils import pluralize, single_line, text_or_none

from ._amounts import EXACT, money_shown
from ._interpretations import early_end
from ._reconciliation import Difference

if TYPE_CHECKING:
    from ._csv_side import CsvSide
    from ._line_match import LineMatch
    from ._reconciliation import Key, MatchResult, Unmatched


_SHOWN_LINES = 20
_SHOWN_PROJECTS = 20
_SHOWN_TEXT = 60


def line_differences(csv: CsvSide, match: LineMatch, result: MatchResult) -> list[Difference]:
    """Return every difference between the lines and the line items, the most general first."""
    if not result.unmatched:
        return []
    places = _item_places(match, result.only_invoice)
    early = early_end(csv, match, result, places)
    if early is not None:
        return [early]
    names = _Names(csv, match)
    return [
        *_count(csv, match, result),
        *_total(csv, match, result),
        *_projects(csv, match, result, names),
        *_lines(match, result, places, names),
    ]


def _item_places(match: LineMatch, missing: Iterable[Unmatched]) -> list[int]:
    """Find the missing items in `lineItems`, ascending; of equal ones the last, since the first were matched."""
    wanted = Counter({entry.key: entry.lines for entry in missing})
    left = wanted.total()
    places: list[int] = []
    for place in range(len(match.keys) - 1, -1, -1):
        if not left:
            break
        if wanted[match.keys[place]] > 0:
            wanted[match.keys[place]] -= 1
            left -= 1
            places.append(place)
    return places[::-1]


def _count(csv: CsvSide, match: LineMatch, result: MatchResult) -> Iterable[Difference]:
    lines, items = csv.everything.lines, len(match.items)
    if lines != items:
        extra = sum(entry.lines for entry in result.only_csv)
        missing = sum(entry.lines for entry in result.only_invoice)
        yield Difference(
            kind="count",
            csv=lines,
            invoice=items,
            message=f"the CSV has {pluralize(lines, 'line', 'lines')}, the invoice "
            f"{pluralize(items, 'line item', 'line items')}: {pluralize(missing, 'item has', 'items have')} no line, "
            f"{pluralize(extra, 'line has', 'lines have')} no item",
        )


def _total(csv: CsvSide, match: LineMatch, result: MatchResult) -> Iterable[Difference]:
    gap = _gap(result.only_csv) - _gap(result.only_invoice)
    if gap:
        ours, theirs = csv.everything.cents, Decimal(sum(cents or 0 for cents in match.cents))
        yield Difference(
            kind="total",
            csv=ours,
            invoice=theirs,
            message=f"the CSV's lines sum to {money_shown(ours)}, the invoice's line items to "
            f"{money_shown(theirs)}: {_signed(gap)} in the CSV",
        )


def _projects(csv: CsvSide, match: LineMatch, result: MatchResult, names: _Names) -> Iterable[Difference]:
    if not match.by_project:
        return
    gaps: Counter[str | None] = Counter()
    for entries, sign in ((result.only_csv, 1), (result.only_invoice, -1)):
        for key, count, _ in entries:
            gaps[key.project_id] += sign * count * (key.cents or 0)
    of_items: Counter[str | None] = Counter()
    for key, cents in zip(match.keys, match.cents, strict=True):
        of_items[key.project_id] += cents or 0
    off = sorted((project_id for project_id in gaps if gaps[project_id]), key=lambda each: -abs(gaps[each]))
    for project_id in off[:_SHOWN_PROJECTS]:
        ours, theirs = csv.by_project.get(project_id, Decimal(0)), Decimal(of_items[project_id])
        yield Difference(
            kind="project",
            key=project_id,
            csv=ours,
            invoice=theirs,
            message=f"{names.project(project_id)}: {money_shown(ours)} in the CSV, "
            f"{money_shown(theirs)} in the invoice",
        )
    if len(off) > _SHOWN_PROJECTS:
        more = pluralize(len(off) - _SHOWN_PROJECTS, "more project differs", "more projects differ")
        yield Difference(kind="project", message=f"{more}, by less")


def _lines(match: LineMatch, result: MatchResult, places: list[int], names: _Names) -> Iterable[Difference]:
    """Name the first few: what was changed (same project and day) as a pair, then what stands on one side alone."""
    open_places = list(places)
    shown = accounted = 0
    for entry in result.only_csv:
        alone = entry.lines
        while alone and shown < _SHOWN_LINES:
            partner = _partner(match, open_places, entry.key)
            if partner is None:
                yield _csv_line(entry, alone, "no line item like it", None, names)
                accounted += alone
                alone = 0
            else:
                open_places.remove(partner)
                cents = match.cents[partner]
                yield _csv_line(entry, 1, f"{match.named(partner)} with {_amount(cents)}", cents, names)
                accounted += 2
                alone -= 1
            shown += 1
    for place in open_places[: _SHOWN_LINES - shown]:
        key = match.keys[place]
        yield Difference(
            kind="line",
            key=f"lineItems[{place}]",
            csv=None,
            invoice=None if key.cents is None else Decimal(key.cents),
            message=f"{match.named(place)} of the invoice ({names.project(key.project_id)}, {key.day or 'no day'}, "
            f"{_amount(key.cents)}) has no line in the CSV",
        )
        accounted += 1
    if accounted < result.unmatched:
        rest = pluralize(result.unmatched - accounted, "more line or line item has", "more lines and line items have")
        yield Difference(kind="line", message=f"{rest} no counterpart")


def _partner(match: LineMatch, open_places: list[int], key: Key) -> int | None:
    """Find the item that this line was before it was changed: the nearest amount, among the first few that are left."""
    return min(
        (place for place in open_places[:_SHOWN_LINES] if _same_place(match.keys[place], key)),
        key=lambda place: abs((match.keys[place].cents or 0) - (key.cents or 0)),
        default=None,
    )


def _csv_line(entry: Unmatched, count: int, theirs: str, cents: int | None, names: _Names) -> Difference:
    key, _, line_number = entry
    more = f" and {count - 1:,} more like it" if count > 1 else ""
    return Difference(
        kind="line",
        key=str(line_number),
        csv=Decimal(key.cents or 0),
        invoice=None if cents is None else Decimal(cents),
        message=f"line {line_number} of the CSV{more} ({names.project(key.project_id)}, {key.day or 'no day'}) has "
        f"{money_shown(key.cents or 0)}; the invoice has {theirs}",
    )


class _Names:
    """Names people know projects by, where either side has one."""

    def __init__(self, csv: CsvSide, match: LineMatch) -> None:
        self._names: dict[str, str] = {}
        for item in match.items:
            project_id, name = text_or_none(item.group_id), text_or_none(item.group_name)
            if project_id and name:
                self._names[project_id] = name
        self._names.update(csv.project_names)

    def project(self, project_id: str | None) -> str:
        if project_id is None:
            return "no project"
        name = self._names.get(project_id)
        shown = single_line(project_id, _SHOWN_TEXT)
        return f"project {single_line(name, _SHOWN_TEXT)} ({shown})" if name else f"project {shown}"


def _same_place(one: Key, other: Key) -> bool:
    return one.project_id == other.project_id and one.day == other.day


def _gap(entries: Iterable[Unmatched]) -> int:
    return sum(entry.lines * (entry.key.cents or 0) for entry in entries)


def _amount(cents: int | None) -> str:
    return "no amount" if cents is None else money_shown(cents)


def _signed(cents: int) -> str:
    return f"{money_shown(EXACT.abs(Decimal(cents)))} {'too much' if cents > 0 else 'too little'}"
