"""The CSV's sums against those that the invoice states: subtotal, credits, tax, amount billed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from ._amounts import EXACT, money_shown
from ._csv_side import Span, Sum
from ._reconciliation import Difference

if TYPE_CHECKING:
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
    def together(self) -> Sum:
        """What the CSV has, all parts added."""
        return Sum().plus(*self.parts)


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
    best = min(readings, key=_left_to_explain)
    differences: list[Difference] = []
    rounding: list[Difference] = []
    for check in best.checks:
        if not best.fits(check):
            differences.append(_difference(check, check.kind))
        elif check.together.cents != check.theirs:
            rounding.append(_difference(check, "rounding"))
    if best.label is not None:
        notes.append(f"the invoice's sums fit when {best.label}")
    return differences, rounding


def _left_to_explain(reading: _Reading) -> tuple[int, int]:
    """How many sums don't fit; and how many of those the CSV has exactly, which would be told as differing by 0.00."""
    unfit = [check for check in reading.checks if not reading.fits(check)]
    return len(unfit), sum(check.together.cents == check.theirs for check in unfit)


def _readings(csv: CsvSide, stated: Stated, *, linked: bool) -> list[_Reading]:
    positive, negative, credit = csv.positive, csv.negative, csv.reductions
    splits: list[tuple[str | None, Sum, Sum]] = [(None, positive, credit)]
    if negative.cents:
        # A negative line that isn't a credit: first as part of neither, then of the credits, then of the subtotal.
        splits.append(("negative lines count as credits", positive, credit.plus(negative)))
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
        # The sign of a credit isn't documented on either side, so sizes are compared.
        theirs = abs(stated.credits) if credits_.cents > 0 else -abs(stated.credits)
        checks.append(_Check("credits", (credits_,), theirs, "the CSV's credits sum to"))
    if stated.billed is not None:
        what = (
            f"the CSV's lines and the invoice's tax of {money_shown(tax)} come to" if tax else "the CSV's lines come to"
        )
        parts = (subtotal, credits_, Sum(Decimal(tax)))
        checks.append(_Check("amount_billed", parts, stated.billed, what))
    return checks


def _fits_rounded_lines(check: _Check) -> bool:
    return check.theirs in check.together.of_rounded_terms


def _fits_rounded_sums(check: _Check) -> bool:
    """Whether the stated sum is the rounded sum of all parts; or the sum of parts that had been rounded."""
    by_parts = Span(Decimal(0), Decimal(0))
    for part in check.parts:
        by_parts = by_parts.plus(part.rounded)
    return check.theirs in check.together.rounded or check.theirs in by_parts


def _difference(check: _Check, kind: DifferenceKind) -> Difference:
    field = {"subtotal": "subtotalCents", "credits": "creditsCents", "amount_billed": "amountBilledCents"}[check.kind]
    ours, theirs = check.together.cents, Decimal(check.theirs)
    if check.kind == "credits":
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
