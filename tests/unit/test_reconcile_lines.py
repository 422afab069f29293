"""Which line belongs to which item: by project and amount; days, tags, quantities and the like may differ."""

from __future__ import annotations

from itertools import pairwise

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from atlas_invoices import reconcile
from reconcile_cases import ALPHA, BETA, Line, as_csv, as_json, kinds, messages

# A month of two clusters: the cost of a day changes except for the storage.
MONTH = [
    line
    for day in range(1, 11)
    for line in (
        Line(day=day, amount=f"{30 + day}.50", cluster="main", quantity=f"{20 + day}", price="1.5"),
        Line(day=day, amount="0.32", cluster="main", quantity="1857.5", price="0.000173"),
        Line(day=day, amount=f"0.{90 - day}", cluster="other", quantity=f"{day}.25", price="0.12"),
    )
]


@pytest.mark.parametrize("shift", [1, 2, 5, -1])
def test_days_that_are_all_shifted_match_with_a_warning(shift: int) -> None:
    lines = [evolve(line, day=line.day + 5) for line in MONTH]
    result = reconcile(as_csv([evolve(line, day=line.day + shift) for line in lines]), as_json(lines))
    assert result.matches, messages(result)
    assert any("a different day" in warning for warning in result.warnings)


def test_only_the_lines_on_another_day_are_counted() -> None:
    shifted = [evolve(line, day=line.day + (line.cluster == "other")) for line in MONTH]
    result = reconcile(as_csv(shifted), as_json(MONTH))
    assert result.matches, messages(result)
    assert result.warnings == ("10 lines have a different day in the CSV than in the invoice, with the same amount",)


@pytest.mark.parametrize("day", [1, 5, 28])
def test_one_side_may_have_one_day_for_all(day: int) -> None:
    one_day = [evolve(line, day=day) for line in MONTH]
    assert reconcile(as_csv(MONTH), as_json(one_day)).matches
    assert reconcile(as_csv(one_day), as_json(MONTH)).matches


def test_an_invoice_may_have_no_days() -> None:
    invoice = as_json(MONTH)
    for item in invoice.line_items or []:
        item.start_date = None
    assert reconcile(as_csv(MONTH), invoice).matches


def test_quantities_prices_and_clusters_may_be_written_in_other_ways() -> None:
    rewritten = [
        evolve(
            line, quantity=f"{float(line.quantity) / 1000}", price=f"{float(line.price):.2f}", cluster=line.cluster * 2
        )
        for line in MONTH
    ]
    result = reconcile(as_csv(rewritten), as_json(MONTH))
    assert result.matches, messages(result)
    assert result.warnings == ()
    dropped = reconcile(as_csv(rewritten[:4] + rewritten[5:]), as_json(MONTH))
    assert kinds(dropped)[0] == "incomplete"
    assert "lineItems[4]" in messages(dropped)


@pytest.mark.parametrize("field", [{"quantity": "2"}, {"price": "2"}, {"cluster": "two"}])
def test_of_items_with_one_day_and_amount_the_one_without_its_line_is_named(field: dict[str, str]) -> None:
    one = Line(amount="0.32", quantity="1", price="1", cluster="one")
    lines = [one, evolve(one, **field), one]
    assert "(lineItems[1] " in messages(reconcile(as_csv([lines[0], lines[2]]), as_json(lines)))


def test_of_lines_with_one_day_and_amount_the_one_with_other_tags_has_no_item() -> None:
    lines = [Line(amount="1.00", tags={"team": team}) for team in "abc"]
    result = reconcile(as_csv(lines), as_json(lines[1:]))
    [line] = [difference for difference in result.differences if difference.kind == "line"]
    assert line.key == "7"


@given(
    st.lists(
        st.builds(
            lambda cents, day, project: Line(amount=f"0.{cents:02d}", day=day, project=project),
            st.integers(1, 20),
            st.integers(1, 6),
            st.sampled_from([ALPHA, BETA]),
        ),
        min_size=2,
        max_size=15,
    ),
    st.data(),
)
def test_amounts_swapped_between_projects_are_a_difference(lines: list[Line], data: st.DataObject) -> None:
    one, other = data.draw(st.lists(st.sampled_from(range(len(lines))), min_size=2, max_size=2, unique=True))
    swapped = list(lines)
    swapped[one] = evolve(lines[one], amount=lines[other].amount)
    swapped[other] = evolve(lines[other], amount=lines[one].amount)
    same = sorted((line.project, line.amount) for line in lines) == sorted(
        (line.project, line.amount) for line in swapped
    )
    result = reconcile(as_csv(swapped), as_json(lines))
    assert result.matches == same
    assert same or "project" in kinds(result)


# --- the sign of credits ---------------------------------------------------------------------------------------------


def credits_of(*amounts: str) -> list[Line]:
    return [Line(amount="30.00"), *(Line(project=None, text="Credit", code="CREDIT", amount=a, day=3) for a in amounts)]


UNSTATED = {"creditsCents": ..., "amountBilledCents": ..., "subtotalCents": 3000}


@pytest.mark.parametrize("written", [("5.00", "-5.00"), ("-5.00", "5.00"), ("5.00", "-3.00")])
def test_one_credit_of_two_with_another_sign_is_a_difference(written: tuple[str, str]) -> None:
    theirs = ("-5.00", "-5.00") if "3.00" not in written[1] else ("-5.00", "-3.00")
    for changed in (written, written[::-1]):
        result = reconcile(as_csv(credits_of(*changed)), as_json(credits_of(*theirs), **UNSTATED))
        assert not result.matches
        assert "line" in kinds(result)
        assert not any("opposite signs" in warning for warning in result.warnings)


@pytest.mark.parametrize("amounts", [("5.00", "5.00"), ("5.00", "-3.00"), ("0.00", "7.00")])
def test_credits_that_all_have_the_other_sign_match_with_a_warning(amounts: tuple[str, ...]) -> None:
    for one, other in (*pairwise([amounts, tuple(f"{-float(a):.2f}" for a in amounts), amounts]),):
        result = reconcile(as_csv(credits_of(*one)), as_json(credits_of(*other), **UNSTATED))
        assert result.matches, messages(result)
        count = "1 credit has" if "0.00" in amounts else "2 credits have"
        assert result.warnings == (f"{count} opposite signs in the CSV and the invoice",)


def test_credits_under_one_name_on_both_sides_may_have_opposite_signs() -> None:
    ours = [Line(amount="30.00"), Line(project=None, text="Credit", code="Credit", amount="5.00")]
    theirs = [ours[0], evolve(ours[1], amount="-5.00")]
    result = reconcile(as_csv(ours), as_json(theirs, **UNSTATED))
    assert result.matches, messages(result)
