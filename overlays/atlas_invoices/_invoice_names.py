"""How people name an invoice: its ID, a month, `latest` or `pending`; and the names of its files.

Imports nothing slow: the command checks names before it needs credentials.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from ._errors import InvalidIdError, NotFoundError, UnexpectedResponseError
from ._ids import is_id
from ._utils import closest, single_line

if TYPE_CHECKING:
    from atlas_invoices_client.models import BillingInvoice, BillingInvoiceMetadata

    M = TypeVar("M", bound=BillingInvoice | BillingInvoiceMetadata)

LATEST, PENDING = "latest", "pending"
# Roles: Atlas Admin API document. It doesn't say that without them the listing is shorter rather than refused.
NO_LINKED = (
    "no linked invoices found: either no organization is linked to this one, or the credentials can't see their "
    "invoices, which takes the role Organization Billing Admin or Organization Owner in this one"
)
# A message lists at most this many.
_MAX_LISTED = 10


def parse_month(text: str) -> date:
    """Return the first day of a month written as 2026-06; raises `ValueError`."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}", text):
        raise ValueError("not YYYY-MM")
    return date.fromisoformat(f"{text}-01")


def invoice_name(value: object) -> str:
    """Return an invoice's name in lower case: an ID, a month, `latest` or `pending`; raises `InvalidIdError`."""
    name = value.lower() if isinstance(value, str) else ""
    if name in {LATEST, PENDING} or is_id(name) or _is_month(name):
        return name
    raise InvalidIdError(
        f"{single_line(repr(value), 60)} doesn't name an invoice{name_hint(str(value))}: write its ID "
        "(24 hexadecimal digits), its month as in 2026-06, latest or pending; run `atlas-invoices list` to see all "
        "invoices"
    )


# A year and a month, right or wrong.
_in_digits = re.compile(r"(20[0-9]{2})[-/.]?([0-9]{1,2})").fullmatch


def name_hint(text: str, file: str | None = None) -> str:
    """Return, in brackets, what a text that names no invoice probably means, which may be a file, or what's wrong."""
    if (found := _in_digits(text)) and not similar_month(text):
        return f" ({found[2]} isn't a month)"
    meant = (None if found else file) or similar_month(text) or closest(text, (LATEST, PENDING))
    return f" (did you mean {meant}?)" if meant else ""


def similar_month(text: str) -> str | None:
    """Return a month in the form 2026-06 for one written in another way; without a year, it's this year's."""
    if found := _in_digits(text):
        name = f"{found[1]}-{found[2]:0>2}"
        return name if _is_month(name) else None
    from dateutil.parser import parse  # noqa: PLC0415 - imported only for a mistake

    this_year = datetime.now(UTC).year
    try:
        # What a text lacks comes from the default, so two of them show whether it has a month.
        first, second = (parse(text, default=datetime(this_year, n, 1, tzinfo=UTC), ignoretz=True) for n in (1, 2))
    except (ValueError, OverflowError):
        return None
    return _month(first) if first.month == second.month else None


def _is_month(name: str) -> bool:
    try:
        return bool(parse_month(name))
    except ValueError:
        return False


def find_invoice(listed: Sequence[M], name: str) -> M:
    """Return the one of an organization's invoices that `name`, from `invoice_name`, means.

    An ID also finds a linked invoice inside another one; the other names mean the organization's own only. Raises
    `NotFoundError` if none fits, `InvalidIdError` if several do, `UnexpectedResponseError` if its ID is invalid.
    """
    if is_id(name):
        # A linked invoice may be in more than one other.
        fitting = [each for each, _ in with_linked(listed) if str(each.id).lower() == name][:1]
    elif name == LATEST:
        closed = [each for each in listed if each.status_name != "PENDING" and first_day(each)]
        newest = max(map(first_day, closed), key=str, default=None)
        fitting = [each for each in closed if first_day(each) == newest]
    elif name == PENDING:
        fitting = [each for each in listed if each.status_name == "PENDING"]
    else:
        fitting = [each for each in listed if month_of(each) == name]
    if len(fitting) > 1:
        shown = "; ".join(_describe(each) for each in fitting[:_MAX_LISTED])
        more = "" if len(fitting) <= _MAX_LISTED else f"; and {len(fitting) - _MAX_LISTED} more"
        raise InvalidIdError(f"{name} fits {len(fitting)} invoices, name one by its ID: {shown}{more}")
    if not fitting:
        raise NotFoundError(f"{_describe_missing(name)}; {_describe_range(listed)}", status_code=404)
    (found,) = fitting
    if not is_id(found.id):
        raise UnexpectedResponseError(
            f"the listing gives {name} the ID {single_line(repr(found.id), 60)}, which isn't 24 hexadecimal digits"
        )
    return found


def _describe(invoice: BillingInvoice | BillingInvoiceMetadata) -> str:
    cents = invoice.amount_billed_cents
    billed = f", {Decimal(cents).scaleb(-2):,.2f} USD billed" if isinstance(cents, int) else ""
    return f"{single_line(invoice.id, 40)} ({single_line(invoice.status_name, 40)}, from {first_day(invoice)}{billed})"


def _describe_missing(name: str) -> str:
    if is_id(name):
        return f"invoice {name} isn't among the organization's invoices"
    of = {LATEST: "no invoice that isn't pending", PENDING: "no pending invoice"}
    return f"the organization has {of.get(name, f'no invoice of {name}')}"


def _describe_range(listed: Iterable[BillingInvoice | BillingInvoiceMetadata]) -> str:
    months = sorted(filter(None, map(month_of, listed)))
    return f"its invoices are of {months[0]} to {months[-1]}" if months else "these credentials can see none"


def with_linked(invoices: Iterable[M]) -> Iterator[tuple[M, bool]]:
    """Yield each invoice, followed by the linked invoices inside it; and whether it was inside another."""
    for invoice in invoices:
        yield invoice, False
        inner: Any = getattr(invoice, "linked_invoices", None)
        if isinstance(inner, list):
            for each, _ in with_linked(inner):
                yield each, True


def first_day(invoice: object) -> date | None:
    """Return the first day of the invoice's period, in UTC; `None` if Atlas sent none."""
    start = getattr(invoice, "start_date", None)
    try:
        return utc(start).date() if isinstance(start, datetime) else None
    except OverflowError:
        return None


def last_day_exclusive(invoice: object) -> date | None:
    """Return the day after the invoice's period, in UTC; Atlas may send that day, or the last second before it."""
    end = getattr(invoice, "end_date", None)
    try:
        return (utc(end) + timedelta(seconds=1)).date() if isinstance(end, datetime) else None
    except OverflowError:
        return None


def month_of(invoice: object) -> str | None:
    """Return the month of the invoice's first day, as in 2026-06; `None` if Atlas sent none."""
    day = first_day(invoice)
    return _month(day) if day else None


def utc(moment: datetime) -> datetime:
    """Return a time in UTC; one without a zone is taken as UTC already."""
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def file_name(invoice_id: str, first: date | None, ending: str) -> str:
    """Return the name of an invoice's file, such as 2026-06-<ID>.csv; without the month if that isn't known."""
    return f"{_month(first)}-{invoice_id}{ending}" if first else f"{invoice_id}{ending}"


def in_months(day: date | None, since: date | None, until: date | None) -> bool:
    """Whether a day is in the months of `since` to `until`, both inclusive; always, if it isn't known."""
    return day is None or (
        (since is None or _month(since) <= _month(day)) and (until is None or _month(day) <= _month(until))
    )


def _month(day: date) -> str:
    # Not strftime, which writes the year 999 in three digits on Linux.
    return day.isoformat()[:7]
