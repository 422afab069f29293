"""SKU by SKU: the CSV has text for people and the JSON often codes, but where both use one name, its sums agree."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from atlas_invoices._invoice_csv import CREDIT_SKU
from atlas_invoices._text import one_line, text_or_none

from ._amounts import money_shown
from ._reconciliation import Difference

if TYPE_CHECKING:
    from ._csv_side import CsvSide
    from ._line_match import LineMatch


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
                    message=f"SKU {one_line(sku, 60)}: {money_shown(ours.cents)} in the CSV, "
                    f"{money_shown(stated)} in the invoice",
                )
            )
    return differences
