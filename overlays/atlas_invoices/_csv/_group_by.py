"""Group lines and add them up exactly."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Sequence
from decimal import Context, Decimal
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeAlias

from attrs import frozen

from atlas_invoices._errors import ConfigError

from ._cells import EXACT, ZERO, normalize, parse_date, parse_number
from ._columns import BY_FIELD, BY_NAME, TAG_PREFIX, Kind, quoted

if TYPE_CHECKING:
    from ._model import LineItem


_TIMES = ("day", "month")

KeyPart: TypeAlias = str | dt.date | Decimal | None


@frozen
class GroupBy:
    """One key to group by: its name, the CSV column that holds it, and how to get it from a cell or from a line."""

    name: str
    column: str
    from_cell: Callable[[str], KeyPart]
    from_line: Callable[[LineItem], KeyPart]


def parse_by(by: object) -> tuple[GroupBy, ...]:
    """Parse the names that `summarize` takes; no name, or an unknown one, is a ConfigError that lists the known ones.

    Each GroupBy has its name in our spelling (`usage_date`, `tag:team`), also for the CSV's (`Usage Date`, `Tag/team`).
    """
    names = [by] if isinstance(by, str) else list(by) if isinstance(by, Iterable) else []
    if not names or not all(isinstance(name, str) for name in names):
        raise _unknown(by)
    return tuple(map(_parse, names))


def missing_names(by: object, columns: Collection[str]) -> tuple[str, ...]:
    """Return those names in `by` whose column a file lacks, tags too; they are None for every line.

    `columns` is `InvoiceCsv.columns`, the names in the header row.
    """
    return tuple(part.name for part in parse_by(by) if part.column not in columns)


def _parse(name: str) -> GroupBy:
    if name == "day":
        return GroupBy(name, "Usage Date", parse_date, lambda line: line.usage_date)
    if name == "month":
        return GroupBy(name, "Usage Date", lambda cell: month(parse_date(cell)), lambda line: month(line.usage_date))
    if name.startswith(("tag:", TAG_PREFIX)):
        key = name.removeprefix("tag:") if name.startswith("tag:") else name.removeprefix(TAG_PREFIX)
        # Atlas has no tags without a key; more likely the key was forgotten.
        if not key:
            raise _unknown(name)
        return GroupBy(f"tag:{key}", TAG_PREFIX + key, str, lambda line: line.tags.get(key))
    kind, separator, key = name.partition(":")
    if separator and kind == "extra" and key not in BY_NAME and not key.startswith(TAG_PREFIX):
        return GroupBy(name, key, str, lambda line: line.extra.get(key))
    column = BY_FIELD.get(name) or BY_NAME.get(name)
    if column is None:
        raise _unknown(name)
    field: Callable[[LineItem], Any] = attrgetter(column.field)
    if column.kind is Kind.NUMBER:
        return GroupBy(
            column.field, column.name, lambda cell: _number(parse_number(cell)), lambda line: _number(field(line))
        )
    return GroupBy(column.field, column.name, parse_date if column.kind is Kind.DATE else str, field)


def _number(number: Decimal | None) -> Decimal | None:
    """Return one Decimal for all that are equal, so a key prints the same whichever line came first."""
    return None if number is None else normalize(number or ZERO)


def _unknown(by: object) -> ConfigError:
    shown = quoted(by if isinstance(by, str) else repr(by))
    similar = _similar(by) if isinstance(by, str) else []
    meant = f" (did you mean {' or '.join(similar)}?)" if similar else ""
    names = ", ".join([*BY_FIELD, *_TIMES])
    return ConfigError(f"can't group by {shown}{meant}: choose from {names}, tag:KEY, extra:COLUMN")


def _similar(name: str) -> list[str]:
    from difflib import get_close_matches  # noqa: PLC0415 - imported only for a misspelled name

    column = name.removeprefix("extra:")
    if column.startswith(TAG_PREFIX) and column != TAG_PREFIX:
        return [quoted(f"tag:{column.removeprefix(TAG_PREFIX)}")]
    return get_close_matches(column.casefold().replace(" ", "_"), [*BY_FIELD, *_TIMES])


def month(day: dt.date | None) -> str | None:
    """Return `2024-06` for a day in June 2024."""
    return None if day is None else day.isoformat()[:7]


@frozen
class Group:
    """The lines with one key.

    `key` has a part for each name in `by`: text, a `date` for days, `2024-06` for a month, a `Decimal` for numbers (the
    same for all equal ones), and `None` for lines without one (no project, untagged). `amount` is in the price currency
    (USD), credits included with their sign; `share` is amount / total to 28 digits, or `None` if the total is 0.
    `quantity` may add hours to gigabytes: it only has a meaning if all lines have the same unit, so group by "unit",
    too.

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
    """Sums of an invoice's lines: `groups` by amount, the largest first; their `total`; and the `credits` in it.

    `by` has the requested names, in LineItem's spelling. `credits` is the sum of the lines whose SKU is `Credit`, with
    their sign as sent; these lines are also in `total` and in the groups.

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
    """Running sums: the amount, quantity and number of lines of each key, and the credits of all of them."""

    def __init__(self) -> None:
        self.groups: dict[tuple[KeyPart, ...], tuple[Decimal, Decimal, int]] = {}
        self.credits = ZERO

    def add(self, key: tuple[KeyPart, ...], amount: Decimal, quantity: Decimal, lines: int) -> None:
        """Add the sums of lines with one key. The credits among them are added by `add_credits`, too."""
        known = self.groups.get(key)
        if known is not None:
            amount, quantity, lines = EXACT.add(known[0], amount), EXACT.add(known[1], quantity), known[2] + lines
        self.groups[key] = (amount, quantity, lines)

    def add_credits(self, amount: Decimal) -> None:
        """Add an amount of credits, which is also in the groups."""
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
        """Return the result, with the groups in order."""
        total = ZERO
        for amount, _, _ in self.groups.values():
            total = EXACT.add(total, amount)
        total = normalize(total)
        # Among equal amounts, the smaller key comes first, and None last.
        ordered = sorted(
            self.groups.items(),
            key=lambda item: (
                item[1][0].copy_negate(),
                [(part is None, "" if part is None else part) for part in item[0]],
            ),
        )
        groups = [
            Group(key, normalize(amount), normalize(quantity), lines, _share(amount, total))
            for key, (amount, quantity, lines) in ordered
        ]
        return Summary(tuple(part.name for part in by), tuple(groups), total, normalize(self.credits))


def _share(amount: Decimal, total: Decimal) -> Decimal | None:
    return normalize(_SHARE.divide(amount, total)) if total else None
