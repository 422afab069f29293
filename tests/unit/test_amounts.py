"""Where numbers become money: nothing inexact gets in, and nothing is rounded on the way."""

from __future__ import annotations

from decimal import Decimal, Inexact

import pytest

from atlas_invoices._money._amounts import EXACT, exact_cents, exact_number, money, present, utc_day, whole_cents
from atlas_invoices_client.types import UNSET


@pytest.mark.parametrize("value", [1.0, 0.1, float("nan"), True, None, b"1", [1]])
def test_only_decimals_ints_and_text_are_numbers(value: object) -> None:
    with pytest.raises(TypeError, match="unit_price must be a Decimal, an int or a decimal string"):
        exact_number(value, "unit_price")


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


def test_fields_that_were_not_sent() -> None:
    assert present(UNSET) is None
    assert utc_day(UNSET) is None
