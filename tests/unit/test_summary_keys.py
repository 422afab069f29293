"""Sums can be grouped by any column in either spelling; an unknown name is an error that helps."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from atlas_invoices import ConfigError, InvoiceFormatError
from atlas_invoices._csv import LineItem, _summary, missing_names, read_csv, summarize
from invoice_lines import EXAMPLE, FIELDS, NUMBERS, PREAMBLE, simple_invoice

COLUMNS = "Date,Usage Date,Project ID,SKU,Unit Price,Quantity,Discount Percent,Amount,Tag/team,Cost Center"
DATA = (
    COLUMNS.encode() + b"\n"
    b"07/01/2024,06/29/2024,p1,M10,0.80,1,,3.00,red,x\n"
    b"07/01/2024,06/30/2024,p1,M10,.8,1.0,0,3,red,x\n"
    b"07/01/2024,06/30/2024,p2,M10,8e-1,1e0,-0,0.30e1,,\n"
    b"07/01/2024,06/30/2024,p2,M20,-0.00,,0.0,0,blue,\n"
    b"07/01/2024,06/30/2024,,Credit,,2,25,-5,,\n"
)


@pytest.fixture(params=["lines", "arrow"], autouse=True)
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "arrow":
        monkeypatch.setattr(_summary, "MIN_ARROW_SIZE", 0)


def _keys(by: str | list[str], data: bytes = DATA) -> list[tuple[str, int]]:
    """Each key as it prints, and its number of lines."""
    return [(" ".join(map(str, group.key)), group.lines) for group in summarize(data, by=by).groups]


def test_equal_numbers_are_one_group_whatever_their_zeros() -> None:
    assert _keys("unit_price") == [("0.8", 3), ("0", 1), ("None", 1)]
    assert _keys("quantity") == [("1", 3), ("None", 1), ("2", 1)]
    assert _keys("discount_percent") == [("0", 3), ("None", 1), ("25", 1)]
    assert _keys("amount") == [("3", 3), ("0", 1), ("-5", 1)]
    assert all(type(group.key[0]) is Decimal for group in summarize(DATA, by="amount").groups)


def test_groups_with_equal_amounts_are_ordered_by_number_and_none_is_last() -> None:
    prices = ["0", "", "-1", "10", "9", "1E-7", "0.00", "1" * 38]
    data = simple_invoice(*({"Unit Price": price, "Amount": "1"} for price in prices))

    assert [group.key[0] for group in summarize(data, by="unit_price").groups] == [
        *(0, -1, Decimal("1E-7"), 9, 10, Decimal("1" * 38)),
        None,
    ]


def test_number_keys_longer_than_any_usual_column_are_exact() -> None:
    prices = ["9" * 38, "0." + "1" * 38, "9" * 38 + ".0", "1E-30"]
    data = simple_invoice(*({"Unit Price": price, "Amount": "1"} for price in prices))

    assert {(group.key[0], group.lines) for group in summarize(data, by="unit_price").groups} == {
        *((Decimal("9" * 38), 2), (Decimal("0." + "1" * 38), 1), (Decimal("1E-30"), 1)),
    }


@pytest.mark.parametrize("field", NUMBERS.values())
def test_an_invalid_number_as_key_is_refused_with_its_line(field: str) -> None:
    (column,) = (name for name, known in NUMBERS.items() if known == field)
    with pytest.raises(InvoiceFormatError, match=f"line 8, column '{column}'"):
        summarize(simple_invoice({}, {column: "x"}), by=field)


def test_number_keys_of_lines_made_by_hand() -> None:
    lines = [LineItem(unit_price=price) for price in (Decimal("1.50"), Decimal("1.5"), Decimal("-0"), None)]
    assert [(group.key, group.lines) for group in summarize(lines, by="unit_price").groups] == [
        *(((Decimal(0),), 1), ((Decimal("1.5"),), 2), ((None,), 1)),
    ]
    with pytest.raises(ValueError, match="a number is NaN"):
        summarize([LineItem(unit_price=Decimal("NaN"))], by="unit_price")


@pytest.mark.parametrize("column", FIELDS)
def test_every_column_can_be_named_as_the_csv_names_it(column: str) -> None:
    summary = summarize(DATA, by=[column, "sku"])

    assert summary == summarize(DATA, by=[FIELDS[column], "sku"])
    assert summary.by == (FIELDS[column], "sku")


def test_a_tag_can_be_named_as_the_csv_names_it() -> None:
    assert summarize(DATA, by="Tag/team") == summarize(DATA, by="tag:team")
    assert _keys("Tag/team") == [("red", 2), ("blue", 1), ("None", 2)]
    assert summarize(DATA, by="Tag/team").by == ("tag:team",)
    assert summarize(DATA, by="Usage Date").groups[-1].key == (dt.date(2024, 6, 30),)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("projekt", "project"),
        ("PROJECT", "project"),
        ("usage date", "usage_date"),
        ("Unit price", "unit_price"),
        ("projectid", "project_id"),
        ("mounth", "month"),
        ("extra:SKU", "sku"),
        ("cost", "amount"),
        ("tags.team", "tag:team"),
        ("tags", "tag:KEY"),
        ("Tag/", "tag:KEY"),
        ("extra:Tag/team", "tag:team"),
    ],
)
def test_an_unknown_name_is_refused_with_similar_ones(name: str, meant: str) -> None:
    with pytest.raises(ConfigError) as caught:
        summarize(DATA, by=name)
    message = str(caught.value)
    assert message.startswith(f"can't group by '{name}' (did you mean {meant}")
    assert message.endswith("month, invoice_id, period, period_start, period_end, line_number, tag:KEY, extra:COLUMN")


@pytest.mark.parametrize("name", ["", "x" * 500, "\x1b[31m" * 99, ["sku", 5], b"sku"])
def test_a_name_without_similar_ones_is_shown_on_one_short_line(name: Any) -> None:
    with pytest.raises(ConfigError, match=r"can't group by 'dept' \(if it's a tag, write tag:dept\): choose"):
        summarize(DATA, by="dept")
    with pytest.raises(ConfigError, match=r"can't group by [^(]*: choose from date, ") as caught:
        summarize(DATA, by=name)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 600


def test_missing_names_are_those_without_a_column() -> None:
    layout = read_csv(DATA).layout
    by = ["project", "Project ID", "tag:team", "Tag/nope", "extra:Cost Center", "extra:Nope", "day", "month", "Region"]

    assert missing_names(by, [layout]) == ("project", "tag:nope", "extra:Nope", "region")
    assert missing_names(["sku", "period", "line_number"], [layout]) == ()
    assert _keys(["project", "region"]) == [("None None", 5)]


@pytest.mark.parametrize("name", ["Amount (USD)", "Total Amount", "Amout", '"Amount\n($)"'])
@pytest.mark.parametrize("rows", [b"\n07/01/2024,06/30/2024,a,5\n", b"\r\n07/01/2024,06/30/2024,a,5", b"\n", b""])
def test_a_file_without_amounts_is_refused_with_a_near_name(name: str, rows: bytes) -> None:
    data = PREAMBLE + b"Date,Usage Date,SKU," + name.encode() + rows
    for source in (data, iter([data])):
        with pytest.raises(InvoiceFormatError, match="the header has no 'Amount'; if this column is it") as caught:
            summarize(source, by="sku")
        assert (caught.value.line_number, caught.value.column) == (6, name.strip('"'))


@pytest.mark.parametrize("names", [b"", b",Price,Unit", b",Amount" + b"x" * 99])
def test_the_error_for_a_file_without_amounts_is_short(names: bytes) -> None:
    with pytest.raises(InvoiceFormatError, match="the header has no such column, so there is nothing") as caught:
        summarize(b"Date,Usage Date,SKU" + names + b"\n", by="sku")
    assert len(str(caught.value)) < 400
    assert str(caught.value).isprintable()


def test_a_file_with_amounts_and_others_beside_them_is_summed() -> None:
    data = b"amount,Date,Usage Date,SKU,Amount,Amount (EUR)\n9,07/01/2024,06/30/2024,a,1,9\n"
    with pytest.warns(UserWarning, match="line 1: the header has 'Amount' twice"):
        assert summarize(data, by="sku").total == 1
    assert summarize(EXAMPLE, by="sku").total == 0


def test_the_share_of_nothing_is_0() -> None:
    data = simple_invoice({"SKU": "a", "Amount": "1.5E-7"}, {"SKU": "b", "Amount": "0.00"}, {"SKU": "c"})

    assert [str(group.share) for group in summarize(data, by="sku").groups] == ["1", "0", "0"]
