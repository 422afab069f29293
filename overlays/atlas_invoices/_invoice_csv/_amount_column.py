"""The column that all money is in: without it, every sum would be 0, and look right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._errors_text import format_error, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atlas_invoices._errors import InvoiceFormatError

    from ._columns import Layout

_AMOUNT = "Amount"
# Longer names don't look like it; all that are shown stay on one line.
_LONGEST_SHOWN = 40
_MOST_SHOWN = 3


def missing_amount(layout: Layout) -> InvoiceFormatError | None:
    """The error for a header that has no column `Amount`, with the columns that look like it."""
    if _AMOUNT in layout.names:
        return None
    like = ", ".join(_alike(layout.names))
    what = "the header has no such column, so there is nothing to sum"
    return format_error(f"{what}; what looks like it: {like}" if like else what, line=layout.line, column=_AMOUNT)


def _alike(names: Iterable[str]) -> list[str]:
    from difflib import get_close_matches  # noqa: PLC0415 - only a mistake needs it

    word = _AMOUNT.casefold()
    like = [
        quoted(name)
        for name in names
        if word in name.casefold() or get_close_matches(name.casefold(), [word], cutoff=0.75)
    ]
    return [name for name in like if len(name) <= _LONGEST_SHOWN][:_MOST_SHOWN]
