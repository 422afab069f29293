"""Fractions of a cent: only what rounding can give is forgiven, so that no missing money hides behind many of them."""

from __future__ import annotations

from decimal import ROUND_HALF_DOWN, ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_invoices import reconcile
from reconcile_cases import Line, as_csv, as_json, kinds, messages

# What the CSV has: 1,000 lines of 1.4 cents, which come to 14.00, or to 10.00 where each was rounded.
MANY = [Line(amount="0.014", cents=1)] * 1000


def sums(cents: int) -> dict[str, object]:
    return {"subtotalCents": cents, "creditsCents": 0, "salesTaxCents": 0, "amountBilledCents": cents}


@pytest.mark.parametrize("with_items", [True, False], ids=["line items", "sums"])
@pytest.mark.parametrize("stated", [999, 1000, 1001, 1234, 1399, 1400, 1401, 1799])
def test_only_the_rounded_sum_and_the_sum_of_rounded_lines_match(stated: int, with_items: bool) -> None:
    items = {} if with_items else {"lineItems": ...}
    result = reconcile(as_csv(MANY), as_json(MANY, **sums(stated), **items))
    assert result.matches == (stated in {1000, 1400})
    if not result.matches:
        assert kinds(result) == ["subtotal", "amount_billed"]


@pytest.mark.parametrize("kept", [999, 950, 900, 800, 780, 714, 700])
def test_lines_lost_among_many_fractions(kept: int) -> None:
    for stated in (1000, 1400):
        invoice = as_json(MANY, lineItems=..., **sums(stated))
        # 714 lines of 1.4 cents happen to be what 1,000 rounded lines are.
        assert reconcile(as_csv(MANY[:kept]), invoice).matches == (kept == 714 and stated == 1000)


def test_a_sum_changed_among_many_fractions() -> None:
    invoice = as_json(MANY, lineItems=..., **sums(1400))
    for amount in ("2.014", "0.024", "0.034"):
        assert not reconcile(as_csv([*MANY[:-1], Line(amount=amount)]), invoice).matches


def test_the_invoices_sums_are_rounded_in_one_way() -> None:
    result = reconcile(as_csv(MANY), as_json(MANY, lineItems=..., subtotalCents=1400, amountBilledCents=1000 + 777))
    assert len(result.differences) == 1


def test_a_fraction_is_listed_as_rounding_with_its_size() -> None:
    lines = [Line(amount="1.004", cents=100)]
    result = reconcile(as_csv(lines), as_json(lines))
    assert result.matches
    assert [(d.key, d.csv, d.invoice) for d in result.rounding] == [
        ("lineItems", Decimal("100.4"), 100),
        ("subtotalCents", Decimal("100.4"), 100),
        ("amountBilledCents", Decimal("877.4"), 877),
    ]
    assert "the CSV is 0.004 over" in result.rounding[1].message
    assert result.csv.total_cents == Decimal("100.4")


@pytest.mark.parametrize("stated", range(5))
def test_half_cents_may_go_either_way(stated: int) -> None:
    ties = [Line(amount="0.005")] * 4
    result = reconcile(as_csv(ties), as_json(ties, lineItems=..., subtotalCents=stated, amountBilledCents=stated + 777))
    assert result.matches
    one_more = reconcile(as_csv(ties), as_json(ties, lineItems=..., subtotalCents=5, amountBilledCents=782))
    assert kinds(one_more) == ["subtotal", "amount_billed"]


def test_a_rounded_sum_that_is_half_a_cent_may_go_either_way() -> None:
    lines = [Line(amount="0.0025")] * 2
    for stated in (0, 1):
        sum_of = {"lineItems": ..., "subtotalCents": stated, "amountBilledCents": stated + 777}
        assert reconcile(as_csv(lines), as_json(lines, **sum_of)).matches
    assert not reconcile(as_csv(lines), as_json(lines, lineItems=..., subtotalCents=2, amountBilledCents=779)).matches
    credits_ = [Line(amount="-0.0125", text="Credit", project=None)] * 2
    for stated in (-2, -3):
        sum_of = {"lineItems": ..., "creditsCents": stated, "amountBilledCents": stated + 777}
        assert reconcile(as_csv(credits_), as_json(credits_, **sum_of)).matches
    # 1.6 and 0.9 come to 2.5, rounded each to 3: here, it's 2 that only the rounded sum gives.
    lines = [Line(amount="0.016"), Line(amount="0.009")]
    for stated in (2, 3):
        sum_of = {"lineItems": ..., "subtotalCents": stated, "amountBilledCents": stated + 777}
        assert reconcile(as_csv(lines), as_json(lines, **sum_of)).matches


def test_what_is_billed_may_be_made_of_rounded_sums() -> None:
    credit = Line(amount="-0.004", cents=0, text="Credit", project=None)
    lines = [Line(amount="1.004", cents=100), *[credit] * 1]
    # 100.4 and 0.4 round to 100 and 0; their difference is 100.0.
    assert reconcile(as_csv(lines), as_json(lines, subtotalCents=100, creditsCents=0, amountBilledCents=877)).matches
    lines = [Line(amount="1.004", cents=100), Line(amount="-0.016", cents=-2, text="Credit", project=None)]
    # 100.4 - 1.6 = 98.8: rounded at once 99, from rounded sums 98.
    for billed in (98, 99):
        stated = {"subtotalCents": 100, "creditsCents": -2, "amountBilledCents": billed + 777, "lineItems": ...}
        assert reconcile(as_csv(lines), as_json(lines, **stated)).matches
    stated["amountBilledCents"] = 97 + 777
    assert not reconcile(as_csv(lines), as_json(lines, **stated)).matches


def test_what_is_billed_is_made_of_the_sums_as_they_are_stated() -> None:
    # 2.8 - 1.4 is 1.4, which is 1 rounded at once, and 1 of rounded lines; but of the stated 3 and 1 it's 2.
    lines = [*[Line(amount="0.014")] * 2, Line(amount="-0.014", text="Credit", project=None)]
    stated = {"lineItems": ..., "subtotalCents": 3, "creditsCents": -1, "salesTaxCents": 0}
    for billed, fits in ((0, False), (1, True), (2, True), (3, False)):
        assert reconcile(as_csv(lines), as_json(lines, amountBilledCents=billed, **stated)).matches == fits


@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize("stated", [100, 140, 120, 180])
def test_credits_of_either_sign_are_rounded_alike(sign: str, stated: int) -> None:
    lines = [Line(amount="5.00"), *[Line(amount=f"{sign}0.014", text="Credit", project=None)] * 100]
    sums_ = {"subtotalCents": 500, "creditsCents": -stated, "amountBilledCents": 500 - stated + 777}
    assert reconcile(as_csv(lines), as_json(lines, lineItems=..., **sums_)).matches == (stated in {100, 140})


def test_rounding_of_one_kind_of_lines_does_not_cancel_that_of_another() -> None:
    lines = [
        *[Line(amount="0.014", cents=1)] * 100,
        *[Line(amount="-0.014", cents=-1, text="Credit", project=None)] * 100,
    ]
    for positive, credits_, fits in ((100, -100, True), (140, -140, True), (120, -120, False), (140, -100, False)):
        stated = {"subtotalCents": positive, "creditsCents": credits_, "amountBilledCents": positive + credits_ + 777}
        assert reconcile(as_csv(lines), as_json(lines, lineItems=..., **stated)).matches == fits


def test_skus_with_one_name_on_both_sides_are_compared_as_their_line_items_are_rounded() -> None:
    lines = [Line(amount="0.014", cents=1, text=name, code=name) for name in "AB" for _ in range(500)]
    result = reconcile(as_csv(lines), as_json(lines, **sums(1000)))
    assert result.matches, messages(result)
    # 100 cents of one SKU stand under the other on the other side.
    moved = [
        Line(amount="0.014", cents=1, text=line.text, code="A" if at < 600 else "B") for at, line in enumerate(lines)
    ]
    result = reconcile(as_csv(moved), as_json(moved, **sums(1000)))
    assert kinds(result) == ["sku", "sku"]
    assert "SKU A: 7.00 in the CSV, 6.00 in the invoice" in messages(result)


amounts = st.lists(st.decimals(min_value=0, max_value=3, places=4), min_size=1, max_size=12)


@given(amounts=amounts, data=st.data())
def test_any_sum_but_those_that_rounding_gives_differs(amounts: list[Decimal], data: st.DataObject) -> None:
    lines = [Line(amount=str(amount)) for amount in amounts]
    down = [int((amount * 100).to_integral_value(ROUND_HALF_DOWN)) for amount in amounts]
    up = [int((amount * 100).to_integral_value(ROUND_HALF_UP)) for amount in amounts]
    whole = sum(amounts) * 100
    possible = set(range(sum(down), sum(up) + 1))
    possible |= {int(whole.to_integral_value(mode)) for mode in (ROUND_HALF_DOWN, ROUND_HALF_UP)}
    stated = data.draw(st.integers(min(possible) - 3, max(possible) + 3))
    result = reconcile(as_csv(lines), as_json(lines, lineItems=..., **sums(stated)))
    assert result.matches == (stated in possible)


# --- numbers of a thousand digits ------------------------------------------------------------------------------------

LONG = ["1E-900", "1E+900", "-1E-900", "9" * 1000, "0." + "7" * 1000, "9" * 1000 + "." + "9" * 1000]


@pytest.mark.parametrize("amount", LONG, ids=range(len(LONG)))
def test_numbers_of_a_thousand_digits_are_summed_exactly_and_shown_briefly(amount: str) -> None:
    columns = "Date,Usage Date,SKU,Project ID,Unit Price,Quantity,Discount Percent,Amount\n"
    row = f"06/02/2024,06/01/2024,S,p,{amount},{amount},{amount},{amount}\n"
    csv = (columns + row + "06/02/2024,06/01/2024,S,p,1,1,,0.01\n").encode()
    for document in (as_json([]), as_json([Line(amount="0.01")]), as_json([], lineItems=...)):
        result = reconcile(csv, document)
        assert result.csv.total_cents is not None
        assert Fraction(result.csv.total_cents) == Fraction(amount) * 100 + 1
        assert not result.matches
        for difference in (*result.differences, *result.rounding):
            assert len(difference.message) < 500
            assert isinstance(difference.csv, (Decimal, int, str, type(None)))


def test_a_thousandth_digit_that_differs_is_only_rounding() -> None:
    lines = [Line(amount="1.00"), Line(amount="1E-900", cents=0)]
    result = reconcile(as_csv(lines), as_json(lines))
    assert result.matches, messages(result)
    assert "subtotalCents" in {difference.key for difference in result.rounding}
    assert all(len(difference.message) < 500 for difference in result.rounding)
    assert result.csv.total_cents == Decimal("100." + "0" * 897 + "1")


def test_a_sku_with_the_opposite_sign_differs_unless_it_is_a_credit() -> None:
    lines = [Line(amount="-1.00", text="A", code="A"), Line(amount="3.00", text="B", code="B")]
    turned = [Line(amount="1.00", text="A", code="A"), Line(amount="1.00", text="B", code="B")]
    result = reconcile(as_csv(lines), as_json(turned))
    assert not result.matches
    dropped = reconcile(as_csv(lines[1:]), as_json(lines))
    assert "sku" not in kinds(dropped)
