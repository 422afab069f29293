"""Exact running sums, by key: what `summarize` adds up line by line or, by pyarrow, block by block."""

from __future__ import annotations

from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ._line_item import LineItem
    from ._summary_keys import GroupBy, KeyPart

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
    sign; `share` is amount / total, or `None` where the total is 0. `quantity` adds hours to gigabytes: it only means
    something where all lines have one unit, so group by "unit", too.
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
