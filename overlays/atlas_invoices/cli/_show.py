"""`atlas-invoices show`: where the money went."""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from atlas_invoices._errors import ConfigError
from atlas_invoices._text import one_line

from . import _layout, _source, _streams, _tables
from ._session import Session, calls_atlas

if TYPE_CHECKING:
    from atlas_invoices import InvoiceHeader, Summary

# What fits a screen; machines get all.
_TOP = 20
_BAR = 12
# What the numbers and the bars take beside the names.
_ROOM_FOR_BARS = 48


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
        _csv(summary, top)
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


def _csv(summary: Summary, top: int | None) -> None:
    from atlas_invoices._invoice_csv._export import csv_row  # noqa: PLC0415 - not at the start

    out = _streams.data_text()
    out.write(csv_row([*summary.by, "amount", "quantity", "lines", "share"]))
    for group in summary.groups[:top]:
        share = None if group.share is None else Decimal(f"{group.share:.6f}")
        out.write(csv_row([*group.key, group.amount, group.quantity, group.lines, share]))


def _table(header: InvoiceHeader, summary: Summary, top: int) -> None:
    period = f", {header.period_start} to {header.period_end} (exclusive)" if header.period_start else ""
    whose = header.organization_name or header.organization_id or "unknown organization"
    click.echo(one_line(f"Invoice {header.invoice_id or '?'} of {whose}{period}", 500))
    shown, rest = summary.groups[:top], summary.groups[top:]
    names = len(summary.by)
    rows = [
        [
            *(_name(name, part) for name, part in zip(summary.by, g.key, strict=True)),
            *_numbers(g.amount, g.lines, g.share),
        ]
        for g in shown
    ]
    if rest:
        amount, lines = sum([g.amount for g in rest], Decimal(0)), sum(g.lines for g in rest)
        rows.append([f"({len(rest)} more)", *[""] * (names - 1), *_numbers(amount, lines)])
    total = ["total", *[""] * (names - 1), *_numbers(summary.total, sum(g.lines for g in summary.groups))]
    headings = [*summary.by, "USD", "share", "lines"]
    right = {names, names + 1, names + 2}
    room = _layout.room()
    if room is None or room >= _ROOM_FOR_BARS + 12 * names:
        largest = max([Decimal(0), *(g.amount for g in shown)])
        bars = [*(_bar(g.amount, largest) for g in shown), *([""] if rest else []), ""]
        for row, bar in zip([*rows, total], bars, strict=True):
            row.insert(names + 2, bar)
        headings.insert(names + 2, "")
        right = {names, names + 1, names + 3}
    _layout.draw(headings, rows, right=right, flexible=range(names), footer=total)
    if summary.credits:
        click.echo(f"credits in this: {_tables.dollars(summary.credits)}")


def _name(name: str, part: object) -> str:
    return one_line(_shown(name, part), 200)


def _numbers(amount: Decimal, lines: int, share: Decimal | None = None) -> list[str]:
    return [_tables.dollars(amount), "" if share is None else f"{share * 100:.1f} %", f"{lines:,}"]


def _bar(amount: Decimal, largest: Decimal) -> str:
    return _solid() * round(_BAR * max(amount, Decimal(0)) / largest) if largest else ""


def _shown(name: str, part: object) -> str:
    if part is None:
        return "(untagged)" if name.startswith("tag:") else "(none)"
    return str(part)


def _plain(value: object) -> str | None:
    return None if value is None else str(value)


def _solid() -> str:
    try:
        "█".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return "#"
    return "█"
