"""How a bad place in a file is told: one short line with line number, column and value, safe to print."""

from __future__ import annotations

from atlas_invoices._errors import InvoiceFormatError

_LONGEST_VALUE = 60


def quoted(value: str) -> str:
    """The value as a person can read it on one line: shortened, with control characters escaped."""
    if len(value) > _LONGEST_VALUE:
        value = value[: _LONGEST_VALUE - 1] + "…"
    # What is outside UTF-8 is held as lone surrogates; repr escapes them, and everything else that isn't printable.
    text = repr(value)
    limit = 3 * _LONGEST_VALUE
    return text if len(text) <= limit else text[: limit - 1] + "…"


def format_error(what: str, *, line: int | None = None, column: str | None = None) -> InvoiceFormatError:
    """The error for one place; `what` says what is wrong, in under 200 characters."""
    place = "" if line is None else f"line {line}"
    if column is not None:
        place += f", column {quoted(column)}" if place else f"column {quoted(column)}"
    return InvoiceFormatError(f"{place}: {what}" if place else what, line_number=line, column=column)
