"""The columns of the CSV, and clear errors for files that are something else."""

from __future__ import annotations

import re
from enum import Enum

from attrs import frozen

from atlas_invoices._errors import InvoiceFormatError
from atlas_invoices._preamble import HEADER_MARKS, fold_name, is_header

from ._cells import SAVED_AGAIN

_MAX_VALUE = 60
_MAX_QUOTED = 100
_MAX_MESSAGE = 399
# How similar a name must be to a known one to be taken for a misspelling of it.
_NEAR = 0.8
# repr shows a byte that isn't UTF-8 as the lone surrogate it was decoded to; it doubles a backslash of the text itself.
_BYTE = re.compile(r"(?<!\\)((?:\\\\)*)\\udc([89a-f][0-9a-f])")


def quoted(value: str) -> str:
    """Return the value as a person can read it, on one line: shortened, with control characters escaped."""
    if len(value) > _MAX_VALUE:
        value = value[: _MAX_VALUE - 1] + "…"
    # repr escapes everything that isn't printable.
    return _shorten(_BYTE.sub(r"\1\\x\2", repr(value)), _MAX_QUOTED)


def format_error(what: str, *, line: int, column: str | None = None) -> InvoiceFormatError:
    """Return the error for one place; `what` is the problem and the way out, in less than 250 characters."""
    place = f"line {line}" if column is None else f"line {line}, column {quoted(column)}"
    return InvoiceFormatError(_shorten(f"{place}: {what}", _MAX_MESSAGE), line_number=line, column=column)


def _shorten(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


TAG_PREFIX = "Tag/"


class Kind(Enum):
    """The type of a column's cells."""

    TEXT = "text"
    DATE = "date"
    NUMBER = "number"


@frozen
class Column:
    """A known column: its name in the CSV and the `LineItem` field it fills."""

    name: str
    field: str
    kind: Kind


# The header of the example in the Atlas Admin API document, in its order, which is also that of LineItem's fields.
COLUMNS = (
    Column("Date", "date", Kind.DATE),
    Column("Usage Date", "usage_date", Kind.DATE),
    Column("Description", "description", Kind.TEXT),
    Column("Note", "note", Kind.TEXT),
    Column("Organization Name", "organization_name", Kind.TEXT),
    Column("Organization ID", "organization_id", Kind.TEXT),
    Column("Project", "project", Kind.TEXT),
    Column("Project ID", "project_id", Kind.TEXT),
    Column("SKU", "sku", Kind.TEXT),
    Column("Region", "region", Kind.TEXT),
    Column("Cluster", "cluster", Kind.TEXT),
    Column("Replica Set", "replica_set", Kind.TEXT),
    Column("Config Server", "config_server", Kind.TEXT),
    Column("Application", "application", Kind.TEXT),
    Column("Unit", "unit", Kind.TEXT),
    Column("Unit Price", "unit_price", Kind.NUMBER),
    Column("Quantity", "quantity", Kind.NUMBER),
    Column("Discount Percent", "discount_percent", Kind.NUMBER),
    Column("Amount", "amount", Kind.NUMBER),
)
BY_FIELD = {column.field: column for column in COLUMNS}
BY_NAME = {column.name: column for column in COLUMNS}


# A name's words without what stands in brackets, such as a currency.
_BRACKETS = re.compile(r"\(.*?\)|\[.*?\]")
_words = re.compile(r"[^\W\d_]+").findall


def is_near(name: str, column: Column) -> bool:
    """Whether this is likely another name of the column, such as `Amount (USD)`, `amount_usd` or `Amout`.

    For text, only brackets and punctuation may differ: `Project Owner` isn't `Project`.
    """
    from difflib import SequenceMatcher  # noqa: PLC0415 - imported only for a file without a known column

    expected = column.name.casefold().split()
    words = _words(_BRACKETS.sub("", name).casefold())
    if column.kind is Kind.TEXT and column.name not in HEADER_MARKS:
        return "".join(words) == "".join(expected)
    ratio = SequenceMatcher(None, "".join(words), "".join(expected)).ratio()
    return set(expected).issubset(words) or ratio >= _NEAR


def renamed(name: str, column: Column, line: int) -> InvoiceFormatError:
    """Return the error for a header that has another name instead of a known one."""
    what = f"the header has no {column.name!r}; if this column is it, rename it, or download the file again"
    return format_error(what, line=line, column=name)


# No error before the header row quotes the file, because a file that isn't an invoice may have secrets.
NO_HEADER = "no header row with Date, Usage Date and SKU, so this isn't an invoice CSV"
UNREADABLE_PREAMBLE = (
    "this isn't an invoice CSV, or its preamble is damaged: a row before the header row isn't CSV in UTF-8, or a quote "
    "in it is opened and never closed"
)
_BINARY = {
    b"\x1f\x8b": "this is compressed with gzip: gunzip it first, or pass the file that gzip.open(path) opens",
    b"PK\x03\x04": "this is a zip archive or an Excel workbook: unzip it, or save the sheet as CSV in UTF-8",
    b"PAR1": "this is a Parquet file, not an invoice CSV: read it with pyarrow or pandas",
}
_UTF_16 = "this is text in UTF-16: save the file as UTF-8"
_EXPORTED = "this is an export of atlas-invoices, not an invoice CSV as Atlas sends it"
_HTML = "this is an HTML or XML document, not an invoice CSV: an error page or a login page was saved instead"
_JSON = "this is a JSON document, not an invoice CSV"
_MARKS_IN_JSON = {
    b'"errorCode"': "an error response of Atlas was saved instead",
    b'"error"': "an error response was saved instead",
    b'"content"': "a response with envelope=True was saved, which has the CSV in its `content`",
}
_OTHER_JSON = "if it's an invoice or a manifest that `sync` saved, its CSV is the .csv file beside it"
_SAMPLE = 1000


def other_file(start: bytes) -> InvoiceFormatError | None:
    """Return an error that says which other kind of file this is, by its first few thousand bytes, or `None`.

    Only for a file without a header row, because the name of a column or a company may begin like another format.
    """
    kind = _kind(start)
    if kind is not None:
        return format_error(kind, line=1)
    lines = [line.strip("\r") for line in start.decode("utf-8", "replace").split("\n")]
    for number, line in enumerate(lines, 1):
        for separator in (";", "\t"):
            if is_header(cell.strip(' "') for cell in line.split(separator)):
                what = f"the header's cells are separated by {separator!r}, not by commas: {quoted(line)}"
                return format_error(f"{what}; {SAVED_AGAIN}", line=number)
        if error := _renamed_mark([cell.strip('"') for cell in line.split(",")], number):
            return error
    if b"\r" in start and b"\n" not in start:
        return format_error("the lines end in carriage returns alone; save them as LF or CRLF", line=1)
    return None


def _renamed_mark(names: list[str], line: int) -> InvoiceFormatError | None:
    """Return the error for a header row in which one of the columns that tell it has another name."""
    folded = set(map(fold_name, names))
    missing = [mark for mark in HEADER_MARKS if fold_name(mark) not in folded]
    if len(missing) != 1:
        return None
    column = BY_NAME[missing[0]]
    others = [name for name in names if fold_name(name) not in map(fold_name, BY_NAME)]
    return next((renamed(name, column, line) for name in others if is_near(name, column)), None)


def _kind(start: bytes) -> str | None:
    for mark, what in _BINARY.items():
        if start.startswith(mark):
            return what
    some = start[:_SAMPLE]
    if start[:2] in {b"\xff\xfe", b"\xfe\xff"} or (len(some) > 1 and not (any(some[::2]) and any(some[1::2]))):
        return _UTF_16
    text = start.lstrip()
    if text.startswith((b"invoice_id,line_number,", b'{"invoice_id":')):
        return _EXPORTED
    if text.startswith(b"<"):
        return _HTML
    if text.startswith((b"{", b"[")):
        marks = (what for mark, what in _MARKS_IN_JSON.items() if mark in text[:_SAMPLE])
        return f"{_JSON}; {next(marks, _OTHER_JSON)}"
    return None
