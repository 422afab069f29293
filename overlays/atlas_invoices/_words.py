"""Numbers in messages and output: one line, two lines."""

from __future__ import annotations


def counted(number: int, one: str, more: str) -> str:
    """Write a number with the words that go with it: `counted(1, "line", "lines")` is `1 line`."""
    return f"{number:,} {one if number == 1 else more}"
