"""Anything that can't be read is an error with its place, on one short line."""

from __future__ import annotations

import csv
import itertools
import pickle
import time
from collections.abc import Iterator
from decimal import localcontext

import pytest

from atlas_invoices import ConfigError, InvoiceFormatError
from atlas_invoices._csv import read_csv
from invoice_lines import HEADER, PREAMBLE, simple_invoice

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
        ("Amount", "1e-1001"),
        ("Amount", "1E+1000"),
        ("Amount", "0E-999999"),
        ("Amount", "1" * 1001),
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
def test_an_invalid_value_is_named_with_line_and_column(column: str, value: str) -> None:
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
        (GOOD + b'07/01/2024,,"a\nb","c' + b"," * 15 + b"\n" + GOOD * 3, 8),
        (GOOD + b'07/01/2024,,"' + b"a" * 3_000_000, 8),
        (GOOD + b"07/01/2024,," + b"a" * 3_000_000, 8),
        (GOOD + b"Total,1\n" + GOOD, 9),
        (GOOD + b"Total,1\n" * 1001, 1008),
        (GOOD + b"1 total\n", 8),
    ],
)
def test_an_invalid_row_is_named_with_its_line(rows: bytes, line: int) -> None:
    assert _refused(PREAMBLE + HEADER + b"\n" + rows).line_number == line


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"\n \r\n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"<!DOCTYPE html><html>", "HTML or XML .* a login page was saved instead$"),
        (b'  {"error": 404}', "JSON .* an error response was saved instead$"),
        (b'{"status": 200, "content": "Date,"}', "JSON .* envelope=True"),
        (b'{\n "version": 1,\n "invoices": []}', r"JSON .* `sync` saved, its CSV is the \.csv file beside it"),
        (b"[]", "JSON"),
        (b"PK\x03\x04\x14\x00", "zip archive or an Excel workbook: unzip it"),
        (b"PAR1\x15\x04", "Parquet"),
        ("Date,Usage Date,SKU\n".encode("utf-16"), "UTF-16: save the file as UTF-8"),
        ("Date,Usage Date,SKU\n".encode("utf-16-le"), "UTF-16: save the file as UTF-8"),
        ("Date,Usage Date,SKU\n".encode("utf-16-be"), "UTF-16: save the file as UTF-8"),
        (b'"Date"\t"Usage Date"\t"SKU"\n', r"separated by '\\t', not by commas"),
        (b"Invoice Number,1,\rDate,Usage Date,SKU\r", "carriage returns alone; .* LF or CRLF"),
        (b"a,b\nc,d\n", "no header row"),
        (PREAMBLE, "no header row"),
        (b"a\n" * 5000, "no header row"),
        (b"\nDate;Usage Date;SKU\n", "line 2: .* separated by ';', not by commas.*; a spreadsheet may have saved"),
        (b"\xef\xbb\xbf\xef\xbb\xbf" + PREAMBLE + HEADER + b"\n", "two byte order marks; a spreadsheet .* download it"),
        (
            HEADER.replace(b"Usage Date", b"Usage Date (UTC)") + b"\n",
            "the header has no 'Usage Date'; if this column is it",
        ),
        (b"x,\xff\n" + HEADER + b"\n", "UTF-8"),
        (b"\x1f\x8b\x08\x00", "gzip: gunzip it first"),
        (b'a,"b\n' + HEADER + b"\n", "never closed"),
    ],
)
def test_another_kind_of_file_is_named_when_it_is_opened(data: bytes, says: str) -> None:
    with pytest.raises(InvoiceFormatError, match=says) as caught:
        read_csv(data)
    assert caught.value.line_number is not None
    assert str(caught.value).startswith(f"line {caught.value.line_number}")
    _refused(data)


@pytest.mark.parametrize("start", [b"PK,x\n", b"<Acme>,x\n", b"{a},x\n", b"PAR1,x\n", b"date,usage_date,x\n"])
def test_a_preamble_may_begin_like_another_kind_of_file(start: bytes) -> None:
    assert len(list(read_csv(start + HEADER + b"\n" + GOOD))) == 1


def test_two_invoices_in_one_file_are_an_error() -> None:
    one = PREAMBLE + HEADER + b"\n" + GOOD
    assert "joined" in str(_refused(one + one))
    assert "second header row" in str(_refused(HEADER + b"\n" + GOOD + HEADER + b"\n" + GOOD))
    assert "joined" in str(_refused(one + b"Total,1\n" + GOOD))


def test_messages_of_the_csv_module_do_not_show() -> None:
    error = _refused(PREAMBLE + HEADER + b"\n" + GOOD.replace(b",\n", b",\rx\n"))
    assert "carriage return within a row" in str(error)
    assert "universal" not in str(error)
    error = _refused(PREAMBLE + HEADER + b"\n" + GOOD.replace(b",\n", b"," + b"a" * 131_073 + b"\n"))
    assert (error.line_number, "a cell of more than 131,072 characters" in str(error)) == (7, True)


def test_bytes_that_are_not_utf_8_are_shown_as_bytes() -> None:
    error = _refused(simple_invoice({"Note": "x"}).replace(b",x,", b",\\udcff \xff'\xfe,"))
    assert error.column == "Note"
    assert r"\\udcff \xff'\xfe" in str(error)


@pytest.mark.parametrize("cell", [b"\xc2\x85" * 59, b"\xff" * 59, b"\xe2\x80\xae" * 500, b"'\\" * 90])
def test_a_message_is_short_whatever_it_names(cell: bytes) -> None:
    header = b"Date,Usage Date,SKU,"
    _refused(header + b"Amount (" + cell + b")\n")
    _refused(header + cell + b"\n07/01/2024,,S,\0" + cell + b"\n")
    _refused(header + cell + b'\n07/01/2024,,"' + cell + b'\n","' + cell + b'"x\n')


@pytest.mark.parametrize("bad", [b"a\0b", b"a\xff"])
def test_an_invalid_character_is_named_with_its_column(bad: bytes) -> None:
    error = _refused(simple_invoice({}, {"Region": "x"}).replace(b",x,", b"," + bad + b","))
    assert (error.line_number, error.column) == (8, "Region")


def test_a_bad_number_is_refused_in_a_callers_context_without_traps() -> None:
    # Many different ones are read in one go.
    data = simple_invoice(*({"Amount": f"{number}.5"} for number in range(50)), {"Amount": "1-2"})
    with localcontext() as context:
        context.clear_traps()
        assert _refused(data).line_number == 57


def test_a_long_number_among_many_different_ones_is_refused() -> None:
    data = simple_invoice(*({"Amount": f"{number}.5"} for number in range(50)), {"Amount": "7" * 1001})
    assert _refused(data).line_number == 57


SHORT = b"Date,Usage Date,SKU,Description,Amount\n"
PLAIN = b"07/01/2024,06/30/2024,S,plain,1.00\n"
STRAY = b'07/01/2024,06/30/2024,S,"oops,1.00\n'


@pytest.mark.parametrize("chunk", [1, 1000, 10**6])
def test_a_stray_quote_costs_its_own_line_alone(chunk: int) -> None:
    quoted = b'07/01/2024,06/30/2024,S,"M30, 3 nodes",1.00\n'
    several = b'07/01/2024,06/30/2024,S,"two\nlines, ""x""",1.00\n'
    data = SHORT + PLAIN * 2 + STRAY + PLAIN * 500 + quoted + several + PLAIN * 2
    inv = read_csv((data[start : start + chunk] for start in range(0, len(data), chunk)), on_error="collect")
    lines = list(inv)

    assert len(lines) == 506
    assert [line.description for line in lines[-4:]] == ["M30, 3 nodes", 'two\nlines, "x"', "plain", "plain"]
    assert [error.line_number for error in inv.errors] == [4]
    strict = _refused(data)
    assert strict.line_number == 4
    assert "perhaps a quote is opened here and never closed: '07/01" in str(strict)


def test_the_rest_of_an_invalid_row_is_not_a_trailing_row() -> None:
    inv = read_csv(SHORT + b'07/01/2024,06/30/2024,S,"two\nlines" x,1.00\n' + PLAIN * 3, on_error="collect")

    assert len(list(inv)) == 3
    assert [error.line_number for error in inv.errors] == [2, 3]
    assert inv.trailing == ()


@pytest.mark.parametrize(
    "bad",
    [b'a","x\n', b'a","x,"\n', b'"\n', b'07/01/2024,"x"y\n', b"07/01/2024\rx\n", STRAY + PLAIN * 3, b'a"",""\n"b"\n'],
)
@pytest.mark.filterwarnings("ignore:.* after the last item:UserWarning")
def test_collecting_takes_time_in_proportion(bad: bytes) -> None:
    def seconds(times: int) -> float:
        data = SHORT + bad * times
        start = time.process_time()
        list(read_csv(data, on_error="collect"))
        return time.process_time() - start

    # When it took quadratic time, a file eight times as large took 64 times as long, a minute for the larger one.
    small, large = seconds(12_000 // len(bad)), seconds(96_000 // len(bad))
    assert large < 24 * small + 1


def test_a_collected_error_holds_nothing_of_the_file() -> None:
    inv = read_csv(SHORT + PLAIN + STRAY + PLAIN.replace(b"1.00", b"x"), on_error="collect")
    assert len(list(inv)) == 1
    assert [(error.__traceback__, error.__context__, error.__cause__) for error in inv.errors] == [(None,) * 3] * 2


def test_reading_continues_after_a_line_that_is_too_long() -> None:
    data = SHORT + PLAIN + b"y" * 3_000_000 + b"\n" + PLAIN + b'07/01/2024,"\n' + b"z" * 3_000_000 + b"\n" + PLAIN
    inv = read_csv(data, on_error="collect")

    assert [line.line_number for line in inv] == [2, 4, 7]
    assert [error.line_number for error in inv.errors] == [3, 5, 6]


def test_an_unclosed_quote_before_an_endless_line_reads_only_a_few_megabytes() -> None:
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        yield HEADER + b'\n07/01/2024,"\n'
        while True:
            taken += 65536
            yield b"a" * 65536

    with pytest.raises(InvoiceFormatError, match="line 2: a row of more than 1,048,576 bytes"):
        list(read_csv(endless()))
    assert taken < 4_000_000


def test_control_characters_of_a_file_do_not_reach_the_terminal() -> None:
    assert "\\x1b" in str(_refused(simple_invoice({"Amount": "\x1b]0;x\x07"})))
    assert "\\u202e" in str(_refused(simple_invoice({"Amount": "\u202e1"})))


def test_collecting_returns_valid_rows_and_errors() -> None:
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


@pytest.mark.filterwarnings("ignore:.* after the last item:UserWarning")
def test_an_item_after_a_trailing_row_is_an_error_and_not_counted() -> None:
    inv = read_csv(simple_invoice({"Amount": "1"}) + b"Total,1\n" + GOOD, on_error="collect")

    assert [line.amount for line in inv] == [1]
    assert [error.line_number for error in inv.errors] == [9]
    assert inv.trailing == (("Total", "1"),)


def test_the_lines_before_an_invalid_one_are_read() -> None:
    lines = iter(read_csv(simple_invoice({"Amount": "1"}, {"Amount": "x"})))

    assert next(lines).amount == 1
    with pytest.raises(InvoiceFormatError):
        next(lines)


def test_an_unclosed_quote_reads_only_a_few_megabytes() -> None:
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
        with pytest.raises(
            InvoiceFormatError, match="line 2: a row of more than 1,048,576 bytes; perhaps a quote is opened here"
        ):
            list(read_csv(endless()))
    finally:
        csv.field_size_limit(limit)
    assert taken < 4_000_000


def test_an_unknown_on_error_is_refused() -> None:
    with pytest.raises(ConfigError, match="on_error"):
        read_csv(b"", on_error="ignore")  # type: ignore[arg-type] # the test is that it is refused


def test_trailing_rows_do_not_fill_the_memory() -> None:
    row = b",".join([b"Total", b"x" * 100_000]) + b"\n"
    with pytest.raises(InvoiceFormatError, match=r"line 13: .* very long ones"):
        list(read_csv(b"Date,Usage Date,SKU,Amount\n06/01/2024,06/01/2024,S,1\n" + row * 20))
