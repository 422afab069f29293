"""Sum an invoice by columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Inexact, InvalidOperation
from importlib.util import find_spec
from itertools import chain, islice
from typing import cast

from atlas_invoices._errors import InvoiceFormatError

from ._columns import format_error
from ._group_by import Summary, Sums, match_tag, parse_by
from ._invoices import Sources, is_sequence, naming, open_all
from ._layout import Layout
from ._model import InvoiceHeader, LineItem
from ._reader import InvoiceCsv

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


def summarize(source: Sources | Iterable[LineItem], *, by: str | Sequence[str]) -> Summary:
    """Sum amounts and quantities by one or more keys, exactly to the last digit, and never across currencies.

    `source` is anything that `read_csv` takes, an invoice it has opened, a list or tuple of these, a folder with
    invoice CSVs, such as `sync` keeps, or LineItems (the total of none is 0). The same invoice twice is an
    InvoiceFormatError, and where there are several, an error begins with the name of the one that fails.

    `by` names LineItem's fields, in either spelling ("usage_date" or "Usage Date"), and "line_number"; "invoice_id",
    "period_start", "period_end" and "period" (YYYY-MM of the start), which are `None` for LineItems; "day" and "month"
    of the usage date; "tag:KEY" or "Tag/KEY"; "extra:COLUMN" for a column that this version doesn't know. Another name,
    a tag without a key, or no name at all, is a ConfigError.

    If a file has no column for a name (see `InvoiceCsv.columns`), its lines have `None` there. A file without the
    column Amount is an InvoiceFormatError, as is anything that `read_csv` can't read. With the extra `arrow`, only the
    needed columns and the two days of large files are read, so a mistake in another column isn't noticed. Lines made
    by hand with numbers that are NaN, infinite or too long to add exactly are a ValueError.

    >>> data = b"Date,Usage Date,SKU,Amount\\n07/01/2024,06/30/2024,Backup,1.50\\n07/01/2024,06/30/2024,Credit,-0.50\\n"
    >>> summary = summarize(data, by="sku")
    >>> summary.total, summary.credits, [(group.key, group.amount) for group in summary.groups]
    (Decimal('1'), Decimal('-0.5'), [(('Backup',), Decimal('1.5')), (('Credit',), Decimal('-0.5'))])
    """
    parts = parse_by(by)
    sums = Sums()
    lines, source = _split(source)
    if lines is not None:
        try:
            sums.add_lines(lines, parts, InvoiceHeader())
            return sums.summary(parts)
        except (Inexact, InvalidOperation) as error:
            raise ValueError("a number is NaN, infinite or too long to be added exactly") from error
    opened = open_all(source)
    for each in opened:
        if without_amount := missing_amount(each.invoice.layout):
            each.invoice.close()
            with naming(each.name):
                raise without_amount
    parts = tuple(match_tag(part, [key for each in opened for key, _ in each.invoice.layout.tags]) for part in parts)
    size = sum(each.invoice.size or 0 for each in opened)
    # A line's number needs all cells of the lines before it.
    from_cells = all(part.column or part.from_header for part in parts)
    if size >= MIN_ARROW_SIZE and from_cells and find_spec("pyarrow") is not None:
        from . import _arrow_sums  # noqa: PLC0415 - pyarrow is an extra

        _arrow_sums.add_invoices(sums, opened, parts)
    else:
        for each in opened:
            sums.add_lines(each.lines(), parts, each.header)
    return sums.summary(parts)


def _split(source: Sources | Iterable[LineItem]) -> tuple[Iterable[LineItem] | None, Sources]:
    """Return lines, or else the sources of lines."""
    if isinstance(source, Mapping):
        raise TypeError(f"summarize takes invoice CSVs or LineItems, not {type(source).__name__}")
    if is_sequence(source):
        items = cast("Sequence[object]", source)
        is_lines = not items or isinstance(items[0], LineItem)
        return cast("Sequence[LineItem]", source) if is_lines else None, cast("Sources", source)
    if (
        isinstance(source, Iterable)
        and not isinstance(source, (str, bytes, bytearray, memoryview, InvoiceCsv))
        and not hasattr(source, "read")
    ):
        rest: Iterator[object] = iter(source)
        start = list(islice(rest, 1))
        again = chain(start, rest)
        is_lines = not start or isinstance(start[0], LineItem)
        return cast("Iterator[LineItem]", again) if is_lines else None, cast("Iterator[bytes]", again)
    return None, cast("Sources", source)
