"""The cost of the open period at its run rate, beside the month before it; for `pending --forecast`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from atlas_invoices._errors import NotFoundError, UnexpectedResponseError
from atlas_invoices._invoice_names import PENDING, find_invoice, first_day, last_day_exclusive, month_of, with_linked
from atlas_invoices._utils import plain_or_none, pluralize, single_line

from . import _exit, _output, _table
from ._progress import bar

if TYPE_CHECKING:
    from atlas_invoices import Client, Group

    from ._session import Session

_BY = ("project", "day", "sku")
_DAY = timedelta(days=1)


class Basis(NamedTuple):
    """The days whose usage makes the run rate: from `first`, `counted` of them; the period has `days`."""

    first: date
    counted: int
    days: int


class Cost(NamedTuple):
    """The cost of one project, or of all: so far, at the end of the period, and in the month before, if known."""

    name: str
    so_far: Decimal
    per_day: Decimal
    forecast: Decimal
    before: Decimal | None

    @property
    def growth(self) -> Decimal | None:
        """How much more than the month before."""
        return None if self.before is None else self.forecast - self.before


def run(session: Session, output_format: str | None, fail_over: Decimal | None) -> None:
    """Print the forecast, unless its format is None; exit with status 6 if it's over an amount."""
    with bar("forecast"), session.client() as client:
        org = session.org_id(client)
        listed = list(client.list_invoices(org, linked=True))
        pending = find_invoice(listed, PENDING)
        linked = {each.org_id for each, is_linked in with_linked([pending]) if is_linked}
        first, end = first_day(pending), last_day_exclusive(pending)
        if first is None or end is None or end <= first:
            raise UnexpectedResponseError("the pending invoice has no period, so there is nothing to forecast")
        now = _groups(client, org, str(pending.id))
        before = None
        try:
            before = _groups(client, org, str(find_invoice(listed, str(first - _DAY)[:7]).id))
        except NotFoundError:
            _output.note(f"no invoice of {str(first - _DAY)[:7]} to compare with")
    if linked:
        apart = pluralize(len(linked), "linked organization isn't", "linked organizations aren't")
        _output.note(f"{apart} in the forecast; see `atlas-invoices pending`")
    basis = find_basis(now, first, end)
    names = sorted({_project(group) for group in (*now, *(before or ()))})
    projects = [cost(name, now, before, basis) for name in names]
    projects.sort(key=lambda each: (each.growth or Decimal(0), each.forecast), reverse=True)
    total = cost(None, now, before, basis)
    month = month_of(pending) or str(first)
    if output_format == "json":
        _table.write_json(_as_json(str(pending.id), month, basis, total, projects))
    elif output_format == "csv":
        _table.write_csv(list(_as_row(total)), [list(_as_row(each).values()) for each in projects])
    elif output_format == "table":
        _print(month, basis, total, projects)
    if fail_over is not None and total.forecast > fail_over:
        over = f"{_table.dollars(total.forecast)} USD for {month} is over {_table.dollars(fail_over)} USD"
        _output.error(f"the forecast of {over}")
        raise SystemExit(_exit.WRONG_DATA)


def find_basis(groups: Iterable[Group], first: date, end: date) -> Basis:
    """Return the days from the period's first to the day before the newest with usage, which may be incomplete."""
    days = [day for group in groups if isinstance(day := group.key[1], date) and first <= day < end]
    newest = max(days, default=first)
    return Basis(first, max(1, (newest - first).days), (end - first).days)


def cost(name: str | None, now: Sequence[Group], before: Sequence[Group] | None, basis: Basis) -> Cost:
    """Compute the cost of a project, or of all.

    The run rate is the usage of the days in the basis, divided by their number. The forecast is that for every day of
    the period, and, as they are so far, credits and usage of days before the period.
    """
    own = [group for group in now if name in {None, _project(group)}]
    until = basis.first + timedelta(days=basis.counted)
    counted: list[Decimal] = []
    other: list[Decimal] = []
    for group in own:
        day = group.key[1]
        if _is_credit(group) or not isinstance(day, date) or day < basis.first:
            other.append(group.amount)
        elif day < until:
            counted.append(group.amount)
    per_day = _table.total(counted) / basis.counted
    earlier = None
    if before is not None:
        earlier = _table.total(group.amount for group in before if name in {None, _project(group)})
    so_far = _table.total(group.amount for group in own)
    return Cost(name or "total", so_far, per_day, _table.total([per_day * basis.days, *other]), earlier)


def _groups(client: Client, org: str, invoice_id: str) -> tuple[Group, ...]:
    from atlas_invoices import summarize

    with client.stream_invoice_csv(org, invoice_id) as body:
        summary = summarize(body, by=_BY)
    summary.total  # noqa: B018 - an error if there are several currencies
    return summary.groups


def _project(group: Group) -> str:
    return single_line(group.key[0] or "(none)", 200)


def _is_credit(group: Group) -> bool:
    from atlas_invoices._csv import CREDIT_SKU

    return group.key[2] == CREDIT_SKU


def _print(month: str, basis: Basis, total: Cost, projects: Sequence[Cost]) -> None:
    last = basis.first + timedelta(days=basis.counted - 1)
    days = pluralize(basis.counted, "day", "days")
    _table.paragraph(
        f"{month} so far: {_table.dollars(total.so_far)} USD; run rate {_table.dollars(total.per_day)} a day, from "
        f"usage of {basis.first} to {last} ({days}); forecast for {basis.days} days: "
        f"{_table.dollars(total.forecast)} USD"
    )
    columns = [
        _table.Column("project", flexible=True),
        _table.Column("so far USD", number=True, spare=1),
        _table.Column("forecast USD", number=True),
        _table.Column("month before", number=True),
        _table.Column("growth", number=True),
    ]
    rows = [_cells(each) for each in projects]
    _table.draw(columns, rows, footer=_cells(total))
    _table.paragraph("before sales tax; credits and usage of earlier days count as they are so far")


def _cells(each: Cost) -> list[str]:
    growth = "" if each.growth is None else f"{'+' if each.growth > 0 else ''}{_table.dollars(each.growth)}"
    before = "" if each.before is None else _table.dollars(each.before)
    return [each.name, _table.dollars(each.so_far), _table.dollars(each.forecast), before, growth]


def _as_json(invoice_id: str, month: str, basis: Basis, total: Cost, projects: Sequence[Cost]) -> dict[str, Any]:
    return {
        "invoiceId": invoice_id,
        "month": month,
        "currency": "USD",
        "firstDay": str(basis.first),
        "daysCounted": basis.counted,
        "daysInPeriod": basis.days,
        "total": _as_text(_as_row(total)),
        "projects": [_as_text(_as_row(each)) for each in projects],
    }


def _as_row(each: Cost) -> dict[str, str | Decimal | None]:
    return {
        "project": each.name,
        "soFar": each.so_far,
        "perDay": _table.rounded(each.per_day, 6),
        "forecast": _table.rounded(each.forecast, 6),
        "monthBefore": each.before,
    }


def _as_text(row: Mapping[str, str | Decimal | None]) -> dict[str, str | None]:
    return {name: plain_or_none(value) for name, value in row.items()}
