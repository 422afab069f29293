"""Whether a saved CSV agrees with its invoice's JSON: lines and sums, in constant memory and without the models.

`reconcile` compares much more. This finds a CSV that was cut at a line's end, or shows another state of the invoice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from attrs import define

from atlas_invoices._csv import read_csv
from atlas_invoices._errors import InvoiceFormatError
from atlas_invoices._money import EXACT, CsvSide, Sum, cents_or_none, over_or_short, short_money
from atlas_invoices._utils import pluralize


@define
class JsonSums:
    """Sums of one invoice's JSON in cents: those of its `lineItems`, and its `subtotalCents`."""

    lines: int = 0
    cents: int = 0
    discounts: int = 0
    subtotal: int | None = None

    @classmethod
    def of_invoice(cls, invoice: object) -> Self:
        """Add up an invoice that is in memory."""
        sums = cls()
        if isinstance(invoice, dict):
            items = invoice.get("lineItems")
            for item in items if isinstance(items, list) else ():
                sums.add(item)
            sums.set_subtotal(invoice)
        return sums

    def add(self, item: object) -> None:
        """Add a line item."""
        if isinstance(item, dict):
            self.lines += 1
            self.cents += cents_or_none(item.get("totalPriceCents")) or 0
            self.discounts += cents_or_none(item.get("discountCents")) or 0

    def set_subtotal(self, fields: Mapping[str, object]) -> None:
        """Take the subtotal from the invoice's fields."""
        self.subtotal = cents_or_none(fields.get("subtotalCents"))


def find_difference(csv: Path, sums: Sequence[JsonSums]) -> str | None:
    """Describe how a CSV differs from its JSON; None if it doesn't, or the JSON has neither line items nor a subtotal.

    Undocumented details are read in the way that fits: whether linked invoices' lines are in the CSV, the sign of
    credits, whether negative lines reduce the subtotal, and whether an item's total has its discount subtracted.
    """
    own = sums[0]
    if not own.lines and own.subtotal is None:
        return None
    side = CsvSide()
    try:
        side.read(read_csv(csv), ())
    except InvoiceFormatError as error:
        return f"the CSV can't be read: {error}"
    if mixed := side.mixed_currencies:
        return f"the CSV has amounts in {mixed}, which can't be added up"
    with_linked = JsonSums(
        lines=sum(each.lines for each in sums),
        cents=sum(each.cents for each in sums),
        discounts=sum(each.discounts for each in sums),
        subtotal=sum(each.subtotal or 0 for each in sums),
    )
    lines, usage = side.everything.lines, Sum.of(side.positive, side.negative)
    if own.lines:
        fitting = [each for each in (own, with_linked) if each.lines == lines]
        if not fitting:
            items = pluralize(own.lines, "line item", "line items")
            return f"the CSV has {pluralize(lines, 'line', 'lines')}, the JSON {items}"
        of_csv = [side.everything, Sum.of(usage, side.credits.negated())]
        of_json = [cents for each in fitting for cents in (each.cents, each.cents - each.discounts)]
        name = "line items"
    else:
        of_csv, of_json, name = [side.positive, usage], [own.subtotal or 0, with_linked.subtotal or 0], "subtotalCents"
    if any(cents in each.of_rounded_terms or cents in each.rounded for each in of_csv for cents in of_json):
        return None
    csv_cents, json_cents = of_csv[0].cents, of_json[0]
    return (
        f"the CSV's lines add up to {short_money(csv_cents)}, the JSON's {name} to {short_money(json_cents)}: "
        f"{over_or_short(EXACT.subtract(csv_cents, json_cents))}"
    )
