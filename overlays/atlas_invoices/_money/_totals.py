"""The CSV's sums against those that the invoice states: subtotal, credits, tax, amount billed."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from ._amounts import EXACT, money_shown
from ._reconciliation import Difference
from ._sums import Span, Sum

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ._csv_side import CsvSide
    from ._invoice_side import Stated
    from ._reconciliation import DifferenceKind


class _Check(NamedTuple):
    """One sum that the invoice states, and what it is made of on the CSV's side."""

    kind: DifferenceKind
    parts: tuple[Sum, ...]
    theirs: int
    what: str

    @property
    def ours(self) -> Decimal:
        """What the CSV has, unrounded."""
        return Sum().plus(*self.parts).cents


class _Reading(NamedTuple):
    """One way to read both sides, with the checks it leads to, and how the invoice's sums were rounded."""

    label: str | None
    fits: Callable[[_Check], bool]
    checks: list[_Check]


def compare_totals(
    csv: CsvSide, stated: Sequence[Stated], notes: list[str]
) -> tuple[list[Difference], list[Difference]]:
    """Return what differs, and what differs by rounding alone, under the reading that leaves the least to explain.

    Only the formula's outline is documented ("sum of all positive line items" for the subtotal), so four things are
    read in the way that fits: the sign of a credit, the place of negative lines that aren't credits, whether the
    amount billed includes the tax, and whether every line was rounded to a cent or only the sums.
    """
    readings = [reading for sums in stated for reading in _readings(csv, sums, linked=sums is not stated[0])]
    best = min(readings, key=lambda reading: sum(not reading.fits(check) for check in reading.checks))
    differences: list[Difference] = []
    rounding: list[Difference] = []
    for check in best.checks:
        if not best.fits(check):
            differences.append(_difference(check, check.kind))
        elif check.ours != check.theirs:
            rounding.append(_difference(check, "rounding"))
    if best.label is not None:
        notes.append(f"the invoice's sums fit when {best.label}")
    return differences, rounding


def _readings(csv: CsvSide, stated: Stated, *, linked: bool) -> list[_Reading]:
    positive, negative, credit = csv.positive, csv.negative, csv.credits
    splits: list[tuple[str | None, Sum, Sum]] = [(None, positive, credit)]
    if negative.cents:
        # A negative line that isn't a credit: first as part of neither, then of the credits, then of the subtotal.
        splits.append(("negative lines count as credits", positive, credit.lowering().plus(negative)))
        splits.append(("negative lines are taken off the subtotal", positive.plus(negative), credit))
    taxes: list[tuple[str | None, int]] = [(None, stated.tax or 0)]
    if stated.tax:
        taxes.append(("amountBilledCents is read as without tax", 0))
    readings = []
    for split, subtotal, credits_ in splits:
        for untaxed, tax in taxes:
            labels = ["those of the linked invoices are added" if linked else None, split, untaxed]
            label = " and ".join(filter(None, labels)) or None
            checks = _checks(subtotal, credits_, tax, stated)
            readings += [_Reading(label, fits, checks) for fits in (_fits_rounded_lines, _fits_rounded_sums)]
    return readings


def _checks(subtotal: Sum, credits_: Sum, tax: int, stated: Stated) -> list[_Check]:
    checks = []
    if stated.subtotal is not None:
        checks.append(_Check("subtotal", (subtotal,), stated.subtotal, "the CSV's positive lines sum to"))
    if stated.credits is not None:
        checks.append(_Check("credits", (credits_.lowering(),), -abs(stated.credits), "the CSV's credits sum to"))
    if stated.billed is not None:
        what = (
            f"the CSV's lines and the invoice's tax of {money_shown(tax)} come to" if tax else "the CSV's lines come to"
        )
        parts = (subtotal, credits_.lowering(), Sum(Decimal(tax)))
        checks.append(_Check("amount_billed", parts, stated.billed, what))
    return checks


def _fits_rounded_lines(check: _Check) -> bool:
    return check.theirs in Sum().plus(*check.parts).of_rounded_terms


def _fits_rounded_sums(check: _Check) -> bool:
    """Whether it is the rounded sum of all; or of sums that had been rounded, as the invoice states them."""
    by_parts = Span(Decimal(0), Decimal(0))
    for part in check.parts:
        by_parts = by_parts.plus(part.rounded)
    return check.theirs in Sum().plus(*check.parts).rounded or check.theirs in by_parts


def _difference(check: _Check, kind: DifferenceKind) -> Difference:
    field = {"subtotal": "subtotalCents", "credits": "creditsCents", "amount_billed": "amountBilledCents"}[check.kind]
    ours, theirs = check.ours, Decimal(check.theirs)
    if check.kind == "credits":
        # The sign of a credit isn't documented on either side, so sizes are compared.
        ours, theirs = ours.copy_abs(), theirs.copy_abs()
    gap = EXACT.subtract(ours, theirs)
    return Difference(
        kind=kind,
        key=field,
        csv=ours,
        invoice=theirs,
        message=f"{check.what} {money_shown(ours)}, the invoice states {money_shown(theirs)} ({field}): "
        f"{money_shown(gap.copy_abs())} {'too much' if gap > 0 else 'too little'} in the CSV",
    )
