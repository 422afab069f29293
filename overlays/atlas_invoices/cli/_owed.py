"""`atlas-invoices owed`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from . import _tables, _talk
from ._session import Session, calls_atlas

if TYPE_CHECKING:
    from atlas_invoices import Owed

COLUMNS = [
    _tables.Column("Payment", "payment_id"),
    _tables.Column("Status", "status"),
    _tables.Column("Billed, USD cents", "total_billed_cents", number=True),
    _tables.Column("Rate", "unit_price", number=True),
    _tables.Column("In currency, cents", "billed_in_currency", number=True),
    _tables.Column("+ Tax", "sales_tax_cents", number=True),
    _tables.Column("- Starting balance", "starting_balance_cents", number=True),
    _tables.Column("= Owed, cents", "owed_cents", number=True),
    _tables.Column("Currency", "currency"),
]


@click.command(name="owed")
@click.argument("invoice_id")
@_tables.table_or_json
@calls_atlas
def command(session: Session, invoice_id: str, form: str) -> None:
    """Show what an invoice owes, term by term, each currency for itself.

    Amounts are cents, unrounded. JSON has them as strings, so that nothing turns them into floats.
    """
    from atlas_invoices import owed  # noqa: PLC0415 - imports the generated models

    with session.client() as client:
        result = owed(client.get_invoice(session.org_id(client), invoice_id))
    for warning in result.warnings:
        _talk.warning(warning)
    if form == "json":
        _tables.write_json(as_json(result))
        return
    _tables.show([as_row(payment) for payment in result.payments], COLUMNS, "table")
    if result.starting_balance_cents:
        what = "taken off" if result.starting_balance_applied else "not taken off"
        click.echo(f"starting balance of the invoice: {result.starting_balance_cents} cents, {what}")
    for currency, cents in result.by_currency.items():
        click.echo(f"owed: {cents:f} cents {currency}")


def as_row(payment: Any) -> dict[str, Any]:  # noqa: ANN401 - a PaymentOwed, whose import would cost the start
    """A payment's terms by name, exact numbers as text."""
    return {column.field: _exact(getattr(payment, column.field)) for column in COLUMNS}


def as_json(result: Owed) -> dict[str, Any]:
    """Everything, exact numbers as text."""
    return {
        "by_currency": {currency: f"{cents:f}" for currency, cents in result.by_currency.items()},
        "starting_balance_cents": result.starting_balance_cents,
        "starting_balance_applied": result.starting_balance_applied,
        "payments": [{**as_row(payment), "missing": list(payment.missing)} for payment in result.payments],
        "warnings": list(result.warnings),
    }


def _exact(value: object) -> object:
    return value if value is None or isinstance(value, (int, str)) else f"{value:f}"
