"""The CSV's sums against those that the invoice states: subtotal, credits, tax, amount billed."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from ._amounts import EXACT, money
from ._reconciliation import Difference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._csv_side import CsvSide
    from ._invoice_side import Stated
    from ._reconciliation import DifferenceKind


class _Check(NamedTuple):
    kind: DifferenceKind
    ours: Decimal
    theirs: int
    what: str


class _Reading(NamedTuple):
    """One way to read both sides, with the checks it leads to."""

    label: str | None
    checks: list[_Check]


def compare_totals(
    csv: CsvSide, stated: Sequence[Stated], notes: list[str]
) -> tuple[list[Difference], list[Difference]]:
    """Return what differs, and what differs by rounding alone, under the reading that leaves the least to explain.

    Only the formula's outline is documented ("sum of all positive line items" for the subtotal), so three things are
    read in the way that fits: the sign of a credit, the place of negative lines that aren't credits, and whether the
    amount billed includes the tax.
    """
    # Roundings of one kind of lines must not cancel those of another.
    slack = EXACT.add(EXACT.add(csv.positive.slack, csv.negative.slack), csv.credits.slack)
    readings = [reading for sums in stated for reading in _readings(csv, sums, linked=sums is not stated[0])]
    best = min(readings, key=lambda reading: sum(_gap(check) > slack for check in reading.checks))
    differences: list[Difference] = []
    rounding: list[Difference] = []
    for check in best.checks:
        gap = _gap(check)
        if gap > slack:
            differences.append(_difference(check, check.kind))
        elif gap:
            rounding.append(_difference(check, "rounding"))
    if best.label is not None and len(differences) < len(best.checks):
        notes.append(f"the invoice's sums fit when {best.label}")
    return differences, rounding


def _readings(csv: CsvSide, stated: Stated, *, linked: bool) -> list[_Reading]:
    positive, negative, credit = csv.positive.cents, csv.negative.cents, csv.credits.cents
    splits: list[tuple[str | None, Decimal, Decimal]] = [(None, positive, credit)]
    if negative:
        # A negative line that isn't a credit: first as part of neither, then of the credits, then of the subtotal.
        splits.append(("negative lines count as credits", positive, EXACT.add(_negated(credit), negative)))
        splits.append(("negative lines are taken off the subtotal", EXACT.add(positive, negative), credit))
    taxes: list[tuple[str | None, int]] = [(None, stated.tax or 0)]
    if stated.tax:
        taxes.append(("amountBilledCents is read as without tax", 0))
    readings = []
    for split, subtotal, credits_ in splits:
        for untaxed, tax in taxes:
            labels = ["those of the linked invoices are added" if linked else None, split, untaxed]
            checks = _checks(subtotal, credits_, EXACT.add(subtotal, _negated(credits_)), tax, stated)
            readings.append(_Reading(" and ".join(filter(None, labels)) or None, checks))
    return readings


def _checks(subtotal: Decimal, credits_: Decimal, net: Decimal, tax: int, stated: Stated) -> list[_Check]:
    checks = []
    if stated.subtotal is not None:
        checks.append(_Check("subtotal", subtotal, stated.subtotal, "the CSV's positive lines sum to"))
    if stated.credits is not None:
        checks.append(_Check("credits", EXACT.abs(credits_), abs(stated.credits), "the CSV's credits sum to"))
    if stated.billed is not None:
        what = f"the CSV's lines and the invoice's tax of {money(tax)} come to" if tax else "the CSV's lines come to"
        checks.append(_Check("amount_billed", EXACT.add(net, Decimal(tax)), stated.billed, what))
    return checks


def _difference(check: _Check, kind: DifferenceKind) -> Difference:
    field = {"subtotal": "subtotalCents", "credits": "creditsCents", "amount_billed": "amountBilledCents"}[check.kind]
    gap = EXACT.subtract(check.ours, Decimal(check.theirs))
    return Difference(
        kind=kind,
        key=field,
        csv=check.ours,
        invoice=Decimal(check.theirs),
        message=f"{check.what} {money(check.ours)}, the invoice states {money(check.theirs)} ({field}): "
        f"{money(EXACT.abs(gap))} {'too much' if gap > 0 else 'too little'} in the CSV",
    )


def _gap(check: _Check) -> Decimal:
    return EXACT.subtract(check.ours, Decimal(check.theirs)).copy_abs()


def _negated(cents: Decimal) -> Decimal:
    """A credit lowers what is billed, whichever sign it was sent with."""
    return EXACT.minus(EXACT.abs(cents))
