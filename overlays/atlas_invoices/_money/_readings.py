"""Which reading of the line items fits, what was forgiven under it, and what only rounding explains."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from atlas_invoices._words import counted

from ._amounts import money_shown
from ._reconciliation import Difference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._csv_side import CsvSide
    from ._line_match import LineMatch
    from ._match_result import MatchResult


def best_reading(
    matches: Sequence[LineMatch], notes: list[str], warnings: list[str]
) -> tuple[LineMatch | None, MatchResult | None]:
    """Choose the reading of the line items that leaves the fewest lines unmatched; the first among equals."""
    if not matches:
        return None, None
    results = [(match, match.finish()) for match in matches]
    match, result = min(results, key=lambda pair: pair[1].unmatched)
    if match.label is not None:
        notes.append(f"the line items fit best when {match.label}")
    other_days = result.count_moved(lambda key: key.day)
    if other_days:
        lines = counted(other_days, "line has", "lines have")
        warnings.append(f"{lines} another day in the CSV than in the invoice, with the same amount")
    other_tags = result.count_moved(lambda key: key.tags)
    if other_tags:
        lines = counted(other_tags, "line has", "lines have")
        warnings.append(f"{lines} other tags in the CSV than in the invoice; tags may have changed")
    if result.flipped_credits:
        credits_ = counted(result.flipped_credits, "credit has", "credits have")
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
            message=f"{counted(everything.fractional, 'line has', 'lines have')} fractions of a cent that the "
            f"invoice rounds: the CSV's lines sum to {money_shown(everything.cents)}, the line items to "
            f"{money_shown(total)}",
        )
    ]
