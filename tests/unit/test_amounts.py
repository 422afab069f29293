"""Where numbers become money: nothing inexact gets in, nothing is rounded on the way, and messages show it briefly."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest

from atlas_invoices import BillingInvoice, owed, payment_owed, reconcile
from atlas_invoices._money import money


def at_rate(rate: Any) -> Decimal:
    return payment_owed(total_billed_cents=1, unit_price=rate)


def with_tax(cents: Any) -> Decimal:
    return payment_owed(total_billed_cents=0, unit_price=1, sales_tax_cents=cents)


@pytest.mark.parametrize("value", [1.0, 0.1, float("nan"), True, None, b"1", [1]])
def test_only_decimals_ints_and_text_are_numbers(value: object) -> None:
    with pytest.raises(TypeError, match="unit_price must be a Decimal, an int or a decimal string") as raised:
        at_rate(value)
    assert ("has already lost digits" in str(raised.value)) == isinstance(value, float)


@pytest.mark.parametrize("value", ["100", "12.00", 1.0, True, None])
def test_cents_are_decimals_or_ints(value: object) -> None:
    message = r"^sales_tax_cents must be a Decimal or an int, a number of cents, not [a-zA-Z]+"
    with pytest.raises(TypeError, match=message) as raised:
        with_tax(value)
    assert ("lost digits" in str(raised.value)) == isinstance(value, float)


def test_messages_show_text_as_it_was_sent() -> None:
    for text in (" 1", "1 ", "1\t2", "1\n", "1  2"):
        with pytest.raises(ValueError, match="not a number") as raised:
            at_rate(text)
        assert str(raised.value).endswith(f": {text!r}")
    with pytest.raises(ValueError, match="not a number") as raised:
        at_rate("x" * 5000)
    assert str(raised.value).endswith("xxx…'")


@pytest.mark.parametrize(
    "value",
    ["1E-900", "1E+900", "9" * 1000, f"-{'9' * 1000}.{'9' * 1000}", 10**950, 10**1000 - 1, -(10**1000 - 1), "1e999"],
    ids=range(8),
)
def test_numbers_may_have_a_thousand_digits_in_any_notation(value: str | int) -> None:
    number = Decimal(value)
    assert at_rate(value) == number
    assert payment_owed(total_billed_cents=number, unit_price=number, sales_tax_cents=1) == Fraction(number) ** 2 + 1
    if isinstance(value, int):
        assert payment_owed(total_billed_cents=value, unit_price=1) == value


@pytest.mark.parametrize(
    "text", ["", " ", "1 ", "1,5", "1_000", "NaN", "sNaN", "Infinity", "-inf", "0x10", "١٢", "1e", ".", "$1", "1\n"]
)
def test_text_that_is_not_a_plain_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="unit_price is not a number"):
        at_rate(text)


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal("-Infinity")])
def test_decimals_that_are_not_numbers_are_refused(value: Decimal) -> None:
    for compute in (at_rate, with_tax):
        with pytest.raises(ValueError, match="is not a number"):
            compute(value)


@pytest.mark.parametrize(
    "value", ["1e1000", "1e-1001", "1" * 1001, "1" * 5000, Decimal("1e999999"), Decimal("1e-999999"), 10**1000]
)
def test_longer_numbers_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"digits|not a number") as refused:
        at_rate(value)
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("value", ["1", "+1", "-0.5", ".5", "5.", "1e3", "1E-12", "0.918730000000", 7, Decimal("1.10")])
def test_numbers_keep_every_digit(value: str | int | Decimal) -> None:
    assert Fraction(at_rate(value)) == Fraction(Decimal(value))


def billed(value: object) -> tuple[int | None, tuple[str, ...]]:
    """A payment's amount as read from the API, and the warnings about it."""
    payment = {"unitPrice": "1", "currency": "USD", "salesTaxCents": 0, "amountBilledCents": value}
    result = owed(BillingInvoice.from_dict({"payments": [payment]}))
    return result.payments[0].total_billed_cents, result.warnings


@pytest.mark.parametrize("value", [1200, -1200.0, 0, 2**63 - 1, -(2**63)])
def test_whole_cents_of_the_api(value: float) -> None:
    assert billed(value) == (value, ())


@pytest.mark.parametrize(
    "value",
    [1.5, float("nan"), float("inf"), 1e300, "12", True, [], 2**63, -(2**63) - 1, pytest.param(10**5000, id="long")],
)
def test_anything_but_whole_cents_is_refused(value: object) -> None:
    cents, [warning] = billed(value)
    assert cents is None
    assert warning.startswith("amountBilledCents of payment 1 of 1 is not a whole number of cents: ")
    assert len(warning) < 200


@pytest.mark.parametrize(
    ("cents", "shown"),
    [
        (0, "0.00"),
        (5, "0.05"),
        (-5, "-0.05"),
        (123456, "1,234.56"),
        (Decimal("0.5"), "0.005"),
        (Decimal("1E+3"), "10.00"),
        (Decimal("1234567890123456789012345678901234.5"), "12,345,678,901,234,567,890,123,456,789,012.345"),
    ],
)
def test_cents_are_formatted_as_money(cents: Decimal | int, shown: str) -> None:
    assert money(cents) == shown


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("1234.56", "1,234.56"),
        ("1E-902", "about 1.00000E-902"),
        ("1E+898", "about 1.00000E+898"),
        ("9" * 58, "about 1.00000E+58"),
    ],
)
def test_amounts_in_messages_are_short(amount: str, shown: str) -> None:
    csv = f"Date,Usage Date,SKU,Amount\n06/02/2024,06/01/2024,S,{amount}\n"
    with localcontext() as context:
        context.prec = 2  # the caller's own setting changes nothing
        result = reconcile(csv.encode(), BillingInvoice.from_dict({"amountBilledCents": 99}))
    [difference] = result.differences
    assert f"the CSV's lines add up to {shown}, but the invoice has 0.99" in difference.message
