"""Group lines and add them up exactly."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Sequence
from decimal import Context, Decimal
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeAlias

from attrs import frozen

from atlas_invoices._errors import ConfigError

from ._cells import EXACT, ZERO, parse_date, parse_number, shortest
from ._columns import BY_FIELD, BY_NAME, TAG_PREFIX, Kind, quoted

if TYPE_CHECKING:
    from ._model import LineItem


_TIMES = ("day", "month")

KeyPart: TypeAlias = str | dt.date | Decimal | None


@frozen
class GroupBy:
    """One thing to group by: its name, which CSV column holds it, how its cell reads, and where a line has it."""

    name: str
    column: str
    from_cell: Callable[[str], KeyPart]
    from_line: Callable[[LineItem], KeyPart]


def parse_by(by: object) -> tuple[GroupBy, ...]:
    """The names as `summarize` takes them; none at all, or one it doesn't know, is a ConfigError with those it does.

    The CSV's own spelling (`Usage Date`, `Tag/team`) means the same as ours (`usage_date`, `tag:team`), by which each
    GroupBy is named.
    """
    names = [by] if isinstance(by, str) else list(by) if isinstance(by, Iterable) else []
    if not names or not all(isinstance(name, str) for name in names):
        raise _refused(by)
    return tuple(map(_parse, names))


def missing_names(by: object, columns: Collection[str]) -> tuple[str, ...]:
    """Of the names in `by`, a tag's too, those whose column a file lacks: each of its lines has None there.

    `columns` is `InvoiceCsv.columns`, the header row's names.
    """
    return tuple(part.name for part in parse_by(by) if part.column not in columns)


def _parse(name: str) -> GroupBy:
    if name == "day":
        return GroupBy(name, "Usage Date", parse_date, lambda line: line.usage_date)
    if name == "month":
        return GroupBy(name, "Usage Date", lambda cell: month(parse_date(cell)), lambda line: month(line.usage_date))
    if name.startswith(("tag:", TAG_PREFIX)):
        key = name.removeprefix("tag:") if name.startswith("tag:") else name.removeprefix(TAG_PREFIX)
        # A column `Tag/` would be a tag without a key, which Atlas doesn't have: more likely the key was forgotten.
        if not key:
            raise _refused(name)
        return GroupBy(f"tag:{key}", TAG_PREFIX + key, str, lambda line: line.tags.get(key))
    kind, separator, key = name.partition(":")
    if separator and kind == "extra" and key not in BY_NAME and not key.startswith(TAG_PREFIX):
        return GroupBy(name, key, str, lambda line: line.extra.get(key))
    column = BY_FIELD.get(name) or BY_NAME.get(name)
    if column is None:
        raise _refused(name)
    field: Callable[[LineItem], Any] = attrgetter(column.field)
    if column.kind is Kind.NUMBER:
        return GroupBy(
            column.field, column.name, lambda cell: _number(parse_number(cell)), lambda line: _number(field(line))
        )
    return GroupBy(column.field, column.name, parse_date if column.kind is Kind.DATE else str, field)


def _number(number: Decimal | None) -> Decimal | None:
    """One Decimal for all that are equal, so that a key prints alike whichever line came first."""
    return None if number is None else shortest(number or ZERO)


def _refused(by: object) -> ConfigError:
    shown = quoted(by if isinstance(by, str) else repr(by))
    close = _alike(by) if isinstance(by, str) else []
    meant = f" (did you mean {' or '.join(close)}?)" if close else ""
    names = ", ".join([*BY_FIELD, *_TIMES])
    return ConfigError(f"can't group by {shown}{meant}: choose from {names}, tag:KEY, extra:COLUMN")


def _alike(name: str) -> list[str]:
    from difflib import get_close_matches  # noqa: PLC0415 - only a mistake needs it

    column = name.removeprefix("extra:")
    if column.startswith(TAG_PREFIX) and column != TAG_PREFIX:
        return [quoted(f"tag:{column.removeprefix(TAG_PREFIX)}")]
    return get_close_matches(column.casefold().replace(" ", "_"), [*BY_FIELD, *_TIMES])


def month(day: dt.date | None) -> str | None:
    """`2024-06` for a day in June 2024."""
    return None if day is None else day.isoformat()[:7]


@frozen
class Group:
    """The lines with one key.

    `key` has a part for each name in `by`: text, a `date` for days, `2024-06` for a month, a `Decimal` for numbers (one
    for all that are equal), and `None` where the lines have nothing there (no project, untagged). `amount` is in the
    price currency (USD), credits included with their sign; `share` is amount / total to 28 digits, or `None` where the
    total is 0. `quantity` adds hours to gigabytes: it only means something where all lines have one unit, so group by
    "unit", too.

    >>> data = b"Date,Usage Date,SKU,Unit,Quantity,Amount\\n07/01/2024,06/30/2024,M10,server hours,24.0,1.920\\n"
    >>> (group,) = summarize(data, by=["sku", "day", "unit"]).groups
    >>> group.key
    ('M10', datetime.date(2024, 6, 30), 'server hours')
    >>> group.amount, group.quantity, group.lines, group.share
    (Decimal('1.92'), Decimal('24'), 1, Decimal('1'))
    """

    key: tuple[KeyPart, ...]
    amount: Decimal
    quantity: Decimal
    lines: int
    share: Decimal | None


@frozen
class Summary:
    """Sums of an invoice's lines: `groups` by amount, the largest first; their `total`, and of that the `credits`.

    `by` has the names that were asked for, in LineItem's spelling. `credits` is the sum of the lines whose SKU is
    `Credit`, with their sign as sent; they are in `total` and in the groups, too.

    >>> data = b"Date,Usage Date,SKU,Amount\\n07/01/2024,06/30/2024,Credit,-0.50\\n07/01/2024,06/30/2024,M10,1.50\\n"
    >>> summary = summarize(data, by="SKU")
    >>> summary.by, [(group.key, group.amount) for group in summary.groups]
    (('sku',), [(('M10',), Decimal('1.5')), (('Credit',), Decimal('-0.5'))])
    >>> summary.total, summary.credits
    (Decimal('1'), Decimal('-0.5'))
    """

    by: tuple[str, ...]
    groups: tuple[Group, ...]
    total: Decimal
    credits: Decimal


_SHARE = Context(prec=28)


class Sums:
    """Running sums: for each key its amount, quantity and number of lines, and the credits among all."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.groups: dict[tuple[KeyPart, ...], tuple[Decimal, Decimal, int]] = {}
        self.credits = ZERO

    def add(self, key: tuple[KeyPart, ...], amount: Decimal, quantity: Decimal, lines: int) -> None:
        """Add lines of one key; the credits among them are added apart."""
        known = self.groups.get(key)
        if known is not None:
            amount, quantity, lines = EXACT.add(known[0], amount), EXACT.add(known[1], quantity), known[2] + lines
        self.groups[key] = (amount, quantity, lines)

    def add_credits(self, amount: Decimal) -> None:
        """Add an amount that is in the groups, too."""
        self.credits = EXACT.add(self.credits, amount)

    def add_lines(self, lines: Iterable[LineItem], by: Sequence[GroupBy]) -> None:
        """Add lines one by one."""
        parts = [part.from_line for part in by]
        for line in lines:
            key = tuple([part(line) for part in parts])
            amount = line.amount or ZERO
            self.add(key, amount, line.quantity or ZERO, 1)
            if line.is_credit:
                self.add_credits(amount)

    def merge(self, other: Sums) -> None:
        """Add another's sums."""
        for key, sums in other.groups.items():
            self.add(key, *sums)
        self.add_credits(other.credits)

    def summary(self, by: Sequence[GroupBy]) -> Summary:
        """What was added, in order."""
        total = ZERO
        for amount, _, _ in self.groups.values():
            total = EXACT.add(total, amount)
        total = shortest(total)
        # Of equal amounts the smaller key comes first, and what has no key last.
        ordered = sorted(
            self.groups.items(),
            key=lambda item: (
                item[1][0].copy_negate(),
                [(part is None, "" if part is None else part) for part in item[0]],
            ),
        )
        groups = [
            Group(key, shortest(amount), shortest(quantity), lines, _share(amount, total))
            for key, (amount, quantity, lines) in ordered
        ]
        return Summary(tuple(part.name for part in by), tuple(groups), total, shortest(self.credits))


def _share(amount: Decimal, total: Decimal) -> Decimal | None:
    return shortest(_SHARE.divide(amount, total)) if total else None
