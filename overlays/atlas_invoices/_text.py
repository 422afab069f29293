"""Make text from elsewhere safe to show: one line, no control characters, not endless."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def one_line(text: object, limit: int = 200) -> str:
    """Return `text` as one printable line of at most `limit` characters; what a terminal would obey becomes visible."""
    shown = " ".join(map(visible, str(text)[: limit + 1].split()))
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def text_or_none(value: object) -> str | None:
    """Return a model's text field, `None` where it's empty, not sent or no text: generated models check no types."""
    return value if isinstance(value, str) and value else None


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def visible(text: str, *, keep: str = "", escape: Callable[[str], str] = _escape) -> str:
    """Return `text` with what a terminal would obey written out, but for the characters in `keep`."""
    return "".join([c if c.isprintable() or c in keep else escape(c) for c in text])
