"""Shorten names and paths where they say least, so that they stay different from each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# How much of what is left is beginning, in the order tried: the first is taken that keeps most names apart.
_BEGINNINGS = (0.5, 0.7, 0.3, 1.0, 0.0)
_LONGEST_PATH = 120


def shortened(names: Sequence[str], width: int) -> list[str]:
    """The names, those too wide for the column cut in one place, the same for all: where they stay different best."""
    tries = ([_cut(name, width, round((width - 1) * beginning)) for name in names] for beginning in _BEGINNINGS)
    best: list[str] = []
    for cut in tries:
        if not best or len(set(cut)) > len(set(best)):
            best = cut
        if len(set(best)) == len(set(names)):
            break
    return best


def short_path(path: object, longest: int = _LONGEST_PATH) -> str:
    """A path for a message: of a long one the beginning and the end, where the file's name is."""
    text = str(path)
    beginning = longest // 3
    return text if len(text) <= longest else f"{text[:beginning]}…{text[beginning + 1 - longest :]}"


def _cut(name: str, width: int, beginning: int) -> str:
    from rich.cells import cell_len, set_cell_size  # noqa: PLC0415 - takes longer to import than most commands run

    if cell_len(name) <= width:
        return name
    end = set_cell_size(name[::-1], width - 1 - beginning)[::-1]
    return f"{set_cell_size(name, beginning)}…{end}"
