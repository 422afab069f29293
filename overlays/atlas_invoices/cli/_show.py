"""The command show: where an invoice's money went."""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from atlas_invoices._errors import ConfigError
from atlas_invoices._utils import closest, plain, plain_or_none, single_line

from . import _output, _source, _table
from ._completion import complete_by, find_tags
from ._session import Session, atlas_options

if TYPE_CHECKING:
    from atlas_invoices import Group, InvoiceCsv, InvoiceHeader, Summary


# Fits a screen.
_DEFAULT_TOP = 20
_TIMES = {"day", "month", "period", "period_start", "period_end", "date", "usage_date"}


@click.command(name="show")
@_source.sources_argument
@click.option(
    "--by",
    multiple=True,
    default=["project,sku"],
    show_default=True,
    metavar="COLUMN[,COLUMN]",
    shell_complete=complete_by,
    help="Group by these columns, see above; may be repeated. Write a comma within a name as \\,.",
)
@click.option(
    "--top",
    type=click.IntRange(min=1),
    metavar="N",
    help=f"Only the N largest. Default: {_DEFAULT_TOP} in a table; all if it's in order of time, and in json and csv.",
)
@_table.format_option(
    "table", "json", "csv", description="json and csv have all groups and exact numbers; in json they are strings."
)
@atlas_options
def show_command(
    session: Session, sources: tuple[str, ...], by: tuple[str, ...], top: int | None, output_format: str
) -> None:
    """Show where the money of one or more invoices went.

    SOURCE is an invoice CSV, a folder of them, such as `sync` keeps, `-` for stdin, or an invoice of Atlas: its ID, the
    month its period starts in (2026-06), `latest` (the newest that isn't pending) or `pending`. An existing file or
    folder takes precedence over an invoice of that name. Several are added up; a folder and `--by period,project` show
    many months.

    Amounts are US dollars before sales tax, credits included; `list` shows the amount billed, with tax.

    The largest come first. A table whose first column is a time, such as day, month or period, is in order of time and
    whole, unless --top is given; json and csv aren't.

    Columns for --by, named as here or as in the CSV's header: date, usage_date, description, note,
    organization_name, organization_id, project, project_id, sku, region, cluster, replica_set, config_server,
    application, unit, unit_price, quantity, discount_percent, amount; day and month of usage; invoice_id, and period,
    the month its period starts in; tag:KEY; extra:COLUMN for a column that isn't listed here.
    """
    from atlas_invoices import summarize

    names = _parse_by(by, sources)
    _refuse_columns(sources, by)
    with _source.open_sources(session, sources) as opened:
        summary = summarize(opened.sources, by=names)
    headers = [invoice.header for invoice in opened.invoices]
    _warn_of_missing(list(summary.by), opened.invoices)
    _note_usage_months(summary, headers)
    groups = [group for each in summary.by_currency.values() for group in each.groups[:top]]
    if output_format == "json":
        _table.write_json(_as_json(headers, summary, groups))
    elif output_format == "csv":
        _table.write_csv(
            [*summary.by, "currency", "amount", "quantity", "lines", "share"],
            ([*each.key, each.currency, each.amount, each.quantity, each.lines, _share(each)] for each in groups),
        )
    else:
        _table.paragraph(_title(headers))
        for currency, each in summary.by_currency.items():
            _print_table(each, currency, top)


def _parse_by(by: tuple[str, ...], sources: tuple[str, ...]) -> list[str]:
    """Return the columns to group by, without duplicates; refuse invalid ones before anything is read or sent."""
    from atlas_invoices._csv import parse_by

    names = [name.replace("\\,", ",").strip() for names in by for name in re.split(r"(?<!\\),", names)]
    if nameless := {"tag:", "extra:"}.intersection(names):
        raise click.BadParameter(f"{nameless.pop()} needs a name after it", param_hint="--by")
    try:
        return list(dict.fromkeys(part.name for part in parse_by(names, lambda: find_tags(sources))))
    except ConfigError as error:
        raise click.BadParameter(str(error), param_hint="--by") from None


def _refuse_columns(sources: tuple[str, ...], by: tuple[str, ...]) -> None:
    """Refuse a column among the sources, as in `--by project sku`."""
    from click.core import ParameterSource

    default = click.get_current_context().get_parameter_source("by") == ParameterSource.DEFAULT
    for source in sources:
        if os.path.lexists(source):
            continue
        with suppress(click.BadParameter):
            _parse_by((source,), ())
            meant = ",".join([*(() if default else by), source])
            raise click.UsageError(f"{source!r} is a column; did you mean --by {meant}?")


def _warn_of_missing(names: list[str], invoices: list[InvoiceCsv]) -> None:
    from atlas_invoices._csv import TAG_PREFIX, missing_names

    missing = missing_names(names, [invoice.layout for invoice in invoices])
    if not missing:
        return
    tags = dict.fromkeys(key for invoice in invoices for key, _ in invoice.layout.tags)
    columns = dict.fromkeys(name for invoice in invoices for name in invoice.columns)
    others = [name for name in columns if name not in {TAG_PREFIX + key for key in tags}]
    what, whose, having = ("this invoice has", "its", "it has")
    if len(invoices) > 1:
        what, whose, having = ("these invoices have", "their", "they have")
    available = []
    if any(not name.startswith("tag:") for name in missing):
        available.append(f"{whose} columns are: {', '.join(others)}")
    if any(name.startswith("tag:") for name in missing):
        available.append(f"{whose} tags are: {', '.join(tags)}" if tags else f"{having} no tags")
    for name in missing:
        prefix, known = ("tag:", tags) if name.startswith("tag:") else ("", others)
        if meant := closest(name.removeprefix(prefix), known):
            available.append(f"did you mean {prefix}{meant}?")
    _output.warning(f"{what} no column for {', '.join(missing)}; {'; '.join(available)}")


def _note_usage_months(summary: Summary, headers: list[InvoiceHeader]) -> None:
    periods = {str(each.period_start)[:7] for each in headers if each.period_start}
    if periods and "month" in summary.by:
        place = summary.by.index("month")
        if {group.key[place] for group in summary.groups} - periods - {None}:
            _output.note("`month` is the month of usage; `--by period` has the invoices' own months")


def _print_table(summary: Summary, currency: str, top: int | None) -> None:
    names = len(summary.by)
    if top is None and summary.by[0] in _TIMES:
        # Within a time, the largest still come first.
        shown = sorted(summary.groups, key=lambda g: (g.key[0] is None, str(g.key[0])))
    else:
        shown = list(summary.groups[: top or _DEFAULT_TOP])
    rest = summary.groups[len(shown) :]
    rows = [
        [*(_name(*part) for part in zip(summary.by, g.key, strict=True)), *_numbers(g.amount, g.lines, g.share)]
        for g in shown
    ]
    others = f"{len(rest)} more"
    if rest:
        amount, lines = _table.total(g.amount for g in rest), sum(g.lines for g in rest)
        rows.append([others, *[""] * (names - 1), *_numbers(amount, lines)])
    total = ["total", *[""] * (names - 1), *_numbers(summary.total, sum(g.lines for g in summary.groups))]
    columns = [
        *(
            _table.Column(single_line(name), flexible=name not in _TIMES, least=0 if n else len(others))
            for n, name in enumerate(summary.by)
        ),
        _table.Column(single_line(currency, 10), number=True),
        _table.Column("share", number=True, spare=1),
        _table.Column("lines", number=True, spare=2),
    ]
    headings = [column.heading for column in columns]
    if width := _table.bar_width([headings, *rows, total]):
        for row, bar in zip([*rows, total], [*_bars(shown, width), *[""] * (bool(rest) + 1)], strict=True):
            row.insert(names + 2, bar)
        columns.insert(names + 2, _table.Column("", style=lambda _bar: "cyan"))
    _table.draw(columns, rows, footer=total)
    # A CSV has no tax, but the amount billed does.
    of_credits = f"; includes credits of {_table.dollars(summary.credits)}" if summary.credits else ""
    _table.paragraph(f"total: before sales tax, which `list` adds{of_credits}")


def _title(headers: list[InvoiceHeader]) -> str:
    organizations = {each.organization_name or each.organization_id or "unknown organization" for each in headers}
    organization = organizations.pop() if len(organizations) == 1 else f"{len(organizations)} organizations"
    what = f"Invoice {headers[0].invoice_id or '?'}" if len(headers) == 1 else f"{len(headers)} invoices"
    starts = [each.period_start for each in headers if each.period_start]
    ends = [each.period_end for each in headers if each.period_end]
    period = f", {_table.period(min(starts), max(ends))}" if starts and ends else ""
    return single_line(f"{what} of {organization}{period}", 500)


def _name(column: str, value: object) -> str:
    if value is None:
        return "(untagged)" if column.startswith("tag:") else "(none)"
    return single_line(plain(value), 200)


def _numbers(amount: Decimal, lines: int, share: Decimal | None = None) -> list[str]:
    return [_table.dollars(amount), "" if share is None else _table.percent(share), f"{lines:,}"]


def _bars(shown: list[Group], width: int) -> list[str]:
    largest = max([Decimal(0), *(g.amount for g in shown)])
    block = "█"
    try:
        block.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        block = "#"
    return [block * round(width * max(g.amount, Decimal(0)) / largest) if largest else "" for g in shown]


def _as_json(headers: list[InvoiceHeader], summary: Summary, groups: list[Group]) -> dict[str, Any]:
    return {
        "invoices": [
            {
                "invoice_id": header.invoice_id,
                "organization_id": header.organization_id,
                "period_start": plain_or_none(header.period_start),
                "period_end": plain_or_none(header.period_end),
            }
            for header in headers
        ],
        "by": list(summary.by),
        # Null if there are several currencies.
        "total": plain(summary.total) if len(summary.totals) == 1 else None,
        "credits": plain(summary.credits) if len(summary.totals) == 1 else None,
        "totals": {currency: plain(total) for currency, total in summary.totals.items()},
        "groups": [
            {
                "key": [plain_or_none(part) for part in group.key],
                "currency": group.currency,
                "amount": plain(group.amount),
                "quantity": plain(group.quantity),
                "lines": group.lines,
                "share": plain_or_none(_share(group)),
            }
            for group in groups
        ],
    }


def _share(group: Group) -> Decimal | None:
    return None if group.share is None else _table.rounded(group.share, 6)
