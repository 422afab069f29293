"""What matching lines with line items leaves over: lines of one side alone, and pairs that differ in a detail."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable
    from datetime import date
    from decimal import Decimal

Tags: TypeAlias = "frozenset[tuple[str, str]]"


class Key(NamedTuple):
    """What a line and its line item have in common; `cents` is `None` for an item without an amount."""

    project_id: str | None
    cents: int | None
    day: date | None
    tags: Tags
    quantity: Decimal | None
    unit_price: Decimal | None
    cluster: str | None


class Unmatched(NamedTuple):
    """Equal lines that the other side lacks; `line_number` is that of the last, `None` on the invoice's side."""

    key: Key
    lines: int
    line_number: int | None


class Moved(NamedTuple):
    """Lines and items of one project and amount, as many of each, that differ in something else."""

    csv: list[Unmatched]
    invoice: list[Unmatched]


class MatchResult(NamedTuple):
    """What is left after matching.

    `forgiven` are lines and items of the same project and amount, of which something else differs.
    """

    only_csv: list[Unmatched]
    only_invoice: list[Unmatched]
    forgiven: list[Moved]
    flipped_credits: int

    @property
    def unmatched(self) -> int:
        """How many lines and items found no partner."""
        return _count(self.only_csv) + _count(self.only_invoice)

    def moved(self, pick: Callable[[Key], Hashable]) -> list[Moved]:
        """Return those of the forgiven that also differ in what `pick` returns, whatever else they differ in."""
        found = []
        for group in self.forgiven:
            extra, missing = without_equals(group, pick)
            if extra:
                found.append(Moved(extra, missing))
        return found

    def count_moved(self, pick: Callable[[Key], Hashable]) -> int:
        """How many lines those are."""
        return sum(_count(group.csv) for group in self.moved(pick))


def _count(entries: Iterable[Unmatched]) -> int:
    return sum(entry.lines for entry in entries)


def without_equals(
    group: Moved, pick: Callable[[Key], Hashable], equals: Moved | None = None
) -> tuple[list[Unmatched], list[Unmatched]]:
    """Return what is left of both sides without those that are equal in what `pick` returns; these go to `equals`."""
    shared = _counted(group.csv, pick) & _counted(group.invoice, pick)
    left: tuple[list[Unmatched], list[Unmatched]] = ([], [])
    for side, (entries, rest) in enumerate(zip(group, left, strict=True)):
        pairs = shared.copy()
        for entry in entries:
            picked = pick(entry.key)
            taken = min(pairs[picked], entry.lines)
            if taken:
                pairs[picked] -= taken
                if equals is not None:
                    equals[side].append(entry._replace(lines=taken))
            if entry.lines > taken:
                rest.append(entry._replace(lines=entry.lines - taken))
    return left


def _counted(entries: Iterable[Unmatched], pick: Callable[[Key], Hashable]) -> Counter[Hashable]:
    counts: Counter[Hashable] = Counter()
    for entry in entries:
        counts[pick(entry.key)] += entry.lines
    return counts
