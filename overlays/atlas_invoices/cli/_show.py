"""`atlas-invoices show`: where the money went."""

from __future__ import annotations

import csv
import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from atlas_invoices._errors import ConfigError
from atlas_invoices._text import one_line

from . import _source, _tables
from ._session import Session, calls_atlas

if TYPE_CHECKING:
    from atlas_invoices import Group, InvoiceHeader, Summary

# What fits a screen; machines get all.
_TOP = 20
_BAR = 12


@click.command(name="show")
@click.argument("file_or_id", metavar="FILE|INVOICE_ID")
@click.option(
    "--by",
    default="project,sku",
    show_default=True,
    metavar="COLUMN[,COLUMN]",
    help="What to sum by: a column of the CSV in lower case (project, sku, region, cluster, …), day, month or tag:KEY.",
)
@click.option(
    "--top",
    type=click.IntRange(min=1),
    metavar="N",
    help=f"Only the N largest. Default: {_TOP} in a table, all in json and csv.",
)
@click.option("--format", "form", type=click.Choice(["table", "json", "csv"]), default="table", show_default=True)
@calls_atlas
def command(session: Session, file_or_id: str, by: str, top: int | None, form: str) -> None:
    """Show where an invoice's money went, from a saved CSV or straight from Atlas.

    Amounts are US dollars, credits included. In json and csv they are exact; json has them as strings, so that
    nothing makes floats of them.
    """
    from atlas_invoices import summarize  # noqa: PLC0415 - not at the start

    names = [name.strip() for name in by.split(",")]
    check_names(names)
    with _source.open_invoice(session, file_or_id) as invoice:
        header = invoice.header
        summary = summarize(invoice, by=names)
    if form == "json":
        _tables.write_json(as_json(header, summary, top))
    elif form == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow([*summary.by, "amount", "quantity", "lines", "share"])
        writer.writerows(
            [*row["key"], row["amount"], row["quantity"], row["lines"], row["share"]] for row in _rows(summary, top)
        )
    else:
        _table(header, summary, top or _TOP)


def check_names(names: list[str]) -> None:
    """Refuse what can't be summed by, before anything is read or sent."""
    from atlas_invoices._invoice_csv._summary_keys import parse_by  # noqa: PLC0415 - not at the start

    try:
        parse_by(names)
    except ConfigError as error:
        raise click.BadParameter(str(error), param_hint="--by") from None


def as_json(header: InvoiceHeader, summary: Summary, top: int | None) -> dict[str, Any]:
    """Everything, exact numbers as text."""
    return {
        "invoice_id": header.invoice_id,
        "organization_id": header.organization_id,
        "period_start": _plain(header.period_start),
        "period_end": _plain(header.period_end),
        "by": list(summary.by),
        "total": f"{summary.total:f}",
        "credits": f"{summary.credits:f}",
        "groups": _rows(summary, top),
    }


def _rows(summary: Summary, top: int | None) -> list[dict[str, Any]]:
    return [
        {
            "key": [_plain(part) for part in group.key],
            "amount": f"{group.amount:f}",
            "quantity": f"{group.quantity:f}",
            "lines": group.lines,
            "share": None if group.share is None else f"{group.share:.6f}",
        }
        for group in summary.groups[:top]
    ]


def _table(header: InvoiceHeader, summary: Summary, top: int) -> None:
    from rich.table import Table  # noqa: PLC0415 - takes longer to import than the rest of the start
    from rich.text import Text  # noqa: PLC0415 - likewise

    console = _tables.console()
    period = f", {header.period_start} to {header.period_end} (exclusive)" if header.period_start else ""
    whose = header.organization_name or header.organization_id or "unknown organization"
    console.print(Text(one_line(f"Invoice {header.invoice_id or '?'} of {whose}{period}")))
    table = Table(box=None, pad_edge=False, header_style="bold", show_footer=True)
    for number, name in enumerate(summary.by):
        table.add_column(name, footer="total" if number == 0 else "", overflow="ellipsis", no_wrap=True)
    table.add_column("USD", footer=_tables.dollars(summary.total), justify="right", no_wrap=True)
    table.add_column("share", justify="right", no_wrap=True)
    table.add_column("", width=_BAR, no_wrap=True)
    table.add_column("lines", footer=f"{sum(g.lines for g in summary.groups):,}", justify="right", no_wrap=True)
    largest = max([Decimal(0), *(group.amount for group in summary.groups)])
    solid = _solid()
    for group in summary.groups[:top]:
        cells = [Text(one_line(_shown(name, part), 200)) for name, part in zip(summary.by, group.key, strict=True)]
        bar = solid * round(_BAR * max(group.amount, Decimal(0)) / largest) if largest else ""
        table.add_row(*cells, _tables.dollars(group.amount), _percent(group), bar, f"{group.lines:,}")
    rest = summary.groups[top:]
    if rest:
        others = [Text(f"({len(rest)} more)"), *[Text("")] * (len(summary.by) - 1)]
        table.add_row(
            *others,
            _tables.dollars(sum([g.amount for g in rest], Decimal(0))),
            "",
            "",
            f"{sum(g.lines for g in rest):,}",
        )
    console.print(table)
    if summary.credits:
        console.print(f"credits in this: {_tables.dollars(summary.credits)}")


def _shown(name: str, part: object) -> str:
    if part is None:
        return "(untagged)" if name.startswith("tag:") else "(none)"
    return str(part)


def _plain(value: object) -> str | None:
    return None if value is None else str(value)


def _percent(group: Group) -> str:
    return "" if group.share is None else f"{group.share * 100:.1f} %"


def _solid() -> str:
    try:
        "█".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return "#"
    return "█"
