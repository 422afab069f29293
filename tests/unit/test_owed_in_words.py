"""What `atlas-invoices owed` prints: every term, whatever is missing, to the last digit."""

from __future__ import annotations

from atlas_invoices._money import owed
from atlas_invoices.cli._money import in_words, settled
from atlas_invoices.cli._money import owed_as_json as as_json
from atlas_invoices_client.models import BillingInvoice


def words(**payment: object) -> list[str]:
    """The words for an invoice of one payment, with runs of blanks as one."""
    invoice = BillingInvoice.from_dict({"payments": [{"salesTaxCents": 0, **payment}]})
    return [" ".join(line.split()) for line in in_words(owed(invoice))]


def test_a_payment_in_a_foreign_currency_without_a_rate_is_shown_as_unknown() -> None:
    lines = words(amountBilledCents=10_000, currency="EUR")
    assert "billed 100.00 USD" in lines
    assert "x rate unknown" in lines
    assert "= owed unknown EUR" in lines


def test_a_payment_with_an_unreadable_rate_is_shown_as_unknown() -> None:
    assert "x rate unknown" in words(amountBilledCents=10_000, currency="USD", unitPrice="NaN")


def test_no_digit_is_rounded_away_beyond_the_28_that_python_keeps_by_default() -> None:
    payment = {"amountBilledCents": 12_345_678_901_234, "currency": "EUR", "unitPrice": "1.0000000000000000000000001"}
    exact = "123,456,789,012.3400000000000123456789012340"
    lines = words(**payment)
    assert f"= owed {exact.rstrip('0')} EUR" in lines
    assert lines[-1] == (f"owed in all, paid or not: {exact.rstrip('0')} EUR (rounded: 123,456,789,012.34)")
    json = as_json(owed(BillingInvoice.from_dict({"payments": [payment]})))
    assert json["by_currency"] == {"EUR": "12345678901234.0000000000012345678901234"}


def test_what_is_owed_and_what_is_paid_are_told_apart() -> None:
    invoice = {"statusName": "PAID", "amountPaidCents": 684_307}
    assert settled(BillingInvoice.from_dict(invoice)) == "the invoice is PAID; paid so far: 6,843.07 USD"
    nothing = BillingInvoice.from_dict({"statusName": "PENDING", "amountPaidCents": 0})
    assert settled(nothing) == "the invoice is PENDING; paid so far: 0.00 USD"
    assert settled(BillingInvoice.from_dict({})) == "the invoice is without status; paid so far: unknown"
