"""The commands orgs, list, pending and download."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from atlas_invoices._errors import AtlasError
from atlas_invoices._files import AtomicFile
from atlas_invoices._invoice_names import NO_LINKED, file_name, first_day, in_months, last_day_exclusive, with_linked

from . import _output, _source, _table
from ._completion import remember
from ._progress import Measure, bar
from ._session import (
    NOT_EMPTY,
    Choice,
    Session,
    atlas_options,
    atlas_options_without_org,
    max_bytes_option,
    month_options,
    output_option,
)

if TYPE_CHECKING:
    from atlas_invoices import Client
    from atlas_invoices_client.models import BillingInvoice, BillingInvoiceMetadata

_API_FORMAT = "json and csv have the API's field names and units (cents)"
_format_option = _table.format_option("table", "json", "csv", description=f"{_API_FORMAT}.")

# From the Atlas Admin API document; a test compares them with the generated client, whose import is slow.
_STATUSES = ("PENDING", "CLOSED", "FORGIVEN", "FAILED", "PAID", "FREE", "PREPAID", "INVOICED")

_DELETED = _table.Column("Deleted", "isDeleted", _table.yes)
_ORGANIZATION_COLUMNS = [_table.Column("Name", "name", flexible=True), _table.Column("ID", "id"), _DELETED]
# Statuses of invoices that may have something left to pay. One of them is still growing.
_OPEN = {"PENDING": "yellow", "CLOSED": "yellow", "INVOICED": "yellow", "FAILED": "red"}
# What people call those, which isn't a status.
_WORDS_FOR_OPEN = dict.fromkeys(("due", "open", "outstanding", "overdue", "owed", "unpaid"), ",".join(_OPEN))
_ORGANIZATION = _table.Column("Organization", "orgId", flexible=True)
_STATUS = _table.Column("Status", "statusName", flexible=True, spare=1, style=_OPEN.get)
_BILLED = _table.Column("Billed USD", "amountBilledCents", _table.cents, number=True)
_PAID = _table.Column("Paid USD", "amountPaidCents", _table.cents, number=True, spare=3)
_CSV_COLUMNS = [
    *(_table.Column("", field) for field in ("id", "orgId", "startDate", "endDate", "statusName")),
    _BILLED,
    _PAID,
]
_TABLE_COLUMNS = [
    # The month by which a command finds the invoice.
    _table.Column("Month", "period"),
    _table.Column("Invoice", "id"),
    _ORGANIZATION,
    _STATUS,
    _BILLED,
    _PAID,
    _table.Column("Open USD", "open", _table.cents, number=True, spare=2),
]


class _Statuses(Choice):
    """One or more statuses, separated by commas."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ANN401 - click's signature
        return ",".join(super(_Statuses, self).convert(part.strip(), param, ctx) for part in value.split(","))

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
        before, comma, last = incomplete.rpartition(",")
        items = super().shell_complete(ctx, param, last)
        return [CompletionItem(f"{before}{comma}{item.value}") for item in items]


class _Amount(click.types.StringParamType):
    """Dollars, as an exact number."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401 - click's signature
        from atlas_invoices._money import exact_number

        try:
            return exact_number(NOT_EMPTY.convert(value, param, ctx).removeprefix("$").replace(",", ""), "the amount")
        except ValueError:
            text = f"{value!r} isn't an amount in USD, such as 12000 or 1500.50"
            raise click.BadParameter(text, ctx, param) from None


@click.command(name="orgs")
@_format_option
@atlas_options_without_org
def orgs_command(session: Session, output_format: str) -> None:
    """List the organizations that the credentials can see."""
    with bar("orgs"), session.client() as client:
        rows = [organization.to_dict() for organization in client.list_organizations()]
    columns = _ORGANIZATION_COLUMNS
    if output_format == "table" and not any(map(_DELETED.cell, rows)):
        columns = [column for column in columns if column is not _DELETED]
    _table.show(rows, columns, output_format)


@click.command(name="list")
@click.option("--linked", is_flag=True, help="Also list the invoices of linked organizations.")
@click.option(
    "--status",
    "statuses",
    type=_Statuses(_STATUSES, case_sensitive=False, synonyms=_WORDS_FOR_OPEN),
    multiple=True,
    metavar="S[,S]",
    help=f"Only these statuses; may be repeated: {', '.join(_STATUSES)}. Open ones: {','.join(_OPEN)}.",
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
    with bar("list"), session.client() as client:
        org = session.org_id(client)
        wanted = [name for each in statuses for name in each.split(",")]
        invoices = client.list_invoices(org, statuses=wanted or None, linked=linked)
        found = list(
            islice((each for each in with_linked(invoices) if in_months(first_day(each[0]), since, until)), limit)
        )
        names = _organization_names(client, found) if output_format == "table" else {}
    remember(org, ((str(invoice.id), first_day(invoice)) for invoice, is_linked in found if not is_linked))
    if linked and not (since or until or limit) and not any(is_linked for _, is_linked in found):
        _output.note(NO_LINKED)
    _show(found, output_format, names)


@click.command(name="pending")
@click.option(
    "--forecast", is_flag=True, help="Show the run rate of the open period, by project, next to the month before."
)
@click.option(
    "--fail-over",
    type=_Amount(),
    metavar="USD",
    help="Forecast, and exit with status 6 if it's over this; with -q, print no table unless --forecast is given.",
)
@max_bytes_option
@_table.format_option(
    "table", "json", "csv", description=f"{_API_FORMAT}; a forecast has its own names, and US dollars."
)
@atlas_options
def pending_command(
    session: Session, output_format: str, max_bytes: int, forecast: bool, fail_over: Decimal | None
) -> None:
    """List the invoices of the open period so far; json includes all their lines.

    The forecast is the usage of the complete days so far, divided by their number, for every day of the period, plus
    credits and usage of earlier days as they are so far; before sales tax. The newest day with usage isn't counted.
    Projects are in order of growth over the month before, the largest first.
    """
    if forecast or fail_over is not None:
        from ._forecast import run

        # For cron: the error, if it's over, and the exit status are all.
        is_check = _output.verbosity.quiet and output_format == "table" and not forecast
        run(session, None if is_check else output_format, fail_over)
        return
    with bar("pending"), session.client() as client:
        found = list(with_linked(client.list_pending_invoices(session.org_id(client), max_bytes=max_bytes)))
        names = _organization_names(client, found) if output_format == "table" else {}
    _show(found, output_format, names)


_Invoices = Sequence[tuple["BillingInvoice | BillingInvoiceMetadata", bool]]


def _organization_names(client: Client, invoices: _Invoices) -> dict[object, object]:
    """Return the names of organizations, by ID, if the invoices have several: those that the credentials can see."""
    if len({invoice.org_id for invoice, _ in invoices}) > 1:
        with suppress(AtlasError):
            return {each.id: each.name for each in client.list_organizations()}
    return {}


def _show(invoices: _Invoices, output_format: str, names: Mapping[object, object]) -> None:
    """Print invoices and whether each is linked; a table of a single organization leaves out its column."""
    rows = [invoice.to_dict() for invoice, _ in invoices]
    for row in rows:
        # The linked invoices inside it are rows of their own.
        row.pop("linkedInvoices", None)
    if output_format != "table":
        _table.show(rows, _CSV_COLUMNS, output_format)
        return
    several = len({row.get("orgId") for row in rows}) > 1
    columns = [column for column in _TABLE_COLUMNS if several or column is not _ORGANIZATION]
    rows = [
        {**row, "orgId": names.get(each.org_id, row.get("orgId")), "period": _period(each), "open": _open(row)}
        for row, (each, _) in zip(rows, invoices, strict=True)
    ]
    # A paying organization's invoice may have the amounts of those linked to it.
    if len(rows) > 1 and not any(is_linked for _, is_linked in invoices):
        sums = {
            field: sum(row[field] for row in rows if isinstance(row.get(field), int))
            for field in ("amountBilledCents", "amountPaidCents", "open")
        }
        _table.show(rows, columns, "table", footer={"period": "total", **sums})
    else:
        _table.show(rows, columns, "table")
        if len(rows) > 1:
            _table.paragraph("no total: an invoice may include the amounts of those linked to it")


def _period(invoice: BillingInvoice | BillingInvoiceMetadata) -> str:
    first, after = first_day(invoice), last_day_exclusive(invoice)
    return _table.period(first, after) if first and after else str(first or "")


def _open(row: Mapping[str, Any]) -> int | None:
    """Return the cents that are billed and not paid; `None` for an invoice that isn't open."""
    billed, paid = row.get("amountBilledCents"), row.get("amountPaidCents")
    if row.get("statusName") not in _OPEN or not isinstance(billed, int):
        return None
    return billed - paid if isinstance(paid, int) else billed


@click.command(name="download")
@_source.invoices_argument
@output_option("Output file, for one invoice; `-` is stdout. Default: YYYY-MM-INVOICE_ID.csv.", default=None)
@click.option("--force", is_flag=True, help="Replace existing files once the new ones are complete.")
@atlas_options
def download_command(session: Session, invoices: tuple[str, ...], output: str | None, force: bool) -> None:
    """Save invoices as CSV, exactly as sent.

    INVOICE is an ID, the month its period starts in (2026-06), `latest` (the newest that isn't pending) or `pending`.

    Files are complete or absent: they are written to temporary files and renamed when all are complete. After an
    interruption, run it again.
    """
    if output and len(invoices) > 1:
        raise click.UsageError(
            "-o takes one invoice; without it, each invoice gets a file of its own; to fill a folder, use "
            "`atlas-invoices sync --dir DIR`, with --since and --until for some months"
        )
    if output not in {None, "-"}:
        try:
            AtomicFile(str(output), overwrite=force)  # checks the path before anything is sent
        except IsADirectoryError as error:
            instead = f"{error.strerror}, or fill it with `atlas-invoices sync --dir {output}`"
            raise IsADirectoryError(error.errno, instead, error.filename) from None
    with session.client() as client:
        org = session.org_id(client)
        found = _source.find_invoices(client, org, invoices, with_days=output is None)
        if output == "-":
            sent = 0
            with (
                client.stream_invoice_csv(org, found[0].id) as body,
                _output.binary_stdout() as out,
                bar("download", lambda: Measure(sent), to_stdout=True),
            ):
                for piece in body.iter_bytes():
                    out.write(piece)
                    sent += len(piece)
            return
        files = {
            invoice.id: AtomicFile(output or file_name(invoice.id, invoice.first_day, ".csv"), overwrite=force)
            for invoice in found
        }
        with _output.if_interrupted("nothing was saved"):
            saved = _source.save_all(client, org, files)
        for file in saved:
            _output.saved(file)
