"""What a sum can be grouped by: the columns of a line, its day and month, a tag, a column we don't know."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from operator import attrgetter
from typing import TYPE_CHECKING, TypeAlias

from attrs import frozen

from atlas_invoices._errors import ConfigError
from atlas_invoices._text import one_line

from ._cells import parse_date
from ._columns import BY_FIELD, COLUMNS, TAG_PREFIX, Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._line_item import LineItem

_KNOWN = frozenset(column.name for column in COLUMNS)

KeyPart: TypeAlias = str | dt.date | None


@frozen
class GroupBy:
    """One thing to group by: which CSV column holds it, how its cell reads, and where a line has it."""

    name: str
    column: str
    from_cell: Callable[[str], KeyPart]
    from_line: Callable[[LineItem], KeyPart]


def parse_by(by: object) -> tuple[GroupBy, ...]:
    """The names as `summarize` takes them; none at all, or one it doesn't know, is a ConfigError with those it does."""
    names = [by] if isinstance(by, str) else list(by) if isinstance(by, Iterable) else []
    if not names or not all(isinstance(name, str) for name in names):
        raise _refused(by)
    return tuple(map(_parse, names))


def _parse(name: str) -> GroupBy:
    if name == "day":
        return GroupBy(name, "Usage Date", parse_date, lambda line: line.usage_date)
    if name == "month":
        return GroupBy(name, "Usage Date", lambda cell: month(parse_date(cell)), lambda line: month(line.usage_date))
    kind, separator, key = name.partition(":")
    if separator and kind == "tag":
        return GroupBy(name, TAG_PREFIX + key, str, lambda line: line.tags.get(key))
    if separator and kind == "extra" and key not in _KNOWN and not key.startswith(TAG_PREFIX):
        return GroupBy(name, key, str, lambda line: line.extra.get(key))
    column = BY_FIELD.get(name)
    if column is None or column.kind is Kind.NUMBER:
        raise _refused(name)
    return GroupBy(name, column.name, parse_date if column.kind is Kind.DATE else str, attrgetter(name))


def _refused(by: object) -> ConfigError:
    names = [field for field, known in BY_FIELD.items() if known.kind is not Kind.NUMBER]
    shown = one_line(repr(by), 60)
    return ConfigError(f"can't group by {shown}: choose from {', '.join(names)}, day, month, tag:KEY, extra:COLUMN")


def month(day: dt.date | None) -> str | None:
    """`2024-06` for a day in June 2024."""
    return None if day is None else day.isoformat()[:7]
