"""Was the file cut? One that ends early is told from one that is wrong, so that its user knows what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas_invoices._words import counted

from ._amounts import money, money_shown
from ._reconciliation import Difference

if TYPE_CHECKING:
    from ._csv_side import CsvSide
    from ._line_match import LineMatch
    from ._match_result import MatchResult

# Where all that can be read agrees, a digit or a cell that shows in no sum may still be lost.
OPEN_END = Difference(
    kind="incomplete",
    message="the CSV's last line has no line end, so the file may be cut there; download it again",
)
_SHOWN_LOST = 3


def early_end(csv: CsvSide, match: LineMatch, result: MatchResult, places: list[int]) -> Difference | None:
    """Tell a CSV that was cut off from one that is wrong: what it has agrees, and only the rest is missing."""
    lines, items = csv.everything.lines, len(match.items)
    tail = len(places) > 0 and places[0] == items - len(places)
    if not result.only_csv:
        where = f"it ends early, after line {csv.last_line_number}" if tail and lines else "it is not whole"
    elif _is_cut_line(csv, match, result, places) and tail:
        where = f"it ends early, within the amount of its last line, {csv.last_line_number}"
    else:
        return None
    lost = [match.cents[place] or 0 for place in places]
    named = ", ".join(match.named(place) for place in places[:_SHOWN_LOST])
    more = f" and {len(places) - _SHOWN_LOST:,} more" if len(places) > _SHOWN_LOST else ""
    return Difference(
        kind="incomplete",
        csv=lines,
        invoice=items,
        message=f"the CSV has {counted(lines, 'line', 'lines')} and lacks {len(places):,} of the invoice's "
        f"{counted(items, 'line item', 'line items')}, "
        f"{money_shown(sum(lost))} in all ({named}{more}): {where}; download it again",
    )


def _is_cut_line(csv: CsvSide, match: LineMatch, result: MatchResult, places: list[int]) -> bool:
    """Whether the one line that disagrees is the last, and its amount, as written, is the beginning of the item's."""
    if len(result.only_csv) != 1 or len(match.items) - len(places) != csv.everything.lines - 1:
        return False
    [(key, _, line_number)] = result.only_csv
    item = match.keys[places[0]] if places else None
    if item is None or item.cents is None or line_number != csv.last_line_number:
        return False
    written = "" if csv.last_amount is None else f"{csv.last_amount:f}"
    return key.project_id == item.project_id and money(item.cents).startswith(written)
