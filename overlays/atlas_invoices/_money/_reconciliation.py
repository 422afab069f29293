"""The result of comparing a CSV with its invoice."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from attrs import frozen

from atlas_invoices._utils import html_table, pluralize

from ._amounts import money

# A notebook shows the most general differences.
_MAX_HTML = 50

DiscountUnit = Literal["percent", "fraction"]
DifferenceKind = Literal[
    "unreadable",
    "incomplete",
    "nothing_to_compare",
    "invoice_id",
    "organization_id",
    "period",
    "currency",
    "count",
    "total",
    "project",
    "sku",
    "line",
    "subtotal",
    "credits",
    "amount_billed",
    "rounding",
]


@frozen(kw_only=True)
class Difference:
    """One difference between the CSV and the invoice.

    Attributes:
        kind: what was compared. `unreadable`: the CSV has no readable header; `incomplete`: the CSV ends early or lacks
            line items; `nothing_to_compare`: the invoice has neither line items nor sums; `invoice_id`,
            `organization_id`, `period`: the header; `currency`: amounts in several currencies; `count`, `total`: all
            line items together; `project`, `sku`: the line items of one project or SKU; `line`: one line; `subtotal`,
            `credits`, `amount_billed`: the invoice's own sums; `rounding`: fractions of a cent, only in
            `Reconciliation.rounding`.
        key: the project's ID, the SKU, the line's number in the CSV or the like; `None` for the whole file.
        csv: the CSV's value (money in cents), `None` if it has none.
        invoice: the invoice's value (money in cents), `None` if it has none.
        message: the difference in words, with amounts in dollars.

    Example:
        >>> from atlas_invoices_client.models import BillingInvoice
        >>> csv = b"Date,Usage Date,SKU,Amount\\n06/02/2024,06/01/2024,Atlas M10 Instance,19.19\\n"
        >>> [difference] = reconcile(csv, BillingInvoice.from_dict({"subtotalCents": 1920})).differences
        >>> difference.kind, difference.key, difference.csv, difference.invoice
        ('subtotal', 'subtotalCents', Decimal('1919'), Decimal('1920'))
        >>> difference.message
        "the CSV's positive lines add up to 19.19, but the invoice has 19.20 (subtotalCents): the CSV is 0.01 short"

    """

    kind: DifferenceKind
    key: str | None = None
    csv: Decimal | int | str | None = None
    invoice: Decimal | int | str | None = None
    message: str


@frozen(kw_only=True)
class Totals:
    """The sums of one side, in cents; `None` for sums that this side doesn't have.

    Attributes:
        lines: number of line items.
        total_cents: the sum of all line items, credits included.
        subtotal_cents: the sum of the positive line items; for the invoice, its `subtotalCents`.
        credits_cents: the sum of the credits, with the sign as sent; for the invoice, its `creditsCents`.
        sales_tax_cents: the invoice's `salesTaxCents`; a CSV has no tax.
        amount_billed_cents: the invoice's `amountBilledCents`; a CSV has none.

    Example:
        >>> from atlas_invoices_client.models import BillingInvoice
        >>> csv = b"Date,Usage Date,SKU,Amount\\n06/02/2024,06/01/2024,Atlas Support,19.20\\n06/30/2024,,Credit,-1\\n"
        >>> result = reconcile(csv, BillingInvoice.from_dict({"subtotalCents": 1920}))
        >>> result.csv.total_cents, result.csv.subtotal_cents, result.csv.credits_cents
        (Decimal('1820'), Decimal('1920'), Decimal('-100'))
        >>> result.invoice.subtotal_cents, result.invoice.total_cents
        (Decimal('1920'), None)

    """

    lines: int | None
    total_cents: Decimal | None
    subtotal_cents: Decimal | None
    credits_cents: Decimal | None
    sales_tax_cents: Decimal | None = None
    amount_billed_cents: Decimal | None = None


@frozen(kw_only=True, repr=False)
class Reconciliation:
    """Whether a CSV adds up to its invoice, to the cent.

    Attributes:
        differences: the differences, the most general first; empty if the CSV matches.
        rounding: differences of fractions of a cent that come from rounding alone and don't break the match.
        csv: the CSV's sums.
        invoice: the invoice's sums.
        discount_unit: the unit of `Discount Percent` in this CSV, derived from its rows: `percent` (10 is a tenth),
            `fraction` (0.1 is a tenth), or `None` if no row shows it.
        notes: which interpretations of undocumented fields were used, and what could not be compared.
        warnings: tolerated differences worth knowing: lines with a different day or different tags than their items,
            credits with the opposite sign, a starting balance in the amount billed.

    Example:
        >>> from atlas_invoices_client.models import BillingInvoice
        >>> csv = b"Date,Usage Date,SKU,Amount\\n06/03/2024,06/02/2024,Atlas M10 Instance,19.20\\n"
        >>> item = {"startDate": "2024-06-01T00:00:00Z", "sku": "NDS_AWS_INSTANCE_M10", "totalPriceCents": 1920}
        >>> result = reconcile(csv, BillingInvoice.from_dict({"lineItems": [item], "subtotalCents": 1920}))
        >>> result.matches
        True
        >>> result.warnings
        ('1 line has a different day in the CSV than in the invoice, with the same amount',)

    """

    differences: tuple[Difference, ...]
    rounding: tuple[Difference, ...]
    csv: Totals
    invoice: Totals
    discount_unit: DiscountUnit | None
    notes: tuple[str, ...]
    warnings: tuple[str, ...]

    def __repr__(self) -> str:
        return f"<Reconciliation: {self._outcome()}>"

    def _repr_html_(self) -> str:
        shown = self.differences[:_MAX_HTML]
        rows = [[each.kind, each.message] for each in shown]
        if more := len(self.differences) - len(shown):
            rows.append([f"{more:,} more"])
        return html_table([self._outcome(), ""], rows, right=())

    def _outcome(self) -> str:
        if not self.matches:
            return pluralize(len(self.differences), "difference", "differences")
        return f"matches, {pluralize(self.csv.lines or 0, 'line', 'lines')}, {money(self.csv.total_cents or 0)} USD"

    @property
    def matches(self) -> bool:
        """Whether nothing differs except fractions of a cent."""
        return not self.differences
