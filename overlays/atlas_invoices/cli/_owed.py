"""`atlas-invoices owed`."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from atlas_invoices import _ids
from atlas_invoices._csv_row import plain_or_none
from atlas_invoices._text import one_line

from . import _tables, _talk
from ._session import Session, calls_atlas

if TYPE_CHECKING:
    from atlas_invoices import Owed, PaymentOwed
    from atlas_invoices_client.models import BillingInvoice


@click.command(name="owed")
@click.argument("invoice_id")
@_tables.table_or_json
@calls_atlas
def command(session: Session, invoice_id: str, form: str) -> None:
    """Show what an invoice owes, term by term, each currency for itself; nothing is rounded.

    That is what its payments ask for in all, whether they have been paid or not: of a settled invoice, too. The last
    line has the invoice's status and what was paid, as Atlas gives them.

    json has cents, exact numbers as strings, so that nothing turns them into floats.
    """
    from atlas_invoices import owed  # noqa: PLC0415 - imports the generated models

    _ids.invoice_id(invoice_id)  # before credentials are looked for
    with session.client() as client:
        invoice = client.get_invoice(session.org_id(client), invoice_id)
    result = owed(invoice)
    for warning in result.warnings:
        _talk.warning(warning)
    if form == "json":
        _tables.write_json(as_json(result))
    else:
        for line in [*in_words(result), settled(invoice)]:
            click.echo(one_line(line, 500) if line.strip() and not line.startswith(" ") else line)


def in_words(result: Owed) -> list[str]:
    """The sum as a person follows it, in dollars and the payments' currencies."""
    lines = []
    for payment in result.payments:
        terms = [
            ("billed", _money(payment.total_billed_cents), "USD"),
            ("x rate", plain_or_none(payment.unit_price) or "unknown", ""),
            ("= billed", _money(payment.billed_in_currency), payment.currency),
            ("+ sales tax", _money(payment.sales_tax_cents), payment.currency),
        ]
        if payment.starting_balance_cents is not None:
            terms.append(("- starting balance", _money(payment.starting_balance_cents), payment.currency))
        terms.append(("= owed", _money(payment.owed_cents), payment.currency))
        lines.append(f"payment {payment.payment_id or '(without ID)'}, {payment.status or 'without status'}")
        lines += [f"  {name:<20}{value:>20} {one_line(unit, 10)}".rstrip() for name, value, unit in terms]
    if result.starting_balance_cents:
        what = "taken off" if result.starting_balance_applied else "not taken off"
        lines.append(f"starting balance of the invoice: {_money(result.starting_balance_cents)}, {what}")
    for currency, rounded in result.rounded().items():
        exact = result.by_currency[currency]
        about = "" if rounded == exact else f" (rounded: {_money(rounded)})"
        lines.append(f"owed in all, paid or not: {_money(exact)} {currency}{about}")
    return lines or ["no payments, so nothing owed can be computed"]


def settled(invoice: BillingInvoice) -> str:
    """How far the invoice is paid, as Atlas gives it (`statusName`, `amountPaidCents`)."""
    paid = invoice.amount_paid_cents
    known = f"{_money(paid)} USD" if isinstance(paid, int) else "unknown"
    return f"the invoice is {invoice.status_name or 'without status'}; paid so far: {known}"


def as_json(result: Owed) -> dict[str, Any]:
    """Everything, exact numbers as text."""
    return {
        "by_currency": {currency: plain_or_none(cents) for currency, cents in result.by_currency.items()},
        "starting_balance_cents": result.starting_balance_cents,
        "starting_balance_applied": result.starting_balance_applied,
        "payments": [_payment(payment) for payment in result.payments],
        "warnings": list(result.warnings),
    }


def _payment(payment: PaymentOwed) -> dict[str, Any]:
    return {
        "payment_id": payment.payment_id,
        "status": payment.status,
        "currency": payment.currency,
        "total_billed_cents": payment.total_billed_cents,
        "unit_price": plain_or_none(payment.unit_price),
        "billed_in_currency": plain_or_none(payment.billed_in_currency),
        "sales_tax_cents": payment.sales_tax_cents,
        "starting_balance_cents": payment.starting_balance_cents,
        "owed_cents": plain_or_none(payment.owed_cents),
        "missing": list(payment.missing),
    }


def _money(cents: Decimal | int | None) -> str:
    """Cents as dollars, to the last digit there is and at least two."""
    if cents is None:
        return "unknown"
    from atlas_invoices._money import money  # noqa: PLC0415 - imports the generated models

    # Arithmetic in the default context would round at 28 digits, which a long rate soon uses up.
    return f"{Decimal(money(cents)):,f}"
