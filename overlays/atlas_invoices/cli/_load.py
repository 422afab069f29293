"""The command load: invoices into tables where they stay."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

import click

from atlas_invoices._errors import ConfigError
from atlas_invoices._utils import plain_or_none, pluralize

from . import _output, _source, _table
from ._session import NOT_EMPTY, Seconds, Session, atlas_options
from ._sync import exit_if_failed, run_with_bar

if TYPE_CHECKING:
    from atlas_invoices._csv import NamedSource
    from atlas_invoices._load import LoadReport

_THEN = "the others are loaded; run the same command again to load what is missing"


class _Option(click.types.StringParamType):
    """KEY=VALUE."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401 - click's signature
        key, separator, text = super().convert(value, param, ctx).partition("=")
        if not key or not separator:
            raise click.BadParameter("write it as KEY=VALUE", ctx, param)  # it may be a secret, so it isn't shown
        return key, text


@click.command(name="load")
@click.argument("target", type=NOT_EMPTY, metavar="TARGET")
@_source.optional_sources_argument
@click.option(
    "--storage-option",
    "storage_options",
    type=_Option(),
    multiple=True,
    metavar="KEY=VALUE",
    help="Option for the engine, such as AWS_REGION=eu-west-1; repeatable. Put secrets in the environment instead.",
)
@click.option(
    "--decimals",
    type=click.Choice(["exact", "round"]),
    default="exact",
    show_default=True,
    help="What to do with numbers of more than 14 decimals; round says how many it rounded.",
)
@click.option(
    "--lock-timeout",
    type=Seconds(min=0, max=1_000_000),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="duckdb: how long to wait for another process that has the database open.",
)
@_table.format_option(
    "text", "json", description="Print a summary to stderr, or an object with every invoice to stdout."
)
@atlas_options
def load_command(
    session: Session,
    target: str,
    sources: tuple[str, ...],
    storage_options: tuple[tuple[str, str], ...],
    decimals: Literal["exact", "round"],
    lock_timeout: float,
    output_format: str,
) -> None:
    """Load invoices into tables, each whole and once.

    TARGET is duckdb:PATH (tables invoice_lines and invoices), delta:URI or iceberg:CATALOG.NAMESPACE.TABLE. Each
    invoice is written in one transaction, which also removes its earlier lines; an unchanged invoice is skipped, a
    pending one is written each time. If interrupted, the next run completes it.

    SOURCE is an invoice CSV, a folder of them, such as `sync` keeps, `-` for stdin, or an invoice of Atlas: its ID, the
    month its period starts in (2026-06), `latest` (the newest that isn't pending) or `pending`. Without SOURCE, every
    invoice of the organization is fetched; to fetch only what has changed, load a folder that `sync` keeps.
    """
    from atlas_invoices._load import check_target, load, parse_target

    try:
        parse_target(target)
    except ConfigError as error:
        raise click.UsageError(str(error)) from None
    check_target(target)
    kept = "invoices that are loaded are kept; run the same command again for the rest"
    with _output.if_interrupted(kept), _find_sources(session, sources) as found:
        report = load(
            target,
            found,
            storage_options=dict(storage_options),
            decimals=decimals,
            lock_timeout=lock_timeout,
            on_progress=_output.note,
        )
        if output_format == "json":
            _table.write_json(_as_json(report))
        else:
            _output.note(_as_text(report))


@contextmanager
def _find_sources(session: Session, arguments: Sequence[str]) -> Iterator[tuple[NamedSource, ...]]:
    if arguments:
        with _source.find_sources(session, arguments, with_json=True) as found:
            yield found
        return
    from atlas_invoices._csv import expand_sources
    from atlas_invoices._sync import SyncOptions

    with TemporaryDirectory(prefix="atlas-invoices-", ignore_cleanup_errors=True) as folder, session.client() as client:
        options = SyncOptions(client.base_url, session.org_id(client), Path(folder))
        report = run_with_bar(client, options, "not loaded yet")
        if not report.saved:
            exit_if_failed(report, "nothing was loaded")
        yield tuple(expand_sources(folder)) if report.saved else ()
        exit_if_failed(report, _THEN)


def _as_text(report: LoadReport) -> str:
    parts = [f"{len(report.added)} added", f"{len(report.replaced)} replaced", f"{len(report.unchanged)} unchanged"]
    written = sum(invoice.lines or 0 for invoice in report.invoices)
    return f"{report.target}: {', '.join(parts)}; {pluralize(written, 'line', 'lines')} written"


def _as_json(report: LoadReport) -> dict[str, Any]:
    return {
        "target": report.target,
        "added": len(report.added),
        "replaced": len(report.replaced),
        "unchanged": len(report.unchanged),
        "invoices": [
            {
                "id": invoice.id,
                "startDate": invoice.period_start and invoice.period_start.isoformat(),
                "outcome": invoice.outcome,
                "lines": invoice.lines,
                "amount": plain_or_none(invoice.amount),
            }
            for invoice in report.invoices
        ],
    }
