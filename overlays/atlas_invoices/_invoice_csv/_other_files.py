"""What a file is that has no invoice's header row, as far as its first bytes show it, and the way out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._columns import HEADER_MARKS
from ._errors_text import format_error, quoted

if TYPE_CHECKING:
    from atlas_invoices._errors import InvoiceFormatError

_BINARY = {
    b"\x1f\x8b": "this is compressed with gzip: gunzip it first, or give the file that gzip.open(path) opens",
    b"PK\x03\x04": "this is a zip archive or an Excel workbook: unzip it, or save the sheet as CSV in UTF-8",
    b"PAR1": "this is a Parquet file: read it with pyarrow or pandas; an invoice CSV is as Atlas sent it",
}
_UTF_16 = "this is text in UTF-16: save the file as UTF-8"
_EXPORTED = "this is an export of atlas-invoices and no invoice CSV, which is as Atlas sent it"
_HTML = "this is an HTML or XML document, not an invoice CSV: an error page or a login page was saved in its place"
_JSON = "this is a JSON document, not an invoice CSV"
_MARKS_IN_JSON = {
    b'"errorCode"': "an error reply of Atlas was saved in its place",
    b'"error"': "an error reply was saved in its place",
    b'"content"': "a reply asked for with envelope=True, which has the CSV in its `content`",
}
_OTHER_JSON = "if it's an invoice or a manifest that `sync` saved, its CSV is the .csv file beside it"
_SEEN = 1000


def other_file(start: bytes) -> InvoiceFormatError | None:
    """The error that says what a file is, by its first few thousand bytes; `None` where they don't say.

    Only for a file without a header row, because the name of a column or of a company could begin so, too.
    """
    kind = _kind(start)
    if kind is not None:
        return format_error(kind, line=1)
    lines = [line.strip("\r") for line in start.decode("utf-8", "replace").split("\n")]
    for number, line in enumerate(lines, 1):
        for separator in (";", "\t"):
            if HEADER_MARKS.issubset(cell.strip(' "') for cell in line.split(separator)):
                what = f"the header's cells are separated by {separator!r}, not by commas: {quoted(line)}"
                return format_error(f"{what}; save the file with commas, or download it again", line=number)
    if b"\r" in start and b"\n" not in start:
        what = f"the lines end in carriage returns alone: {quoted(lines[0])}"
        return format_error(f"{what}; save the file with line ends of LF or CRLF", line=1)
    return None


def _kind(start: bytes) -> str | None:
    for mark, what in _BINARY.items():
        if start.startswith(mark):
            return what
    some = start[:_SEEN]
    if start[:2] in {b"\xff\xfe", b"\xfe\xff"} or (len(some) > 1 and not (any(some[::2]) and any(some[1::2]))):
        return _UTF_16
    text = start.lstrip()
    shown = quoted(text[:_SEEN].decode("utf-8", "replace"))
    if text.startswith((b"date,usage_date,", b'{"date":')):
        return f"{_EXPORTED}: {shown}"
    if text.startswith(b"<"):
        return f"{_HTML}: {shown}"
    if text.startswith((b"{", b"[")):
        marks = (what for mark, what in _MARKS_IN_JSON.items() if mark in text[:_SEEN])
        return f"{_JSON}; {next(marks, _OTHER_JSON)}: {shown}"
    return None
