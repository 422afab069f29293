"""Small helpers: text for messages, warnings, CSV rows, a frozen dict."""

from __future__ import annotations

import itertools
import json
import re
import warnings
from collections.abc import Callable, Collection, Iterable
from decimal import Decimal
from typing import Any, NoReturn, TypeVar

# Defaults that the command shows in its help; here, where it finds them without importing httpx.
DEFAULT_MAX_BYTES = 256 * 1024 * 1024  # the largest reply that is read into memory
DEFAULT_TIMEOUT = 60.0  # seconds for each step of a request
DEFAULT_MAX_RETRIES = 4
DEFAULT_LOCK_TIMEOUT = 600.0  # seconds to wait for another sync in the folder


def single_line(text: object, limit: int = 200) -> str:
    """Return `text` as one printable line of at most `limit` characters, with control characters escaped."""
    shown = " ".join(map(escape_controls, str(text)[: limit + 1].split()))
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def text_or_none(value: object) -> str | None:
    """Return a model's text field; `None` if it's empty, missing or not text, since generated models check no types."""
    return value if isinstance(value, str) and value else None


def number_or_none(value: object) -> float | None:
    """Return a number of a server's JSON, or text that is one, such as "3600" or "3600.0"; None for anything else.

    Not for money: text becomes a float.
    """
    if isinstance(value, str) and _NUMBER(value.strip()):
        return float(value)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?").fullmatch


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def escape_controls(text: str, *, keep: str = "", escape: Callable[[str], str] = _escape) -> str:
    """Return `text` with its control characters escaped, except those in `keep`."""
    return "".join([c if c.isprintable() or c in keep else escape(c) for c in text])


def pluralize(number: int, one: str, more: str) -> str:
    """Return a number with the right form of a word: `pluralize(1, "line", "lines")` is `1 line`."""
    return f"{number:,} {one if number == 1 else more}"


def closest(word: str, choices: Iterable[str]) -> str | None:
    """Return the choice that a mistyped word probably means, in any case; `None` if none is close."""
    from difflib import get_close_matches  # noqa: PLC0415 - imported only for a mistake

    # Without the dashes of options, which would make any two of them similar.
    by_fold = {choice.casefold().lstrip("-"): choice for choice in choices}
    found = get_close_matches(word.casefold().lstrip("-"), by_fold, n=1)
    return by_fold[found[0]] if found else None


def duration(seconds: float) -> str:
    """Return a wait for people: `45 s`, `10 min`, `2 h`, `30 days`."""
    for size, unit in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:,.1f}".removesuffix(".0") + f" {unit}"
    return f"{seconds:g} s"


def warn(text: str, category: type[Warning] = UserWarning) -> None:
    """Warn the caller's caller. It never raises: if warnings are errors, it logs the text instead."""
    try:
        warnings.warn(text, category, stacklevel=3)
    except category:
        from logging import getLogger  # noqa: PLC0415 - importing it always would slow the command's start

        getLogger("atlas_invoices").warning(text)


# How a formula may begin; some spreadsheets allow blanks before it, or full-width forms of the four signs.
_FORMULA = re.compile(r"[\t\r]|\s*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20]").match
_QUOTED = re.compile(r'[,"\r\n]').search


def csv_row(values: Iterable[object], *, raw: bool = False) -> str:
    """Return a row of CSV. Text that a spreadsheet would run as a formula gets an apostrophe first, unless `raw`."""
    cells = [_cell(value, raw=raw) for value in values]
    # The csv module of Python 3.11 doesn't quote a lone CR, and then can't read it back.
    return ",".join(['"' + cell.replace('"', '""') + '"' if _QUOTED(cell) else cell for cell in cells]) + "\n"


def html_table(headings: Iterable[str], rows: Iterable[Iterable[str]], *, right: Collection[int]) -> str:
    """Return a table for a notebook, with text escaped and the columns of numbers aligned right."""
    from html import escape  # noqa: PLC0415 - only notebooks need it

    def line(cells: Iterable[str], tag: str) -> str:
        sides = (f'<{tag} style="text-align: {"right" if n in right else "left"}">' for n in itertools.count())
        return "<tr>" + "".join(f"{side}{escape(cell)}</{tag}>" for side, cell in zip(sides, cells)) + "</tr>"  # noqa: B905 - as many as there are cells

    body = "".join(line(row, "td") for row in rows)
    return f"<table><thead>{line(headings, 'th')}</thead><tbody>{body}</tbody></table>"


def plain(value: object) -> str:
    """Return a value as text for programs: a number without an exponent (1E+2 is 100), a day as an ISO date."""
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def plain_or_none(value: object) -> str | None:
    """Return a value as text for programs, and `None` for `None`."""
    return None if value is None else plain(value)


def _cell(value: object, *, raw: bool) -> str:
    if value is None:
        return ""
    text = plain(value)
    return "'" + text if isinstance(value, str) and not raw and _FORMULA(text) else text


T = TypeVar("T")


class FrozenDict(dict[str, T]):
    """A dict that can't be changed and is hashable; equal to a plain dict, and shown and dumped as JSON like one."""

    def _refuse(self, *_args: object, **_kwargs: object) -> NoReturn:
        raise TypeError("these values can't be changed; copy them with dict() first")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __hash__(self) -> int:  # type: ignore[override] # dict is unhashable
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple[Any, ...]:
        # Through a plain dict: unpickling would set items one by one.
        return FrozenDict, (dict(self),)


def json_or_none(body: bytes) -> Any:  # noqa: ANN401 - any JSON that a server may send
    """Parse JSON; None if it can't be parsed."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
