"""`atlas-invoices reconcile`."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from atlas_invoices import _ids
from atlas_invoices._csv_row import plain
from atlas_invoices._text import one_line
from atlas_invoices._words import counted

from . import _figures, _status, _tables, _talk
from ._session import Session, calls_atlas
from ._shorten import short_path

if TYPE_CHECKING:
    from atlas_invoices import Reconciliation


@click.command(name="reconcile")
@click.argument("invoice_id")
@click.option(
    "--csv",
    "csv_path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A saved CSV; without it, it's read from Atlas.",
)
@_tables.table_or_json
@calls_atlas
def command(session: Session, invoice_id: str, csv_path: Path | None, form: str) -> None:
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
        _tables.write_json(as_json(result))
    else:
        _say(result)
    for warning in result.warnings:
        _talk.note(f"note: {warning}")
    if not result.matches:
        count = counted(len(result.differences), "difference", "differences")
        _talk.error(f"{short_path(csv_path or 'the CSV')} doesn't match invoice {invoice_id}: {count}")
        raise SystemExit(_status.WRONG_DATA)


def as_json(result: Reconciliation) -> dict[str, Any]:
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
        billed = _figures.total((total, tax))
        said = f"matches: {counted(result.csv.lines or 0, 'line', 'lines')}, {_usd(total)}"
        # A CSV has no tax; what `list` shows as billed has.
        if tax and result.invoice.amount_billed_cents == billed:
            said += f"; with {_usd(tax)} of sales tax it's the {_usd(billed)} billed"
        click.echo(said)
    for difference in result.differences:
        _line(f"differs: {difference.message}")
    for difference in result.rounding:
        _line(f"rounding: {difference.message}")
    for note in result.notes:
        _talk.detail(f"note: {note}")


def _usd(cents: Decimal) -> str:
    return f"{_figures.dollars_of_cents(cents)} USD"


def _line(text: str) -> None:
    # Messages quote names from the file.
    click.echo(one_line(text, 1000))
