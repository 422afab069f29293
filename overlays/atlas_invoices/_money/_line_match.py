"""Matches CSV lines with line items. The two sides share no line IDs, so they are matched by project and amount.

Day, tags, quantity, price and cluster only decide between lines of the same project and amount: a different day isn't a
difference in money, and tags are those at the time of the download.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from atlas_invoices._utils import single_line, text_or_none
from atlas_invoices_client.models import InvoiceLineItem

from ._amounts import present, utc_day


class Key(NamedTuple):
    """The properties that a line and its line item share; `cents` is `None` for an item without an amount."""

    project_id: str | None
    cents: int | None
    day: date | None
    tags: frozenset[tuple[str, str]]
    quantity: Decimal | None
    unit_price: Decimal | None
    cluster: str | None


class CsvEntry(NamedTuple):
    """The part of a CSV line that is matched; the key's cents are rounded half up (away from zero)."""

    key: Key
    is_credit: bool
    is_tie: bool
    line_number: int


class Unmatched(NamedTuple):
    """Equal lines that the other side lacks; `line_number` is the last one's, `None` on the invoice's side."""

    key: Key
    lines: int
    line_number: int | None


class MatchResult(NamedTuple):
    """The lines and items without a counterpart, and how many counterparts have a different day or tags."""

    only_csv: list[Unmatched]
    only_invoice: list[Unmatched]
    other_days: int
    other_tags: int
    flipped_credits: int

    @property
    def unmatched(self) -> int:
        """Number of lines and items without a counterpart."""
        return sum(entry.lines for entry in (*self.only_csv, *self.only_invoice))


class LineMatcher:
    """Matches CSV lines with the invoice's line items under one interpretation of the items."""

    def __init__(
        self, label: str | None, items: Sequence[InvoiceLineItem], cents: Iterable[int | None], *, by_project: bool
    ) -> None:
        """`label` describes the interpretation, `cents` has each item's amount under it.

        Without `by_project`, projects are ignored.
        """
        self.label = label
        self.by_project = by_project
        self.items = items
        self.cents = list(cents)
        self.keys = [
            _key(item, amount, text_or_none(item.group_id) if by_project else None)
            for item, amount in zip(items, self.cents, strict=True)
        ]
        # Above zero: items without a line; below zero: lines without an item.
        self._balance = Counter(self.keys)
        self._line_numbers: dict[Key, int] = {}
        self._postponed: list[CsvEntry] = []

    def name(self, index: int) -> str:
        """Name a line item for a message, by its index and its SKU."""
        sku = text_or_none(self.items[index].sku)
        return f"lineItems[{index}]" + (f" {single_line(sku, 60)}" if sku else "")

    def add(self, entry: CsvEntry) -> None:
        """Match one CSV line, or postpone it: credits and half cents could take another line's item."""
        if not self.by_project:
            entry = entry._replace(key=entry.key._replace(project_id=None))
        if entry.is_credit or entry.is_tie:
            self._postponed.append(entry)
        else:
            self._match(entry.key, entry.line_number)

    def _match(self, key: Key, line_number: int) -> None:
        balance = self._balance[key] = self._balance[key] - 1
        if balance < 0:
            self._line_numbers[key] = line_number

    def finish(self) -> MatchResult:
        """Match the postponed lines, then those that differ only in their day, tags and the like."""
        open_cents: Counter[tuple[str | None, int | None]] = Counter()
        for key, balance in self._balance.items():
            open_cents[key[:2]] += balance
        # The sign of a credit isn't documented on either side, but it is the same for all credits of one file.
        amounts, unmatched = _choose_amounts(self._postponed, open_cents, credit_sign=1)
        flipped = 0
        if unmatched and any(entry.is_credit for entry in self._postponed):
            flipped_amounts, still_unmatched = _choose_amounts(self._postponed, open_cents, credit_sign=-1)
            if still_unmatched < unmatched:
                amounts = flipped_amounts
                flipped = sum(entry.is_credit and entry.key.cents != 0 for entry in self._postponed)
        for entry, cents in zip(self._postponed, amounts, strict=True):
            self._match(entry.key._replace(cents=cents), entry.line_number)
        return self._pair_the_rest(flipped)

    def _pair_the_rest(self, flipped_credits: int) -> MatchResult:
        groups: defaultdict[tuple[str | None, int | None], tuple[Counter[Key], Counter[Key]]]
        groups = defaultdict(lambda: (Counter(), Counter()))
        for key, balance in self._balance.items():
            if balance:
                lines, items = groups[key[:2]]
                (items if balance > 0 else lines)[key] = abs(balance)
        result = MatchResult([], [], 0, 0, flipped_credits)
        other_days = other_tags = 0
        for lines, items in groups.values():
            if lines and items:
                # The more they have in common, the likelier they belong together.
                for common in (_day_and_tags, _day, _tags_alone, _nothing):
                    for line, item, count in _pairs(lines, items, common):
                        other_days += count * (line.day != item.day)
                        other_tags += count * (line.tags != item.tags)
            result.only_csv.extend(
                Unmatched(key, count, self._line_numbers[key]) for key, count in lines.items() if count
            )
            result.only_invoice.extend(Unmatched(key, count, None) for key, count in items.items() if count)
        return result._replace(other_days=other_days, other_tags=other_tags)


def _pairs(
    lines: Counter[Key], items: Counter[Key], common: Callable[[Key], Hashable]
) -> Iterator[tuple[Key, Key, int]]:
    """Remove lines and items with the same `common` from both, and yield them."""
    candidates: defaultdict[Hashable, list[Key]] = defaultdict(list)
    for item in reversed(items):
        if items[item]:
            candidates[common(item)].append(item)
    for line in lines:
        fitting = candidates[common(line)]
        while lines[line] and fitting:
            item = fitting[-1]
            count = min(lines[line], items[item])
            lines[line] -= count
            items[item] -= count
            if not items[item]:
                fitting.pop()
            yield line, item, count


def _choose_amounts(
    entries: Iterable[CsvEntry], open_cents: Counter[tuple[str | None, int | None]], *, credit_sign: int
) -> tuple[list[int], int]:
    """Choose each line's amount so that it finds an item if it can; return how many don't.

    `credit_sign` is -1 if credits have the opposite sign in the invoice.
    """
    left = open_cents.copy()
    chosen: list[int] = []
    unmatched = 0
    for entry in entries:
        project_id, original = entry.key.project_id, entry.key.cents or 0
        sign = credit_sign if entry.is_credit else 1
        candidates = [sign * original]
        if entry.is_tie:
            candidates.append(sign * (original - (1 if original > 0 else -1)))
        fitting = [cents for cents in candidates if left[project_id, cents] > 0]
        unmatched += not fitting
        # A line without an item is shown as the CSV has it.
        cents = fitting[0] if fitting else original
        left[project_id, cents] -= 1
        chosen.append(cents)
    return chosen, unmatched


def _key(item: InvoiceLineItem, cents: int | None, project_id: str | None) -> Key:
    return Key(
        project_id,
        cents,
        utc_day(item.start_date),
        _tags(item),
        _number(item.quantity),
        _number(item.unit_price_dollars),
        text_or_none(item.cluster_name),
    )


def _tags(item: InvoiceLineItem) -> frozenset[tuple[str, str]]:
    tags: object = present(item.tags)
    sent: dict[str, object] = getattr(tags, "additional_properties", {})
    return frozenset(
        (key, value)
        for key, values in sent.items()
        if isinstance(values, list)
        for value in values
        if isinstance(value, str) and value
    )


def _number(value: object) -> Decimal | None:
    """Convert a JSON number, a float by its shortest representation."""
    if isinstance(value, float) and math.isfinite(value):
        return Decimal(repr(value))
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _day_and_tags(key: Key) -> Hashable:
    return key.day, key.tags


def _day(key: Key) -> Hashable:
    return key.day


def _tags_alone(key: Key) -> Hashable:
    return key.tags


def _nothing(_key: Key) -> Hashable:
    return None
