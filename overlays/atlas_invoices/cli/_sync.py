"""The command sync."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from atlas_invoices._utils import DEFAULT_LOCK_TIMEOUT, pluralize

from . import _exit, _output, _table
from ._completion import remember
from ._progress import Measure, bar
from ._session import NOT_EMPTY, Seconds, Session, atlas_options, month_options

if TYPE_CHECKING:
    from atlas_invoices import Client
    from atlas_invoices._sync import SyncedInvoice, SyncOptions, SyncReport
    from atlas_invoices._sync._progress import SyncState


# If several invoices fail in different ways, the status that needs a person comes first, a temporary failure last.
_MOST_SERIOUS_FIRST = (_exit.CREDENTIALS, _exit.OTHER, _exit.WRONG_DATA, _exit.NOT_FOUND, _exit.TRY_LATER)


class _Folder(click.Path):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401 - click's signature
        return super().convert(NOT_EMPTY.convert(value, param, ctx), param, ctx)


@click.command(name="sync")
@click.option(
    "--dir",
    "directory",
    required=True,
    type=_Folder(file_okay=False, path_type=Path),
    metavar="DIR",
    help="The folder; created if it doesn't exist.",
)
@month_options
@click.option("--linked", is_flag=True, help="Also the invoices of linked organizations.")
@click.option("--verify", is_flag=True, help="Read every existing file and fetch those that have changed.")
@click.option(
    "--lock-timeout",
    type=Seconds(min=0, max=1_000_000),
    default=DEFAULT_LOCK_TIMEOUT,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for another sync in the folder.",
)
@_table.format_option("text", "json", description="Print the summary as one line, or as an object with every invoice.")
@atlas_options
def sync_command(
    session: Session,
    directory: Path,
    since: date | None,
    until: date | None,
    linked: bool,
    verify: bool,
    lock_timeout: float,
    output_format: str,
) -> None:
    """Keep a folder with every invoice of an organization, as CSV and as JSON.

    Fetches invoices that are missing, changed, not yet final or unlike their JSON; never deletes any. Files are named
    YYYY-MM-INVOICE_ID, with the month the invoice's period starts in. If interrupted, it leaves a valid folder that the
    next run completes.
    """
    from atlas_invoices._sync import SyncOptions

    with session.client() as client:
        org_id = session.org_id(client)
        options = SyncOptions(
            client.base_url, org_id, directory, since, until, linked, verify, lock_timeout=lock_timeout
        )
        report = run_with_bar(client, options, "kept; run the same command again for the rest")
    remember(org_id, ((each.id, each.period_start) for each in report.invoices if not each.linked))
    if output_format == "json":
        _table.write_json(_as_json(report))
    else:
        click.echo(_as_text(report))
    for invoice in report.gone:
        damaged = f", but has changed ({invoice.reason})" if invoice.reason else ""
        _output.warning(f"invoice {invoice.id} is no longer listed; its copy is kept{damaged}")
    for invoice in report.saved:
        if invoice.difference:
            _output.warning(f"invoice {invoice.id}: {invoice.difference}; saved, and the next run fetches it again")
    exit_if_failed(report, "the others are saved; run the same command again to fetch what is missing")


def run_with_bar(client: Client, options: SyncOptions, then: str) -> SyncReport:
    """Fetch what a folder lacks; an interrupt says how many invoices are done, and what happens to them."""
    from atlas_invoices._sync import run

    started: list[SyncState] = []

    def measure() -> Measure:
        done, total, size = started[0].progress if started else (0, None, 0)
        return Measure(size, done=done, total=total)

    try:
        with bar("sync", measure):
            return run(client, options, _output.note, started.append)
    except KeyboardInterrupt:
        now = measure()
        _output.note(
            f"{now.done} of {now.total} invoices done, and {then}" if now.total else "no invoices were fetched"
        )
        raise


def exit_if_failed(report: SyncReport, then: str) -> None:
    """End the command if invoices failed, with the status of the most serious failure."""
    failures = [(invoice.id, *_exit.explain(invoice.error)) for invoice in report.failed if invoice.error]
    for invoice_id, _, text in failures:
        _output.warning(f"invoice {invoice_id}: {text}")
    if not report.ok:
        not_tried = f", {len(report.not_tried)} not tried" if report.not_tried else ""
        _output.error(f"{pluralize(len(failures), 'invoice', 'invoices')} failed{not_tried}; {then}")
        statuses = {status for _, status, _ in failures}
        raise SystemExit(next((status for status in _MOST_SERIOUS_FIRST if status in statuses), _exit.OTHER))


def _as_text(report: SyncReport) -> str:
    parts = [f"{len(report.saved)} saved", f"{len(report.unchanged)} unchanged"]
    problems = ((report.failed, "failed"), (report.not_tried, "not tried"), (report.gone, "no longer listed"))
    parts += [f"{len(invoices)} {problem}" for invoices, problem in problems if invoices]
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
        "invoices": [_invoice_as_json(invoice) for invoice in report.invoices],
    }


def _invoice_as_json(invoice: SyncedInvoice) -> dict[str, Any]:
    error = invoice.error
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
        "difference": invoice.difference,
        "error": error and {"type": type(error).__name__, "message": _exit.explain(error)[1]},
    }
