"""The text of `atlas-invoices owed` and `reconcile`: every term, even if some are missing, to the last digit."""

from __future__ import annotations

from atlas_invoices import BillingInvoice, owed, reconcile
from atlas_invoices.cli._money import owed_as_json, owed_as_text, reconciliation_as_text


def text(**fields: object) -> list[str]:
    """The lines for an invoice, with runs of spaces as one."""
    invoice = BillingInvoice.from_dict(fields)
    return [" ".join(line.split()) for line in owed_as_text(owed(invoice), invoice)]


def one_payment(**payment: object) -> list[str]:
    return text(payments=[{"salesTaxCents": 0, **payment}])


def test_a_payment_in_a_foreign_currency_without_a_rate_is_shown_as_unknown() -> None:
    lines = one_payment(amountBilledCents=10_000, currency="EUR")
    assert lines[:3] == ["payment (no ID), no status", "billed 100.00 USD", "x rate unknown"]
    assert "= owed unknown EUR" in lines


def test_a_payment_with_an_unreadable_rate_is_shown_as_unknown() -> None:
    assert "x rate unknown" in one_payment(amountBilledCents=10_000, currency="USD", unitPrice="NaN")


def test_a_payments_own_balance_is_a_term() -> None:
    lines = one_payment(amountBilledCents=10_000, currency="USD", unitPrice="1", startingBalanceCents=500)
    assert lines[5:7] == ["- starting balance 5.00 USD", "= owed 95.00 USD"]


def test_no_digit_is_rounded_away_beyond_the_28_that_python_keeps_by_default() -> None:
    payment = {"amountBilledCents": 12_345_678_901_234, "currency": "EUR", "unitPrice": "1.0000000000000000000000001"}
    exact = "123,456,789,012.340000000000012345678901234"
    lines = one_payment(**payment)
    assert f"= owed {exact} EUR" in lines
    assert f"total owed, paid or not: {exact} EUR (rounded: 123,456,789,012.34)" in lines
    document = owed_as_json(owed(BillingInvoice.from_dict({"payments": [payment]})))
    assert document["by_currency"] == {"EUR": "12345678901234.0000000000012345678901234"}
    order = ["by_currency", "starting_balance_cents", "starting_balance_applied", "payments", "warnings"]
    assert list(document) == order


def test_the_amounts_owed_and_paid_are_told_apart() -> None:
    assert text(statusName="PAID", amountPaidCents=684_307) == [
        "no payments, so the amount owed can't be computed",
        "the invoice is PAID; paid so far: 6,843.07 USD",
    ]
    assert text(statusName="PENDING", amountPaidCents=0)[-1] == "the invoice is PENDING; paid so far: 0.00 USD"
    assert text()[-1] == "the invoice has no status; paid so far: unknown"


def test_sums_may_have_more_digits_than_python_keeps_by_default() -> None:
    long = "123456789012345678901234567890"
    rows = "".join(f"06/02/2024,06/01/2024,S,{amount}\n" for amount in (f"{long}.12", f"-{long}.11", "0.01"))
    csv = f"Date,Usage Date,SKU,Amount\n{rows}".encode()
    result = reconcile(csv, BillingInvoice.from_dict({"amountBilledCents": 2}))
    assert reconciliation_as_text(result) == ["matches: 3 lines, 0.02 USD"]
