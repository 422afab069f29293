"""Make text from elsewhere safe to show: one line, no control characters, not endless."""

from __future__ import annotations


def one_line(text: object, limit: int = 200) -> str:
    """Return `text` as one printable line of at most `limit` characters; what a terminal would obey becomes visible."""
    shown = "".join(c if c.isprintable() else _visible(c) for c in str(text)[: limit + 1])
    shown = " ".join(shown.split())
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def _visible(character: str) -> str:
    if character.isspace():
        return " "
    return character.encode("unicode_escape").decode("ascii")
