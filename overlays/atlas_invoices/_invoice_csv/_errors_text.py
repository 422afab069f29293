"""How a bad place in a file is told: one short line with line number, column and value, safe to print."""

from __future__ import annotations

import re

from atlas_invoices._errors import InvoiceFormatError

_LONGEST_VALUE = 60
_LONGEST_SHOWN = 100
_LONGEST_MESSAGE = 399
# How repr shows a byte that isn't UTF-8 and was decoded to a lone surrogate; a backslash of the text's own is doubled.
_BYTE = re.compile(r"(?<!\\)((?:\\\\)*)\\udc([89a-f][0-9a-f])")


def quoted(value: str) -> str:
    """The value as a person can read it on one line: shortened, with control characters escaped."""
    if len(value) > _LONGEST_VALUE:
        value = value[: _LONGEST_VALUE - 1] + "…"
    # repr escapes everything that isn't printable.
    return _shortened(_BYTE.sub(r"\1\\x\2", repr(value)), _LONGEST_SHOWN)


def format_error(what: str, *, line: int, column: str | None = None) -> InvoiceFormatError:
    """The error for one place; `what` says what is wrong, and what to do, in under 250 characters."""
    place = f"line {line}" if column is None else f"line {line}, column {quoted(column)}"
    return InvoiceFormatError(_shortened(f"{place}: {what}", _LONGEST_MESSAGE), line_number=line, column=column)


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
