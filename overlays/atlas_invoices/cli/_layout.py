"""Draw a table that fits the terminal: what is of no use cut (IDs, dates, money) stays whole, names give way."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

from ._shorten import shortened

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_GAP = 2
# A name shorter than this says little; rather than less, the line runs over.
_LEAST = 8
# Bars are at most and at least so wide. For them names are cut, but not below ten; in a narrow terminal there are none.
_BAR, _LEAST_BAR = 12, 8
_LEAST_BESIDE_BAR = 10
_NO_BAR_BELOW = 50


def room() -> int | None:
    """How wide the terminal is, or COLUMNS where that is set; None where nobody looks, and nothing has to fit."""
    return shutil.get_terminal_size((0, 0)).columns or (80 if sys.stdout.isatty() else None)


def widths_that_fit(natural: Sequence[int], flexible: Collection[int], available: int | None) -> list[int]:
    """The columns' widths: the widest flexible ones shrink, none below what still tells something."""
    widths = list(natural)
    while available is not None and sum(widths) + _GAP * (len(widths) - 1) > available:
        shrinkable = [column for column in flexible if widths[column] > _LEAST]
        if not shrinkable:
            break
        widths[max(shrinkable, key=widths.__getitem__)] -= 1
    return widths


def bar_width(rows: Sequence[Sequence[str]], flexible: Collection[int]) -> int:
    """How wide bars beside these rows can be, 0 for none: a small one is worth more than the middle of a name."""
    available = room()
    if available is None:
        return _BAR
    natural = _natural_widths(rows)
    spare = available - sum(width + _GAP for width in natural)
    cuttable = sum(max(0, natural[column] - _LEAST_BESIDE_BAR) for column in flexible)
    if available < _NO_BAR_BELOW or spare + cuttable < _LEAST_BAR:
        return 0
    return min(_BAR, max(_LEAST_BAR, spare))


def paragraph(text: str) -> None:
    """Print a sentence on stdout, its lines broken at words where the terminal is narrower."""
    available = room()
    lines = [text]
    if available is not None:
        from rich.console import Console  # noqa: PLC0415 - takes longer to import than a command without a table runs
        from rich.text import Text  # noqa: PLC0415 - likewise

        lines = [line.plain for line in Text(text).wrap(Console(width=available), available)]
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in lines))


def draw(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: Collection[int] = (),
    flexible: Collection[int] = (),
    footer: Sequence[str] | None = None,
) -> None:
    """Print a table on stdout.

    Args:
        headings: one for each column.
        rows: cells, safe to show.
        right: the columns that are set flush right, by number.
        flexible: the columns that may be shortened.
        footer: a last line, set apart like the headings.
    """
    from rich.console import Console  # noqa: PLC0415 - takes longer to import than a command without a table runs
    from rich.table import Table  # noqa: PLC0415 - likewise
    from rich.text import Text  # noqa: PLC0415 - likewise

    available = room()
    widths = widths_that_fit(_natural_widths([headings, *rows, *([footer] if footer else [])]), flexible, available)
    table = Table(box=None, pad_edge=False, header_style="bold", footer_style="bold", show_footer=footer is not None)
    for column, heading in enumerate(headings):
        table.add_column(
            Text(heading),
            footer=Text(footer[column]) if footer else "",
            justify="right" if column in right else "left",
            width=widths[column],
            no_wrap=True,
            overflow="ellipsis",
        )
    columns = [[row[column] for row in rows] for column in range(len(headings))]
    for column in flexible:
        columns[column] = shortened(columns[column], widths[column])
    for row in zip(*columns, strict=True):
        # Text, so that square brackets in a name are no markup.
        table.add_row(*map(Text, row))
    console = Console(highlight=False, width=max(sum(widths) + _GAP * len(widths), available or 0))
    with console.capture() as drawn:
        console.print(table)
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in drawn.get().splitlines()))


def _natural_widths(rows: Sequence[Sequence[str]]) -> list[int]:
    from rich.cells import cell_len  # noqa: PLC0415 - takes longer to import than a command without a table runs

    return [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
