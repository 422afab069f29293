"""Line against line item: the two sides share no line IDs, so they are matched by project and amount.

Day, tags, quantity, price and cluster decide only between lines of the same project and amount: that a line stands on
another day or has other tags is no difference in money, and tags are those at the time of the download.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from atlas_invoices._utils import single_line, text_or_none

from ._amounts import present, utc_day
from ._reconciliation import Key, MatchResult, Unmatched, count_lines

if TYPE_CHECKING:
    from atlas_invoices_client.models import InvoiceLineItem

    from ._reconciliation import Tags


class CsvEntry(NamedTuple):
    """What matters of one CSV line; the key's cents are rounded, half a cent away from zero."""

    key: Key
    is_credit: bool
    is_tie: bool
    line_number: int


class LineMatch:
    """One way to read the invoice's line items, and what the CSV's lines leave of them."""

    def __init__(
        self, label: str | None, items: Sequence[InvoiceLineItem], cents: Iterable[int | None], *, by_project: bool
    ) -> None:
        """`cents` is each item's amount under this reading; `label` says for people which reading it is.

        Without `by_project` lines and items of any project match.
        """
        self.label = label
        self.by_project = by_project
        self.items = items
        self.cents = list(cents)
        self.keys = [
            _key(item, amount, text_or_none(item.group_id) if by_project else None)
            for item, amount in zip(items, self.cents, strict=True)
        ]
        self._left = Counter(self.keys)
        self._places: dict[Key, int] = {}
        self._later: list[CsvEntry] = []

    def named(self, place: int) -> str:
        """Name an item of the invoice, for people: by its place, and by its SKU where it has one."""
        sku = text_or_none(self.items[place].sku)
        return f"lineItems[{place}]" + (f" {single_line(sku, 60)}" if sku else "")

    def offer(self, entry: CsvEntry) -> None:
        """Match one CSV line; credits and half cents wait for the end, since they could take another line's item."""
        if not self.by_project:
            entry = entry._replace(key=entry.key._replace(project_id=None))
        if entry.is_credit or entry.is_tie:
            self._later.append(entry)
        else:
            self._take(entry.key, entry.line_number)

    def finish(self) -> MatchResult:
        """Match what waited, forgive other days, tags and the like, and return the rest."""
        open_cents: Counter[tuple[str | None, int | None]] = Counter()
        for key, left in self._left.items():
            if left:
                open_cents[key[:2]] += left
        # The sign of a credit isn't documented on either side, but it is the same for all credits of one file.
        settled = _settle(self._later, open_cents, sign=1)
        flipped = 0
        if settled.missed and any(entry.is_credit for entry in self._later):
            turned = _settle(self._later, open_cents, sign=-1)
            if turned.missed < settled.missed:
                settled = turned
                flipped = sum(entry.is_credit and entry.key.cents != 0 for entry in self._later)
        for entry, cents in zip(self._later, settled.cents, strict=True):
            self._take(entry.key._replace(cents=cents), entry.line_number)
        return self._rest(flipped)

    def _take(self, key: Key, line_number: int) -> None:
        left = self._left[key] = self._left[key] - 1
        if left < 0:
            self._places[key] = line_number

    def _rest(self, flipped: int) -> MatchResult:
        by_cents: dict[tuple[str | None, int | None], tuple[list[Unmatched], list[Unmatched]]] = {}
        for key, left in self._left.items():
            if left > 0:
                by_cents.setdefault(key[:2], ([], []))[1].append(Unmatched(key, left, None))
            elif left < 0:
                by_cents.setdefault(key[:2], ([], []))[0].append(Unmatched(key, -left, self._places[key]))
        only_csv: list[Unmatched] = []
        only_invoice: list[Unmatched] = []
        other_days = other_tags = 0
        for ours, theirs in by_cents.values():
            rest = ours, theirs
            if ours and theirs:
                # The more they have in common, the likelier it is that they belong together.
                of_other_days = _unpaired(*_unpaired(ours, theirs, _day_and_tags), _day)
                rest = _unpaired(*of_other_days, _nothing)
                other_days += count_lines(of_other_days[0]) - count_lines(rest[0])
                our_tags, their_tags = (
                    _count_by(entries, _only_tags) - _count_by(left, _only_tags)
                    for entries, left in zip((ours, theirs), rest, strict=True)
                )
                other_tags += (our_tags - their_tags).total()
            only_csv += rest[0]
            only_invoice += rest[1]
        return MatchResult(only_csv, only_invoice, other_days, other_tags, flipped)


class _Settled(NamedTuple):
    """The amount that each line that waited stands for on the other side, and how many have no item there."""

    cents: list[int | None]
    missed: int


def _settle(entries: Iterable[CsvEntry], open_cents: Counter[tuple[str | None, int | None]], *, sign: int) -> _Settled:
    """Choose the amounts under which most find an item, where the credits' sign is that of the invoice times `sign`."""
    left = open_cents.copy()
    chosen: list[int | None] = []
    missed = 0
    for entry in entries:
        project_id = entry.key.project_id
        candidates = list(_candidates(entry, sign if entry.is_credit else 1))
        fitting = [cents for cents in candidates if left[project_id, cents] > 0]
        missed += not fitting
        # Without a partner it's shown as the CSV has it.
        cents = fitting[0] if fitting else entry.key.cents
        left[project_id, cents] -= 1
        chosen.append(cents)
    return _Settled(chosen, missed)


def _candidates(entry: CsvEntry, sign: int) -> Iterable[int]:
    """The amounts that may stand for this line on the other side, the most likely first."""
    cents = entry.key.cents or 0
    yield sign * cents
    if entry.is_tie:
        yield sign * (cents - (1 if cents > 0 else -1))


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


def _number(value: object) -> Decimal | None:
    """A JSON number with the digits it was sent with: of a float, the fewest that stand for it."""
    if isinstance(value, float) and math.isfinite(value):
        return Decimal(repr(value))
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _unpaired(
    ours: list[Unmatched], theirs: list[Unmatched], pick: Callable[[Key], Hashable]
) -> tuple[list[Unmatched], list[Unmatched]]:
    """Pair lines with items that are equal in what `pick` returns; return what is left of both."""
    shared = _count_by(ours, pick) & _count_by(theirs, pick)
    return _without(ours, shared, pick), _without(theirs, shared, pick)


def _without(entries: list[Unmatched], shared: Counter[Hashable], pick: Callable[[Key], Hashable]) -> list[Unmatched]:
    pairs = shared.copy()
    rest = []
    for entry in entries:
        taken = min(pairs[pick(entry.key)], entry.lines)
        pairs[pick(entry.key)] -= taken
        if entry.lines > taken:
            rest.append(entry._replace(lines=entry.lines - taken))
    return rest


def _count_by(entries: Iterable[Unmatched], pick: Callable[[Key], Hashable]) -> Counter[Hashable]:
    counts: Counter[Hashable] = Counter()
    for entry in entries:
        counts[pick(entry.key)] += entry.lines
    return counts


def _day_and_tags(key: Key) -> Hashable:
    return key.day, key.tags


def _day(key: Key) -> Hashable:
    return key.day


def _only_tags(key: Key) -> Hashable:
    return key.tags


def _nothing(_key: Key) -> Hashable:
    return None
