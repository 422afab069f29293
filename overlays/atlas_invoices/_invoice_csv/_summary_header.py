"""What a file must have to be summed: without amounts, all its sums would be 0, and look right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._errors_text import format_error, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._reader import Pass

_AMOUNT = "Amount"
# Longer names don't look like it; all that are shown stay on one line.
_LONGEST_SHOWN = 40
_MOST_SHOWN = 3


def require_amount(reading: Pass) -> None:
    """Stop reading with an InvoiceFormatError where the header has no column `Amount`; nothing is read after it yet."""
    if _AMOUNT in reading.columns:
        return
    reading.close()
    like = ", ".join(_alike(reading.columns))
    what = "the header has no such column, so there is nothing to sum"
    raise format_error(
        f"{what}; what looks like it: {like}" if like else what, line=reading.layout.line, column=_AMOUNT
    )


def _alike(names: Iterable[str]) -> list[str]:
    from difflib import get_close_matches  # noqa: PLC0415 - only a mistake needs it

    word = _AMOUNT.casefold()
    like = [quoted(name) for name in names if word in name.casefold() or get_close_matches(name.casefold(), [word])]
    return [name for name in like if len(name) <= _LONGEST_SHOWN][:_MOST_SHOWN]
