"""`atlas-invoices reconcile`."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from atlas_invoices._text import one_line

from . import _failures, _tables, _talk
from ._session import Session, calls_atlas

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

    -v shows which readings were needed, and what could not be compared.
    """
    from atlas_invoices import reconcile  # noqa: PLC0415 - imports the generated models

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
    if not result.matches:
        count = len(result.differences)
        _talk.error(
            f"the CSV doesn't match invoice {invoice_id}: {count} {'difference' if count == 1 else 'differences'}"
        )
        raise SystemExit(_failures.WRONG_DATA)


def as_json(result: Reconciliation) -> dict[str, Any]:
    """Everything, exact numbers as text."""
    return {
        "matches": result.matches,
        **attrs.asdict(
            result, value_serializer=lambda _i, _a, value: f"{value:f}" if isinstance(value, Decimal) else value
        ),
    }


def _say(result: Reconciliation) -> None:
    if result.matches:
        total = _tables.dollars((result.csv.total_cents or Decimal(0)) / 100)
        click.echo(f"matches: {result.csv.lines:,} {'line' if result.csv.lines == 1 else 'lines'}, {total} USD")
    for difference in result.differences:
        _line(f"differs: {difference.message}")
    for difference in result.rounding:
        _line(f"rounding: {difference.message}")
    for note in result.notes:
        _talk.detail(f"note: {note}")


def _line(text: str) -> None:
    # Messages quote names from the file.
    click.echo(one_line(text, 1000))
