"""Which invoice a name means, of those that an organization has listed; and what its file is called."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from atlas_invoices import BillingInvoiceMetadata, InvalidIdError, NotFoundError
from atlas_invoices._invoice_names import file_name, find_invoice, in_months, month_of, parse_month

LISTED = {
    1: ("2026-07-01T00:00:00Z", "PENDING"),
    2: ("2026-06-15T00:00:00Z", "CLOSED"),
    3: ("2026-06-01T00:00:00Z", "PAID"),
    4: ("2026-05-01T00:00:00Z", "PAID"),
}


def invoice(number: int, start: str | None, status: str | None, **more: Any) -> BillingInvoiceMetadata:
    fields = {"id": f"{number:024x}", "startDate": start, "statusName": status, "amountBilledCents": 123456}
    return BillingInvoiceMetadata.from_dict({k: v for k, v in fields.items() if v is not None} | more)


def listing(**more: tuple[str | None, str | None]) -> list[BillingInvoiceMetadata]:
    given: dict[int, Any] = LISTED | {int(number.removeprefix("n")): fields for number, fields in more.items()}
    return [invoice(number, *fields) for number, fields in given.items()]


def found(name: str, invoices: list[BillingInvoiceMetadata]) -> int:
    return int(str(find_invoice(invoices, name).id), 16)


def test_a_month_is_that_of_the_first_day_whatever_the_status() -> None:
    assert (found("2026-05", listing()), found("2026-07", listing())) == (4, 1)


def test_latest_starts_last_of_those_that_are_not_pending() -> None:
    assert found("latest", listing()) == 2
    assert found("latest", listing(n5=(None, "PAID"), n6=("2026-06-20T00:00:00Z", None))) == 6


def test_a_name_that_fits_several_lists_them() -> None:
    with pytest.raises(InvalidIdError) as several:
        find_invoice(listing(), "2026-06")
    assert str(several.value) == (
        "2026-06 fits 2 invoices, name one by its ID: 000000000000000000000002 (CLOSED, from 2026-06-15, 1,234.56 USD "
        "billed); 000000000000000000000003 (PAID, from 2026-06-01, 1,234.56 USD billed)"
    )
    with pytest.raises(InvalidIdError, match=r"^latest fits 2 invoices"):
        find_invoice(listing(n5=LISTED[2]), "latest")
    with pytest.raises(InvalidIdError, match=r"^pending fits 2 invoices"):
        find_invoice(listing(n5=("2026-08-01T00:00:00Z", "PENDING")), "pending")
    with pytest.raises(InvalidIdError, match=r"fits 12 invoices, .*; and 2 more$"):
        find_invoice([invoice(n, "2026-06-01T00:00:00Z", "PAID") for n in range(12)], "2026-06")


def test_a_linked_invoice_is_found_by_its_id_alone() -> None:
    inner = invoice(9, "2026-04-01T00:00:00Z", "PAID").to_dict()
    both = [invoice(n, "2026-05-01T00:00:00Z", "PAID", linkedInvoices=[inner]) for n in (1, 2)]
    assert found(f"{9:024x}", both) == 9
    with pytest.raises(NotFoundError, match=r"no invoice of 2026-04; its invoices are of 2026-05 to 2026-05$"):
        find_invoice(both, "2026-04")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("latest", "the organization has no invoice that isn't pending; these credentials can see none"),
        ("pending", "the organization has no pending invoice; these credentials can see none"),
        ("2026-01", "the organization has no invoice of 2026-01; these credentials can see none"),
    ],
)
def test_none_is_said(name: str, message: str) -> None:
    with pytest.raises(NotFoundError) as none:
        find_invoice([], name)
    assert str(none.value) == message


def test_a_first_day_is_that_in_utc() -> None:
    assert month_of(invoice(1, "2026-05-31T22:00:00-04:00", "PAID")) == "2026-06"
    assert month_of(invoice(1, "0001-01-01T00:00:00+14:00", "PAID")) is None


@pytest.mark.parametrize("text", ["2026-13", "2026-00", "2026-6", "26-06", "2026-06-01", "\uff12026-06", "0000-01", ""])
def test_what_is_not_a_month(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_month(text)


def test_files_sort_by_month() -> None:
    assert file_name("ab", date(2026, 6, 15), ".csv") == "2026-06-ab.csv"
    assert file_name("ab", date(999, 6, 1), ".csv") == "0999-06-ab.csv"
    assert file_name("ab", None, ".json") == "ab.json"


def test_both_ends_of_a_range_are_inclusive() -> None:
    day = date(2026, 6, 15)
    assert in_months(day, date(2026, 6, 30), None)
    assert in_months(day, None, date(2026, 6, 1))
    assert not in_months(day, date(2026, 7, 1), None)
    assert not in_months(day, None, date(2026, 5, 31))
    assert in_months(None, day, day)
