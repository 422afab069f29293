"""The commands owed and reconcile."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from atlas_invoices._utils import plain, pluralize, single_line

from . import _exit, _output, _source, _table
from ._progress import bar
from ._session import Session, atlas_options, max_bytes_option

if TYPE_CHECKING:
    from atlas_invoices import Owed, Reconciliation

_format_option = _table.format_option("table", "json", description="json has exact numbers as strings.")


@click.command(name="owed")
@_source.invoice_argument
@max_bytes_option
@_format_option
@atlas_options
def owed_command(session: Session, invoice: str, output_format: str, max_bytes: int) -> None:
    """Show the amount owed on an invoice, term by term and in each currency, and what is left to pay.

    Amounts are rounded to the cent. A currency with several payments has a column for each, if there is room, and one
    for all.

    INVOICE is an ID, the month its period starts in (2026-06), `latest` (the newest that isn't pending) or `pending`.

    json has cents, with exact numbers as strings.
    """
    from atlas_invoices import owed
    from atlas_invoices._invoice_names import month_of
    from atlas_invoices._money import statement

    with bar("owed"), session.client() as client:
        org = session.org_id(client)
        document = client.get_invoice(org, _source.find_one(client, org, invoice), max_bytes=max_bytes)
    result = owed(document)
    for warning in result.warnings:
        _output.warning(warning)
    if output_format == "json":
        _table.write_json(owed_as_json(result))
        return
    status = single_line(document.status_name or "no status", 40)
    _table.paragraph(f"Invoice {single_line(document.id, 40)}, {month_of(document) or 'no period'}, {status}")
    headings, rows, parts = statement(result)
    if not result.payments and document.status_name == "PENDING":
        billed = document.amount_billed_cents
        so_far = f": {_table.dollars_of_cents(billed)} USD so far, with tax" if isinstance(billed, int) else ""
        _table.paragraph(f"not billed yet{so_far}")
        return
    if not result.payments:
        paid = document.amount_paid_cents
        known = f"; paid so far: {_table.dollars_of_cents(paid)} USD" if isinstance(paid, int) else ""
        _table.paragraph(f"no payments, so the amount owed can't be computed{known}")
        return
    columns = [
        _table.Column(heading, number=index > 0, spare=int(index in parts)) for index, heading in enumerate(headings)
    ]
    _table.draw(columns, rows[:-1], footer=rows[-1])


def owed_as_json(result: Owed) -> dict[str, Any]:
    """Return everything, with exact numbers as text."""
    document = _as_json(result)
    for last in ("payments", "warnings"):
        document[last] = document.pop(last)
    return document


@click.command(name="reconcile")
@_source.invoice_argument
@click.option(
    "--csv",
    "csv_path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A saved CSV. Default: stream it from Atlas.",
)
@max_bytes_option
@_format_option
@atlas_options
def reconcile_command(
    session: Session, invoice: str, csv_path: Path | None, output_format: str, max_bytes: int
) -> None:
    """Check that an invoice's CSV adds up to the invoice, to the cent. Exits with status 6 if it doesn't.

    Tolerated differences, such as lines on a different day, are noted on stderr (not with -q). -v also shows how
    undocumented fields were interpreted, and what could not be compared.

    INVOICE is an ID, the month its period starts in (2026-06), `latest` (the newest that isn't pending) or `pending`.
    """
    from atlas_invoices import reconcile

    with bar("reconcile"), session.client() as client:
        org = session.org_id(client)
        invoice_id = _source.find_one(client, org, invoice)
        document = client.get_invoice(org, invoice_id, max_bytes=max_bytes)
        if csv_path is not None:
            result = reconcile(csv_path, document)
        else:
            with client.stream_invoice_csv(org, invoice_id) as body:
                result = reconcile(body, document)
    if output_format == "json":
        _table.write_json({"matches": result.matches, **_as_json(result)})
    else:
        for line in reconciliation_as_text(result):
            _table.paragraph(single_line(line, 1000), indent=2)
        for note in result.notes:
            _output.detail(f"note: {note}")
    for warning in result.warnings:
        _output.note(f"note: {warning}")
    if not result.matches:
        count = pluralize(len(result.differences), "difference", "differences")
        name = _output.short_path(csv_path or "the CSV")
        _output.error(f"{name} doesn't match invoice {invoice_id}: {count}")
        raise SystemExit(_exit.WRONG_DATA)


def reconciliation_as_text(result: Reconciliation) -> list[str]:
    """Say whether the CSV matches, then list the differences."""
    lines = []
    if result.matches:
        total, tax = result.csv.total_cents or Decimal(0), result.invoice.sales_tax_cents or Decimal(0)
        billed = _table.total((total, tax))
        with_tax = ""
        # `list` shows the amount with tax, but a CSV has no tax.
        if tax and result.invoice.amount_billed_cents == billed:
            with_tax = f"; plus {_usd(tax)} of sales tax makes the {_usd(billed)} billed"
        lines.append(f"matches: {pluralize(result.csv.lines or 0, 'line', 'lines')}, {_usd(total)}{with_tax}")
    lines += [f"differs: {difference.message}" for difference in result.differences]
    lines += [f"rounding: {difference.message}" for difference in result.rounding]
    return lines


def _usd(cents: Decimal) -> str:
    return f"{_table.dollars_of_cents(cents)} USD"


def _as_json(result: Owed | Reconciliation) -> dict[str, Any]:
    return attrs.asdict(
        result, value_serializer=lambda _instance, _field, value: plain(value) if isinstance(value, Decimal) else value
    )
