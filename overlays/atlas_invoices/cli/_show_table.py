"""The table that `show` prints: largest first or in order of time, with shares, small bars and a total."""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import TYPE_CHECKING

from atlas_invoices._csv_row import plain
from atlas_invoices._text import one_line

from . import _figures, _layout

if TYPE_CHECKING:
    from atlas_invoices import Group, InvoiceHeader, Summary

# What fits a screen; machines get all.
TOP = 20
_TIMES = {"day", "month", "date", "usage_date"}


def show(header: InvoiceHeader, summary: Summary, top: int | None) -> None:
    """Print it; without `top`, a table by time alone is whole."""
    _layout.paragraph(_title(header))
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
        amount, lines = _figures.total(g.amount for g in rest), sum(g.lines for g in rest)
        rows.append([f"({len(rest)} more)", *[""] * (names - 1), *_numbers(amount, lines)])
    total = ["total", *[""] * (names - 1), *_numbers(summary.total, sum(g.lines for g in summary.groups))]
    headings = [*summary.by, "USD", "share", "lines"]
    right = {names, names + 1, names + 2}
    if width := _layout.bar_width([headings, *rows, total], range(names)):
        for row, bar in zip([*rows, total], [*_bars(shown, width), *[""] * (bool(rest) + 1)], strict=True):
            row.insert(names + 2, bar)
        headings.insert(names + 2, "")
        right = {names, names + 1, names + 3}
    _layout.draw(headings, rows, right=right, flexible=range(names), footer=total)
    # A CSV has no tax; the amount billed has.
    of_credits = f"; credits in it: {_figures.dollars(summary.credits)}" if summary.credits else ""
    _layout.paragraph(f"total: before sales tax, which `list` includes{of_credits}")


def _title(header: InvoiceHeader) -> str:
    period = f", {header.period_start} to {header.period_end} (exclusive)" if header.period_start else ""
    whose = header.organization_name or header.organization_id or "unknown organization"
    return one_line(f"Invoice {header.invoice_id or '?'} of {whose}{period}", 500)


def _name(name: str, part: object) -> str:
    if part is None:
        return "(untagged)" if name.startswith("tag:") else "(none)"
    return one_line(plain(part), 200)


def _numbers(amount: Decimal, lines: int, share: Decimal | None = None) -> list[str]:
    return [_figures.dollars(amount), "" if share is None else _figures.percent(share), f"{lines:,}"]


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
