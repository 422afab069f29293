"""Whether bytes are an invoice CSV is known as soon as it can be, however they arrive, and as `read_csv` sees it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import atlas_invoices as ai
from atlas_invoices._preamble import MAX_PREAMBLE_ROWS, PreambleReader
from scripted_atlas import HEADER, INVOICE, OTHER, invoice_csv, row

CELLS = st.text(st.sampled_from('ab ",\n\u00e9'), max_size=6)


def quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


def fed(body: bytes, size: int) -> tuple[int, str]:
    """How many pieces were enough, and the invoice that was found."""
    reader = PreambleReader()
    for number, begin in enumerate(range(0, len(body), size), 1):
        if reader.feed(body[begin : begin + size]):
            return number, reader.invoice_id
    reader.feed(b"", final=True)
    return 0, reader.invoice_id


@given(st.lists(st.tuples(CELLS, CELLS), max_size=6), st.sampled_from([b"", b"\xef\xbb\xbf"]))
def test_any_preamble_is_read_as_read_csv_reads_it(pairs: list[tuple[str, str]], mark: bytes) -> None:
    above = "".join(f"{quoted(name)},{quoted(value)},\n" for name, value in pairs)
    body = mark + (above + f"Invoice Number,{INVOICE},\n" + HEADER + row()).encode()
    expected = next(iter([value for name, value in pairs if name.strip() == "Invoice Number"]), INVOICE)
    with ai.read_csv(body) as invoice:
        assert invoice.header.invoice_id == expected
    for size in (1, 5, 100, len(body)):
        assert fed(body, size)[1] == expected


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_the_first_invoice_number_counts(end: bytes) -> None:
    body = f"a,b,\nInvoice Number,{INVOICE},\nInvoice Number,{OTHER},\n{HEADER}".encode().replace(b"\n", end)
    assert fed(body, len(body)) == (1, INVOICE)


def test_nothing_after_the_header_row_is_needed_where_there_is_a_preamble() -> None:
    body = invoice_csv(usage=[])
    assert fed(body + row().encode(), len(body)) == (1, INVOICE)
    assert fed(body.removesuffix(b"\n"), len(body))[1] == INVOICE


def test_a_header_row_alone_waits_for_a_line() -> None:
    reader = PreambleReader()
    assert not reader.feed(HEADER.encode())
    assert not reader.feed(b"\r\n\n")
    assert not reader.feed(b",,,\n-- no line --\n")
    assert not reader.feed(row().encode()[:-1])
    assert reader.feed(b"\n")
    assert reader.invoice_id == ""


def test_lines_may_lack_the_trailing_commas_of_the_header_row() -> None:
    body = (HEADER.replace("\n", ",,\n") + row()).encode()
    assert fed(body, len(body)) == (1, "")


def test_blank_lines_without_end_are_refused() -> None:
    reader = PreambleReader()
    assert not reader.feed(HEADER.encode())
    with pytest.raises(ValueError, match="a header row without"):
        for _ in range(1000):
            assert not reader.feed(b"\n" * 10_000)


@pytest.mark.parametrize(
    "body",
    [
        b"text\n" * (MAX_PREAMBLE_ROWS + 1) + invoice_csv(),
        b"\n" * (MAX_PREAMBLE_ROWS + 1) + invoice_csv(),
        b"text," * 300_000,
        b'"' + b"text\n" * 300_000,
        b"a\rb\rc\n" * 200_000,
    ],
    ids=["rows", "blank rows", "a line", "a quote", "carriage returns"],
)
@pytest.mark.parametrize("size", [1000, 60_000])
def test_a_preamble_has_limits(body: bytes, size: int) -> None:
    reader = PreambleReader()
    with pytest.raises(ValueError, match="without an invoice's header row"):
        for begin in range(0, len(body), size):
            assert not reader.feed(body[begin : begin + size])
