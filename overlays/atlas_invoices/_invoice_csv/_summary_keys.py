"""What a sum can be grouped by: the columns of a line, its day and month, a tag, a column we don't know."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeAlias

from attrs import frozen

from atlas_invoices._errors import ConfigError

from ._cells import parse_date, parse_number
from ._columns import BY_FIELD, BY_NAME, TAG_PREFIX, Kind
from ._errors_text import quoted
from ._exact import ZERO, shortest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from ._line_item import LineItem

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
