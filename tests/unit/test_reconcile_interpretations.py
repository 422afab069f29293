"""What isn't documented is read in the way that fits, and only where it fits."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from atlas_invoices import reconcile
from reconcile_cases import ALPHA, BETA, CREDIT, INVOICE_ID, LINES, ORG_ID, Line, as_csv, as_json, kinds, messages

# --- the header ------------------------------------------------------------------------------------------------------


def test_ids_may_be_written_in_capitals() -> None:
    invoice = as_json(LINES, id=INVOICE_ID.upper(), orgId=ORG_ID.upper())
    assert reconcile(as_csv(LINES), invoice).matches


@pytest.mark.parametrize(
    ("start", "end", "same"),
    [
        ("2024-06-01", "2024-06-30", True),
        ("2024-06-01", "2024-07-01", True),
        ("2024-06-01", "2024-07-02", False),
        ("2024-06-01", "2024-06-29", False),
        ("2024-06-02", "2024-07-01", False),
        ("2024-05-31", "2024-07-01", False),
    ],
)
def test_the_period_is_compared_by_its_first_and_last_day(start: str, end: str, same: bool) -> None:
    result = reconcile(as_csv(LINES), as_json(LINES, startDate=f"{start}T00:00:00Z", endDate=f"{end}T00:00:00Z"))
    assert kinds(result) == ([] if same else ["period"])


# --- linked invoices -------------------------------------------------------------------------------------------------

THEIRS = [Line(amount="3.00", project="c" * 24), evolve(CREDIT, amount="-0.50")]


def test_sums_of_linked_invoices_are_added_field_by_field() -> None:
    linked = as_json(THEIRS).to_dict()
    own = as_json(LINES).to_dict()
    fields = ("subtotalCents", "creditsCents", "salesTaxCents", "amountBilledCents")
    together = as_json(LINES, linkedInvoices=[linked])
    result = reconcile(as_csv([*LINES, *THEIRS]), together)
    assert result.matches, messages(result)
    assert any("the linked invoices' sums are added" in note for note in result.notes)
    for field in fields:
        off = as_json(LINES, linkedInvoices=[linked], **{field: own[field] + 1})
        assert not reconcile(as_csv([*LINES, *THEIRS]), off).matches


def test_where_both_readings_leave_as_much_the_invoices_own_line_items_count() -> None:
    linked = as_json(THEIRS, salesTaxCents=0).to_dict()
    result = reconcile(as_csv([*LINES, THEIRS[0]]), as_json(LINES, linkedInvoices=[linked]))
    assert kinds(result)[0] == "count"
    assert "0 items have no line, 1 line has no item" in messages(result)
    assert not any("the line items fit best" in note for note in result.notes)


# --- sums ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["subtotalCents", "creditsCents"])
def test_no_line_items_beside_sums_are_none_that_were_sent(field: str) -> None:
    sums: dict[str, Any] = {"subtotalCents": 0, "creditsCents": 0, "salesTaxCents": 0, "amountBilledCents": ...}
    lines = [Line(amount="4.00")] if field == "subtotalCents" else [evolve(CREDIT, amount="-4.00")]
    sums[field] = 400 if field == "subtotalCents" else -400
    result = reconcile(as_csv(lines), as_json([], **sums))
    assert result.matches, messages(result)
    assert any("has no line items" in note for note in result.notes)


def test_a_reading_that_explains_nothing_is_not_noted() -> None:
    lines = [*LINES, Line(amount="-2.00", text="Adjustment", code="ADJUSTMENT")]
    wrong = {"subtotalCents": 5, "creditsCents": 6, "amountBilledCents": 7}
    result = reconcile(as_csv(lines), as_json(lines, **wrong))
    assert kinds(result) == ["subtotal", "credits", "amount_billed"]
    assert not any("the invoice's sums fit" in note for note in result.notes)


def test_messages_say_whether_a_sum_is_over_or_short() -> None:
    result = reconcile(as_csv(LINES), as_json(LINES, subtotalCents=19482, creditsCents=-149))
    assert [d.message.rpartition(": ")[2] for d in result.differences] == [
        "the CSV is 0.01 short",
        "the CSV is 0.01 over",
    ]


def test_the_line_items_rounding_is_listed_only_if_all_lines_are_matched() -> None:
    lines = [Line(amount="1.004", cents=100), Line(amount="2.00")]
    assert reconcile(as_csv(lines), as_json(lines)).rounding[0].key == "lineItems"
    assert all(d.key != "lineItems" for d in reconcile(as_csv(lines[:1]), as_json(lines)).rounding)


# --- lines -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("amount", ["0.125", "-0.125"])
def test_half_a_cent_of_credit_may_be_rounded_down_and_have_the_other_sign(amount: str) -> None:
    ours = [Line(amount="5.00"), evolve(CREDIT, amount=amount)]
    for cents in (-12, -13, 12, 13):
        theirs = [ours[0], evolve(CREDIT, amount="0.125", cents=cents)]
        sums = {"subtotalCents": 500, "creditsCents": cents, "amountBilledCents": 500 - abs(cents) + 777}
        result = reconcile(as_csv(ours), as_json(theirs, **sums))
        assert result.matches, (cents, messages(result))
    theirs = [ours[0], evolve(CREDIT, amount="0.125", cents=-14)]
    assert not reconcile(as_csv(ours), as_json(theirs, **sums)).matches


def test_a_tag_without_a_value_is_none() -> None:
    invoice = as_json([evolve(LINES[0], tags={"team": ""}), *LINES[1:]])
    assert reconcile(as_csv(LINES), invoice).warnings == ()


def test_of_equal_lines_on_another_day_as_many_are_forgiven_as_there_are_items() -> None:
    lines = [Line(amount="2.00", day=1)] * 2
    result = reconcile(as_csv([evolve(lines[0], day=2)] * 3), as_json(lines))
    assert result.warnings == ("2 lines have a different day in the CSV than in the invoice, with the same amount",)
    assert "0 items have no line, 1 line has no item" in messages(result)


def test_the_item_of_the_day_that_lacks_its_line_is_named_whatever_the_tags() -> None:
    lines = [Line(amount="2.00", day=day, tags={"team": "a"}) for day in range(1, 10)]
    ours = [evolve(line, tags={"team": "b"}) for line in lines if line.day != 4]
    assert "(lineItems[3] NDS_AWS_INSTANCE_M10)" in messages(reconcile(as_csv(ours), as_json(lines)))


def test_of_equal_items_the_last_is_missing() -> None:
    result = reconcile(as_csv(LINES[1:]), as_json(LINES))
    assert "(lineItems[3] NDS_AWS_INSTANCE_M10)" in messages(result)


def test_the_sums_of_projects_count_every_one_of_equal_lines() -> None:
    extra = [Line(amount="4.00", project=BETA)] * 2
    result = reconcile(as_csv([*LINES, *extra]), as_json([*LINES, Line(amount="8.00", project=ALPHA)]))
    projects = {d.key: (d.csv, d.invoice) for d in result.differences if d.kind == "project"}
    assert projects == {ALPHA: (3845, 4645), BETA: (1536, 736)}
    result = reconcile(as_csv([*LINES, *extra]), as_json([*LINES, Line(amount="8.00", project=BETA)]))
    assert "project" not in kinds(result)


def test_a_changed_line_is_shown_beside_the_item_with_the_nearest_amount() -> None:
    items = [Line(amount="9.00"), Line(amount="1.00"), Line(amount="5.00")]
    result = reconcile(as_csv([Line(amount="1.01"), Line(amount="5.00")]), as_json(items))
    lines = [d for d in result.differences if d.kind == "line"]
    assert [(d.csv, d.invoice) for d in lines] == [(101, 100), (None, 900)]


# --- Discount Percent ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("price", "quantity", "discount", "amount", "unit"),
    [
        # Half a cent may be rounding ...
        ("0.004", "1", "50", "0.005", "percent"),
        ("0.004", "1", "50", "0.008", None),
        # ... and so may a thousandth of what it costs without the discount, since prices are shown with few digits.
        ("1", "1000", "10", "900.9", "percent"),
        ("1", "1000", "10", "901.1", None),
    ],
)
def test_how_near_an_amount_has_to_be_to_show_the_unit(
    price: str, quantity: str, discount: str, amount: str, unit: str | None
) -> None:
    line = Line(price=price, quantity=quantity, discount=discount, amount=amount, cents=1)
    assert reconcile(as_csv([line]), as_json([line])).discount_unit == unit


# --- credits ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("billed", "matches"), [(1200, True), (600, False), (900, False)])
def test_a_credit_that_takes_back_another_raises_what_is_billed(billed: int, matches: bool) -> None:
    lines = [Line(amount="9.00"), evolve(CREDIT, amount="5.00"), evolve(CREDIT, amount="-2.00")]
    stated = {"subtotalCents": 900, "creditsCents": 300, "salesTaxCents": 0, "amountBilledCents": billed}
    result = reconcile(as_csv(lines), as_json(lines, **stated))
    assert result.matches == matches, messages(result)


# --- projects --------------------------------------------------------------------------------------------------------


def test_projects_are_compared_where_both_sides_have_them() -> None:
    nameless = [evolve(line, project=None) for line in LINES]
    renamed = as_csv(LINES).replace(b",Project ID,", b",Project Identifier,")
    for csv, invoice in ((as_csv(LINES), as_json(nameless)), (renamed, as_json(LINES))):
        result = reconcile(csv, invoice)
        assert result.matches, messages(result)
        assert any("compared without project IDs" in note for note in result.notes)
        changed = reconcile(csv.replace(b"149.00", b"149.01"), invoice)
        assert {"total", "line"} <= set(kinds(changed))
        assert "project" not in kinds(changed)


def test_of_many_projects_that_differ_the_largest_are_named() -> None:
    lines = [Line(amount=f"{number}.00", project=f"{number:024x}") for number in range(1, 31)]
    changed = [evolve(line, amount=f"{line.amount[:-2]}50") for line in lines[:-1]]
    result = reconcile(as_csv([*changed, evolve(lines[-1], amount="99.00")]), as_json(lines))
    projects = [difference for difference in result.differences if difference.kind == "project"]
    assert projects[0].key == f"{30:024x}"
    assert len(projects) == 21
    assert projects[-1].message == "10 more projects differ by less"


# --- sums ------------------------------------------------------------------------------------------------------------


def test_no_sum_is_said_to_differ_by_nothing() -> None:
    lines = [Line(amount="0.004", cents=0)] * 100
    stated = {"subtotalCents": 40, "creditsCents": 0, "salesTaxCents": 0, "amountBilledCents": 0}
    result = reconcile(as_csv(lines), as_json(lines, **stated))
    assert kinds(result) == ["amount_billed"]
