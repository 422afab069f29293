"""`atlas-invoices sync`."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from atlas_invoices._utils import pluralize

from . import _exit, _failures, _output, _table
from ._session import NOT_EMPTY, Session, atlas_options

if TYPE_CHECKING:
    from atlas_invoices._sync import SyncedInvoice, SyncReport


# When several invoices fail, in different ways: what takes a person comes first, what passes by itself last.
_MOST_SERIOUS_FIRST = (
    _exit.CREDENTIALS,
    _exit.OTHER,
    _exit.WRONG_DATA,
    _exit.NOT_FOUND,
    _exit.TRY_LATER,
)


class _Month(click.ParamType[date]):
    """A month such as 2026-07, as its first day."""

    name = "month"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:  # noqa: ANN401 - click's signature
        if isinstance(value, date):
            return value
        try:
            if not re.fullmatch(r"[0-9]{4}-[0-9]{2}", value):
                raise ValueError  # noqa: TRY301 - the same answer as to a thirteenth month
            return date.fromisoformat(f"{value}-01")
        except ValueError:
            raise click.BadParameter(f"{value!r} isn't a month; write it as 2026-07", ctx, param) from None


class _Folder(click.Path):
    """A folder's path."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401 - click's signature
        return super().convert(NOT_EMPTY.convert(value, param, ctx), param, ctx)


@click.command(name="sync")
@click.option(
    "--dir",
    "directory",
    required=True,
    type=_Folder(file_okay=False, path_type=Path),
    metavar="DIR",
    help="The folder; made where it isn't there.",
)
@click.option("--since", type=_Month(), metavar="YYYY-MM", help="Only invoices of this month and later.")
@click.option("--until", type=_Month(), metavar="YYYY-MM", help="Only invoices of this month and earlier.")
@click.option("--linked", is_flag=True, help="Also the invoices of linked organizations.")
@click.option("--verify", is_flag=True, help="Read every file that's here already, and fetch again what has changed.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="The summary: a line, or an object with every invoice and what became of it.",
)
@atlas_options
def sync_command(
    session: Session,
    directory: Path,
    since: date | None,
    until: date | None,
    linked: bool,
    verify: bool,
    form: str,
) -> None:
    """Keep a folder with every invoice of an organization, as CSV and as JSON.

    Fetches what is missing, what has changed since, and what isn't final yet; never deletes. A month is that in which
    an invoice's period starts. Stopped at any moment, it leaves a valid folder, and the next run completes it.
    """
    from atlas_invoices._sync import SyncOptions, run  # noqa: PLC0415 - imports httpx

    if since and until and since > until:
        raise click.UsageError(f"--since {since:%Y-%m} is later than --until {until:%Y-%m}: no month is between them")
    with session.client() as client:
        org_id = session.org_id(client)
        options = SyncOptions(client.base_url, org_id, directory, since, until, linked, verify)
        report = run(client, options, _output.note)
    if form == "json":
        _table.write_json(_as_json(report))
    else:
        click.echo(_in_a_line(report))
    _end(report)


def _end(report: SyncReport) -> None:
    for invoice in report.gone:
        damaged = f", and its copy is no more what it was ({invoice.reason})" if invoice.reason else ""
        _output.warning(f"invoice {invoice.id} is no longer listed; its copy stays{damaged}")
    for invoice in report.failed:
        _output.warning(f"invoice {invoice.id}: {_said(invoice)}")
    if report.ok:
        return
    left = f", {len(report.not_tried)} not tried" if report.not_tried else ""
    _output.error(
        f"{pluralize(len(report.failed), 'invoice', 'invoices')} failed{left}; the others are safe, and the same "
        "command again fetches what is missing"
    )
    statuses = {_failures.status_of(invoice.error) for invoice in report.failed if invoice.error}
    raise SystemExit(next((status for status in _MOST_SERIOUS_FIRST if status in statuses), _exit.OTHER))


def _in_a_line(report: SyncReport) -> str:
    parts = [f"{len(report.saved)} saved", f"{len(report.unchanged)} unchanged"]
    parts += [
        f"{len(some)} {what}"
        for some, what in (
            (report.failed, "failed"),
            (report.not_tried, "not tried"),
            (report.gone, "no longer listed"),
        )
        if some
    ]
    return f"{report.directory}: {', '.join(parts)}"


def _as_json(report: SyncReport) -> dict[str, Any]:
    return {
        "directory": str(report.directory),
        "orgId": report.organization_id,
        "ok": report.ok,
        "saved": len(report.saved),
        "unchanged": len(report.unchanged),
        "failed": len(report.failed),
        "notTried": len(report.not_tried),
        "gone": len(report.gone),
        "linked": sum(invoice.linked for invoice in report.invoices if invoice.outcome != "gone"),
        "invoices": [_invoice_json(invoice) for invoice in report.invoices],
    }


def _invoice_json(invoice: SyncedInvoice) -> dict[str, Any]:
    return {
        "id": invoice.id,
        "orgId": invoice.organization_id,
        "startDate": invoice.period_start and invoice.period_start.isoformat(),
        "endDate": invoice.period_end and invoice.period_end.isoformat(),
        "statusName": invoice.status,
        "linked": invoice.linked,
        "outcome": invoice.outcome,
        "reason": invoice.reason,
        "csv": invoice.csv_path and invoice.csv_path.name,
        "json": invoice.json_path and invoice.json_path.name,
        "size": invoice.size,
        "error": invoice.error and {"type": type(invoice.error).__name__, "message": _said(invoice)},
    }


def _said(invoice: SyncedInvoice) -> str:
    return _failures.file_trouble(invoice.error) if isinstance(invoice.error, OSError) else str(invoice.error)
