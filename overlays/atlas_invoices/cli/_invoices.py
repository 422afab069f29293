"""The commands orgs, list, pending and download."""

from __future__ import annotations

from datetime import date
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from atlas_invoices._files import AtomicFile
from atlas_invoices._invoice_names import file_name, first_day, in_months, with_linked

from . import _output, _source, _table
from ._session import (
    NOT_EMPTY,
    Session,
    atlas_options,
    atlas_options_without_org,
    max_bytes_option,
    month_options,
)

if TYPE_CHECKING:
    from atlas_invoices_client.models import BillingInvoice, BillingInvoiceMetadata

_format_option = _table.format_option(
    "table", "json", "csv", description="json and csv have the API's field names and units (cents)."
)

# From the Atlas Admin API document; a test compares them with the generated client, whose import is slow.
_STATUSES = ("PENDING", "CLOSED", "FORGIVEN", "FAILED", "PAID", "FREE", "PREPAID", "INVOICED")

_ORGANIZATION_COLUMNS = [
    _table.Column("ID", "id"),
    _table.Column("Name", "name", flexible=True),
    _table.Column("Deleted", "isDeleted"),
]
_ORGANIZATION = _table.Column("Organization", "orgId", flexible=True)
# The month by which a command finds the invoice; in a narrow terminal it stands for the period.
_MONTH = _table.Column("Month", "startDate", _table.month)
_INVOICE_COLUMNS = [
    _table.Column("Invoice", "id"),
    _ORGANIZATION,
    _table.Column("From", "startDate", _table.day, spare=3),
    _table.Column("To (excl.)", "endDate", _table.day, spare=3),
    _table.Column("Status", "statusName", spare=1),
    _table.Column("Billed, USD", "amountBilledCents", _table.cents, number=True),
    _table.Column("Paid, USD", "amountPaidCents", _table.cents, number=True, spare=2),
]


@click.command(name="orgs")
@_format_option
@atlas_options_without_org
def orgs_command(session: Session, output_format: str) -> None:
    """List the organizations that the credentials can see."""
    with session.client() as client:
        rows = [organization.to_dict() for organization in client.list_organizations()]
    _table.show(rows, _ORGANIZATION_COLUMNS, output_format)


def _check_statuses(ctx: click.Context, param: click.Parameter, statuses: tuple[str, ...]) -> tuple[str, ...]:
    from difflib import get_close_matches

    for status in statuses:
        if status.upper() not in _STATUSES:
            close = get_close_matches(status.upper(), _STATUSES, n=1)
            hint = f"did you mean {close[0]}?" if close else f"choose from {', '.join(_STATUSES)}"
            raise click.BadParameter(f"{status!r} is not a status of invoices; {hint}", ctx, param)
    return statuses


@click.command(name="list")
@click.option("--linked", is_flag=True, help="Also list the invoices of linked organizations.")
@click.option(
    "--status",
    "statuses",
    type=NOT_EMPTY,
    multiple=True,
    metavar="S",
    callback=_check_statuses,
    help=f"Only list this status; may be repeated: {', '.join(_STATUSES)}.",
)
@month_options
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N.")
@_format_option
@atlas_options
def list_command(
    session: Session,
    output_format: str,
    linked: bool,
    statuses: tuple[str, ...],
    since: date | None,
    until: date | None,
    limit: int | None,
) -> None:
    """List an organization's invoices, newest first.

    The month is the one the invoice's period starts in (UTC). The amount billed includes sales tax and credits; use
    `show` for the lines, which are before tax.
    """
    from atlas_invoices._sync import NO_LINKED

    with session.client() as client:
        invoices = client.list_invoices(session.org_id(client), statuses=statuses or None, linked=linked)
        found = list(
            islice((each for each in with_linked(invoices) if in_months(first_day(each[0]), since, until)), limit)
        )
    if linked and not (since or until or limit) and not any(is_linked for _, is_linked in found):
        _output.note(NO_LINKED)
    _show([_row(invoice) for invoice, _ in found], output_format)


@click.command(name="pending")
@max_bytes_option
@_format_option
@atlas_options
def pending_command(session: Session, output_format: str, max_bytes: int) -> None:
    """List the invoices of the open period so far; json includes all their lines."""
    with session.client() as client:
        invoices = client.list_pending_invoices(session.org_id(client), max_bytes=max_bytes)
    _show([_row(invoice) for invoice, _ in with_linked(invoices)], output_format)


def _row(invoice: BillingInvoice | BillingInvoiceMetadata) -> dict[str, Any]:
    """Return an invoice's fields; the linked invoices inside it are rows of their own."""
    row = invoice.to_dict()
    row.pop("linkedInvoices", None)
    return row


def _show(rows: list[dict[str, Any]], output_format: str) -> None:
    """Print invoices; a table of a single organization leaves out its column."""
    several = len({row.get("orgId") for row in rows}) > 1
    columns = _INVOICE_COLUMNS
    if output_format == "table":
        columns = [_MONTH, *(column for column in columns if several or column is not _ORGANIZATION)]
    _table.show(rows, columns, output_format)


@click.command(name="download")
@_source.invoices_argument
@click.option(
    "-o",
    "--output",
    type=NOT_EMPTY,
    metavar="PATH|-",
    help="Output file, for one invoice; `-` is stdout. Default: YYYY-MM-INVOICE_ID.csv.",
)
@click.option("--force", is_flag=True, help="Replace existing files once the new ones are complete.")
@atlas_options
def download_command(session: Session, invoices: tuple[str, ...], output: str | None, force: bool) -> None:
    """Save invoices as CSV, exactly as sent.

    INVOICE is an ID, the month its period starts in (2026-06), `latest` (the newest that isn't pending) or `pending`.

    Files are complete or absent: they are written to temporary files and renamed when all are complete.
    """
    if output and len(invoices) > 1:
        raise click.UsageError("-o takes one invoice; without it, each invoice gets a file of its own")
    if output not in {None, "-"}:
        AtomicFile(str(output), overwrite=force)  # checks the path before anything is sent
    with session.client() as client:
        org = session.org_id(client)
        found = _source.find_invoices(client, org, invoices, with_days=output is None)
        if output == "-":
            with client.stream_invoice_csv(org, found[0].id) as body, _output.binary_stdout() as out:
                for piece in body.iter_bytes():
                    out.write(piece)
            return
        files = {
            invoice.id: AtomicFile(output or file_name(invoice.id, invoice.first_day, ".csv"), overwrite=force)
            for invoice in found
        }
        for saved in _source.save_all(client, org, files):
            _output.saved(saved)
