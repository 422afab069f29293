"""Whether a CSV adds up to its invoice: what matches, what doesn't, and that the reason is said."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from atlas_invoices import BillingInvoice, owed, read_csv, reconcile
from atlas_invoices_client.models import BillingInvoiceMetadata
from reconcile_cases import ALPHA, BETA, CREDIT, INVOICE_ID, LINES, ORG_ID, Line, as_csv, as_json, kinds, messages

# --- what matches ----------------------------------------------------------------------------------------------------


def test_an_invoice_and_its_csv() -> None:
    result = reconcile(as_csv(LINES), as_json(LINES))
    assert result.differences == ()
    assert result.matches
    assert result.rounding == ()
    assert (result.csv.lines, result.invoice.lines) == (7, 7)
    assert (result.csv.total_cents, result.invoice.total_cents) == (Decimal(19331), Decimal(19331))
    assert (result.csv.subtotal_cents, result.invoice.subtotal_cents) == (Decimal(19481), Decimal(19481))
    assert (result.csv.credits_cents, result.invoice.credits_cents) == (Decimal(-150), Decimal(-150))
    assert (result.csv.sales_tax_cents, result.invoice.sales_tax_cents) == (None, Decimal(777))
    assert result.discount_unit is None


def test_every_kind_of_source(tmp_path: Any) -> None:
    path = tmp_path / "june.csv"
    path.write_bytes(as_csv(LINES))
    invoice = as_json(LINES)
    assert reconcile(path, invoice).matches
    assert reconcile(str(path), invoice).matches
    assert reconcile(io.BytesIO(as_csv(LINES)), invoice).matches
    assert reconcile([as_csv(LINES)[:100], as_csv(LINES)[100:]], invoice).matches
    assert reconcile(read_csv(path), invoice).matches


@pytest.mark.parametrize("value", [BillingInvoiceMetadata(), INVOICE_ID, None, as_csv(LINES)])
def test_anything_but_an_invoice_is_a_type_error(value: Any) -> None:
    for csv in (as_csv(LINES), as_json(LINES)):
        with pytest.raises(
            TypeError, match=r"reconcile\(csv, invoice\): the invoice must be a BillingInvoice, as get_invoice\("
        ):
            reconcile(csv, value)  # type: ignore[arg-type] # an invoice as the CSV is what swapped arguments give


def test_the_error_for_a_dict_says_how_to_convert_it() -> None:
    for function in (lambda: reconcile(as_csv(LINES), {}), lambda: owed({})):  # type: ignore[arg-type] # the mistake
        with pytest.raises(TypeError, match=r"not dict; convert JSON with BillingInvoice\.from_dict\("):
            function()


def test_anything_but_a_csv_is_a_type_error() -> None:
    with pytest.raises(TypeError, match=r"an invoice CSV is a path, bytes, a binary file .* not BillingInvoice"):
        reconcile(as_json(LINES), as_json(LINES))  # type: ignore[arg-type] # that's the mistake


@pytest.mark.parametrize(
    "fields", [{}, {"id": INVOICE_ID, "orgId": ORG_ID}, {"creditsCents": 0, "salesTaxCents": 0}, {"lineItems": None}]
)
@pytest.mark.parametrize("lines", [[], LINES], ids=["no lines", "lines"])
def test_an_invoice_with_nothing_to_compare_does_not_match(fields: dict[str, object], lines: list[Line]) -> None:
    result = reconcile(as_csv(lines), BillingInvoice.from_dict(fields))
    assert "nothing_to_compare" in kinds(result)
    assert "nothing to compare the CSV with" in messages(result)


def test_the_order_of_lines_does_not_matter() -> None:
    assert reconcile(as_csv(LINES[::-1]), as_json(LINES)).matches


def test_an_empty_invoice() -> None:
    assert reconcile(as_csv([]), as_json([], salesTaxCents=0, amountBilledCents=0)).matches


def test_the_sign_of_a_credit_may_differ() -> None:
    positive = [*LINES[:5], evolve(CREDIT, amount="1.50"), LINES[6]]
    result = reconcile(as_csv(positive), as_json(LINES))
    assert result.matches, messages(result)
    assert any("opposite signs" in warning for warning in result.warnings)
    result = reconcile(as_csv(LINES), as_json(LINES, creditsCents=150))
    assert result.matches, messages(result)


def test_a_project_called_credit_is_no_credit() -> None:
    lines = [Line(project="CreditCheck", amount="5.00", text="Credit Check"), CREDIT]
    result = reconcile(as_csv(lines), as_json(lines))
    assert result.matches, messages(result)
    assert (result.csv.subtotal_cents, result.csv.credits_cents) == (Decimal(500), Decimal(-150))


def test_discounts_already_taken_off_the_total_or_not() -> None:
    taken = [Line(amount="9.00", cents=900, discount_cents=100), Line(amount="1.00")]
    sums = {"subtotalCents": 1000, "amountBilledCents": 1777}
    result = reconcile(as_csv(taken), as_json(taken, **sums))
    assert result.matches, messages(result)
    before = [evolve(taken[0], cents=1000), taken[1]]
    result = reconcile(as_csv(before), as_json(before))
    assert result.matches, messages(result)
    assert any("minus discountCents" in note for note in result.notes)


# Lines of 188.00, credits of 1.50, tax of 7.77.
BALANCE = {"startingBalanceCents": 10_000}


def test_the_starting_balance_is_subtracted_from_the_amount_billed() -> None:
    billed = as_json(LINES).amount_billed_cents
    assert isinstance(billed, int)
    result = reconcile(as_csv(LINES), as_json(LINES, **BALANCE, amountBilledCents=billed - 10_000))
    assert result.matches, messages(result)
    (warning,) = result.warnings
    assert warning == (
        "the starting balance of 100.00 (startingBalanceCents), which isn't in the CSV, was subtracted to compare the "
        "CSV with amountBilledCents"
    )
    result = reconcile(as_csv(LINES), as_json(LINES, **BALANCE, amountBilledCents=billed - 10_001))
    assert [d.key for d in result.differences] == ["amountBilledCents"]
    assert "less the starting balance of 100.00 (startingBalanceCents) add up to" in messages(result)
    assert messages(result).endswith("(amountBilledCents): the CSV is 0.01 over")


def test_the_amount_billed_may_be_what_it_was_before_the_starting_balance() -> None:
    result = reconcile(as_csv(LINES), as_json(LINES, **BALANCE))
    assert result.matches, messages(result)
    assert result.warnings == ()
    assert "the invoice's sums fit if amountBilledCents doesn't subtract startingBalanceCents" in result.notes


def test_a_starting_balance_without_an_amount_billed_is_compared_with_nothing() -> None:
    result = reconcile(as_csv(LINES), as_json(LINES, **BALANCE, amountBilledCents=...))
    assert result.matches, messages(result)
    assert result.warnings == ()


def test_the_amount_billed_may_be_without_tax() -> None:
    result = reconcile(as_csv(LINES), as_json(LINES, amountBilledCents=19331))
    assert result.matches, messages(result)
    assert any("excludes the tax" in note for note in result.notes)


@pytest.mark.parametrize("kind", ["credits", "subtotal"])
def test_a_negative_line_that_is_no_credit(kind: str) -> None:
    lines = [*LINES, Line(amount="-2.00", text="Adjustment", code="ADJUSTMENT")]
    fields = {"credits": {}, "subtotal": {"subtotalCents": 19281, "creditsCents": -150}}[kind]
    result = reconcile(as_csv(lines), as_json(lines, **fields))
    assert result.matches, messages(result)
    assert any("negative lines" in note for note in result.notes)


@pytest.mark.parametrize("with_linked_sums", [True, False])
def test_lines_of_linked_invoices(with_linked_sums: bool) -> None:
    linked = as_json([Line(amount="3.00", project="c" * 24)], salesTaxCents=0, amountBilledCents=300).to_dict()
    own = as_json(LINES, linkedInvoices=[linked])
    assert reconcile(as_csv(LINES), own).matches
    more = {"subtotalCents": 19781, "amountBilledCents": 19631 + 777} if with_linked_sums else {}
    together = as_json(LINES, linkedInvoices=[linked], **more)
    result = reconcile(as_csv([*LINES, Line(amount="3.00", project="c" * 24)]), together)
    assert result.matches, messages(result)
    assert any("linked invoices" in note for note in result.notes)


def test_days_and_tags_may_differ_and_are_noted() -> None:
    result = reconcile(as_csv([evolve(line, day=line.day + 1) for line in LINES]), as_json(LINES))
    assert result.matches, messages(result)
    assert result.warnings == ("7 lines have a different day in the CSV than in the invoice, with the same amount",)
    tagged = [evolve(line, tags={"team": "search"}) for line in LINES[:2]] + LINES[2:]
    result = reconcile(as_csv(LINES), as_json(tagged))
    assert result.matches, messages(result)
    assert result.warnings == (
        "2 lines have different tags in the CSV than in the invoice; tags may have changed since",
    )


def test_changed_tags_are_not_taken_for_a_cut_file() -> None:
    two = [Line(amount="1.00", tags={"team": "a"}), Line(amount="1.00", tags={"team": "b"})]
    renamed = [evolve(line, tags={"team": "c"}) for line in two]
    assert reconcile(as_csv(renamed), as_json(two)).matches
    assert reconcile(as_csv([two[0], renamed[1]]), as_json(two)).matches


def test_an_invoice_without_line_items_is_compared_by_its_sums() -> None:
    result = reconcile(as_csv(LINES), as_json(LINES, lineItems=...))
    assert result.matches, messages(result)
    assert result.invoice.lines is None
    assert any("has no line items" in note for note in result.notes)
    result = reconcile(as_csv(LINES[1:]), as_json(LINES, lineItems=[]))
    assert kinds(result) == ["subtotal", "amount_billed"]
    assert "the CSV is 19.20 short" in messages(result)


def test_sums_that_the_invoice_does_not_state_are_noted() -> None:
    nothing = as_json(LINES, subtotalCents=..., creditsCents=None, salesTaxCents=..., amountBilledCents=...)
    result = reconcile(as_csv(LINES), nothing)
    assert result.matches, messages(result)
    assert sum("not compared: the invoice doesn't have it" in note for note in result.notes) == 4


def test_a_file_without_a_preamble_is_compared_without_it() -> None:
    result = reconcile(as_csv(LINES, preamble=False), as_json(LINES))
    assert result.matches, messages(result)
    assert sum("not compared: the CSV has none" in note for note in result.notes) == 3


# --- fractions of a cent ---------------------------------------------------------------------------------------------

FRACTIONS = [
    Line(amount="0.1249", cents=12),
    Line(amount="0.1251", cents=13, project=BETA),
    Line(amount="0.125", cents=12, day=2),
    Line(amount="0.125", cents=13, day=2),
    Line(amount="0.13", cents=13, day=2),
    Line(amount="1.00"),
]


def test_fractions_of_a_cent_are_listed_as_rounding() -> None:
    result = reconcile(as_csv(FRACTIONS), as_json(FRACTIONS, subtotalCents=163, amountBilledCents=163 + 777))
    assert result.matches, messages(result)
    assert {difference.key for difference in result.rounding} == {"lineItems"}
    result = reconcile(as_csv(FRACTIONS[1:]), as_json(FRACTIONS[1:]))
    assert result.matches, messages(result)
    assert [difference.key for difference in result.rounding] == ["lineItems", "subtotalCents", "amountBilledCents"]
    assert result.rounding[1].csv == Decimal("150.51")


def test_a_cent_is_a_cent_even_among_fractions() -> None:
    changed = [*FRACTIONS[:1], evolve(FRACTIONS[1], amount="0.1351"), *FRACTIONS[2:]]
    result = reconcile(as_csv(changed), as_json(FRACTIONS))
    assert not result.matches
    assert "line" in kinds(result)


def test_a_dropped_line_does_not_hide_behind_many_fractions() -> None:
    lines = [*[Line(amount="0.001", cents=0)] * 1000, Line(amount="3.00")]
    for stated in (400, 300):  # the sum was rounded, or each line
        sums = {"lineItems": ..., "subtotalCents": stated, "amountBilledCents": stated + 777}
        result = reconcile(as_csv(lines), as_json(lines, **sums))
        assert result.matches, messages(result)
        result = reconcile(as_csv(lines[:-1]), as_json(lines, **sums))
        assert kinds(result) == ["subtotal", "amount_billed"]


# --- what doesn't match ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dropped", range(len(LINES)))
def test_a_dropped_line(dropped: int) -> None:
    result = reconcile(as_csv(LINES[:dropped] + LINES[dropped + 1 :]), as_json(LINES))
    assert not result.matches
    assert kinds(result)[0] == "incomplete"
    lost = LINES[dropped]
    assert f"lacks 1 of the invoice's 7 line items, {lost.amount} in total" in messages(result)
    assert ("ends early" in messages(result)) == (dropped == len(LINES) - 1)


@pytest.mark.parametrize("changed", range(len(LINES)))
@pytest.mark.parametrize("by", [1, -1, 100])
def test_a_line_changed_by_a_cent(changed: int, by: int) -> None:
    old = LINES[changed]
    new = evolve(old, amount=str(Decimal(old.amount) + Decimal(by) / 100))
    result = reconcile(as_csv([*LINES[:changed], new, *LINES[changed + 1 :]]), as_json(LINES))
    assert not result.matches
    assert {"total", "project", "line"} <= set(kinds(result))
    [line] = [difference for difference in result.differences if difference.kind == "line"]
    number = 7 + changed
    if old != LINES[0]:  # one of the two equal lines is as good as the other
        assert line.message.startswith(f"line {number} of the CSV ")
        assert f"lineItems[{changed}]" in line.message
    assert (line.csv, line.invoice) == (Decimal(new.amount) * 100, Decimal(old.amount) * 100)


def test_an_extra_line() -> None:
    extra = Line(amount="4.00", project="c" * 24, day=5)
    result = reconcile(as_csv([*LINES, extra]), as_json(LINES))
    assert kinds(result) == ["count", "total", "project", "line", "subtotal", "amount_billed"]
    assert "line 14 of the CSV (project C (" in messages(result)
    assert "the invoice has no such line item" in messages(result)
    project = next(difference for difference in result.differences if difference.kind == "project")
    assert (project.key, project.csv, project.invoice) == ("c" * 24, 400, 0)


def test_lines_twice_over() -> None:
    result = reconcile(as_csv([*LINES, *LINES]), as_json(LINES))
    assert kinds(result).count("line") == 6
    assert "line 17 of the CSV and 1 more like it" in messages(result)
    assert "14 lines, the invoice 7 line items: 0 items have no line, 7 lines have no item" in messages(result)


def test_an_amount_moved_to_another_project() -> None:
    moved = [evolve(LINES[0], project=BETA), *LINES[1:]]
    result = reconcile(as_csv(moved), as_json(LINES))
    assert kinds(result) == ["project", "project", "line", "line"]


def test_amounts_swapped_between_skus_with_names_on_both_sides() -> None:
    lines = [Line(amount="1.00", text="Same", code="Same"), Line(amount="2.00", text="Other", code="Other")]
    swapped = [evolve(lines[0], text="Other"), evolve(lines[1], text="Same")]
    result = reconcile(as_csv(swapped), as_json(lines))
    assert kinds(result) == ["sku", "sku"]
    assert {difference.key for difference in result.differences} == {"Same", "Other"}


def test_many_differences_are_summed_up() -> None:
    lines = [Line(amount=f"{number}.00", day=1 + number % 28) for number in range(1, 101)]
    other = [evolve(line, amount=str(Decimal(line.amount) + Decimal("0.5"))) for line in lines]
    result = reconcile(as_csv(other), as_json(lines))
    assert kinds(result).count("line") == 21
    assert messages(result).count("160 more lines and line items have no counterpart") == 1


@pytest.mark.parametrize(
    ("field", "kind"),
    [
        ("subtotalCents", "subtotal"),
        ("creditsCents", "credits"),
        ("salesTaxCents", "amount_billed"),
        ("amountBilledCents", "amount_billed"),
    ],
)
def test_a_sum_that_is_off_by_a_cent(field: str, kind: str) -> None:
    stated = as_json(LINES).to_dict()[field]
    for by in (1, -1):
        result = reconcile(as_csv(LINES), as_json(LINES, **{field: stated + by}))
        assert kind in kinds(result)
        assert "the CSV is 0.01 " in messages(result)


def test_the_lines_of_another_invoice_are_not_compared() -> None:
    other = as_json(
        LINES[1:], id="f" * 24, orgId="e" * 24, startDate="2024-05-01T00:00:00Z", endDate="2024-06-01T00:00:00Z"
    )
    result = reconcile(as_csv([evolve(line, day=line.day + 1) for line in LINES]), other)
    assert result.warnings == ()
    assert kinds(result) == ["invoice_id", "organization_id", "period"]
    assert INVOICE_ID in messages(result)
    assert "2024-06-01 to 2024-07-01 in the CSV, 2024-05-01 to 2024-06-01 in the invoice" in messages(result)
    # The other days of their lines say nothing either.
    assert (result.warnings, [note for note in result.notes if "line" in note]) == ((), [])
    nameless = as_csv(LINES).partition(b"\n")[2]
    assert kinds(reconcile(nameless, other)) == ["organization_id", "period"]


def test_the_periods_end_may_be_its_last_second() -> None:
    assert reconcile(as_csv(LINES), as_json(LINES, endDate="2024-06-30T23:59:59Z")).matches


def test_an_item_without_an_amount_has_no_line() -> None:
    invoice = as_json(LINES)
    assert invoice.line_items
    invoice.line_items[0].total_price_cents = None
    result = reconcile(as_csv(LINES), invoice)
    assert "lineItems[0]" in messages(result)
    assert "no amount" in messages(result)


def test_a_line_without_an_amount_is_noted() -> None:
    lines = [*LINES, Line(amount="")]
    result = reconcile(as_csv(lines), as_json(lines))
    assert result.matches, messages(result)
    assert "1 line of the CSV has no amount; counted as 0" in result.notes


def test_one_is_no_plural() -> None:
    invoice = as_json(LINES[:1])
    assert "the CSV has 0 lines and lacks 1 of the invoice's 1 line item, 19.20 in total" in messages(
        reconcile(as_csv([]), invoice)
    )
    [warning] = reconcile(as_csv([evolve(LINES[0], day=2)]), invoice).warnings
    assert warning.startswith("1 line has a different day")
    many = [Line(amount=f"{number}.00", day=number) for number in range(1, 22)]
    extra = reconcile(as_csv([*LINES[:1], *many]), invoice)
    assert "21 lines have no item" in messages(extra)
    assert "1 more line or line item has no counterpart" in messages(extra)


def test_text_from_the_file_cannot_forge_messages() -> None:
    result = reconcile(as_csv([Line(amount="1.00", project="x\x1b[2J\ny" * 50)]), as_json(LINES))
    assert all(message.isprintable() and len(message) < 400 for message in messages(result).split("\n"))


# --- Discount Percent ------------------------------------------------------------------------------------------------


def discounted(discount: str, amount: str) -> Line:
    return Line(amount=amount, price="0.08", quantity="1000", discount=discount)


@pytest.mark.parametrize(
    ("lines", "unit"),
    [
        ([discounted("10", "72.00")], "percent"),
        ([discounted("0.1", "72.00")], "fraction"),
        ([discounted("0.5", "79.60")], "percent"),
        ([discounted("1", "79.20")], "percent"),
        ([discounted("1", "0.00")], "fraction"),
        ([discounted("0", "80.00"), discounted("", "80.00")], None),
        ([discounted("10", "80.00")], None),
        ([Line(amount="1.00", discount="10")], None),
        ([discounted("10", "72.00"), discounted("10", "72.00"), discounted("0.1", "72.00")], "percent"),
    ],
)
def test_the_unit_of_discounts_is_found_from_the_rows(lines: list[Line], unit: str | None) -> None:
    result = reconcile(as_csv(lines), as_json(lines))
    assert result.matches
    assert result.discount_unit == unit


def test_contradictory_and_undecided_discounts_are_noted() -> None:
    lines = [discounted("10", "72.00"), discounted("0.1", "72.00")]
    result = reconcile(as_csv(lines), as_json(lines))
    assert result.discount_unit is None
    assert any("contradicts itself: 1 line fits a percentage, 1 line fits a fraction" in note for note in result.notes)
    lines = [discounted("10", "80.00")]
    assert any("show whether" in note for note in reconcile(as_csv(lines), as_json(lines)).notes)


# --- any invoice at all ----------------------------------------------------------------------------------------------

any_lines = st.lists(
    st.builds(
        lambda cents, project, day, is_credit: Line(
            amount=f"{'-' if is_credit or cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}",
            project=project,
            day=day,
            text="Credit" if is_credit else "Atlas M10 Instance",
        ),
        st.integers(0, 10_000) | st.sampled_from([1, 5, 100]),
        st.sampled_from([ALPHA, BETA, None]),
        st.integers(1, 3),
        st.booleans(),
    ),
    min_size=1,
    max_size=20,
)


@given(lines=any_lines, data=st.data())
def test_any_invoice_matches_until_a_line_is_dropped_or_changed(lines: list[Line], data: st.DataObject) -> None:
    invoice = as_json(lines)
    result = reconcile(as_csv(data.draw(st.permutations(lines))), invoice)
    assert result.matches, messages(result)
    at = data.draw(st.integers(0, len(lines) - 1))
    dropped = reconcile(as_csv(lines[:at] + lines[at + 1 :]), invoice)
    assert not dropped.matches
    assert messages(dropped)
    changed = [
        *lines[:at],
        evolve(lines[at], amount=str(Decimal(lines[at].amount) + Decimal("0.01"))),
        *lines[at + 1 :],
    ]
    assert not reconcile(as_csv(changed), invoice).matches
