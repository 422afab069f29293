"""Sum an invoice by columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Inexact, InvalidOperation
from importlib.util import find_spec
from itertools import chain, islice
from typing import TYPE_CHECKING, cast

from ._columns import format_error
from ._group_by import Sums, parse_by
from ._model import LineItem
from ._reader import InvoiceCsv, open_invoice

if TYPE_CHECKING:
    from atlas_invoices._errors import InvoiceFormatError

    from ._group_by import Summary
    from ._layout import Layout
    from ._sources import Source


_AMOUNT = "Amount"


def missing_amount(layout: Layout) -> InvoiceFormatError | None:
    """Return the error for a header without a column `Amount`; `None` if it has one."""
    if layout.position(_AMOUNT) is not None:
        return None
    what = "the header has no such column, so there is nothing to sum"
    return format_error(what, line=layout.line, column=_AMOUNT)


# Importing pyarrow takes half a second, which is enough to sum the typed lines of a small file. Above this size, memory
# is that of pyarrow and a few blocks, whatever the file's size.
MIN_ARROW_SIZE = 1024 * 1024


def summarize(source: Source | InvoiceCsv | Iterable[LineItem], *, by: str | Sequence[str]) -> Summary:
    """Sum amounts and quantities by one or more keys, exactly to the last digit.

    `source` is anything that `read_csv` takes, an invoice it has opened, or LineItems (also of several invoices; the
    total of none is 0). `by` names LineItem's text, date and number fields, in either spelling ("usage_date" or "Usage
    Date"); "day" and "month" of the usage date; "tag:KEY" or "Tag/KEY"; "extra:COLUMN" for a column that this version
    doesn't know. Another name, a tag without a key, or no name at all, is a ConfigError.

    If the file has no column for a name (see `InvoiceCsv.columns`), every line has `None` there. A file without the
    column Amount is an InvoiceFormatError, as is anything that `read_csv` can't read. With the extra `arrow`, only the
    needed columns and the two days of a large file are read, so a mistake in another column isn't noticed. Lines made
    by hand with numbers that are NaN, infinite or too long to add exactly are a ValueError.

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
    quick = (invoice.size or 0) >= MIN_ARROW_SIZE and find_spec("pyarrow") is not None
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
        raise TypeError(f"summarize takes an invoice CSV or LineItems, not {type(source).__name__}")
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
