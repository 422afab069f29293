"""Exact running sums, by key: what `summarize` adds up line by line or, by pyarrow, block by block."""

from __future__ import annotations

from decimal import Context, Decimal
from typing import TYPE_CHECKING

from ._exact import EXACT, ZERO, shortest
from ._summary_result import Group, Summary

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ._line_item import LineItem
    from ._summary_keys import GroupBy, KeyPart

_SHARE = Context(prec=28)


class Sums:
    """Running sums: for each key its amount, quantity and number of lines, and the credits among all."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.groups: dict[tuple[KeyPart, ...], tuple[Decimal, Decimal, int]] = {}
        self.credits = ZERO

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
            amount = line.amount or ZERO
            self.add(key, amount, line.quantity or ZERO, 1)
            if line.is_credit:
                self.add_credits(amount)

    def merge(self, other: Sums) -> None:
        """Add another's sums."""
        for key, sums in other.groups.items():
            self.add(key, *sums)
        self.add_credits(other.credits)

    def summary(self, by: Sequence[GroupBy]) -> Summary:
        """What was added, in order."""
        total = ZERO
        for amount, _, _ in self.groups.values():
            total = EXACT.add(total, amount)
        total = shortest(total)
        # Of equal amounts the smaller key comes first, and what has no key last.
        ordered = sorted(
            self.groups.items(),
            key=lambda item: (
                item[1][0].copy_negate(),
                [(part is None, "" if part is None else part) for part in item[0]],
            ),
        )
        groups = [
            Group(key, shortest(amount), shortest(quantity), lines, _share(amount, total))
            for key, (amount, quantity, lines) in ordered
        ]
        return Summary(tuple(part.name for part in by), tuple(groups), total, shortest(self.credits))


def _share(amount: Decimal, total: Decimal) -> Decimal | None:
    return shortest(_SHARE.divide(amount, total)) if total else None
