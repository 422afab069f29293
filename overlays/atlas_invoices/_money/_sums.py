"""Sums of cents, exact, and the whole cents that rounding can make of them: few values, never a band."""

from __future__ import annotations

from decimal import ROUND_HALF_DOWN, ROUND_HALF_UP, Decimal
from typing import NamedTuple

from ._amounts import EXACT, HALF_CENT

_ZERO = Decimal(0)


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

    def __init__(self, cents: Decimal = _ZERO) -> None:
        """Begin with an amount of whole cents, 0 as a rule."""
        self.cents = cents
        self.lines = 0
        self.fractional = 0
        self._drift = _ZERO
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
