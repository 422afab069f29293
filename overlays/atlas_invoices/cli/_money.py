"""The commands owed and reconcile."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from atlas_invoices import _ids
from atlas_invoices._utils import plain, plain_or_none, pluralize, single_line

from . import _exit, _output, _table
from ._session import Session, atlas_options
from ._table import short_path

if TYPE_CHECKING:
    from atlas_invoices import Owed, PaymentOwed, Reconciliation
    from atlas_invoices_client.models import BillingInvoice


@click.command(name="owed")
@click.argument("invoice_id")
@_table.table_or_json
@atlas_options
def owed_command(session: Session, invoice_id: str, form: str) -> None:
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
        _output.warning(warning)
    if form == "json":
        _table.write_json(owed_as_json(result))
    else:
        for line in [*in_words(result), settled(invoice)]:
            click.echo(single_line(line, 500) if line.strip() and not line.startswith(" ") else line)


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
        lines += [f"  {name:<20}{value:>20} {single_line(unit, 10)}".rstrip() for name, value, unit in terms]
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


def owed_as_json(result: Owed) -> dict[str, Any]:
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

    return money(cents)


@click.command(name="reconcile")
@click.argument("invoice_id")
@click.option(
    "--csv",
    "csv_path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A saved CSV; without it, it's read from Atlas.",
)
@_table.table_or_json
@atlas_options
def reconcile_command(session: Session, invoice_id: str, csv_path: Path | None, form: str) -> None:
    """Check that an invoice's CSV adds up to the invoice, to the cent. Exit status 6 where it doesn't.

    What was forgiven, such as lines on another day, is said on stderr, unless -q. -v also shows which readings were
    needed, and what could not be compared.
    """
    from atlas_invoices import reconcile  # noqa: PLC0415 - imports the generated models

    _ids.invoice_id(invoice_id)  # before credentials are looked for
    with session.client() as client:
        org = session.org_id(client)
        invoice = client.get_invoice(org, invoice_id)
        if csv_path is not None:
            result = reconcile(csv_path, invoice)
        else:
            with client.stream_invoice_csv(org, invoice_id) as body:
                result = reconcile(body, invoice)
    if form == "json":
        _table.write_json(reconciliation_as_json(result))
    else:
        _say(result)
    for warning in result.warnings:
        _output.note(f"note: {warning}")
    if not result.matches:
        count = pluralize(len(result.differences), "difference", "differences")
        _output.error(f"{short_path(csv_path or 'the CSV')} doesn't match invoice {invoice_id}: {count}")
        raise SystemExit(_exit.WRONG_DATA)


def reconciliation_as_json(result: Reconciliation) -> dict[str, Any]:
    """Everything, exact numbers as text."""
    return {
        "matches": result.matches,
        **attrs.asdict(
            result, value_serializer=lambda _i, _a, value: plain(value) if isinstance(value, Decimal) else value
        ),
    }


def _say(result: Reconciliation) -> None:
    if result.matches:
        total, tax = result.csv.total_cents or Decimal(0), result.invoice.sales_tax_cents or Decimal(0)
        billed = _table.total((total, tax))
        said = f"matches: {pluralize(result.csv.lines or 0, 'line', 'lines')}, {_usd(total)}"
        # A CSV has no tax; what `list` shows as billed has.
        if tax and result.invoice.amount_billed_cents == billed:
            said += f"; with {_usd(tax)} of sales tax it's the {_usd(billed)} billed"
        click.echo(said)
    for difference in result.differences:
        _line(f"differs: {difference.message}")
    for difference in result.rounding:
        _line(f"rounding: {difference.message}")
    for note in result.notes:
        _output.detail(f"note: {note}")


def _usd(cents: Decimal) -> str:
    return f"{_table.dollars_of_cents(cents)} USD"


def _line(text: str) -> None:
    # Messages quote names from the file.
    click.echo(single_line(text, 1000))
