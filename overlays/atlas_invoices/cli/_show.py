"""`atlas-invoices show`: where the money went."""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from atlas_invoices._errors import ConfigError
from atlas_invoices._text import one_line

from . import _layout, _source, _tables, _talk
from ._session import Session, calls_atlas
from ._text_option import NOT_EMPTY

if TYPE_CHECKING:
    from atlas_invoices import Group, InvoiceHeader, Summary

# What fits a screen; machines get all.
_TOP = 20
_BAR = 12
# A shorter one says nothing.
_LEAST_BAR = 4
_TIMES = {"day", "month", "date", "usage_date"}


@click.command(name="show")
@click.argument("file_or_id", type=NOT_EMPTY, metavar="FILE|INVOICE_ID")
@click.option(
    "--by",
    multiple=True,
    default=["project,sku"],
    show_default=True,
    metavar="COLUMN[,COLUMN]",
    help="What to sum by: a column of the CSV in lower case (project, sku, region, cluster, …), day or month of usage, "
    "or tag:KEY; may be repeated.",
)
@click.option(
    "--top",
    type=click.IntRange(min=1),
    metavar="N",
    help=f"Only the N largest. Default: {_TOP} in a table, but all by time, and in json and csv.",
)
@click.option("--format", "form", type=click.Choice(["table", "json", "csv"]), default="table", show_default=True)
@calls_atlas
def command(session: Session, file_or_id: str, by: tuple[str, ...], top: int | None, form: str) -> None:
    """Show where an invoice's money went, from a saved CSV or straight from Atlas.

    The largest comes first; only a table by day, month or date alone, without --top, is in the order of time. Amounts
    are US dollars, credits included. In json and csv they are exact; json has them as strings, so that nothing makes
    floats of them.
    """
    from atlas_invoices import summarize  # noqa: PLC0415 - not at the start

    names = list(dict.fromkeys(name.strip() for names in by for name in names.split(",")))
    asked = check_names(names)
    with _source.open_invoice(session, file_or_id) as invoice:
        header = invoice.header
        _warn_of_missing(asked, invoice.columns)
        summary = summarize(invoice, by=names)
    if form == "json":
        _tables.write_json(as_json(header, summary, top))
    elif form == "csv":
        _csv(summary, top)
    else:
        _table(header, summary, top)


def check_names(names: list[str]) -> list[str]:
    """Refuse what can't be summed by, before anything is read or sent; returns the columns that a file may not have."""
    from atlas_invoices._invoice_csv import parse_by  # noqa: PLC0415 - not at the start

    if nameless := {"tag:", "extra:"}.intersection(names):
        raise click.BadParameter(f"{nameless.pop()} needs a name behind it", param_hint="--by")
    try:
        return [part.column for part in parse_by(names) if ":" in part.name]
    except ConfigError as error:
        raise click.BadParameter(str(error), param_hint="--by") from None


def _warn_of_missing(asked: list[str], columns: tuple[str, ...]) -> None:
    from atlas_invoices._invoice_csv import TAG_PREFIX  # noqa: PLC0415 - not at the start

    missing = [column for column in asked if column not in columns]
    if missing:
        tags = ", ".join(column.removeprefix(TAG_PREFIX) for column in columns if column.startswith(TAG_PREFIX))
        there = f"its tags are: {tags}" if tags else "it has no tags"
        _talk.warning(f"no column {', '.join(missing)} in this file; {there}")


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
            "share": _plain(_share(group)),
        }
        for group in summary.groups[:top]
    ]


def _csv(summary: Summary, top: int | None) -> None:
    _tables.write_csv(
        [*summary.by, "amount", "quantity", "lines", "share"],
        ([*group.key, group.amount, group.quantity, group.lines, _share(group)] for group in summary.groups[:top]),
    )


def _share(group: Group) -> Decimal | None:
    return None if group.share is None else Decimal(f"{group.share:.6f}")


def _table(header: InvoiceHeader, summary: Summary, top: int | None) -> None:
    period = f", {header.period_start} to {header.period_end} (exclusive)" if header.period_start else ""
    whose = header.organization_name or header.organization_id or "unknown organization"
    click.echo(one_line(f"Invoice {header.invoice_id or '?'} of {whose}{period}", 500))
    names = len(summary.by)
    if top is None and names == 1 and summary.by[0] in _TIMES:
        shown = sorted(summary.groups, key=lambda g: (g.key[0] is None, str(g.key[0])))
    else:
        shown = list(summary.groups[: top or _TOP])
    rest = summary.groups[len(shown) :]
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
    spare = _layout.spare([headings, *rows, total])
    width = _BAR if spare is None else min(_BAR, spare)
    if width >= _LEAST_BAR:
        largest = max([Decimal(0), *(g.amount for g in shown)])
        bars = [*(_bar(g.amount, largest, width) for g in shown), *([""] if rest else []), ""]
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


def _bar(amount: Decimal, largest: Decimal, width: int) -> str:
    return _solid() * round(width * max(amount, Decimal(0)) / largest) if largest else ""


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
