"""What `Discount Percent` means: whether 10 or 0.1 is a tenth isn't documented, so the rows themselves are asked."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from atlas_invoices._words import counted

from ._amounts import EXACT

if TYPE_CHECKING:
    from atlas_invoices._invoice_csv import LineItem

    from ._reconciliation import DiscountUnit

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
                f"{counted(self._percent, 'line fits', 'lines fit')} a percentage, "
                f"{counted(self._fraction, 'line fits', 'lines fit')} a fraction"
            )
        if self._percent != self._fraction:
            return "percent" if self._percent > self._fraction else "fraction"
        if self._undecided:
            lines = counted(self._undecided, "line has", "lines have")
            notes.append(f"{lines} a discount, but the amounts don't show whether it is a percentage or a fraction")
        return None

    @staticmethod
    def _fits(gross: Decimal, share: Decimal, amount: Decimal, slack: Decimal) -> bool:
        return EXACT.subtract(EXACT.multiply(gross, share), amount).copy_abs() <= slack
