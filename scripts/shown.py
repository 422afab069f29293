"""How a value out of a document is written in messages: on one line, not too long, and harmless to whoever reads."""

from __future__ import annotations

from typing import Final

from canonical import canonical

_LONGEST: Final = 100
_MOST: Final = 30


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
