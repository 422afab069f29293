"""What an invoice owes, against sums done by hand and against fractions."""

from __future__ import annotations

import copy
import pickle
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
from attrs import asdict, evolve, fields_dict
from attrs.exceptions import FrozenInstanceError
from hypothesis import given
from hypothesis import strategies as st

from atlas_invoices import BillingInvoice, Owed, UnexpectedResponseError, owed, payment_owed
from atlas_invoices_client.models import BillingInvoiceMetadata, BillingPayment
from odd_values import ODD

PAYMENT = {
    "id": "65f0c1d2e3b4a59687f0c1d2",
    "statusName": "PAID",
    "amountBilledCents": 10_000,
    "unitPrice": "1",
    "salesTaxCents": 825,
    "currency": "USD",
}


def payment(**changes: object) -> dict[str, Any]:
    """A payment as Atlas sends it; a field changed to `...` is left out."""
    return {name: value for name, value in {**PAYMENT, **changes}.items() if value is not ...}


def owe(*payments: dict[str, Any], **fields: object) -> Owed:
    return owed(BillingInvoice.from_dict({**fields, "payments": list(payments)}))


@pytest.mark.parametrize("value", [BillingInvoiceMetadata(), "666acb8787ba43606905dcae", {}, None])
def test_anything_but_an_invoice_is_a_type_error(value: Any) -> None:
    with pytest.raises(TypeError, match=rf"must be a BillingInvoice, as get_invoice\(.*not {type(value).__name__}"):
        owed(value)


# --- the formula -----------------------------------------------------------------------------------------------------


def test_the_documented_formula() -> None:
    total = payment_owed(
        total_billed_cents=10_000, unit_price="0.92", sales_tax_cents=1_748, starting_balance_cents=500
    )
    assert total == 10_448  # 9200 + 1748 - 500


def test_tax_and_balance_default_to_nothing() -> None:
    assert payment_owed(total_billed_cents=10_000, unit_price=2) == 20_000


def test_twelve_decimals_are_kept() -> None:
    total = payment_owed(total_billed_cents=1_000_001, unit_price="0.918734512345", sales_tax_cents=1)
    assert str(total) == "918736.431079512345"


def test_numbers_beyond_the_usual_28_digits_stay_exact() -> None:
    with localcontext() as context:
        context.prec = 3  # the caller's own setting changes nothing
        total = payment_owed(total_billed_cents=10**40 + 1, unit_price="1.000000000000000000000000000001")
    assert Fraction(total) == (10**40 + 1) * (1 + Fraction(1, 10**30))


def test_a_negative_result_is_a_balance_in_favour() -> None:
    assert payment_owed(total_billed_cents=100, unit_price=1, starting_balance_cents=Decimal("250.5")) == Decimal(
        "-150.5"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        {"total_billed_cents": 1.0, "unit_price": 1},
        {"total_billed_cents": 1, "unit_price": 1.0},
        {"total_billed_cents": 1, "unit_price": 1, "sales_tax_cents": 0.0},
        {"total_billed_cents": 1, "unit_price": 1, "starting_balance_cents": 0.0},
        {"total_billed_cents": "1", "unit_price": 1},
    ],
)
def test_floats_and_text_in_cents_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        payment_owed(**arguments)


cents = st.integers(-(10**15), 10**15)
rates = st.decimals(min_value=-10, max_value=10_000, places=12)


@given(billed=cents, rate=rates, tax=cents, balance=cents)
def test_the_formula_agrees_with_fractions(billed: int, rate: Decimal, tax: int, balance: int) -> None:
    total = payment_owed(
        total_billed_cents=billed, unit_price=str(rate), sales_tax_cents=tax, starting_balance_cents=balance
    )
    assert Fraction(total) == billed * Fraction(rate) + tax - balance


# --- an invoice ------------------------------------------------------------------------------------------------------


def test_one_payment_with_every_term_visible() -> None:
    result = owe(payment(unitPrice="0.9187", currency="EUR"), amountBilledCents=10_000)
    assert result.by_currency == {"EUR": Decimal("10012.0000")}
    [term] = result.payments
    assert (term.payment_id, term.status, term.currency) == (PAYMENT["id"], "PAID", "EUR")
    assert (term.total_billed_cents, term.unit_price, term.billed_in_currency) == (
        10_000,
        Decimal("0.9187"),
        Decimal(9187),
    )
    assert (term.sales_tax_cents, term.starting_balance_cents, term.owed_cents) == (825, None, Decimal(10_012))
    assert term.missing == ()
    assert result.starting_balance_cents is None
    assert not result.starting_balance_applied
    assert result.warnings == ()


def test_several_payments_of_one_currency_are_added() -> None:
    result = owe(payment(), payment(amountBilledCents=333, salesTaxCents=0), payment(amountBilledCents=-50))
    assert result.by_currency == {"USD": 10_825 + 333 + 775}
    assert result.warnings == ()


def test_currencies_are_never_added() -> None:
    result = owe(
        payment(amountBilledCents=6_000, salesTaxCents=0),
        payment(amountBilledCents=4_000, unitPrice="0.91873", salesTaxCents=330, currency="EUR"),
        payment(amountBilledCents=1, salesTaxCents=0),
    )
    assert result.by_currency == {"USD": 6_001, "EUR": Decimal("4004.92")}
    assert result.warnings == ()


def test_the_invoices_balance_is_taken_off_once() -> None:
    result = owe(payment(), payment(), payment(), startingBalanceCents=12_500)
    assert result.by_currency == {"USD": 3 * 10_825 - 12_500}
    assert (result.starting_balance_cents, result.starting_balance_applied) == (12_500, True)
    assert [term.owed_cents for term in result.payments] == [10_825] * 3
    assert result.warnings == ()


def test_a_payment_that_carries_a_balance_uses_its_own() -> None:
    result = owe(payment(startingBalanceCents=400), startingBalanceCents=12_500)
    assert result.by_currency == {"USD": 10_825 - 400}
    assert result.payments[0].starting_balance_cents == 400
    assert (result.starting_balance_cents, result.starting_balance_applied) == (12_500, False)
    assert "of its own" in result.warnings[0]


def test_an_own_balance_of_nothing_is_still_its_own() -> None:
    result = owe(payment(startingBalanceCents=0), startingBalanceCents=12_500)
    assert result.by_currency == {"USD": 10_825}


def test_payments_without_a_balance_leave_the_invoices_to_be_taken_off() -> None:
    result = owe(payment(startingBalanceCents=400), payment(), startingBalanceCents=500)
    assert result.by_currency == {"USD": 2 * 10_825 - 400 - 500}
    assert result.starting_balance_applied
    assert "subtracted once" in result.warnings[0]


def test_own_balances_in_two_currencies() -> None:
    result = owe(payment(startingBalanceCents=25), payment(currency="EUR", unitPrice="0.5", startingBalanceCents=10))
    assert result.by_currency == {"USD": 10_800, "EUR": 5_815}
    assert result.warnings == ()


def test_a_balance_beside_two_currencies_is_shown_apart() -> None:
    result = owe(payment(), payment(currency="EUR", unitPrice="0.5"), startingBalanceCents=12_500)
    assert result.by_currency == {"USD": 10_825, "EUR": 5_825}
    assert (result.starting_balance_cents, result.starting_balance_applied) == (12_500, False)
    [warning] = result.warnings
    assert "125.00 USD was not subtracted" in warning
    assert "EUR, USD" in warning


def test_no_balance_beside_two_currencies_needs_no_warning() -> None:
    assert owe(payment(), payment(currency="EUR"), startingBalanceCents=0).warnings == ()


def test_a_balance_in_another_currency_is_taken_off_as_the_formula_says_with_a_warning() -> None:
    result = owe(payment(currency="EUR", unitPrice="0.5"), startingBalanceCents=825)
    assert result.by_currency == {"EUR": 5_000}
    assert "without conversion" in result.warnings[0]


def test_credits_and_refunds_are_no_part_of_the_formula() -> None:
    plain = owe(payment(), subtotalCents=12_000, amountBilledCents=10_000)
    credited = owe(
        payment(),
        subtotalCents=12_000,
        amountBilledCents=10_000,
        creditsCents=-2_000,
        refunds=[{"amountCents": 500, "paymentId": PAYMENT["id"]}],
    )
    assert credited == plain
    assert credited.by_currency == {"USD": 10_825}


def test_linked_invoices_owe_for_themselves() -> None:
    result = owe(payment(), linkedInvoices=[{"payments": [payment()], "startingBalanceCents": 7}])
    assert result.by_currency == {"USD": 10_825}


# --- missing fields --------------------------------------------------------------------------------------------------


def test_a_missing_amount_cannot_be_computed() -> None:
    result = owe(payment(amountBilledCents=...), payment())
    assert result.by_currency == {"USD": 10_825}
    assert result.payments[0].owed_cents is None
    assert result.payments[0].missing == ("amountBilledCents",)
    assert result.warnings == ("payment 1 of 2 has no amountBilledCents: it can't be computed and isn't in any sum",)


@pytest.mark.parametrize("absent", [..., None])
def test_a_missing_rate_is_one_for_us_dollars(absent: object) -> None:
    result = owe(payment(unitPrice=absent))
    assert result.by_currency == {"USD": 10_825}
    assert result.payments[0].missing == ("unitPrice",)
    assert "unitPrice: assuming 1" in result.warnings[0]


def test_a_missing_rate_of_another_currency_cannot_be_computed() -> None:
    result = owe(payment(unitPrice=..., currency="EUR"))
    assert result.by_currency == {}
    assert result.payments[0].owed_cents is None
    assert "can't be computed in EUR" in result.warnings[0]


def test_a_missing_tax_is_none() -> None:
    result = owe(payment(salesTaxCents=...))
    assert result.by_currency == {"USD": 10_000}
    assert result.payments[0].missing == ("salesTaxCents",)
    assert "salesTaxCents: assuming 0" in result.warnings[0]


@pytest.mark.parametrize(("rate", "shown"), [("1", "USD"), ("1.000", "USD"), (..., "USD"), ("0.5", "XXX")])
def test_a_missing_currency_is_us_dollars_unless_a_rate_speaks_against_it(rate: object, shown: str) -> None:
    result = owe(payment(unitPrice=rate, currency=...))
    assert list(result.by_currency) == [shown]
    assert "currency" in result.payments[0].missing
    assert any(f"shown as {shown}" in warning for warning in result.warnings)


@pytest.mark.parametrize("rate", ["", "abc", "NaN", "Infinity", "0,92", 0.92])
def test_a_rate_that_is_no_exact_number_is_not_guessed(rate: object) -> None:
    result = owe(payment(unitPrice=rate), payment())
    assert result.by_currency == {"USD": 10_825}
    assert result.payments[0].owed_cents is None
    assert result.payments[0].missing == ("unitPrice",)
    assert "unitPrice of payment 1 of 2" in result.warnings[0]


def test_an_amount_that_is_not_whole_cents_is_not_guessed() -> None:
    result = owe(payment(amountBilledCents=100.5))
    assert result.by_currency == {}
    assert "amountBilledCents of payment 1 of 1 is not a whole number of cents: 100.5" in result.warnings[0]


@pytest.mark.parametrize(
    ("field", "value", "warning"),
    [
        (
            "amountBilledCents",
            "1000",
            (
                "amountBilledCents of payment 1 of 1 is not a whole number of cents: '1000': "
                "it can't be computed and isn't in any sum"
            ),
        ),
        ("salesTaxCents", "5", "salesTaxCents of payment 1 of 1 is not a whole number of cents: '5': assuming 0"),
        (
            "unitPrice",
            " 1",
            ("unitPrice of payment 1 of 1 is not a number: ' 1': it can't be computed in USD and isn't in any sum"),
        ),
        ("currency", 5, "currency of payment 1 of 1 must be text, not int: shown as USD"),
    ],
)
def test_a_field_that_is_not_what_it_should_be_is_reported_once_with_its_consequence(
    field: str, value: object, warning: str
) -> None:
    result = owe(payment(**{field: value}))
    assert result.warnings == (warning,)
    assert result.payments[0].missing == (field,)


def test_a_currency_may_be_written_small_and_with_blanks() -> None:
    result = owe(payment(currency=" usd "), payment(currency="Eur"), payment(currency="EUR"))
    assert result.by_currency == {"USD": 10_825, "EUR": 21_650}
    assert owe(payment(currency=" ")).payments[0].missing == ("currency",)


def test_a_payment_with_nothing_at_all() -> None:
    result = owe({})
    assert result.by_currency == {}
    assert result.payments[0].missing == ("amountBilledCents", "unitPrice", "currency", "salesTaxCents")


def test_a_balance_without_a_payment_that_can_be_computed_stays_visible() -> None:
    result = owe(payment(amountBilledCents=...), startingBalanceCents=500)
    assert result.by_currency == {}
    assert not result.starting_balance_applied
    assert "5.00 USD was not subtracted: no payment could be computed" in result.warnings[-1]


@pytest.mark.parametrize("fields", [{}, {"payments": None}, {"payments": []}])
def test_an_invoice_without_payments_owes_nothing_by_the_formula(fields: dict[str, Any]) -> None:
    assert owed(BillingInvoice.from_dict(fields)) == owe()
    result = owed(BillingInvoice.from_dict({**fields, "amountBilledCents": 5_000, "startingBalanceCents": 100}))
    assert result.by_currency == {}
    assert "there is no payment" in result.warnings[0]
    assert "bills 50.00 USD but has no payments" in result.warnings[1]
    # It has none before the end of its period.
    assert not owed(BillingInvoice.from_dict({**fields, "amountBilledCents": 5_000, "statusName": "PENDING"})).warnings


def test_failed_attempts_count_as_the_formula_says_but_are_pointed_out() -> None:
    result = owe(payment(statusName="FAILED"), payment(statusName="PAID"))
    assert result.by_currency == {"USD": 2 * 10_825}
    assert result.warnings[0].startswith("1 of 2 payments failed or was cancelled")
    result = owe(payment(statusName="FAILED"), payment(statusName="ERROR"), payment())
    assert result.warnings[0].startswith("2 of 3 payments failed or were cancelled")
    assert owe(payment(statusName="FAILED")).warnings == ()


def test_a_status_nobody_has_seen_yet_is_shown_as_sent() -> None:
    assert owe(payment(statusName="HALF_PAID")).payments[0].status == "HALF_PAID"
    assert owe(payment(statusName=...)).payments[0].status is None


# --- replies that aren't what they should be -------------------------------------------------------------------------


def test_nulls_among_payments_are_left_out_with_a_warning() -> None:
    result = owed(BillingInvoice.from_dict({"payments": [None, payment(), None], "refunds": [None]}))
    assert result.by_currency == {"USD": 10_825}
    assert result.warnings == ("ignored 2 nulls in the invoice's payments",)
    assert owed(BillingInvoice.from_dict({"payments": [None]})).payments == ()
    by_hand = BillingInvoice(payments=[BillingPayment.from_dict(payment()), None])  # type: ignore[list-item]
    assert owed(by_hand).by_currency == {"USD": 10_825}


@pytest.mark.parametrize("value", ["x", 5, ["x"], [5], {"a": 1}, True])
def test_payments_that_are_no_list_of_objects_are_a_typed_error(value: object) -> None:
    with pytest.raises(UnexpectedResponseError, match="payments"):
        owed(BillingInvoice.from_dict({"payments": value}))


@given(
    st.lists(st.none() | st.dictionaries(st.sampled_from([*PAYMENT, "startingBalanceCents"]), ODD), max_size=4),
    st.dictionaries(st.sampled_from(["startingBalanceCents", "amountBilledCents", "refunds", "lineItems"]), ODD),
)
def test_any_reply_at_all_gives_a_result(payments: list[dict[str, Any] | None], fields: dict[str, Any]) -> None:
    result = owed(BillingInvoice.from_dict({**fields, "payments": payments}))
    assert all(cents.is_finite() for cents in result.by_currency.values())
    assert all(len(warning) < 3000 for warning in result.warnings)


def test_a_thousand_payments() -> None:
    payments = [payment(unitPrice="1." + "0" * 900 + "1", currency=f"C{number}") for number in range(1_000)]
    result = owe(*payments, startingBalanceCents=1)
    assert len(result.by_currency) == 1_000
    assert all(len(warning) < 300 for warning in result.warnings)


# --- results ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("billed", "rate", "whole"), [(1, "0.5", 1), (5, "0.5", 3), (-1, "0.5", -1), (1, "0.499999999999", 0), (7, "1", 7)]
)
def test_rounding_on_request_only(billed: int, rate: str, whole: int) -> None:
    result = owe(payment(amountBilledCents=billed, unitPrice=rate, salesTaxCents=0, currency="EUR"))
    assert result.by_currency == {"EUR": billed * Decimal(rate)}
    assert result.rounded() == {"EUR": whole}


def test_results_are_frozen() -> None:
    result = owe(payment())
    with pytest.raises(FrozenInstanceError):
        result.warnings = ()  # type: ignore[misc]  # what the test is about
    sums: Any = result.by_currency
    for change in (sums.clear, lambda: sums.update(USD=1), lambda: sums.__setitem__("USD", 1)):
        with pytest.raises(TypeError, match="can't be changed"):
            change()
    assert result.by_currency == {"USD": 10_825}


def test_results_are_copied_pickled_compared_and_shown_like_plain_data() -> None:
    result = owe(payment(), payment(currency="EUR"))
    pickled = pickle.loads(pickle.dumps(result))  # noqa: S301 - our own bytes
    for again in (pickled, copy.copy(result), copy.deepcopy(result), evolve(result)):
        assert again == result
        with pytest.raises(TypeError, match="can't be changed"):
            again.by_currency["USD"] = Decimal(1)  # type: ignore[index]  # what the test is about
    assert asdict(result)["by_currency"] == {"USD": 10_825, "EUR": 10_825}
    assert repr(result.by_currency) == repr(dict(result.by_currency))


def test_upstream_still_keeps_the_balance_on_the_invoice_alone() -> None:
    """Should a payment get the field, `owed` has to read it from there instead of the unknown fields."""
    assert "starting_balance_cents" in fields_dict(BillingInvoice)
    assert "starting_balance_cents" not in fields_dict(BillingPayment)


@given(
    payments=st.lists(
        st.builds(
            lambda amount, rate, tax, currency: payment(
                amountBilledCents=amount, unitPrice=str(rate), salesTaxCents=tax, currency=currency
            ),
            cents,
            rates,
            cents,
            st.sampled_from(["USD", "EUR", "JPY"]),
        ),
        max_size=6,
    ),
    balance=cents,
)
def test_sums_agree_with_fractions(payments: list[dict[str, Any]], balance: int) -> None:
    expected: dict[str, Fraction] = {}
    for each in payments:
        own = each["amountBilledCents"] * Fraction(each["unitPrice"]) + each["salesTaxCents"]
        expected[each["currency"]] = expected.get(each["currency"], Fraction(0)) + own
    if len(expected) == 1:
        [currency] = expected
        expected[currency] -= balance
    result = owe(*payments, startingBalanceCents=balance)
    assert {currency: Fraction(total) for currency, total in result.by_currency.items()} == expected
    assert result.starting_balance_applied == (len(expected) == 1)
