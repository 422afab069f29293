"""Amounts that changed places within a project: every sum agrees, and yet the CSV isn't the invoice."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from atlas_invoices._money import reconcile
from reconcile_cases import ALPHA, BETA, LINES, Line, as_csv, as_json, kinds, told

if TYPE_CHECKING:
    from collections.abc import Sequence

# A month of two clusters: what a day costs differs but for the storage.
MONTH = [
    line
    for day in range(1, 11)
    for line in (
        Line(day=day, amount=f"{30 + day}.50", cluster="main", quantity=f"{20 + day}", price="1.5"),
        Line(day=day, amount="0.32", cluster="main", quantity="1857.5", price="0.000173"),
        Line(day=day, amount=f"0.{90 - day}", cluster="other", quantity=f"{day}.25", price="0.12"),
    )
]


def swapped(lines: Sequence[Line], one: int, other: int) -> list[Line]:
    """Those lines, the amounts of two of them exchanged."""
    changed = list(lines)
    changed[one] = evolve(lines[one], amount=lines[other].amount)
    changed[other] = evolve(lines[other], amount=lines[one].amount)
    return changed


def bare(lines: Sequence[Line]) -> list[Line]:
    """Without what could show on which line an amount belongs, but for the day."""
    return [evolve(line, cluster="", quantity="", price="") for line in lines]


def test_amounts_swapped_between_two_days() -> None:
    lines = bare(MONTH)
    result = reconcile(as_csv(swapped(lines, 0, 5)), as_json(lines))
    assert kinds(result) == ["day", "day"]
    assert {difference.key for difference in result.differences} == {"7", "12"}
    assert told(result).splitlines()[0] == (
        "line 7 of the CSV (project A (aaaaaaaaaaaaaaaaaaaaaaaa)) has 0.88 on 2024-06-01; the invoice has that on "
        "2024-06-02: amounts of this project have changed places"
    )
    assert (result.differences[0].csv, result.differences[0].invoice) == ("2024-06-01", "2024-06-02")


def test_amounts_passed_on_among_three_days() -> None:
    lines = bare(MONTH)
    result = reconcile(as_csv(swapped(swapped(lines, 0, 5), 5, 12)), as_json(lines))
    assert kinds(result) == ["day"] * 3


def test_a_swap_shows_beside_lines_that_only_stand_on_another_day() -> None:
    lines = [*bare(MONTH), Line(amount="149.00", day=1), Line(amount="12.00", day=10)]
    moved = [*swapped(bare(MONTH), 3, 8), Line(amount="149.00", day=11), Line(amount="12.00", day=12)]
    result = reconcile(as_csv(moved), as_json(lines))
    assert kinds(result) == ["day", "day"]
    assert "4 lines have another day" in " ".join(result.warnings)


@pytest.mark.parametrize("shift", [1, 2, 5, -1])
def test_days_that_are_all_shifted_alike_are_forgiven(shift: int) -> None:
    lines = [evolve(line, day=line.day + 5) for line in MONTH]
    result = reconcile(as_csv([evolve(line, day=line.day + shift) for line in lines]), as_json(lines))
    assert result.matches, told(result)
    assert any("another day" in warning for warning in result.warnings)


def test_days_of_one_kind_of_lines_that_are_shifted_alike_are_forgiven() -> None:
    shifted = [evolve(line, day=line.day + (line.cluster == "other")) for line in MONTH]
    result = reconcile(as_csv(shifted), as_json(MONTH))
    assert result.matches, told(result)
    assert any(warning.startswith("10 lines have another day") for warning in result.warnings)


def test_one_side_that_has_one_day_for_all_is_forgiven() -> None:
    for day in (1, 5, 28):
        assert reconcile(as_csv(MONTH), as_json([evolve(line, day=day) for line in MONTH])).matches
        assert reconcile(as_csv([evolve(line, day=day) for line in MONTH]), as_json(MONTH)).matches


def test_an_invoice_without_days_is_forgiven() -> None:
    invoice = as_json(bare(MONTH))
    for item in invoice.line_items or []:
        item.start_date = None
    assert reconcile(as_csv(bare(MONTH)), invoice).matches


def test_items_of_several_days_may_stand_on_any_of_them() -> None:
    items = [Line(amount="5.00", day=1, until=11), Line(amount="7.00", day=8, until=9), Line(amount="9.00", day=1)]
    moved = [evolve(items[0], day=8), evolve(items[1], day=1), items[2]]
    single = [evolve(items[0], until=2), *items[1:]]
    assert kinds(reconcile(as_csv(moved), as_json(single))) == ["day", "day"]
    assert reconcile(as_csv(moved), as_json(items)).matches
    # The end of an item is the first day that it has no part in.
    assert not reconcile(as_csv(moved), as_json([evolve(items[0], until=8), *items[1:]])).matches


def test_an_item_of_several_days_may_not_stand_before_them() -> None:
    items = [Line(amount="5.00", day=8, until=20), Line(amount="7.00", day=1, until=2)]
    moved = [evolve(items[0], day=1), evolve(items[1], day=8)]
    assert kinds(reconcile(as_csv(moved), as_json(items))) == ["day", "day"]


@pytest.mark.parametrize("untils", [(11, 3), (3, 11)])
def test_of_equal_items_the_longest_counts(untils: tuple[int, int]) -> None:
    items = [*(Line(amount="5.00", day=1, until=until) for until in untils), Line(amount="7.00", day=8)]
    moved = [items[0], evolve(items[1], day=8), evolve(items[2], day=1)]
    assert reconcile(as_csv(moved), as_json(items)).matches


def test_items_without_a_day_or_with_an_end_before_all_days() -> None:
    lines = [Line(amount="5.00", day=day) for day in (1, 2, 3)]
    invoice = as_json(lines)
    assert invoice.line_items
    invoice.line_items[0].start_date = None
    moved = reconcile(as_csv([evolve(line, day=line.day + 5) for line in lines]), invoice)
    assert moved.matches, told(moved)
    invoice.line_items[1].end_date = datetime.min.replace(tzinfo=UTC)
    assert reconcile(as_csv([evolve(line, day=line.day + 5) for line in lines]), invoice).matches


@pytest.mark.parametrize(
    ("differing", "kind"),
    [({"quantity": "2"}, "quantity"), ({"price": "2"}, "unit_price"), ({"cluster": "two"}, "cluster")],
)
def test_amounts_swapped_on_one_day(differing: dict[str, str], kind: str) -> None:
    one = Line(amount="38.88", quantity="1", price="1", cluster="one")
    lines = [one, evolve(one, amount="0.95", **differing), *LINES]
    assert reconcile(as_csv(lines), as_json(lines)).matches
    result = reconcile(as_csv(swapped(lines, 0, 1)), as_json(lines))
    assert kinds(result) == [kind, kind]
    assert "have changed places" in told(result)


def test_a_line_is_named_once_however_much_shows_it() -> None:
    result = reconcile(as_csv(swapped(MONTH, 0, 5)), as_json(MONTH))
    assert kinds(result) == ["day", "day"]


def test_many_swaps_are_summed_up() -> None:
    lines = [Line(amount=f"{number}.00", day=1 + number % 2) for number in range(1, 101)]
    result = reconcile(as_csv([evolve(line, day=3 - line.day) for line in lines]), as_json(lines))
    assert kinds(result) == ["day"] * 21
    assert "80 more lines" in told(result)


def test_quantities_prices_and_clusters_that_are_written_otherwise_are_forgiven() -> None:
    otherwise = [
        evolve(
            line, quantity=f"{float(line.quantity) / 1000}", price=f"{float(line.price):.2f}", cluster=line.cluster * 2
        )
        for line in MONTH
    ]
    result = reconcile(as_csv(otherwise), as_json(MONTH))
    assert result.matches, told(result)
    assert result.warnings == ()
    dropped = reconcile(as_csv(otherwise[:4] + otherwise[5:]), as_json(MONTH))
    assert kinds(dropped)[0] == "incomplete"
    assert "lineItems[4]" in told(dropped)


@given(st.data())
def test_any_swap_within_a_project_is_told_and_between_projects_too(data: st.DataObject) -> None:
    lines = data.draw(
        st.lists(
            st.builds(
                lambda cents, day, project: Line(amount=f"0.{cents:02d}", day=day, project=project),
                st.integers(1, 20),
                st.integers(1, 6),
                st.sampled_from([ALPHA, BETA]),
            ),
            min_size=2,
            max_size=15,
        )
    )
    one, other = data.draw(st.lists(st.integers(0, len(lines) - 1), min_size=2, max_size=2, unique=True))
    changed = swapped(lines, one, other)
    same = sorted((line.project, line.day, line.amount) for line in lines) == sorted(
        (line.project, line.day, line.amount) for line in changed
    )
    assert reconcile(as_csv(changed), as_json(lines)).matches == same


@given(
    st.lists(st.tuples(st.integers(1, 20), st.integers(1, 9)), min_size=1, max_size=15),
    st.lists(st.integers(0, 9), min_size=20, max_size=20),
)
def test_days_that_only_move_forward_are_never_a_difference(lines: list[tuple[int, int]], steps: list[int]) -> None:
    """Whatever the CSV's notion of a day, if it's never before the invoice's."""
    ours = [Line(amount=f"0.{cents:02d}", day=day) for cents, day in lines]
    moved = [evolve(line, day=line.day + step) for line, step in zip(ours, steps, strict=False)]
    result = reconcile(as_csv(moved), as_json(ours))
    assert result.matches, told(result)


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
def test_credits_that_all_have_the_other_sign_are_forgiven(amounts: tuple[str, ...]) -> None:
    for one, other in (*pairwise([amounts, tuple(f"{-float(a):.2f}" for a in amounts), amounts]),):
        result = reconcile(as_csv(credits_of(*one)), as_json(credits_of(*other), **UNSTATED))
        assert result.matches, told(result)
        count = "1 credit has" if "0.00" in amounts else "2 credits have"
        assert result.warnings == (f"{count} opposite signs in the CSV and the invoice",)


def test_credits_under_one_name_on_both_sides_may_have_opposite_signs() -> None:
    ours = [Line(amount="30.00"), Line(project=None, text="Credit", code="Credit", amount="5.00")]
    theirs = [ours[0], evolve(ours[1], amount="-5.00")]
    result = reconcile(as_csv(ours), as_json(theirs, **UNSTATED))
    assert result.matches, told(result)


def test_of_lines_of_one_day_and_amount_the_one_with_other_tags_has_no_item() -> None:
    lines = [Line(amount="1.00", tags={"team": team}) for team in "abc"]
    result = reconcile(as_csv(lines), as_json(lines[1:]))
    [line] = [difference for difference in result.differences if difference.kind == "line"]
    assert line.key == "7"
