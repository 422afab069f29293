"""The invoice's side of a reconciliation: its own sums, and the ways in which its line items can be read."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from attrs import frozen

from atlas_invoices._utils import text_or_none

from ._amounts import line_items, present, whole_cents
from ._line_match import LineMatch
from ._reconciliation import Totals

if TYPE_CHECKING:
    from atlas_invoices_client.models import BillingInvoice, InvoiceLineItem


_AFTER_DISCOUNT = "an item's amount is its totalPriceCents less its discountCents"
_WITH_LINKED = "the CSV also has the line items of the linked invoices"


@frozen
class Stated:
    """Sums that an invoice states, in cents; `None` where it doesn't, or not as whole cents."""

    subtotal: int | None
    credits: int | None
    tax: int | None
    billed: int | None


def stated_sums(invoice: BillingInvoice, linked: Sequence[BillingInvoice], notes: list[str]) -> list[Stated]:
    """Return the invoice's sums, and where it has `linked` invoices also its sums with theirs.

    Whether the CSV of a paying organization has the lines of linked organizations isn't documented, nor whether the
    sums include them.
    """
    own = _stated(invoice, notes)
    if not linked:
        return [own]
    together_with = [own, *(_stated(other, []) for other in linked)]

    def together(name: str) -> int | None:
        values: list[int | None] = [getattr(sums, name) for sums in together_with]
        return None if values[0] is None else sum(value or 0 for value in values)

    return [own, Stated(together("subtotal"), together("credits"), together("tax"), together("billed"))]


def line_matches(
    invoice: BillingInvoice, linked: Sequence[BillingInvoice], columns: Collection[str], notes: list[str]
) -> list[LineMatch]:
    """Return every way to read the line items, the most likely first; none where the invoice has no line items.

    Projects count where both sides have them: the CSV among its columns, the invoice in any line item.

    Two things aren't documented: whether a discount is already taken off `totalPriceCents`, and whether linked
    invoices' lines are in the CSV. The reading that fits the whole invoice is used.
    """
    own = line_items(invoice, notes)
    others = [item for other in linked for item in line_items(other, notes)]
    if not own and (present(invoice.line_items) is None or invoice.subtotal_cents or invoice.credits_cents):
        notes.append(
            "the invoice came without line items, so only its sums can be compared: a missing line of 0.00 doesn't show"
        )
        return []
    by_project = "Project ID" in columns and any(text_or_none(item.group_id) for item in (*own, *others))
    if not by_project and own:
        notes.append("only one side has project IDs, or neither, so the lines were compared without them")
    matches = _readings(own, None, by_project=by_project)
    if others:
        matches += _readings([*own, *others], _WITH_LINKED, by_project=by_project)
    return matches


def invoice_totals(stated: Stated, match: LineMatch | None) -> Totals:
    """Return the invoice's sums as the caller sees them, those of its line items as `match` reads them."""

    def decimal(cents: int | None) -> Decimal | None:
        return None if cents is None else Decimal(cents)

    return Totals(
        lines=None if match is None else len(match.items),
        total_cents=None if match is None else Decimal(sum(cents or 0 for cents in match.cents)),
        subtotal_cents=decimal(stated.subtotal),
        credits_cents=decimal(stated.credits),
        sales_tax_cents=decimal(stated.tax),
        amount_billed_cents=decimal(stated.billed),
    )


def _readings(items: Sequence[InvoiceLineItem], label: str | None, *, by_project: bool) -> list[LineMatch]:
    totals = [_cents(item.total_price_cents) for item in items]
    matches = [LineMatch(label, items, totals, by_project=by_project)]
    discounts = [_cents(item.discount_cents) or 0 for item in items]
    if any(discounts):
        reduced = [
            None if total is None else total - discount for total, discount in zip(totals, discounts, strict=True)
        ]
        after = "; ".join(filter(None, (label, _AFTER_DISCOUNT)))
        matches.append(LineMatch(after, items, reduced, by_project=by_project))
    return matches


def _stated(invoice: BillingInvoice, notes: list[str]) -> Stated:
    def read(value: object, name: str) -> int | None:
        cents = _cents(value)
        if cents is None:
            notes.append(f"the invoice states no {name} in whole cents, so it was not compared")
        return cents

    return Stated(
        read(invoice.subtotal_cents, "subtotalCents"),
        read(invoice.credits_cents, "creditsCents"),
        read(invoice.sales_tax_cents, "salesTaxCents"),
        read(invoice.amount_billed_cents, "amountBilledCents"),
    )


def _cents(value: object) -> int | None:
    try:
        return whole_cents(value, "")
    except ValueError:
        return None
