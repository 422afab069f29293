"""The CSV's side of a reconciliation: exact sums, taken line by line, so that memory doesn't grow with the file."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from ._amounts import EXACT, HALF_CENT
from ._discounts import DiscountVotes
from ._line_match import CsvEntry
from ._reconciliation import Totals

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atlas_invoices._invoice_csv import LineItem

    from ._line_match import LineMatch

_ZERO = Decimal(0)
_NO_TAGS: frozenset[tuple[str, str]] = frozenset()


class Sum:
    """An exact sum of cents, and how far rounding its terms would move it."""

    __slots__ = ("_drift", "_ties", "cents", "fractional", "lines")

    def __init__(self) -> None:
        self.cents = _ZERO
        self.lines = 0
        self.fractional = 0
        self._drift = _ZERO
        self._ties = 0

    def add(self, cents: Decimal, whole: Decimal) -> None:
        """Add one term; `whole` is the same, rounded to a cent."""
        self.cents = EXACT.add(self.cents, cents)
        self.lines += 1
        if cents == whole:
            return
        self.fractional += 1
        moved = EXACT.subtract(whole, cents)
        if moved.copy_abs() == HALF_CENT:
            self._ties += 1
        else:
            self._drift = EXACT.add(self._drift, moved)

    @property
    def slack(self) -> Decimal:
        """How far rounding moves the sum, whether each term or the sum was rounded; 0 where every term is whole cents.

        Half a cent for every term would hide a line that is missing; only that of a term that is just half a cent may
        go either way.
        """
        if not self.fractional:
            return _ZERO
        return EXACT.add(self._drift.copy_abs(), EXACT.multiply(Decimal(self._ties + 1), HALF_CENT))


class CsvSide:
    """All that is kept of the CSV: sums by kind, project and SKU; the lines themselves go by."""

    def __init__(self) -> None:
        self.everything = Sum()
        self.positive = Sum()
        self.negative = Sum()
        self.credits = Sum()
        self.by_project: dict[str | None, Sum] = {}
        self.by_sku: dict[str, Sum] = {}
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
        cents, whole = _ZERO, _ZERO
        if line.amount is None:
            self.without_amount += 1
        else:
            cents = EXACT.scaleb(line.amount, Decimal(2))
            whole = cents.to_integral_value(rounding=ROUND_HALF_UP)
        is_whole = cents == whole
        self.everything.add(cents, whole)
        if line.is_credit:
            self.credits.add(cents, whole)
        elif cents < 0:
            self.negative.add(cents, whole)
        else:
            self.positive.add(cents, whole)
        self.by_project.setdefault(line.project_id, Sum()).add(cents, whole)
        if line.sku is not None:
            self.by_sku.setdefault(line.sku, Sum()).add(cents, whole)
        if line.project_id is not None and line.project is not None:
            self.project_names.setdefault(line.project_id, line.project)
        self.discounts.add(line)
        self.last_line_number = line.line_number
        self.last_amount = line.amount
        return CsvEntry(
            project_id=line.project_id,
            cents=int(whole),
            day=line.usage_date,
            tags=frozenset(line.tags.items()) if line.tags else _NO_TAGS,
            is_credit=line.is_credit,
            # Half a cent may have been rounded up or down; which of the two shows only against the other side.
            is_tie=not is_whole and EXACT.subtract(whole, cents).copy_abs() == HALF_CENT,
            line_number=line.line_number,
        )

    @property
    def totals(self) -> Totals:
        """The sums as the caller sees them."""
        return Totals(
            lines=self.everything.lines,
            total_cents=self.everything.cents,
            subtotal_cents=self.positive.cents,
            credits_cents=self.credits.cents,
        )
