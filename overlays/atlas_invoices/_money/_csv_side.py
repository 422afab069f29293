"""What reconcile takes from the CSV: its lines, their sums, the scale of their discounts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import ROUND_HALF_DOWN, ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, NamedTuple

from atlas_invoices._utils import pluralize

from ._amounts import EXACT, HALF_CENT
from ._line_match import CsvEntry
from ._reconciliation import Key, Totals

if TYPE_CHECKING:
    from atlas_invoices._csv import LineItem

    from ._line_match import LineMatch
    from ._reconciliation import DiscountUnit


_NOTHING = Decimal(0)


class Span(NamedTuple):
    """Whole cents from `least` to `most`: one value, but where half cents may have gone either way."""

    least: Decimal
    most: Decimal

    def plus(self, other: Span) -> Span:
        """Return what the sum of one value of each can be."""
        return Span(EXACT.add(self.least, other.least), EXACT.add(self.most, other.most))

    def __contains__(self, cents: object) -> bool:
        """Whether this may be the value."""
        return isinstance(cents, (int, Decimal)) and self.least <= cents <= self.most


class Sum:
    """An exact sum of cents that also knows what it is if each of its terms was rounded.

    Half a cent for every term would hide a line that is missing, so only a term of exactly half a cent may go either
    way.
    """

    __slots__ = ("_drift", "_ties", "cents", "fractional", "lines")

    def __init__(self, cents: Decimal = _NOTHING) -> None:
        """Begin with an amount of whole cents, 0 as a rule."""
        self.cents = cents
        self.lines = 0
        self.fractional = 0
        self._drift = _NOTHING
        self._ties = 0

    def add(self, cents: Decimal) -> None:
        """Add a term of whole cents."""
        self.cents = EXACT.add(self.cents, cents)
        self.lines += 1

    def add_fraction(self, cents: Decimal, moved: Decimal, *, is_tie: bool) -> None:
        """Add a term that rounding to a cent moves by `moved`."""
        self.add(cents)
        self.fractional += 1
        if is_tie:
            self._ties += 1
        else:
            self._drift = EXACT.add(self._drift, moved)

    def plus(self, *others: Sum) -> Sum:
        """Return the sum of the terms of all."""
        together = Sum()
        for each in (self, *others):
            together.cents = EXACT.add(together.cents, each.cents)
            together.lines += each.lines
            together.fractional += each.fractional
            together._drift = EXACT.add(together._drift, each._drift)  # noqa: SLF001 - of the same class
            together._ties += each._ties  # noqa: SLF001 - of the same class
        return together

    def lowering(self) -> Sum:
        """Return it as one that lowers what is billed, whichever sign its terms were sent with."""
        if self.cents <= 0:
            return self
        turned = self.plus()
        turned.cents = self.cents.copy_negate()
        turned._drift = self._drift.copy_negate()  # noqa: SLF001 - of the same class
        return turned

    @property
    def of_rounded_terms(self) -> Span:
        """The whole cents that it has if every term was rounded first."""
        middle = EXACT.add(self.cents, self._drift)
        ties = EXACT.multiply(Decimal(self._ties), HALF_CENT)
        return Span(EXACT.subtract(middle, ties), EXACT.add(middle, ties))

    @property
    def rounded(self) -> Span:
        """The whole cents that it has if it was rounded once, at its end."""
        one, other = (self.cents.to_integral_value(mode) for mode in (ROUND_HALF_DOWN, ROUND_HALF_UP))
        return Span(min(one, other), max(one, other))


_HUNDRED = Decimal(100)
_HALF_CENT_IN_DOLLARS = Decimal("0.005")
# Unit prices are shown with few digits, so price times quantity is only nearly the amount.
_THOUSANDTH = Decimal("0.001")


class DiscountVotes:
    """Each row with a discount votes for the one reading under which price, quantity and discount give its amount."""

    def __init__(self) -> None:
        self._percent = 0
        self._fraction = 0
        self._undecided = 0

    def add(self, line: LineItem) -> None:
        """Let one line vote, if it has a discount and all that is needed to check it."""
        discount, price, quantity, amount = line.discount_percent, line.unit_price, line.quantity, line.amount
        if not discount or price is None or quantity is None or amount is None:
            return
        gross = EXACT.multiply(price, quantity)
        slack = EXACT.add(_HALF_CENT_IN_DOLLARS, EXACT.multiply(gross.copy_abs(), _THOUSANDTH))
        percent = self._fits(gross, EXACT.subtract(_HUNDRED, discount).scaleb(-2, EXACT), amount, slack)
        fraction = self._fits(gross, EXACT.subtract(Decimal(1), discount), amount, slack)
        if percent == fraction:
            self._undecided += 1
        elif percent:
            self._percent += 1
        else:
            self._fraction += 1

    def result(self, notes: list[str]) -> DiscountUnit | None:
        """Return what most voted for; a contradiction, or rows that don't tell, are added to `notes`."""
        if self._percent and self._fraction:
            notes.append(
                "Discount Percent contradicts itself: "
                f"{pluralize(self._percent, 'line fits', 'lines fit')} a percentage, "
                f"{pluralize(self._fraction, 'line fits', 'lines fit')} a fraction"
            )
        if self._percent != self._fraction:
            return "percent" if self._percent > self._fraction else "fraction"
        if self._undecided:
            lines = pluralize(self._undecided, "line has", "lines have")
            notes.append(f"{lines} a discount, but the amounts don't show whether it is a percentage or a fraction")
        return None

    @staticmethod
    def _fits(gross: Decimal, share: Decimal, amount: Decimal, slack: Decimal) -> bool:
        return EXACT.subtract(EXACT.multiply(gross, share), amount).copy_abs() <= slack


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
