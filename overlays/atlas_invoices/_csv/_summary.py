"""Sum an invoice by columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Inexact, InvalidOperation
from importlib.util import find_spec
from itertools import chain, islice
from typing import TYPE_CHECKING, cast

from ._columns import format_error, quoted
from ._group_by import Sums, parse_by
from ._model import LineItem
from ._reader import InvoiceCsv, open_invoice

if TYPE_CHECKING:
    from atlas_invoices._errors import InvoiceFormatError

    from ._columns import Layout
    from ._group_by import Summary
    from ._sources import Source


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


# pyarrow takes half a second to import, in which the typed lines of a small file are summed. Above that, memory is that
# of pyarrow and a few blocks, whatever the file's size.
WORTH_ARROW = 1024 * 1024


def summarize(source: Source | InvoiceCsv | Iterable[LineItem], *, by: str | Sequence[str]) -> Summary:
    """Sum amounts and quantities by one or several things, exactly to the last digit.

    `source` is anything that `read_csv` takes, an invoice it has opened, or LineItems (of several invoices, too; where
    a filter leaves none of them, the total is 0). `by` names LineItem's text, date and number fields, in the CSV's
    spelling, too ("usage_date" or "Usage Date"); "day" and "month" of the usage date; "tag:KEY" or "Tag/KEY";
    "extra:COLUMN" for a column this version doesn't know. Another name, a tag without a key, or no name at all, is a
    ConfigError. What the file has no column for is `None` in every line; `InvoiceCsv.columns` tells. But a file without
    the column Amount is an InvoiceFormatError, as is what `read_csv` refuses. With the extra `arrow`, of a large file
    only the columns needed and the two days are read, and so a mistake in another one isn't noticed. Lines made by
    hand, whose numbers are NaN, infinite or too long to add exactly, are a ValueError.

    >>> data = b"Date,Usage Date,SKU,Amount\\n07/01/2024,06/30/2024,Backup,1.50\\n07/01/2024,06/30/2024,Credit,-0.50\\n"
    >>> summary = summarize(data, by="sku")
    >>> summary.total, summary.credits, [(group.key, group.amount) for group in summary.groups]
    (Decimal('1'), Decimal('-0.5'), [(('Backup',), Decimal('1.5')), (('Credit',), Decimal('-0.5'))])
    """
    parts = parse_by(by)
    sums = Sums()
    lines, invoice = _lines_or_invoice(source)
    if invoice is None:
        try:
            sums.add_lines(lines, parts)
            return sums.summary(parts)
        except (Inexact, InvalidOperation) as error:
            raise ValueError("a number is NaN, infinite or too long to be added exactly") from error
    quick = (invoice.size or 0) >= WORTH_ARROW and find_spec("pyarrow") is not None
    state = invoice.start_pass()
    if without_amount := missing_amount(state.layout):
        state.close()
        raise without_amount
    if quick:
        from . import _summary_arrow  # noqa: PLC0415 - pyarrow is an extra

        _summary_arrow.add_blocks(sums, state, parts)
    else:
        sums.add_lines(state.lines(), parts)
    return sums.summary(parts)


def _lines_or_invoice(source: Source | InvoiceCsv | Iterable[LineItem]) -> tuple[Iterable[LineItem], InvoiceCsv | None]:
    if isinstance(source, Mapping):
        raise TypeError(f"what is summed is an invoice CSV or LineItems, not {type(source).__name__}")
    if (
        isinstance(source, Iterable)
        and not isinstance(source, (str, bytes, bytearray, memoryview, InvoiceCsv))
        and not hasattr(source, "read")
    ):
        items: Iterator[object] = iter(source)
        start = list(islice(items, 1))
        again = chain(start, items)
        if not start or isinstance(start[0], LineItem):
            return cast("Iterator[LineItem]", again), None
        return [], open_invoice(cast("Iterator[bytes]", again))
    return [], open_invoice(cast("Source | InvoiceCsv", source))
