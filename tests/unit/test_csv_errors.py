"""What can't be read is refused with its place, in one short line."""

from __future__ import annotations

import csv
import itertools
import pickle
from typing import TYPE_CHECKING

import pytest

from atlas_invoices._errors import ConfigError, InvoiceFormatError
from atlas_invoices._invoice_csv import read_csv
from invoice_lines import HEADER, PREAMBLE, simple_invoice

if TYPE_CHECKING:
    from collections.abc import Iterator

GOOD = b"07/01/2024,06/30/2024" + b"," * 17 + b"\n"


def _refused(data: bytes) -> InvoiceFormatError:
    with pytest.raises(InvoiceFormatError) as caught:
        list(read_csv(data))
    message = str(caught.value)
    assert len(message) < 400
    assert message.isprintable()
    copied = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own bytes
    assert (copied.line_number, copied.column) == (caught.value.line_number, caught.value.column)
    return caught.value


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *itertools.product(
            ["Unit Price", "Quantity", "Discount Percent", "Amount"],
            [
                "NaN",
                "Infinity",
                "-inf",
                "sNaN",
                "1_000",
                "1,000.00",
                "$1",
                "\uff11",
                "1e",
                "1-2",
                "1.2.3",
                "-",
                ".",
                " 1",
                "0x1",
            ],
        ),
        ("Amount", "1E999999999"),
        ("Amount", "1e-99"),
        ("Amount", "1" * 39),
        ("Amount", "1" * 5000),
        ("Amount", "1\x1b[31m2"),
        *itertools.product(
            ["Date", "Usage Date"],
            [
                "6/1/2024",
                "06/31/2024",
                "13/01/2024",
                "2024-06-01",
                "06/01/24",
                " 06/01/2024",
                "\u0660\u0666/\u0660\u0661/\u0662\u0660\u0662\u0664",
                "00/00/0000",
                "x" * 999,
            ],
        ),
    ],
)
def test_a_value_that_is_none_is_named_with_line_and_column(column: str, value: str) -> None:
    error = _refused(simple_invoice({}, {column: value}, {}))

    assert (error.line_number, error.column) == (8, column)
    assert f"line 8, column '{column}'" in str(error)


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        (GOOD + GOOD.replace(b",\n", b",,\n"), 8),
        (GOOD + b"07/01/2024,06/30/2024,short\n" + GOOD, 8),
        (GOOD + b"\x00" + GOOD, 8),
        (GOOD + GOOD.replace(b",\n", b",a\xff\n"), 8),
        (GOOD + GOOD.replace(b",\n", b",\r,\n"), 8),
        (GOOD + b'07/01/2024,"x"y' + b"," * 17 + b"\n" + GOOD, 8),
        (GOOD + b'07/01/2024,,"a\nb' + b"," * 16 + b"\n" + GOOD * 3, 8),
        (GOOD + b'07/01/2024,,"a\nb","c' + b"," * 15 + b"\n" + GOOD * 3, 9),
        (GOOD + b'07/01/2024,,"' + b"a" * 3_000_000, 8),
        (GOOD + b"07/01/2024,," + b"a" * 3_000_000, 8),
        (GOOD + b"Total,1\n" + GOOD, 9),
        (GOOD + b"Total,1\n" * 1001, 1008),
        (GOOD + b"1 total\n", 8),
    ],
)
def test_a_row_that_is_none_is_named_with_its_line(rows: bytes, line: int) -> None:
    assert _refused(PREAMBLE + HEADER + b"\n" + rows).line_number == line


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"\n \r\n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"<!DOCTYPE html><html>", "HTML"),
        (b'  {"error": 404}', "JSON"),
        (b"[]", "JSON"),
        (b"a,b\nc,d\n", "no header row"),
        (PREAMBLE, "no header row"),
        (b"a\n" * 5000, "no header row"),
        (b"Date;Usage Date;SKU\n", "no header row"),
        (HEADER + b",Amount\n", "twice"),
        (HEADER + b",Tag/a,Tag/a\n", "twice"),
        (b"x,\xff\n" + HEADER + b"\n", "UTF-8"),
        (b"\x1f\x8b\x08\x00", "UTF-8|NUL"),
        (b'a,"b\n' + HEADER + b"\n", "never closed"),
    ],
)
def test_a_file_that_is_no_invoice_is_told_when_it_is_opened(data: bytes, says: str) -> None:
    with pytest.raises(InvoiceFormatError, match=says):
        read_csv(data)


def test_a_duplicate_column_is_named() -> None:
    error = _refused(HEADER + b",Amount\n")

    assert (error.line_number, error.column) == (1, "Amount")


def test_control_characters_of_a_file_do_not_reach_the_terminal() -> None:
    assert "\\x1b" in str(_refused(simple_invoice({"Amount": "\x1b]0;x\x07"})))
    assert "\\u202e" in str(_refused(simple_invoice({"Amount": "\u202e1"})))


def test_collecting_gives_the_good_rows_and_the_bad_ones() -> None:
    data = simple_invoice({"Amount": "1"}, {"Amount": "x"}, {"Amount": "2"}, {"Date": "y"}, {"Amount": "3"})
    inv = read_csv(
        data + b'07/01/2024,"a"b\n07/01/2024\n' + GOOD.replace(b",\n", b',"open\n') + GOOD, on_error="collect"
    )

    assert [line.amount for line in inv] == [1, 2, 3, None]
    assert [(error.line_number, error.column) for error in inv.errors] == [
        (8, "Amount"),
        (10, "Date"),
        (12, None),
        (13, None),
        (14, None),
    ]


def test_an_item_behind_a_trailing_line_is_collected_and_not_counted() -> None:
    inv = read_csv(simple_invoice({"Amount": "1"}) + b"Total,1\n" + GOOD, on_error="collect")

    assert [line.amount for line in inv] == [1]
    assert [error.line_number for error in inv.errors] == [9]
    assert inv.trailing == (("Total", "1"),)


def test_the_lines_before_a_bad_one_are_given_out() -> None:
    lines = iter(read_csv(simple_invoice({"Amount": "1"}, {"Amount": "x"})))

    assert next(lines).amount == 1
    with pytest.raises(InvoiceFormatError):
        next(lines)


def test_an_unclosed_quote_swallows_no_more_than_a_megabyte() -> None:
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        yield HEADER + b'\n07/01/2024,"'
        while True:
            taken += 65536
            yield b"a\n" * 32768

    limit = csv.field_size_limit()
    csv.field_size_limit(2**31 - 1)
    try:
        with pytest.raises(InvoiceFormatError, match="line 2: a quote is opened here and never closed"):
            list(read_csv(endless()))
    finally:
        csv.field_size_limit(limit)
    assert taken < 4_000_000


def test_an_unknown_way_with_errors_is_refused() -> None:
    with pytest.raises(ConfigError, match="on_error"):
        read_csv(b"", on_error="ignore")  # type: ignore[arg-type] # that it is refused is the point


def test_trailing_lines_may_not_fill_the_memory() -> None:
    row = b",".join([b"Total", b"x" * 100_000]) + b"\n"
    with pytest.raises(InvoiceFormatError, match=r"line 13: .* very long ones"):
        list(read_csv(b"Date,Usage Date,SKU,Amount\n06/01/2024,06/01/2024,S,1\n" + row * 20))
