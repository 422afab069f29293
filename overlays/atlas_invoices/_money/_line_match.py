"""Line against line item: the two sides share no line IDs, so they are matched by project and amount.

Day and tags decide only between lines of the same project and amount: that a line stands on another day or has other
tags is no difference in money, and tags are those at the time of the download.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from atlas_invoices._text import one_line, text_or_none

from ._amounts import present, utc_day

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import date

    from atlas_invoices_client.models import InvoiceLineItem

Tags: TypeAlias = "frozenset[tuple[str, str]]"

# Enough to name any plausible error; a CSV of another invoice altogether must not fill the memory with line numbers.
_MOST_PLACES = 10_000


class CsvEntry(NamedTuple):
    """What matters of one CSV line; `cents` is rounded, half a cent away from zero."""

    project_id: str | None
    cents: int
    day: date | None
    tags: Tags
    is_credit: bool
    is_tie: bool
    line_number: int


class Key(NamedTuple):
    """What a line and its line item have in common; `cents` is `None` for an item without an amount."""

    project_id: str | None
    cents: int | None
    day: date | None
    tags: Tags


class Unmatched(NamedTuple):
    """Lines of one side that the other lacks; `line_number` is `None` on the invoice's side, and where unknown."""

    key: Key
    lines: int
    line_number: int | None


class MatchResult(NamedTuple):
    """What is left after matching.

    `forgiven_csv` and `forgiven_invoice` are as many lines as items: the same project and amount, another day or tags.
    """

    only_csv: list[Unmatched]
    only_invoice: list[Unmatched]
    forgiven_csv: list[Unmatched]
    forgiven_invoice: list[Unmatched]
    flipped_credits: int

    @property
    def unmatched(self) -> int:
        """How many lines and items found no partner."""
        return _count(self.only_csv) + _count(self.only_invoice)

    @property
    def other_days(self) -> int:
        """How many lines stand on another day than their item."""
        return self._moved(lambda key: key.day)

    @property
    def other_tags(self) -> int:
        """How many lines have other tags than their item."""
        return self._moved(lambda key: key.tags)

    def _moved(self, pick: Callable[[Key], object]) -> int:
        balance: Counter[tuple[str | None, int | None, object]] = Counter()
        for entries, sign in ((self.forgiven_csv, 1), (self.forgiven_invoice, -1)):
            for entry in entries:
                balance[*entry.key[:2], pick(entry.key)] += sign * entry.lines
        return sum(left for left in balance.values() if left > 0)


class LineMatch:
    """One way to read the invoice's line items, and what the CSV's lines leave of them."""

    def __init__(self, label: str | None, items: Sequence[InvoiceLineItem], cents: Iterable[int | None]) -> None:
        """`cents` is each item's amount under this reading; `label` says for people which reading it is."""
        self.label = label
        self.items = items
        self.cents = list(cents)
        self.keys = [
            Key(text_or_none(item.group_id), amount, utc_day(item.start_date), _tags(item))
            for item, amount in zip(items, self.cents, strict=True)
        ]
        self._left = Counter(self.keys)
        self._places: dict[Key, int] = {}
        self._later: list[CsvEntry] = []

    def named(self, place: int) -> str:
        """Name an item of the invoice, for people: by its place, and by its SKU where it has one."""
        sku = text_or_none(self.items[place].sku)
        return f"lineItems[{place}]" + (f" {one_line(sku, 60)}" if sku else "")

    def offer(self, entry: CsvEntry) -> None:
        """Match one CSV line; credits and half cents wait for the end, since they could take another line's item."""
        if entry.is_credit or entry.is_tie:
            self._later.append(entry)
        else:
            self._take(Key(entry.project_id, entry.cents, entry.day, entry.tags), entry.line_number)

    def finish(self) -> MatchResult:
        """Match what waited, forgive other days and tags, and return the rest."""
        open_cents: Counter[tuple[str | None, int | None]] = Counter()
        for key, left in self._left.items():
            if left:
                open_cents[key[:2]] += left
        flipped = 0
        for entry in self._later:
            cents = next((c for c in _candidates(entry) if open_cents[entry.project_id, c] > 0), entry.cents)
            open_cents[entry.project_id, cents] -= 1
            flipped += entry.is_credit and cents != 0 and (cents < 0) != (entry.cents < 0)
            self._take(Key(entry.project_id, cents, entry.day, entry.tags), entry.line_number)
        return self._rest(flipped)

    def _take(self, key: Key, line_number: int) -> None:
        self._left[key] -= 1
        if self._left[key] < 0 and len(self._places) < _MOST_PLACES:
            self._places[key] = line_number

    def _rest(self, flipped: int) -> MatchResult:
        by_cents: dict[tuple[str | None, int | None], list[tuple[Key, int]]] = {}
        for key, left in self._left.items():
            if left:
                by_cents.setdefault(key[:2], []).append((key, left))
        result = MatchResult([], [], [], [], flipped)
        for entries in by_cents.values():
            missing = [Unmatched(key, left, None) for key, left in entries if left > 0]
            extra = [Unmatched(key, -left, self._places.get(key)) for key, left in entries if left < 0]
            pairs = min(_count(missing), _count(extra))
            _split(missing, pairs, result.forgiven_invoice, result.only_invoice)
            _split(extra, pairs, result.forgiven_csv, result.only_csv)
        return result


def _tags(item: InvoiceLineItem) -> Tags:
    tags: object = present(item.tags)
    sent: dict[str, object] = getattr(tags, "additional_properties", {})
    return frozenset(
        (key, value)
        for key, values in sent.items()
        if isinstance(values, list)
        for value in values
        if isinstance(value, str) and value
    )


def _candidates(entry: CsvEntry) -> Iterable[int]:
    """The amounts that may stand for this line on the other side, the most likely first."""
    down = entry.cents - (1 if entry.cents > 0 else -1)
    yield entry.cents
    if entry.is_tie:
        yield down
    if entry.is_credit:
        # The sign of a credit isn't documented on either side.
        yield -entry.cents
        if entry.is_tie:
            yield -down


def _count(entries: Iterable[Unmatched]) -> int:
    return sum(entry.lines for entry in entries)


def _split(entries: list[Unmatched], count: int, first: list[Unmatched], rest: list[Unmatched]) -> None:
    """Share out `entries`, the first `count` lines to `first`; an entry that stands for several may be cut in two."""
    for entry in entries:
        taken = min(count, entry.lines)
        count -= taken
        if taken:
            first.append(entry._replace(lines=taken))
        if entry.lines > taken:
            rest.append(entry._replace(lines=entry.lines - taken))
