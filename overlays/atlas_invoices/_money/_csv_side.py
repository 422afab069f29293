"""The CSV's side of a reconciliation: exact sums, taken line by line, so that memory doesn't grow with the file."""

from __future__ import annotations

from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from ._amounts import EXACT, HALF_CENT
from ._discounts import DiscountVotes
from ._line_match import CsvEntry
from ._match_result import Key
from ._reconciliation import Totals
from ._sums import Sum

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atlas_invoices._invoice_csv import LineItem

    from ._line_match import LineMatch

_ZERO = Decimal(0)
_TO_CENTS = Decimal(2)
_NO_TAGS: frozenset[tuple[str, str]] = frozenset()


class CsvSide:
    """All that is kept of the CSV: sums by kind, project and SKU; the lines themselves go by."""

    def __init__(self) -> None:
        self.positive = Sum()
        self.negative = Sum()
        self.credits = Sum()
        self._credit_signs: set[bool] = set()
        self.by_project: defaultdict[str | None, Decimal] = defaultdict(Decimal)
        self.by_sku: defaultdict[str, Sum] = defaultdict(Sum)
        self.project_names: dict[str, str] = {}
        self.discounts = DiscountVotes()
        self.without_amount = 0
        self.last_line_number = 0
        self.last_amount: Decimal | None = None

    def read(self, lines: Iterable[LineItem], matches: Iterable[LineMatch]) -> None:
        """Take in every line, and offer each to every way of matching it with the invoice's line items.

        What came before an error of the reader is kept.
        """
        matches = tuple(matches)
        for line in lines:
            entry = self._take(line)
            for match in matches:
                match.offer(entry)

    def _take(self, line: LineItem) -> CsvEntry:
        amount, sku, project_id = line.amount, line.sku, line.project_id
        if amount is None:
            self.without_amount += 1
            cents = _ZERO
        else:
            cents = EXACT.scaleb(amount, _TO_CENTS)
        is_credit = line.is_credit
        by_kind = self.credits if is_credit else self.negative if cents < 0 else self.positive
        if is_credit and cents:
            self._credit_signs.add(cents > 0)
        sums = (by_kind,) if sku is None else (by_kind, self.by_sku[sku])
        whole = cents.to_integral_value(ROUND_HALF_UP)
        # Half a cent may have been rounded up or down; which of the two shows only against the other side.
        is_tie = False
        if cents == whole:
            for each in sums:
                each.add(cents)
        else:
            moved = EXACT.subtract(whole, cents)
            is_tie = moved.copy_abs() == HALF_CENT
            for each in sums:
                each.add_fraction(cents, moved, is_tie=is_tie)
        self.by_project[project_id] = EXACT.add(self.by_project[project_id], cents)
        if project_id is not None and line.project is not None:
            self.project_names.setdefault(project_id, line.project)
        self.discounts.add(line)
        self.last_line_number = line.line_number
        self.last_amount = amount
        tags = frozenset(line.tags.items()) if line.tags else _NO_TAGS
        key = Key(project_id, int(whole), line.usage_date, tags, line.quantity, line.unit_price, line.cluster)
        return CsvEntry(key, is_credit, is_tie, line.line_number)

    @property
    def reductions(self) -> Sum:
        """The credits as they lower what is billed: with both signs as sent, else whichever sign they were sent with.

        Which sign a credit has isn't documented; of two signs, one takes back what the other gave.
        """
        return self.credits if len(self._credit_signs) > 1 else self.credits.lowering()

    @property
    def everything(self) -> Sum:
        """The sum of all lines."""
        return self.positive.plus(self.negative, self.credits)

    @property
    def totals(self) -> Totals:
        """The sums as the caller sees them."""
        everything = self.everything
        return Totals(
            lines=everything.lines,
            total_cents=everything.cents,
            subtotal_cents=self.positive.cents,
            credits_cents=self.credits.cents,
        )
