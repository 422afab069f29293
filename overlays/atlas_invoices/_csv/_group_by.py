"""Group lines and add them up exactly."""

from __future__ import annotations

import datetime as dt
import re
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from decimal import Context, Decimal
from operator import attrgetter
from typing import Any, TypeAlias

from attrs import frozen

from atlas_invoices._errors import ConfigError
from atlas_invoices._utils import closest, html_table, plain, pluralize

from ._cells import EXACT, ZERO, normalize, parse_date, parse_number
from ._columns import BY_FIELD, BY_NAME, COLUMNS, TAG_PREFIX, Kind, quoted
from ._layout import CURRENCY, Layout, find_key
from ._model import InvoiceHeader, LineItem

DEFAULT_CURRENCY = "USD"


def currency_code(cell: str | None) -> str:
    """Return the currency that a cell of the column `Currency` names; case and blanks don't count (ISO 4217)."""
    return (cell or "").strip().upper() or DEFAULT_CURRENCY


_TIMES = ("day", "month")

KeyPart: TypeAlias = str | dt.date | Decimal | int | None
_FindTags: TypeAlias = Callable[[], Collection[str] | None]

# What an invoice says once for all its lines.
_OF_INVOICE: dict[str, Callable[[InvoiceHeader], KeyPart]] = {
    "invoice_id": lambda header: header.invoice_id,
    "period": lambda header: month(header.period_start),
    "period_start": lambda header: header.period_start,
    "period_end": lambda header: header.period_end,
}
_LINE_NUMBER = "line_number"
# What Layout calls the second column of a name.
_is_second = re.compile(r".*#\d+", re.ASCII | re.DOTALL).fullmatch


@frozen
class GroupBy:
    """One key to group by: its name, and where to get it from.

    `from_header` is for a key that all lines of an invoice share. Any other comes from a line, or from the cell of the
    CSV's `column`, which `find` looks up; `line_number` has no column.
    """

    name: str
    column: str | None = None
    from_header: Callable[[InvoiceHeader], KeyPart] | None = None
    from_line: Callable[[LineItem], KeyPart] = lambda _line: None
    from_cell: Callable[[str], KeyPart] = str
    find: Callable[[Layout], int | None] = lambda _layout: None


def parse_by(by: object, find_tags: _FindTags = lambda: None) -> tuple[GroupBy, ...]:
    """Parse the names that `summarize` takes; no name, or an unknown one, is a ConfigError that lists the known ones.

    For an unknown name, `find_tags` returns the tags that the error may suggest, or None if they aren't known.
    Each GroupBy has its name in our spelling (`usage_date`, `tag:team`), also for the CSV's (`Usage Date`, `Tag/team`).
    """
    names = [by] if isinstance(by, str) else list(by) if isinstance(by, Iterable) else []
    if not names or not all(isinstance(name, str) for name in names):
        raise _unknown(by)
    return tuple(_parse(name, find_tags) for name in names)


def missing_names(by: object, layouts: Collection[Layout]) -> tuple[str, ...]:
    """Return those names in `by` for which all these files lack a column or a tag; they are None for every line."""
    parts = [part for part in parse_by(by) if part.column is not None]
    return tuple(part.name for part in parts if all(part.find(layout) is None for layout in layouts))


def match_tag(part: GroupBy, keys: Collection[str]) -> GroupBy:
    """Return the key for `tag:TEAM` where the only similar tag is `team`, with a warning; any other key as it is."""
    kind, _, key = part.name.partition(":")
    found = find_key(key, dict.fromkeys(keys)) if kind == "tag" else None
    if found is None or found == key:
        return part
    warnings.warn(f"no tag is called {quoted(key)}; grouped by tag:{found}", UserWarning, stacklevel=3)
    return _parse(f"tag:{found}")


def _parse(name: str, find_tags: _FindTags = lambda: None) -> GroupBy:
    if name in _OF_INVOICE:
        return GroupBy(name, from_header=_OF_INVOICE[name])
    if name == _LINE_NUMBER:
        return GroupBy(name, from_line=attrgetter(_LINE_NUMBER))
    if name in _TIMES:
        convert: Callable[[dt.date | None], KeyPart] = month if name == "month" else _same
        return GroupBy(
            name,
            "Usage Date",
            from_line=lambda line: convert(line.usage_date),
            from_cell=lambda cell: convert(parse_date(cell)),
            find=lambda layout: layout.position("Usage Date"),
        )
    if name.startswith(("tag:", TAG_PREFIX)):
        key = name.removeprefix("tag:") if name.startswith("tag:") else name.removeprefix(TAG_PREFIX)
        # Atlas has no tags without a key; more likely the key was forgotten.
        if not key:
            raise _unknown(name)
        return GroupBy(
            f"tag:{key}",
            TAG_PREFIX + key,
            from_line=lambda line: line.tags.get(key),
            find=lambda layout: dict(layout.tags).get(key),
        )
    kind, separator, key = name.partition(":")
    if separator and kind == "extra" and key not in BY_NAME and (_is_second(key) or not key.startswith(TAG_PREFIX)):
        return GroupBy(
            name, key, from_line=lambda line: line.extra.get(key), find=lambda layout: dict(layout.extra).get(key)
        )
    column = BY_FIELD.get(name) or BY_NAME.get(name)
    if column is None:
        raise _unknown(name, find_tags())
    field: Callable[[LineItem], Any] = attrgetter(column.field)
    place = COLUMNS.index(column)
    number = column.kind is Kind.NUMBER
    return GroupBy(
        column.field,
        column.name,
        from_line=(lambda line: _number(field(line))) if number else field,
        from_cell=(lambda cell: _number(parse_number(cell)))
        if number
        else parse_date
        if column.kind is Kind.DATE
        else str,
        find=lambda layout: layout.known[place],
    )


def _same(day: dt.date | None) -> KeyPart:
    return day


def _number(number: Decimal | None) -> Decimal | None:
    """Return one Decimal for all that are equal, so a key prints the same whichever line came first."""
    return None if number is None else normalize(number or ZERO)


# A longer word is hardly a tag's key.
_MAX_KEY = 40
GROUP_NAMES = (*BY_FIELD, *_TIMES, *_OF_INVOICE, _LINE_NUMBER)
# What other tools call these.
_SYNONYMS = {"cost": "amount", "costs": "amount", "service": "sku", "services": "sku"}
# How people write a tag that isn't tag:KEY.
_tag = re.compile(r"tags?[.:/](.+)", re.IGNORECASE | re.DOTALL).fullmatch


def _unknown(by: object, tags: Collection[str] | None = None) -> ConfigError:
    shown = quoted(by if isinstance(by, str) else repr(by))
    hint = _hint(by, tags) if isinstance(by, str) else ""
    names = ", ".join(GROUP_NAMES)
    return ConfigError(f"can't group by {shown}{hint}: choose from {names}, tag:KEY, extra:COLUMN")


def _hint(name: str, tags: Collection[str] | None) -> str:
    """Return, in brackets, what `name` probably means; a word unlike a column may be a tag, if `tags` aren't known."""
    column = name.removeprefix("extra:")
    written = _tag(column)
    key = written[1] if written else column
    known = tags or ()
    if column in {"tag", "tags", "tag:", TAG_PREFIX}:
        meant = "tag:KEY"
    elif found := find_key(key, known):
        meant = f"tag:{found}"
    elif not written and (found := _similar_column(column)):
        meant = found
    elif found := closest(key, known):
        meant = f"tag:{found}"
    elif tags is not None or not key.isprintable() or not 0 < len(key) <= _MAX_KEY:
        return ""
    elif written:
        meant = f"tag:{key}"
    else:
        return f" (if it's a tag, write tag:{key})"
    return f" (did you mean {meant}?)"


def _similar_column(name: str) -> str | None:
    word = name.casefold().replace(" ", "_")
    found = _SYNONYMS.get(word) or closest(word, [*GROUP_NAMES, "organization"])
    return "organization_name" if found == "organization" else found


def month(day: dt.date | None) -> str | None:
    """Return `2024-06` for a day in June 2024."""
    return None if day is None else day.isoformat()[:7]


@frozen
class Group:
    """The lines with one key, and one currency.

    `key` has a part for each name in `by`: text, a `date` for days, `2024-06` for a month, a `Decimal` for numbers (the
    same for all equal ones), and `None` for lines without one (no project, untagged). `amount` is in `currency`,
    credits included with their sign; `share` is amount / total to 28 digits, or `None` if the total is 0. `quantity`
    may add hours to gigabytes: it only has a meaning if all lines have the same unit, so group by "unit", too.

    >>> data = b"Date,Usage Date,SKU,Unit,Quantity,Amount\\n07/01/2024,06/30/2024,M10,server hours,24.0,1.920\\n"
    >>> (group,) = summarize(data, by=["sku", "day", "unit"]).groups
    >>> group.key, group.currency
    (('M10', datetime.date(2024, 6, 30), 'server hours'), 'USD')
    >>> group.amount, group.quantity, group.lines, group.share
    (Decimal('1.92'), Decimal('24'), 1, Decimal('1'))
    """

    key: tuple[KeyPart, ...]
    amount: Decimal
    quantity: Decimal
    lines: int
    share: Decimal | None
    currency: str = DEFAULT_CURRENCY


@frozen(repr=False)
class Summary:
    """Sums of invoice lines: `groups` by amount, the largest first; their `total`; and the `credits` in it.

    `by` has the requested names, in LineItem's spelling. `credits` is the sum of the lines whose SKU is `Credit`, with
    their sign as sent; these lines are also in `total` and in the groups.

    Amounts are in the price currency, US dollars, unless the file has a column `Currency`. Different currencies are
    never added up: the groups of one follow those of another, `totals` and `credit_totals` have an amount for each, and
    `total` and `credits` are a ConfigError where there are several. `by_currency` has a Summary for each.

    >>> data = b"Date,Usage Date,SKU,Amount\\n07/01/2024,06/30/2024,Credit,-0.50\\n07/01/2024,06/30/2024,M10,1.50\\n"
    >>> summary = summarize(data, by="SKU")
    >>> summary.by, [(group.key, group.amount) for group in summary.groups]
    (('sku',), [(('M10',), Decimal('1.5')), (('Credit',), Decimal('-0.5'))])
    >>> summary.total, summary.credits, summary.totals
    (Decimal('1'), Decimal('-0.5'), {'USD': Decimal('1')})
    """

    by: tuple[str, ...]
    groups: tuple[Group, ...]
    totals: Mapping[str, Decimal]
    credit_totals: Mapping[str, Decimal]

    def __repr__(self) -> str:
        groups = pluralize(len(self.groups), "group", "groups")
        return f"<Summary by {', '.join(self.by)}: {groups}, {self._total_text()}>"

    def _repr_html_(self) -> str:
        shown = []
        for group in self.groups[:_MAX_HTML]:
            names = ["" if part is None else plain(part) for part in group.key]
            shown.append([*names, group.currency, f"{group.amount:,f}", f"{group.lines:,}"])
        if more := len(self.groups) - len(shown):
            shown.append([f"{more:,} more"])
        shown.append([f"total {self._total_text()}"])
        last = len(self.by) + 3
        return html_table([*self.by, "currency", "amount", "lines"], shown, right=range(last - 2, last))

    def _total_text(self) -> str:
        return " and ".join(f"{amount:,f} {currency}" for currency, amount in self.totals.items())

    @property
    def total(self) -> Decimal:
        """The sum of all groups; a ConfigError if they have several currencies."""
        return self._only("total", self.totals)

    @property
    def credits(self) -> Decimal:
        """The sum of all credits; a ConfigError if the groups have several currencies."""
        return self._only("credits", self.credit_totals)

    def _only(self, name: str, amounts: Mapping[str, Decimal]) -> Decimal:
        if len(amounts) > 1:
            currencies = " and ".join(amounts)
            raise ConfigError(f"these lines are in {currencies}, which have no common {name}; see .by_currency")
        return next(iter(amounts.values()))

    @property
    def by_currency(self) -> dict[str, Summary]:
        """A Summary for each currency."""
        return {
            currency: Summary(
                self.by,
                tuple(group for group in self.groups if group.currency == currency),
                {currency: total},
                {currency: self.credit_totals[currency]},
            )
            for currency, total in self.totals.items()
        }

    @property
    def columns(self) -> tuple[str, ...]:
        """The names in `rows()`; a key that is called like one of the sums becomes `by_amount`, for example."""
        return (*(f"by_{name}" if name in _SUMS else name for name in dict.fromkeys(self.by)), *_SUMS)

    def rows(self) -> list[dict[str, KeyPart]]:
        """Return a dict for each group: the names in `by`, then currency, amount, quantity, lines and share.

        >>> data = b"Date,Usage Date,SKU,Amount\\n07/01/2024,06/30/2024,M10,1.50\\n"
        >>> summarize(data, by="month").rows()[0]["month"]
        '2024-06'
        """
        return [
            dict(
                zip(
                    self.columns,
                    (*group.key, group.currency, group.amount, group.quantity, group.lines, group.share),
                    strict=True,
                )
            )
            for group in self.groups
        ]


_SUMS = ("currency", "amount", "quantity", "lines", "share")
# A notebook shows the largest groups.
_MAX_HTML = 50
_SHARE = Context(prec=28)
_Key: TypeAlias = tuple[KeyPart, ...]


class Sums:
    """Running sums by currency: the amount, quantity and number of lines of each key, and all credits."""

    def __init__(self) -> None:
        self.groups: dict[str, dict[_Key, tuple[Decimal, Decimal, int]]] = {}
        self.credits: dict[str, Decimal] = {}

    def add(self, currency: str | None, key: _Key, amount: Decimal, quantity: Decimal, lines: int) -> None:
        """Add the sums of lines with one key and one cell of the column `Currency`.

        The credits among them are added by `add_credits`, too.
        """
        groups = self.groups.setdefault(currency_code(currency), {})
        known = groups.get(key)
        if known is not None:
            amount, quantity, lines = EXACT.add(known[0], amount), EXACT.add(known[1], quantity), known[2] + lines
        groups[key] = (amount, quantity, lines)

    def add_credits(self, currency: str | None, amount: Decimal) -> None:
        """Add an amount of credits, which is also in the groups."""
        currency = currency_code(currency)
        self.credits[currency] = EXACT.add(self.credits.get(currency, ZERO), amount)

    def add_lines(self, lines: Iterable[LineItem], by: Sequence[GroupBy], header: InvoiceHeader) -> None:
        """Add the lines of one invoice, one by one."""
        parts = [part.from_line if part.from_header is None else constant(part.from_header(header)) for part in by]
        for line in lines:
            currency = line.extra.get(CURRENCY)
            amount = line.amount or ZERO
            self.add(currency, tuple([part(line) for part in parts]), amount, line.quantity or ZERO, 1)
            if line.is_credit:
                self.add_credits(currency, amount)

    def summary(self, by: Sequence[GroupBy]) -> Summary:
        """Return the result, with the groups in order."""
        groups: list[Group] = []
        totals: dict[str, Decimal] = {}
        for currency in sorted(self.groups) or [DEFAULT_CURRENCY]:
            sums = self.groups.get(currency, {})
            total = ZERO
            for amount, _, _ in sums.values():
                total = EXACT.add(total, amount)
            totals[currency] = total = normalize(total)
            groups += [
                Group(key, normalize(amount), normalize(quantity), lines, _share(amount, total), currency)
                for key, (amount, quantity, lines) in sorted(sums.items(), key=_order)
            ]
        credit_totals = {currency: normalize(self.credits.get(currency, ZERO)) for currency in totals}
        return Summary(tuple(part.name for part in by), tuple(groups), totals, credit_totals)


def constant(value: KeyPart) -> Callable[[LineItem], KeyPart]:
    """Return a function that has this value for every line."""
    return lambda _line: value


def _order(item: tuple[_Key, tuple[Decimal, Decimal, int]]) -> tuple[Decimal, list[tuple[bool, Any]]]:
    """Sort by amount; among equal ones, the smaller key comes first, and None last."""
    key, (amount, _, _) = item
    return amount.copy_negate(), [(part is None, "" if part is None else part) for part in key]


def _share(amount: Decimal, total: Decimal) -> Decimal | None:
    return normalize(_SHARE.divide(amount, total)) if total else None
