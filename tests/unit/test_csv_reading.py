"""Reading an invoice: typed values, the header, tolerance where the format isn't documented."""

from __future__ import annotations

import copy
import datetime as dt
import json
import pickle
from collections import Counter
from decimal import Decimal, localcontext

import pytest

from atlas_invoices import InvoiceFormatError
from atlas_invoices._csv import LineItem, read_csv
from atlas_invoices._csv._cells import MAX_CACHED, Cache
from atlas_invoices._utils import FrozenDict
from invoice_lines import EXAMPLE, HEADER, PREAMBLE, oracle_sum, simple_invoice

HEADER_NAMES = HEADER.decode().split(",")


def test_the_documents_example_has_a_header_and_no_lines() -> None:
    inv = read_csv(EXAMPLE)

    assert list(inv) == []
    assert inv.header.invoice_id == "666acb8787ba43606905dcae"
    assert inv.header.period_start == dt.date(2024, 6, 1)
    assert inv.header.period_end == dt.date(2024, 7, 1)
    assert inv.header.organization_name == "Test 2"
    assert inv.header.organization_id == "666acb8787ba43606905dcac"
    assert inv.header.raw[1] == ("Billing Period", "June 1, 2024 - July 1, 2024")
    assert inv.trailing == ()
    assert inv.errors == []


def test_a_line_is_typed() -> None:
    cells = {
        "Description": "Instance",
        "Note": 'one, "two"\nthree',
        "Project": "CreditCheck",
        "SKU": "Atlas M10 Instance - Azure",
        "Unit": "server hours",
        "Unit Price": "0.08",
        "Quantity": "24.0",
        "Amount": "1.920",
    }
    (line,) = read_csv(simple_invoice(cells))

    assert line == LineItem(
        date=dt.date(2024, 7, 1),
        usage_date=dt.date(2024, 6, 30),
        description="Instance",
        note='one, "two"\nthree',
        project="CreditCheck",
        sku="Atlas M10 Instance - Azure",
        unit="server hours",
        unit_price=Decimal("0.08"),
        quantity=Decimal("24.0"),
        amount=Decimal("1.920"),
        line_number=7,
    )
    assert str(line.amount) == "1.920"


def test_only_the_sku_credit_is_a_credit() -> None:
    data = simple_invoice(
        {"SKU": "Credit", "Amount": "-3"},
        {"SKU": "Credit Memo", "Amount": "1"},
        {"SKU": "Atlas M10", "Project": "CreditCheck", "Amount": "2"},
        {"SKU": "credit", "Amount": "4"},
    )
    lines = list(read_csv(data))

    assert [line.is_credit for line in lines] == [True, False, False, False]
    assert sum(line.amount or 0 for line in lines) == oracle_sum(data) == 4


def test_commas_and_quotes_in_cells_do_not_shift_columns() -> None:
    (line,) = read_csv(simple_invoice({"Project": 'a, "b", c', "SKU": "x,y", "Amount": "1"}))

    assert (line.project, line.sku, line.amount) == ('a, "b", c', "x,y", Decimal(1))


def test_each_file_is_read_by_its_own_header() -> None:
    first = b"Date,Usage Date,SKU,Amount,Quantity\n07/01/2024,06/30/2024,A,1,2\n"
    second = b"Quantity,Amount,SKU,Usage Date,Date,Tag/x\n2,1,A,06/30/2024,07/01/2024,y\n"

    (one,), (two,) = list(read_csv(first)), list(read_csv(second))
    assert one.amount == two.amount == 1
    assert one.quantity == two.quantity == 2
    assert (one.tags, two.tags) == ({}, {"x": "y"})


def test_sums_are_exact() -> None:
    data = simple_invoice(*({"Amount": "0.1"} for _ in range(10)))

    assert sum(line.amount or 0 for line in read_csv(data)) == Decimal(1)


def test_values_do_not_depend_on_the_callers_decimal_context() -> None:
    with localcontext() as context:
        context.prec = 3
        context.clear_traps()
        (line,) = read_csv(simple_invoice({"Amount": "1234567.89"}))
        assert str(line.amount) == "1234567.89"


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("final", [True, False])
def test_bom_line_endings_and_a_missing_final_newline_are_fine(ending: bytes, bom: bytes, final: bool) -> None:
    data = bom + simple_invoice({"Amount": "1"}, {"Amount": "2"}, ending=ending)
    inv = read_csv(data if final else data.removesuffix(ending))

    assert [(str(line.amount), line.line_number) for line in inv] == [("1", 7), ("2", 8)]
    assert inv.header.invoice_id == "666acb8787ba43606905dcae"


def test_blank_lines_are_skipped_and_counted() -> None:
    data = HEADER + b"\n\n07/01/2024" + b"," * 18 + b"\n  \n\r\n07/01/2024" + b"," * 18 + b"\n\n\n"

    assert [line.line_number for line in read_csv(data)] == [3, 6]


def test_a_row_on_several_lines_has_the_number_of_its_first_line() -> None:
    data = simple_invoice({"Note": "a\nb\nc"}, {"Note": "d\r\ne"}, {"Note": "f"})

    assert [line.line_number for line in read_csv(data)] == [7, 10, 12]


@pytest.mark.parametrize(
    "preamble", [b"", b"\n\n", b"Just a title\n" + PREAMBLE, PREAMBLE + b"Currency,USD,\n,,,\nSomething,else,more,\n"]
)
def test_the_header_is_found_by_its_content(preamble: bytes) -> None:
    assert len(list(read_csv(preamble + HEADER + b"\n07/01/2024" + b"," * 18 + b"\n"))) == 1


@pytest.mark.parametrize(
    ("period", "days"),
    [
        ("June 1, 2024 - July 1, 2024", (dt.date(2024, 6, 1), dt.date(2024, 7, 1))),
        ("06/01/2024 - 07/01/2024", (dt.date(2024, 6, 1), dt.date(2024, 7, 1))),
        ("2024-06-01 - 2024-07-01", (dt.date(2024, 6, 1), dt.date(2024, 7, 1))),
        ("Dec 1, 2024 - Jan 1, 2025", (dt.date(2024, 12, 1), dt.date(2025, 1, 1))),
        ("June - July 2024", (None, None)),
        ("June 31, 2024 - July 1, 2024", (None, None)),
        ("13/06/2024 - 01/07/2024", (None, None)),
        ("Mon 1, 2024 - July 1, 2024", (None, None)),
        ("Sept. 1 2024 \u2013 1 October 2024", (dt.date(2024, 9, 1), dt.date(2024, 10, 1))),
        ("1 May 2024 \u2014 june 1, 2024", (dt.date(2024, 5, 1), dt.date(2024, 6, 1))),
        ("20240601 - 20240701", (None, None)),
        ("0000-06-01 - 2024-07-01", (None, None)),
        ("a while", (None, None)),
        ("Someday 1, 2024 - Foo 1, 2024", (None, None)),
    ],
)
def test_the_period_is_read_or_left_open(period: str, days: tuple[dt.date | None, dt.date | None]) -> None:
    header = read_csv(f'Billing Period,"{period}",\n'.encode() + HEADER + b"\n").header

    assert (header.period_start, header.period_end) == days
    assert header.raw == (("Billing Period", period),)


@pytest.mark.parametrize("number", range(1, 13))
def test_every_month_is_known(number: int) -> None:
    day = dt.date(2024, number, 2)
    for name in (day.strftime("%B"), day.strftime("%b")):
        header = read_csv(f'Billing Period,"{name} 2, 2024 - {name} 2, 2024",\n'.encode() + HEADER + b"\n").header
        assert header.period_start == day


def test_the_first_of_two_pairs_with_one_name_counts() -> None:
    header = read_csv(b"Organization Name,First,\nOrganization Name,Second,\n" + HEADER + b"\n").header

    assert header.organization_name == "First"
    assert len(header.raw) == 2


def test_a_period_without_its_quotes_is_read_too() -> None:
    header = read_csv(b"Billing Period,June 1, 2024 - July 1, 2024,\n" + HEADER + b"\n").header

    assert (header.period_start, header.period_end) == (dt.date(2024, 6, 1), dt.date(2024, 7, 1))


def test_unknown_columns_and_tags_are_kept_where_they_are_not_empty() -> None:
    data = b"Tag/team,New,Date,Usage Date,SKU,Tag/env,tag/x,Other\nred,1,07/01/2024,,A,,b,\n"
    (line,) = read_csv(data)

    assert line.tags == {"team": "red", "x": "b"}
    assert line.extra == {"New": "1"}
    assert line.usage_date is None
    assert line.amount is None


def test_lines_of_one_tag_set_cannot_change_each_other() -> None:
    (line,) = read_csv(b"Date,Usage Date,SKU,Tag/a\n07/01/2024,,A,b\n")

    with pytest.raises(TypeError, match="can't be changed"):
        line.tags["a"] = "c"  # type: ignore[index] # the test is that it is refused
    assert json.dumps(line.tags) == '{"a": "b"}'
    assert pickle.loads(pickle.dumps(line)) == copy.deepcopy(line) == line  # noqa: S301 - our own bytes


def test_trailing_rows_are_kept_aside() -> None:
    data = simple_invoice({"Amount": "1"}) + b"Total,,1\n,,\n" + b"," * 18 + b"\n" + b"," * 18 + b"9\n"
    inv = read_csv(data)

    with pytest.warns(UserWarning, match=r"^2 rows .* aren't counted: line 8 \('Total', '1'\), line 11 \('9', '9'\)$"):
        assert [line.amount for line in inv] == [1]
    assert [row[0] for row in inv.trailing] == ["Total", ""]
    assert inv.trailing[1][-1] == "9"


@pytest.mark.parametrize("row", [b"Subtotal" + b"," * 18 + b"1.92\n", b"," * 18 + b"9\n"])
@pytest.mark.parametrize("around", [b"", b"\xef\xbb\xbf"])
def test_a_full_width_row_with_neither_day_is_trailing(row: bytes, around: bytes) -> None:
    # Alone after items, so that the block has nothing else that isn't one.
    data = around + simple_invoice({"Amount": "1"}, {"Amount": "2"}) + row
    inv = read_csv(data)

    with pytest.warns(UserWarning, match="1 row after the last item isn't counted: line 9 "):
        assert [line.amount for line in inv] == [1, 2]
    assert [",".join(cells).encode() + b"\n" for cells in inv.trailing] == [row]
    with pytest.raises(InvoiceFormatError, match="line 10: an item after the trailing line 9"):
        list(read_csv(data + simple_invoice({}).split(b"\n")[-2]))


def test_an_item_without_days_may_follow_the_totals() -> None:
    data = (
        simple_invoice({"Amount": "7"}) + b"Total" + b"," * 18 + b"7\n" + b",,Credit,,,,,,Credit" + b"," * 10 + b"-5\n"
    )
    inv = read_csv(data)

    with pytest.warns(UserWarning, match="1 row after the last item isn't counted: line 8 "):
        assert [(line.line_number, line.amount, line.date) for line in inv][1:] == [(9, -5, None)]
    assert [row[0] for row in inv.trailing] == ["Total"]


@pytest.mark.parametrize("row", [b"Total,USD" + b"," * 17 + b"\n", b"5" + b"," * 18 + b"\n", b",x" + b"," * 17 + b"\n"])
def test_a_full_width_row_with_something_else_for_a_day_is_an_error(row: bytes) -> None:
    with pytest.raises(InvoiceFormatError, match="line 8, column"):
        list(read_csv(simple_invoice({}) + row))


@pytest.mark.parametrize("number", ["1E-50", "1E+40", "-1E+999", "1E-1000", "9" * 1000, "0." + "1" * 1000, "0E-999"])
def test_long_numbers_are_exact(number: str) -> None:
    (line,) = read_csv(simple_invoice({"Amount": number}))

    assert str(line.amount) == str(Decimal(number))


def test_lines_can_be_counted_and_put_in_sets() -> None:
    data = b"Date,Usage Date,SKU,Tag/a,New\n07/01/2024,,A,b,\n07/01/2024,,A,c,x\n"
    inv = read_csv(data)

    assert set(inv) == set(read_csv(data))
    assert len(set(inv)) == 2
    assert Counter(line.tags for line in [*inv, *inv]) == {FrozenDict(a="b"): 2, FrozenDict(a="c"): 2}


def test_repr_shows_whose_invoice_it_is() -> None:
    assert repr(read_csv(EXAMPLE)) == (
        "<InvoiceCsv '666acb8787ba43606905dcae', 2024-06-01 to 2024-07-01 (exclusive), organization 'Test 2'>"
    )
    assert repr(read_csv(HEADER + b"\n")) == "<InvoiceCsv unknown, period unknown, organization unknown>"


def test_a_cache_is_bounded() -> None:
    cache = Cache(str.upper, worth=lambda key: key != "z")
    for number in range(3 * MAX_CACHED):
        assert cache[f"a{number % (2 * MAX_CACHED)}"] == f"A{number % (2 * MAX_CACHED)}"
        assert len(cache) <= MAX_CACHED
    assert (cache["z"], "z" in cache) == ("Z", False)


def test_a_large_file_reads_like_a_small_one() -> None:
    rows = [{"Amount": f"{n}.{n % 100:02}", "Note": "a,b\nc" if n % 97 == 0 else ""} for n in range(5000)]
    data = simple_invoice(*rows)
    lines = list(read_csv(data))

    assert len(lines) == 5000
    assert sum(line.amount or 0 for line in lines) == oracle_sum(data)
    assert lines[-1].line_number == data.count(b"\n")


def test_the_columns_are_those_of_the_file() -> None:
    inv = read_csv(b"Usage Date,SKU,Date,Tag/team,New\n")

    assert inv.columns == ("Usage Date", "SKU", "Date", "Tag/team", "New")
    assert inv.start_pass().columns == inv.columns
