"""The invoice's side of a reconciliation: its own sums, and the possible interpretations of its line items."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import NamedTuple

from atlas_invoices._utils import pluralize, text_or_none
from atlas_invoices_client.models import BillingInvoice, InvoiceLineItem

from ._amounts import cents_or_none, line_items, present
from ._line_match import LineMatcher, MatchResult
from ._reconciliation import Totals


class StatedSums(NamedTuple):
    """Sums that an invoice states, in cents; `None` if it doesn't, or not in whole cents."""

    subtotal: int | None
    credits: int | None
    tax: int | None
    billed: int | None
    balance: int | None


def stated_sums(invoice: BillingInvoice, linked: Sequence[BillingInvoice], notes: list[str]) -> list[StatedSums]:
    """Return the invoice's sums and, if it has `linked` invoices, also its sums with theirs added.

    It isn't documented whether a paying organization's CSV has the lines of linked organizations, nor whether the sums
    include them.
    """
    own = _stated(invoice, notes)
    if not linked:
        return [own]
    with_linked = (own, *(_stated(other, []) for other in linked))
    return [
        own,
        StatedSums(
            *(
                None if values[0] is None else sum(value or 0 for value in values)
                for values in zip(*with_linked, strict=True)
            )
        ),
    ]


def _stated(invoice: BillingInvoice, notes: list[str]) -> StatedSums:
    def read(value: object, name: str) -> int | None:
        cents = cents_or_none(value)
        if cents is None:
            notes.append(f"{name} not compared: the invoice doesn't have it in whole cents")
        return cents

    return StatedSums(
        read(invoice.subtotal_cents, "subtotalCents"),
        read(invoice.credits_cents, "creditsCents"),
        read(invoice.sales_tax_cents, "salesTaxCents"),
        read(invoice.amount_billed_cents, "amountBilledCents"),
        cents_or_none(invoice.starting_balance_cents),
    )


def interpretations(
    invoice: BillingInvoice, linked: Sequence[BillingInvoice], columns: Collection[str], notes: list[str]
) -> list[LineMatcher]:
    """Return a matcher for every interpretation of the line items, the likeliest first; none without line items.

    Projects count if both sides have them: the CSV as a column, the invoice in any line item.

    Two things aren't documented: whether `totalPriceCents` already has the discount subtracted, and whether linked
    invoices' lines are in the CSV.
    """
    own = line_items(invoice, notes)
    others = [item for other in linked for item in line_items(other, notes)]
    if not own and (present(invoice.line_items) is None or invoice.subtotal_cents or invoice.credits_cents):
        notes.append(
            "the invoice has no line items, so only sums were compared; they can't show a missing line of 0.00"
        )
        return []
    by_project = "Project ID" in columns and any(text_or_none(item.group_id) for item in (*own, *others))
    if not by_project and own:
        notes.append("lines were compared without project IDs, since the CSV and the invoice don't both have them")
    matchers = _with_discounts(own, None, by_project=by_project)
    if others:
        matchers += _with_discounts(
            [*own, *others], "the CSV includes the linked invoices' line items", by_project=by_project
        )
    return matchers


def _with_discounts(items: Sequence[InvoiceLineItem], label: str | None, *, by_project: bool) -> list[LineMatcher]:
    totals = [cents_or_none(item.total_price_cents) for item in items]
    matchers = [LineMatcher(label, items, totals, by_project=by_project)]
    discounts = [cents_or_none(item.discount_cents) or 0 for item in items]
    if any(discounts):
        reduced = [
            None if total is None else total - discount for total, discount in zip(totals, discounts, strict=True)
        ]
        labels = (label, "an item's amount is totalPriceCents minus discountCents")
        matchers.append(LineMatcher("; ".join(filter(None, labels)), items, reduced, by_project=by_project))
    return matchers


def best_interpretation(
    matchers: Sequence[LineMatcher], notes: list[str], warnings: list[str]
) -> tuple[LineMatcher, MatchResult] | None:
    """Choose the interpretation of the line items that leaves the fewest lines unmatched; the first among equals."""
    if not matchers:
        return None
    results = [(matcher, matcher.finish()) for matcher in matchers]
    matcher, result = min(results, key=lambda pair: pair[1].unmatched)
    if matcher.label is not None:
        notes.append(f"the line items fit best if {matcher.label}")
    if result.other_days:
        lines = pluralize(result.other_days, "line has", "lines have")
        warnings.append(f"{lines} a different day in the CSV than in the invoice, with the same amount")
    if result.other_tags:
        lines = pluralize(result.other_tags, "line has", "lines have")
        warnings.append(f"{lines} different tags in the CSV than in the invoice; tags may have changed since")
    if result.flipped_credits:
        credits_ = pluralize(result.flipped_credits, "credit has", "credits have")
        warnings.append(f"{credits_} opposite signs in the CSV and the invoice")
    return matcher, result


def invoice_totals(stated: StatedSums, matcher: LineMatcher | None) -> Totals:
    """Return the invoice's sums for the caller, including those of its line items as `matcher` interprets them."""

    def decimal(cents: int | None) -> Decimal | None:
        return None if cents is None else Decimal(cents)

    return Totals(
        lines=None if matcher is None else len(matcher.items),
        total_cents=None if matcher is None else Decimal(sum(cents or 0 for cents in matcher.cents)),
        subtotal_cents=decimal(stated.subtotal),
        credits_cents=decimal(stated.credits),
        sales_tax_cents=decimal(stated.tax),
        amount_billed_cents=decimal(stated.billed),
    )
