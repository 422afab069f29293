"""The command show."""

from __future__ import annotations

import re
import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from atlas_invoices._errors import ConfigError
from atlas_invoices._utils import plain, plain_or_none, single_line

from . import _output, _source, _table
from ._session import Session, atlas_options

if TYPE_CHECKING:
    from atlas_invoices import Group, InvoiceHeader, Summary


# What fits a screen; machines get all.
TOP = 20
_TIMES = {"day", "month", "date", "usage_date"}


def show(header: InvoiceHeader, summary: Summary, top: int | None) -> None:
    """Print it; without `top`, a table by time alone is whole."""
    _table.paragraph(_title(header))
    names = len(summary.by)
    if top is None and names == 1 and summary.by[0] in _TIMES:
        shown = sorted(summary.groups, key=lambda g: (g.key[0] is None, str(g.key[0])))
    else:
        shown = list(summary.groups[: top or TOP])
    rest = summary.groups[len(shown) :]
    rows = [
        [*(_name(*part) for part in zip(summary.by, g.key, strict=True)), *_numbers(g.amount, g.lines, g.share)]
        for g in shown
    ]
    if rest:
        amount, lines = _table.total(g.amount for g in rest), sum(g.lines for g in rest)
        rows.append([f"({len(rest)} more)", *[""] * (names - 1), *_numbers(amount, lines)])
    total = ["total", *[""] * (names - 1), *_numbers(summary.total, sum(g.lines for g in summary.groups))]
    headings = [*summary.by, "USD", "share", "lines"]
    right = {names, names + 1, names + 2}
    if width := _table.bar_width([headings, *rows, total], range(names)):
        for row, bar in zip([*rows, total], [*_bars(shown, width), *[""] * (bool(rest) + 1)], strict=True):
            row.insert(names + 2, bar)
        headings.insert(names + 2, "")
        right = {names, names + 1, names + 3}
    _table.draw(headings, rows, right=right, flexible=range(names), footer=total)
    # A CSV has no tax; the amount billed has.
    of_credits = f"; credits in it: {_table.dollars(summary.credits)}" if summary.credits else ""
    _table.paragraph(f"total: before sales tax, which `list` includes{of_credits}")


def _title(header: InvoiceHeader) -> str:
    period = f", {header.period_start} to {header.period_end} (exclusive)" if header.period_start else ""
    whose = header.organization_name or header.organization_id or "unknown organization"
    return single_line(f"Invoice {header.invoice_id or '?'} of {whose}{period}", 500)


def _name(name: str, part: object) -> str:
    if part is None:
        return "(untagged)" if name.startswith("tag:") else "(none)"
    return single_line(plain(part), 200)


def _numbers(amount: Decimal, lines: int, share: Decimal | None = None) -> list[str]:
    return [_table.dollars(amount), "" if share is None else _table.percent(share), f"{lines:,}"]


def _bars(shown: list[Group], width: int) -> list[str]:
    largest = max([Decimal(0), *(g.amount for g in shown)])
    solid = _solid()
    return [solid * round(width * max(g.amount, Decimal(0)) / largest) if largest else "" for g in shown]


def _solid() -> str:
    try:
        "█".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return "#"
    return "█"


@click.command(name="show")
@_source.argument
@click.option(
    "--by",
    multiple=True,
    default=["project,sku"],
    show_default=True,
    metavar="COLUMN[,COLUMN]",
    help="What to sum by, see above; may be repeated. A comma within a name is written \\,.",
)
@click.option(
    "--top",
    type=click.IntRange(min=1),
    metavar="N",
    help=f"Only the N largest. Default: {TOP} in a table, but all by time, and in json and csv.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv"]),
    default="table",
    show_default=True,
    help="json and csv have all groups, exact; json has numbers as strings, so that nothing makes floats of them.",
)
@atlas_options
def show_command(session: Session, file_or_id: str, by: tuple[str, ...], top: int | None, form: str) -> None:
    """Show where an invoice's money went, from a saved CSV (`-` is stdin) or straight from Atlas.

    Amounts are US dollars before sales tax, credits included: `list` shows what is billed, with the tax.

    The largest comes first; only a table by day, month or date alone, without --top, is in the order of time.

    What --by can name, as here or as the CSV's header spells it: date, usage_date, description, note,
    organization_name, organization_id, project, project_id, sku, region, cluster, replica_set, config_server,
    application, unit, unit_price, quantity, discount_percent, amount; day and month of usage; tag:KEY; extra:COLUMN for
    a column that isn't listed here.
    """
    from atlas_invoices import summarize  # noqa: PLC0415 - not at the start

    names = parse(by)
    with _source.open_invoice(session, file_or_id) as invoice:
        header = invoice.header
        summary = summarize(invoice, by=names)
    _warn_of_missing(names, invoice.columns)
    if form == "json":
        _table.write_json(as_json(header, summary, top))
    elif form == "csv":
        _csv(summary, top)
    else:
        show(header, summary, top)


def parse(by: tuple[str, ...]) -> list[str]:
    """What to sum by, each once; refuses what can't be, before anything is read or sent."""
    from atlas_invoices._csv import parse_by  # noqa: PLC0415 - not at the start

    names = [name.replace("\\,", ",").strip() for names in by for name in re.split(r"(?<!\\),", names)]
    if nameless := {"tag:", "extra:"}.intersection(names):
        raise click.BadParameter(f"{nameless.pop()} needs a name behind it", param_hint="--by")
    try:
        return list(dict.fromkeys(part.name for part in parse_by(names)))
    except ConfigError as error:
        raise click.BadParameter(str(error), param_hint="--by") from None


def _warn_of_missing(names: list[str], columns: tuple[str, ...]) -> None:
    from atlas_invoices._csv import TAG_PREFIX, missing_names  # noqa: PLC0415 - not at the start

    missing = missing_names(names, columns)
    tags = [column.removeprefix(TAG_PREFIX) for column in columns if column.startswith(TAG_PREFIX)]
    others = [column for column in columns if not column.startswith(TAG_PREFIX)]
    there = []
    if any(not name.startswith("tag:") for name in missing):
        there.append(f"its columns are: {', '.join(others)}")
    if any(name.startswith("tag:") for name in missing):
        there.append(f"its tags are: {', '.join(tags)}" if tags else "it has no tags")
    if missing:
        _output.warning(f"no column for {', '.join(missing)} in this file; {'; '.join(there)}")


def as_json(header: InvoiceHeader, summary: Summary, top: int | None) -> dict[str, Any]:
    """Everything, exact numbers as text."""
    return {
        "invoice_id": header.invoice_id,
        "organization_id": header.organization_id,
        "period_start": plain_or_none(header.period_start),
        "period_end": plain_or_none(header.period_end),
        "by": list(summary.by),
        "total": plain(summary.total),
        "credits": plain(summary.credits),
        "groups": _rows(summary, top),
    }


def _rows(summary: Summary, top: int | None) -> list[dict[str, Any]]:
    return [
        {
            "key": [plain_or_none(part) for part in group.key],
            "amount": plain(group.amount),
            "quantity": plain(group.quantity),
            "lines": group.lines,
            "share": plain_or_none(_share(group)),
        }
        for group in summary.groups[:top]
    ]


def _csv(summary: Summary, top: int | None) -> None:
    _table.write_csv(
        [*summary.by, "amount", "quantity", "lines", "share"],
        ([*group.key, group.amount, group.quantity, group.lines, _share(group)] for group in summary.groups[:top]),
    )


def _share(group: Group) -> Decimal | None:
    return None if group.share is None else _table.rounded(group.share, 6)
