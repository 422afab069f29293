"""Compares the CSV's sums with those that the invoice states: subtotal, credits, amount billed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import product
from typing import NamedTuple

from ._amounts import EXACT, over_or_short, short_money
from ._csv_side import CentRange, CsvSide, Sum
from ._invoice_side import StatedSums
from ._reconciliation import Difference, DifferenceKind


class _Check(NamedTuple):
    """A sum that the invoice states, and the CSV's sums that it should be made of."""

    kind: DifferenceKind
    parts: tuple[Sum, ...]
    stated: int
    subject: str

    @property
    def sum(self) -> Sum:
        return Sum.of(*self.parts)


class _Interpretation(NamedTuple):
    """One interpretation of both sides, the checks that follow from it, and how the invoice rounds its sums."""

    label: str | None
    fits: Callable[[_Check], bool]
    checks: list[_Check]
    balance: int

    @property
    def unexplained(self) -> tuple[int, int]:
        """How many sums don't fit, and how many of those are equal, which would be shown as differing by 0.00."""
        unfit = [check for check in self.checks if not self.fits(check)]
        return len(unfit), sum(check.sum.cents == check.stated for check in unfit)


def compare_totals(
    csv: CsvSide, stated: Sequence[StatedSums], notes: list[str], warnings: list[str]
) -> tuple[list[Difference], list[Difference]]:
    """Return the differences, and those that come from rounding alone, under the interpretation that explains most.

    Only an outline of the formula is documented ("sum of all positive line items" for the subtotal), so five things are
    read in the way that fits: the sign of a credit, the place of negative lines that aren't credits, whether the
    amount billed includes the tax, whether the starting balance is subtracted from it, and whether each line was
    rounded to a cent or only the sums.
    """
    candidates = [
        interpretation
        for sums in stated
        for interpretation in _interpretations(csv, sums, linked=sums is not stated[0])
    ]
    best = min(candidates, key=lambda interpretation: interpretation.unexplained)
    differences: list[Difference] = []
    rounding: list[Difference] = []
    for check in best.checks:
        if not best.fits(check):
            differences.append(_difference(check, check.kind))
        elif check.sum.cents != check.stated:
            rounding.append(_difference(check, "rounding"))
    if best.label is not None:
        notes.append(f"the invoice's sums fit if {best.label}")
    if best.balance and any(check.kind == "amount_billed" for check in best.checks):
        warnings.append(
            f"the starting balance of {short_money(best.balance)} (startingBalanceCents), which isn't in the CSV, was "
            "subtracted to compare the CSV with amountBilledCents"
        )
    return differences, rounding


def _interpretations(csv: CsvSide, stated: StatedSums, *, linked: bool) -> list[_Interpretation]:
    positive, negative, credit = csv.positive, csv.negative, csv.reductions
    splits: list[tuple[str | None, Sum, Sum]] = [(None, positive, credit)]
    if negative.cents:
        # A negative line that isn't a credit: first as part of neither, then of the credits, then of the subtotal.
        splits.append(("negative lines count as credits", positive, Sum.of(credit, negative)))
        splits.append(("negative lines are subtracted from the subtotal", Sum.of(positive, negative), credit))
    tax, balance = stated.tax or 0, stated.balance or 0
    # Not both: an amount billed that is the subtotal again leaves something unexplained.
    billed: list[tuple[str | None, int, int]] = [(None, tax, balance)]
    if tax:
        billed.append(("amountBilledCents excludes the tax", 0, balance))
    if balance:
        # The formula for the amount owed subtracts the balance; whether the amount billed does, too, isn't documented.
        billed.append(("amountBilledCents doesn't subtract startingBalanceCents", tax, 0))
    found = []
    for (split_label, subtotal, credits_), (billed_label, tax, balance) in product(splits, billed):
        labels = ["the linked invoices' sums are added" if linked else None, split_label, billed_label]
        label = " and ".join(filter(None, labels)) or None
        checks = _checks(subtotal, credits_, tax, balance, stated)
        found += [_Interpretation(label, fits, checks, balance) for fits in (_fits_rounded_lines, _fits_rounded_sums)]
    return found


def _checks(subtotal: Sum, credits_: Sum, tax: int, balance: int, stated: StatedSums) -> list[_Check]:
    checks = []
    if stated.subtotal is not None:
        checks.append(_Check("subtotal", (subtotal,), stated.subtotal, "the CSV's positive lines"))
    if stated.credits is not None:
        # The sign of a credit isn't documented on either side, so absolute amounts are compared.
        amount = abs(stated.credits) if credits_.cents > 0 else -abs(stated.credits)
        checks.append(_Check("credits", (credits_,), amount, "the CSV's credits"))
    if stated.billed is not None:
        subject = f"the CSV's lines and the invoice's tax of {short_money(tax)}" if tax else "the CSV's lines"
        if balance:
            subject += f" less the starting balance of {short_money(balance)} (startingBalanceCents)"
        rest = Sum(Decimal(tax - balance))
        checks.append(_Check("amount_billed", (subtotal, credits_, rest), stated.billed, subject))
    return checks


def _fits_rounded_lines(check: _Check) -> bool:
    return check.stated in check.sum.of_rounded_terms


def _fits_rounded_sums(check: _Check) -> bool:
    """Whether the stated sum is the rounded sum of all parts, or the sum of the rounded parts."""
    by_parts = CentRange(Decimal(0), Decimal(0))
    for part in check.parts:
        by_parts = by_parts.plus(part.rounded)
    return check.stated in check.sum.rounded or check.stated in by_parts


def _difference(check: _Check, kind: DifferenceKind) -> Difference:
    field = {"subtotal": "subtotalCents", "credits": "creditsCents", "amount_billed": "amountBilledCents"}[check.kind]
    in_csv, in_invoice = check.sum.cents, Decimal(check.stated)
    if check.kind == "credits":
        in_csv, in_invoice = in_csv.copy_abs(), in_invoice.copy_abs()
    return Difference(
        kind=kind,
        key=field,
        csv=in_csv,
        invoice=in_invoice,
        message=f"{check.subject} add up to {short_money(in_csv)}, but the invoice has {short_money(in_invoice)} "
        f"({field}): {over_or_short(EXACT.subtract(in_csv, in_invoice))}",
    )
