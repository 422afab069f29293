"""Differences that have an explanation: rounding, other names for a SKU, a file that was cut."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from atlas_invoices._csv import CREDIT_SKU
from atlas_invoices._utils import pluralize, single_line, text_or_none

from ._amounts import money, money_shown
from ._reconciliation import Difference

if TYPE_CHECKING:
    from ._csv_side import CsvSide
    from ._line_match import LineMatch
    from ._reconciliation import MatchResult


def best_interpretation(
    matches: Sequence[LineMatch], notes: list[str], warnings: list[str]
) -> tuple[LineMatch | None, MatchResult | None]:
    """Choose the reading of the line items that leaves the fewest lines unmatched; the first among equals."""
    if not matches:
        return None, None
    results = [(match, match.finish()) for match in matches]
    match, result = min(results, key=lambda pair: pair[1].unmatched)
    if match.label is not None:
        notes.append(f"the line items fit best when {match.label}")
    if result.other_days:
        lines = pluralize(result.other_days, "line has", "lines have")
        warnings.append(f"{lines} another day in the CSV than in the invoice, with the same amount")
    if result.other_tags:
        lines = pluralize(result.other_tags, "line has", "lines have")
        warnings.append(f"{lines} other tags in the CSV than in the invoice; tags may have changed")
    if result.flipped_credits:
        credits_ = pluralize(result.flipped_credits, "credit has", "credits have")
        warnings.append(f"{credits_} opposite signs in the CSV and the invoice")
    return match, result


def line_rounding(csv: CsvSide, match: LineMatch, result: MatchResult) -> list[Difference]:
    """Return what the line items' rounding comes to in all, where all lines have been matched."""
    everything = csv.everything
    if not everything.fractional or result.unmatched:
        return []
    total = Decimal(sum(cents or 0 for cents in match.cents))
    return [
        Difference(
            kind="rounding",
            key="lineItems",
            csv=everything.cents,
            invoice=total,
            message=f"{pluralize(everything.fractional, 'line has', 'lines have')} fractions of a cent that the "
            f"invoice rounds: the CSV's lines sum to {money_shown(everything.cents)}, the line items to "
            f"{money_shown(total)}",
        )
    ]


# Where all that can be read agrees, a digit or a cell that shows in no sum may still be lost.
OPEN_END = Difference(
    kind="incomplete",
    message="the CSV's last line has no line end, so the file may be cut there; download it again",
)
_SHOWN_LOST = 3


def early_end(csv: CsvSide, match: LineMatch, result: MatchResult, places: list[int]) -> Difference | None:
    """Tell a CSV that was cut off from one that is wrong: what it has agrees, and only the rest is missing."""
    lines, items = csv.everything.lines, len(match.items)
    tail = len(places) > 0 and places[0] == items - len(places)
    if not result.only_csv:
        where = f"it ends early, after line {csv.last_line_number}" if tail and lines else "it is not whole"
    elif _is_cut_line(csv, match, result, places) and tail:
        where = f"it ends early, within the amount of its last line, {csv.last_line_number}"
    else:
        return None
    lost = [match.cents[place] or 0 for place in places]
    named = ", ".join(match.named(place) for place in places[:_SHOWN_LOST])
    more = f" and {len(places) - _SHOWN_LOST:,} more" if len(places) > _SHOWN_LOST else ""
    return Difference(
        kind="incomplete",
        csv=lines,
        invoice=items,
        message=f"the CSV has {pluralize(lines, 'line', 'lines')} and lacks {len(places):,} of the invoice's "
        f"{pluralize(items, 'line item', 'line items')}, "
        f"{money_shown(sum(lost))} in all ({named}{more}): {where}; download it again",
    )


def _is_cut_line(csv: CsvSide, match: LineMatch, result: MatchResult, places: list[int]) -> bool:
    """Whether the one line that disagrees is the last, and its amount, as written, is the beginning of the item's."""
    if len(result.only_csv) != 1 or len(match.items) - len(places) != csv.everything.lines - 1:
        return False
    [(key, _, line_number)] = result.only_csv
    item = match.keys[places[0]] if places else None
    if item is None or item.cents is None or line_number != csv.last_line_number:
        return False
    written = "" if csv.last_amount is None else f"{csv.last_amount:f}"
    return key.project_id == item.project_id and money(item.cents).startswith(written)


def sku_differences(csv: CsvSide, match: LineMatch, notes: list[str]) -> list[Difference]:
    """Compare SKUs that have the same name on both sides; where lines are missing, those have been named already."""
    theirs: dict[str, int] = {}
    for item, cents in zip(match.items, match.cents, strict=True):
        sku = text_or_none(item.sku)
        if sku:
            theirs[sku] = theirs.get(sku, 0) + (cents or 0)
    shared = [sku for sku in csv.by_sku if sku in theirs]
    if len(shared) < len(csv.by_sku):
        notes.append(f"SKUs of the CSV that the invoice has by the same name: {len(shared)} of {len(csv.by_sku)}")
    if csv.everything.lines != len(match.items):
        return []
    differences = []
    for sku in shared:
        ours, stated = csv.by_sku[sku], theirs[sku]
        # Line items are whole cents, so it's the lines that were rounded. A credit's sign may differ between the sides.
        possible = ours.of_rounded_terms
        if stated not in possible and not (sku == CREDIT_SKU and -stated in possible):
            differences.append(
                Difference(
                    kind="sku",
                    key=sku,
                    csv=ours.cents,
                    invoice=Decimal(stated),
                    message=f"SKU {single_line(sku, 60)}: {money_shown(ours.cents)} in the CSV, "
                    f"{money_shown(stated)} in the invoice",
                )
            )
    return differences
