"""Where numbers become money: nothing inexact gets in, and nothing is rounded on the way."""

from __future__ import annotations

from decimal import Decimal, Inexact, localcontext
from fractions import Fraction

import pytest

from atlas_invoices._money import payment_owed
from atlas_invoices._money._amounts import (
    EXACT,
    exact_cents,
    exact_number,
    money,
    money_shown,
    present,
    utc_day,
    whole_cents,
)
from atlas_invoices_client.types import UNSET


@pytest.mark.parametrize("value", [1.0, 0.1, float("nan"), True, None, b"1", [1]])
def test_only_decimals_ints_and_text_are_numbers(value: object) -> None:
    with pytest.raises(TypeError, match="unit_price must be a Decimal, an int or a decimal string"):
        exact_number(value, "unit_price")


@pytest.mark.parametrize("value", ["100", 1.0, True, None])
def test_cents_are_told_to_be_decimals_or_ints(value: object) -> None:
    with pytest.raises(TypeError, match=r"^tax must be a Decimal or an int, a number of cents, not [a-zA-Z]+") as told:
        exact_cents(value, "tax")
    assert ("lost digits" in str(told.value)) == isinstance(value, float)


def test_text_is_shown_as_it_was_sent() -> None:
    for text in (" 1", "1 ", "1\t2", "1\n", "1  2"):
        with pytest.raises(ValueError, match="not a decimal number") as told:
            exact_number(text, "unit_price")
        assert str(told.value).endswith(f": {text!r}")
    with pytest.raises(ValueError, match="not a decimal number") as told:
        exact_number("x" * 5000, "unit_price")
    assert str(told.value).endswith("xxx…'")


@pytest.mark.parametrize(
    "value",
    ["1E-900", "1E+900", "9" * 1000, f"-{'9' * 1000}.{'9' * 1000}", 10**950, 10**1000 - 1, -(10**1000 - 1), "1e999"],
    ids=range(8),
)
def test_numbers_of_a_thousand_digits_are_taken_whatever_they_are_written_as(value: str | int) -> None:
    number = exact_number(value, "unit_price")
    assert number == exact_number(Decimal(value), "unit_price")
    assert payment_owed(total_billed_cents=number, unit_price=number, sales_tax_cents=1) == Fraction(number) ** 2 + 1
    if isinstance(value, int):
        assert payment_owed(total_billed_cents=value, unit_price=1) == value


def test_a_float_is_told_why() -> None:
    with pytest.raises(TypeError, match="has already lost digits"):
        exact_number(0.1, "unit_price")


@pytest.mark.parametrize(
    "text", ["", " ", "1 ", "1,5", "1_000", "NaN", "sNaN", "Infinity", "-inf", "0x10", "١٢", "1e", ".", "$1", "1\n"]
)
def test_text_that_is_no_plain_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="unit_price is not a decimal number"):
        exact_number(text, "unit_price")


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal("-Infinity")])
def test_decimals_that_are_no_number_are_refused(value: Decimal) -> None:
    with pytest.raises(ValueError, match="finite"):
        exact_number(value, "unit_price")


@pytest.mark.parametrize(
    "value", ["1e1000", "1e-1001", "1" * 1001, "1" * 5000, Decimal("1e999999"), Decimal("1e-999999"), 10**1000]
)
def test_numbers_of_silly_length_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"digits|not a decimal number") as refused:
        exact_number(value, "unit_price")
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("value", ["1", "+1", "-0.5", ".5", "5.", "1e3", "1E-12", "0.918730000000", 7, Decimal("1.10")])
def test_numbers_keep_every_digit(value: str | int | Decimal) -> None:
    assert str(exact_number(value, "unit_price")) == str(Decimal(value))


def test_cents_are_never_text() -> None:
    with pytest.raises(TypeError, match="not str"):
        exact_cents("12.00", "sales_tax_cents")


def test_arithmetic_that_would_lose_a_digit_raises() -> None:
    with pytest.raises(Inexact):
        EXACT.divide(Decimal(1), Decimal(3))


def test_whole_cents_of_a_reply() -> None:
    assert whole_cents(1200, "x") == 1200
    assert whole_cents(-1200.0, "x") == -1200
    assert whole_cents(UNSET, "x") is None
    assert whole_cents(None, "x") is None
    assert whole_cents(2**63 - 1, "x") == 2**63 - 1
    assert whole_cents(-(2**63), "x") == -(2**63)


@pytest.mark.parametrize(
    "value",
    [1.5, float("nan"), float("inf"), 1e300, "12", True, [], 2**63, -(2**63) - 1, pytest.param(10**5000, id="long")],
)
def test_what_is_not_whole_cents_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="x is not a whole number of cents") as refused:
        whole_cents(value, "x")
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize(
    ("cents", "shown"),
    [
        (0, "0.00"),
        (5, "0.05"),
        (-5, "-0.05"),
        (123456, "1234.56"),
        (Decimal("0.5"), "0.005"),
        (Decimal("1E+3"), "10.00"),
    ],
)
def test_cents_as_people_write_money(cents: Decimal | int, shown: str) -> None:
    assert money(cents) == shown


@pytest.mark.parametrize(
    ("cents", "shown"),
    [
        (123456, "1234.56"),
        (Decimal("1E-900"), "about 1.00000E-902"),
        (10**900, "about 1.00000E+898"),
        (Decimal("-" + "9" * 60), "about -1.00000E+58"),
    ],
)
def test_cents_in_a_message_are_short(cents: Decimal | int, shown: str) -> None:
    with localcontext() as context:
        context.prec = 2  # the caller's own setting changes nothing
        assert money_shown(cents) == shown


def test_fields_that_were_not_sent() -> None:
    assert present(UNSET) is None
    assert utc_day(UNSET) is None
