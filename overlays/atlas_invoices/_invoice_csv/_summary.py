"""`summarize`: where the money went, in exact sums."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Context, Decimal, Inexact, InvalidOperation
from importlib.util import find_spec
from itertools import chain, islice
from typing import TYPE_CHECKING, cast

from attrs import frozen

from ._frames import open_invoice
from ._line_item import LineItem
from ._reader import InvoiceCsv
from ._summary_keys import GroupBy, KeyPart, parse_by

if TYPE_CHECKING:
    from ._sources import Source

# pyarrow takes half a second to import, in which the typed lines of a small file are summed. Above that, memory is that
# of pyarrow and a few blocks, whatever the file's size.
WORTH_ARROW = 1024 * 1024
_ZERO = Decimal(0)
_ONE = Decimal(1)
# A sum is exact or an exception: the default context would round it to 28 digits.
EXACT = Context(prec=1000, traps=[Inexact, InvalidOperation])
_SHARE = Context(prec=28)


@frozen
class Group:
    """The lines with one key.

    `key` has a part for each name in `by`: text, a `date` for days, `2024-06` for a month, and `None` where the lines
    have nothing there (no project, untagged). `amount` is in the price currency (USD), credits included with their
    sign; `quantity` adds the lines' quantities whatever their unit; `share` is amount / total, or `None` where the
    total is 0.
    """

    key: tuple[KeyPart, ...]
    amount: Decimal
    quantity: Decimal
    lines: int
    share: Decimal | None


@frozen
class Summary:
    """Sums of an invoice's lines: `groups` by amount, the largest first; their `total`, and of that the `credits`.

    `credits` is the sum of the lines whose SKU is `Credit`, with their sign as sent; they are in `total` and in the
    groups, too.
    """

    by: tuple[str, ...]
    groups: tuple[Group, ...]
    total: Decimal
    credits: Decimal


class Sums:
    """Running sums: for each key its amount, quantity and number of lines, and the credits among all."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.groups: dict[tuple[KeyPart, ...], tuple[Decimal, Decimal, int]] = {}
        self.credits = _ZERO

    def add(self, key: tuple[KeyPart, ...], amount: Decimal, quantity: Decimal, lines: int) -> None:
        """Add lines of one key; the credits among them are added apart."""
        known = self.groups.get(key)
        if known is not None:
            amount, quantity, lines = EXACT.add(known[0], amount), EXACT.add(known[1], quantity), known[2] + lines
        self.groups[key] = (amount, quantity, lines)

    def add_credits(self, amount: Decimal) -> None:
        """Add an amount that is in the groups, too."""
        self.credits = EXACT.add(self.credits, amount)

    def add_lines(self, lines: Iterable[LineItem], by: Sequence[GroupBy]) -> None:
        """Add lines one by one."""
        parts = [part.from_line for part in by]
        for line in lines:
            key = tuple([part(line) for part in parts])
            amount = line.amount or _ZERO
            self.add(key, amount, line.quantity or _ZERO, 1)
            if line.is_credit:
                self.add_credits(amount)

    def merge(self, other: Sums) -> None:
        """Add another's sums."""
        for key, sums in other.groups.items():
            self.add(key, *sums)
        self.add_credits(other.credits)

    def summary(self, by: Sequence[GroupBy]) -> Summary:
        """What was added, in order."""
        total = _ZERO
        for amount, _, _ in self.groups.values():
            total = EXACT.add(total, amount)
        total = _shortest(total)
        # Of equal amounts the smaller key comes first, and what has no key last.
        ordered = sorted(
            self.groups.items(),
            key=lambda item: (item[1][0].copy_negate(), [(part is None, part or "") for part in item[0]]),
        )
        groups = [
            Group(key, _shortest(amount), _shortest(quantity), lines, _SHARE.divide(amount, total) if total else None)
            for key, (amount, quantity, lines) in ordered
        ]
        return Summary(tuple(part.name for part in by), tuple(groups), total, _shortest(self.credits))


def _shortest(number: Decimal) -> Decimal:
    """The same number without zeros at its end or an exponent, so that it prints alike however it was added up."""
    number = EXACT.normalize(number)
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int):
        raise InvalidOperation
    return EXACT.quantize(number, _ONE) if exponent > 0 else number


def summarize(source: Source | InvoiceCsv | Iterable[LineItem], *, by: str | Sequence[str]) -> Summary:
    """Sum amounts and quantities by one or several things, exactly to the last digit.

    `source` is anything that `read_csv` takes, an invoice it has opened, or LineItems (of several invoices, too; where
    a filter leaves none of them, the total is 0). `by` names LineItem's text and date fields; "day" and "month" of the
    usage date; "tag:KEY"; "extra:COLUMN" for a column this version doesn't know. Another name, or none at all, is a
    ConfigError. With the extra `arrow`, of a large file only the columns needed are read, and so a mistake in another
    one isn't noticed. Lines made by hand, whose numbers are NaN, infinite or too long to add exactly, are a ValueError.

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
            raise ValueError("an amount or quantity is NaN, infinite or too long to be added exactly") from error
    if (invoice.size or 0) >= WORTH_ARROW and find_spec("pyarrow") is not None:
        from . import _summary_arrow  # noqa: PLC0415 - pyarrow is an extra

        _summary_arrow.add_blocks(sums, invoice.claim(), parts)
    else:
        sums.add_lines(invoice, parts)
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
