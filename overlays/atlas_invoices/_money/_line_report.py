"""Describes the unmatched lines and items: which line, item, project and SKU, or where a file was cut."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import Literal

from atlas_invoices._csv import CREDIT_SKU
from atlas_invoices._utils import pluralize, single_line, text_or_none

from ._amounts import EXACT, over_or_short, short_money
from ._csv_side import CsvSide
from ._line_match import Key, LineMatcher, MatchResult, Unmatched
from ._reconciliation import Difference

_MAX_LINES = 20
_MAX_PROJECTS = 20
_MAX_LOST = 3
_MAX_TEXT = 60


def line_differences(csv: CsvSide, matcher: LineMatcher, result: MatchResult) -> list[Difference]:
    """Return every difference between the lines and the line items, the most general first."""
    if not result.unmatched:
        return []
    missing = _missing_items(matcher, result.only_invoice)
    cut = _cut(csv, matcher, result, missing)
    if cut is not None:
        return [cut]
    names = _ProjectNames(csv, matcher)
    return [
        *_count(csv, matcher, result),
        *_total(csv, matcher, result),
        *_projects(csv, matcher, result, names),
        *_lines(matcher, result, missing, names),
    ]


def _missing_items(matcher: LineMatcher, unmatched: Iterable[Unmatched]) -> list[int]:
    """Return the missing items' indexes, ascending; of equal items the last, since the first were matched."""
    wanted = Counter({entry.key: entry.lines for entry in unmatched})
    left = wanted.total()
    found: list[int] = []
    for index in range(len(matcher.keys) - 1, -1, -1):
        if not left:
            break
        if wanted[matcher.keys[index]] > 0:
            wanted[matcher.keys[index]] -= 1
            left -= 1
            found.append(index)
    return found[::-1]


def _cut(csv: CsvSide, matcher: LineMatcher, result: MatchResult, missing: list[int]) -> Difference | None:
    """Tell a CSV that was cut from one that is wrong: its lines match, and only the others are missing."""
    lines, items = csv.everything.lines, len(matcher.items)
    at_end = len(missing) > 0 and missing[0] == items - len(missing)
    if not result.only_csv:
        where = f"it ends early, after line {csv.last_line_number}" if at_end and lines else "it is incomplete"
    elif at_end and _is_cut_line(csv, matcher, result, missing):
        where = f"it ends early, within the amount on its last line, {csv.last_line_number}"
    else:
        return None
    lost = sum(matcher.cents[index] or 0 for index in missing)
    names = ", ".join(matcher.name(index) for index in missing[:_MAX_LOST])
    more = f" and {len(missing) - _MAX_LOST:,} more" if len(missing) > _MAX_LOST else ""
    return Difference(
        kind="incomplete",
        csv=lines,
        invoice=items,
        message=f"the CSV has {pluralize(lines, 'line', 'lines')} and lacks {len(missing):,} of the invoice's "
        f"{pluralize(items, 'line item', 'line items')}, {short_money(lost)} in total ({names}{more}): {where}; "
        "download it again",
    )


def _is_cut_line(csv: CsvSide, matcher: LineMatcher, result: MatchResult, missing: list[int]) -> bool:
    """Whether the last line is the only one that differs, and its amount is the beginning of the item's."""
    if len(result.only_csv) != 1 or len(matcher.items) - len(missing) != csv.everything.lines - 1:
        return False
    [(key, _, line_number)] = result.only_csv
    item = matcher.keys[missing[0]]
    if item.cents is None or line_number != csv.last_line_number:
        return False
    written = "" if csv.last_amount is None else f"{csv.last_amount:f}"
    return key.project_id == item.project_id and f"{EXACT.scaleb(Decimal(item.cents), -2):f}".startswith(written)


def _count(csv: CsvSide, matcher: LineMatcher, result: MatchResult) -> Iterable[Difference]:
    lines, items = csv.everything.lines, len(matcher.items)
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


def _total(csv: CsvSide, matcher: LineMatcher, result: MatchResult) -> Iterable[Difference]:
    gap = sum(sign * entry.lines * (entry.key.cents or 0) for sign, entry in _signed(result))
    if gap:
        in_csv, in_invoice = csv.everything.cents, _items_total(matcher)
        yield Difference(
            kind="total",
            csv=in_csv,
            invoice=in_invoice,
            message=f"the CSV's lines add up to {short_money(in_csv)}, the invoice's line items to "
            f"{short_money(in_invoice)}: {over_or_short(gap)}",
        )


def _signed(result: MatchResult) -> Iterable[tuple[int, Unmatched]]:
    yield from ((1, entry) for entry in result.only_csv)
    yield from ((-1, entry) for entry in result.only_invoice)


def _items_total(matcher: LineMatcher) -> Decimal:
    return Decimal(sum(cents or 0 for cents in matcher.cents))


def _projects(csv: CsvSide, matcher: LineMatcher, result: MatchResult, names: _ProjectNames) -> Iterable[Difference]:
    if not matcher.by_project:
        return
    gaps: Counter[str | None] = Counter()
    for sign, (key, lines, _) in _signed(result):
        gaps[key.project_id] += sign * lines * (key.cents or 0)
    of_items: Counter[str | None] = Counter()
    for key, cents in zip(matcher.keys, matcher.cents, strict=True):
        of_items[key.project_id] += cents or 0
    off = sorted((project_id for project_id in gaps if gaps[project_id]), key=lambda each: -abs(gaps[each]))
    for project_id in off[:_MAX_PROJECTS]:
        in_csv, in_invoice = csv.by_project.get(project_id, Decimal(0)), Decimal(of_items[project_id])
        yield _amount_difference("project", project_id, names.project(project_id), in_csv, in_invoice)
    if len(off) > _MAX_PROJECTS:
        more = pluralize(len(off) - _MAX_PROJECTS, "more project differs", "more projects differ")
        yield Difference(kind="project", message=f"{more} by less")


def _lines(matcher: LineMatcher, result: MatchResult, missing: list[int], names: _ProjectNames) -> Iterable[Difference]:
    """Describe the first few: changed lines (same project and day) beside their item, then lines and items alone."""
    open_items = list(missing)
    shown = accounted = 0
    for entry in result.only_csv:
        alone = entry.lines
        while alone and shown < _MAX_LINES:
            item = _changed_item(matcher, open_items, entry.key)
            if item is None:
                yield _csv_line(entry, alone, "no such line item", None, names)
                accounted += alone
                alone = 0
            else:
                open_items.remove(item)
                cents = matcher.cents[item]
                yield _csv_line(entry, 1, f"{matcher.name(item)} with {_amount(cents)}", cents, names)
                accounted += 2
                alone -= 1
            shown += 1
    for index in open_items[: _MAX_LINES - shown]:
        key = matcher.keys[index]
        yield Difference(
            kind="line",
            key=f"lineItems[{index}]",
            csv=None,
            invoice=None if key.cents is None else Decimal(key.cents),
            message=f"{matcher.name(index)} of the invoice ({names.project(key.project_id)}, {key.day or 'no day'}, "
            f"{_amount(key.cents)}) has no line in the CSV",
        )
        accounted += 1
    if accounted < result.unmatched:
        rest = pluralize(result.unmatched - accounted, "more line or line item has", "more lines and line items have")
        yield Difference(kind="line", message=f"{rest} no counterpart")


def _changed_item(matcher: LineMatcher, open_items: list[int], key: Key) -> int | None:
    """Find the item that this line was before it was changed: the nearest amount among the first few left."""

    def is_candidate(item: Key) -> bool:
        return item.project_id == key.project_id and item.day == key.day

    return min(
        (index for index in open_items[:_MAX_LINES] if is_candidate(matcher.keys[index])),
        key=lambda index: abs((matcher.keys[index].cents or 0) - (key.cents or 0)),
        default=None,
    )


def _csv_line(entry: Unmatched, lines: int, counterpart: str, cents: int | None, names: _ProjectNames) -> Difference:
    key, _, line_number = entry
    more = f" and {lines - 1:,} more like it" if lines > 1 else ""
    return Difference(
        kind="line",
        key=str(line_number),
        csv=Decimal(key.cents or 0),
        invoice=None if cents is None else Decimal(cents),
        message=f"line {line_number} of the CSV{more} ({names.project(key.project_id)}, {key.day or 'no day'}) has "
        f"{short_money(key.cents or 0)}; the invoice has {counterpart}",
    )


def sku_differences(csv: CsvSide, matcher: LineMatcher, notes: list[str]) -> list[Difference]:
    """Compare the SKUs that have the same name on both sides, unless there are missing lines, which are reported."""
    of_items: Counter[str] = Counter()
    for item, cents in zip(matcher.items, matcher.cents, strict=True):
        if sku := text_or_none(item.sku):
            of_items[sku] += cents or 0
    shared = [sku for sku in csv.by_sku if sku in of_items]
    if len(shared) < len(csv.by_sku):
        notes.append(f"{len(shared)} of {len(csv.by_sku)} SKUs in the CSV have the same name in the invoice")
    if csv.everything.lines != len(matcher.items):
        return []
    differences = []
    for sku in shared:
        of_lines, stated = csv.by_sku[sku], of_items[sku]
        # Items are whole cents, so each line was rounded. A credit's sign may differ between the sides.
        possible = of_lines.of_rounded_terms
        if stated not in possible and not (sku == CREDIT_SKU and -stated in possible):
            name = f"SKU {single_line(sku, _MAX_TEXT)}"
            differences.append(_amount_difference("sku", sku, name, of_lines.cents, Decimal(stated)))
    return differences


def line_rounding(csv: CsvSide, matcher: LineMatcher, result: MatchResult) -> list[Difference]:
    """Return what rounding the line items adds up to, if all lines were matched."""
    everything = csv.everything
    if not everything.fractional or result.unmatched:
        return []
    total = _items_total(matcher)
    return [
        Difference(
            kind="rounding",
            key="lineItems",
            csv=everything.cents,
            invoice=total,
            message=f"{pluralize(everything.fractional, 'line has', 'lines have')} fractions of a cent that the "
            f"invoice rounds: the CSV's lines add up to {short_money(everything.cents)}, the line items to "
            f"{short_money(total)}",
        )
    ]


def _amount_difference(
    kind: Literal["project", "sku"], key: str | None, name: str, in_csv: Decimal, in_invoice: Decimal
) -> Difference:
    message = f"{name}: {short_money(in_csv)} in the CSV, {short_money(in_invoice)} in the invoice"
    return Difference(kind=kind, key=key, csv=in_csv, invoice=in_invoice, message=message)


class _ProjectNames:
    """The projects' names, as far as either side has them."""

    def __init__(self, csv: CsvSide, matcher: LineMatcher) -> None:
        self._names: dict[str, str] = {}
        for item in matcher.items:
            project_id, name = text_or_none(item.group_id), text_or_none(item.group_name)
            if project_id and name:
                self._names[project_id] = name
        self._names.update(csv.project_names)

    def project(self, project_id: str | None) -> str:
        if project_id is None:
            return "no project"
        name = self._names.get(project_id)
        shown = single_line(project_id, _MAX_TEXT)
        return f"project {single_line(name, _MAX_TEXT)} ({shown})" if name else f"project {shown}"


def _amount(cents: int | None) -> str:
    return "no amount" if cents is None else short_money(cents)
