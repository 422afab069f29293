"""How a value out of a document is written: in one form for equal values, and in messages harmless to whoever reads."""

from __future__ import annotations

import json
from typing import Final

_LONGEST: Final = 100
_MOST: Final = 30


def canonical(value: object) -> str:
    """A value as text that is equal for equal values: keys sorted, 1.0 as 1."""
    return json.dumps(plain(value), ensure_ascii=False)


def plain(value: object) -> object:
    """Data with its keys sorted and one form for a number: in JSON 1.0 and 1 are the same."""
    if isinstance(value, dict):
        return {key: plain(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value


def printable(text: str) -> str:
    """A text on one line: what can't be printed could move the cursor, or end the line."""
    return "".join(letter if letter.isprintable() else _escaped(letter) for letter in text)


def shown(value: object) -> str:
    """A value as code: `` `text` ``; what is no text as JSON; the middle of a long one left out."""
    text = value if isinstance(value, str) else canonical(value)
    # A backtick would end the code.
    safe = printable(text[:10_000]).replace("`", "'")
    if len(safe) > _LONGEST:
        safe = f"{safe[: _LONGEST // 2]}…{safe[-_LONGEST // 2 :]}"
    return f"`{safe}`"


def shown_all(values: list[object]) -> str:
    """Several values, the first thirty of them by name."""
    named = ", ".join(shown(value) for value in values[:_MOST])
    left = len(values) - _MOST
    return f"{named} and {left} more" if left > 0 else named


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")
