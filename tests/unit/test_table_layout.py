"""Tables fit the terminal: IDs and money whole, names shorten."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from atlas_invoices.cli._table import fit_widths, shorten

if TYPE_CHECKING:
    from pathlib import Path

ID = "855c384429e821a4c74803e3"
ROWS = [[ID, "a project with a long name, and more", "11,365.08"]] * 2


@given(st.lists(st.integers(1, 60), min_size=1, max_size=8), st.data())
def test_only_flexible_columns_shrink_and_not_below_what_tells_something(
    natural: list[int], data: st.DataObject
) -> None:
    floors = data.draw(st.dictionaries(st.sampled_from(range(len(natural))), st.integers(4, 10)))
    room = data.draw(st.integers(1, 300))
    widths = fit_widths(natural, floors, room)
    for column, width in enumerate(widths):
        assert min(natural[column], floors.get(column, 60)) <= width <= natural[column]
    assert fit_widths(natural, floors, None) == natural


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
def test_a_terminal_shows_ids_and_money_whole(columns: int, tmp_path: Path) -> None:
    code = (
        "from atlas_invoices.cli._table import Column, draw; "
        f"draw([Column('id'), Column('name', flexible=True), Column('USD', number=True)], {ROWS!r})"
    )
    main, terminal = pty.openpty()
    env = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm", "HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], env=env, stdout=terminal, check=True)
    os.close(terminal)
    shown = os.read(main, 100_000).decode()
    os.close(main)
    assert shown.count(ID) == len(ROWS)
    assert shown.count("11,365.08") == len(ROWS)
    assert ("a project with a long name, and more" in shown) == (columns >= 80)
    # The middle says least.
    assert ("a …e" in shown) == (columns == 40)


@given(st.lists(st.text(max_size=30), min_size=1, max_size=8), st.integers(8, 30))
def test_a_shorten_name_fits_and_a_short_one_stays(names: list[str], width: int) -> None:
    for name, cut in zip(names, shorten(names, width), strict=True):
        assert cut == name if cell_len(name) <= width else cell_len(cut) <= width


@pytest.mark.parametrize(
    ("names", "width", "cut"),
    [
        (["Atlas M10 Instance - AWS", "Atlas M50 Instance - Azure"], 17, ["Atlas M1…ce - AWS", "Atlas M5…- Azure"]),
        # The middle is where these differ, and their ends are the same.
        (["Atlas Storage 32 GB - AWS", "Atlas Storage 64 GB - AWS"], 17, None),
        (["Atlas Storage 32 GB", "Atlas Storage 64 GB"], 10, None),
        (["数据平台数据平台甲", "数据平台数据平台乙"], 9, None),
        # An accent stays with its letter, and neither half of a wide character is left.
        (["re\u0301sume\u0301 a\u0301", "re\u0301sume\u0301 e\u0301"], 4, None),
    ],
)
def test_names_are_cut_where_they_stay_different(names: list[str], width: int, cut: list[str] | None) -> None:
    found = shorten(names, width)
    assert all(cell_len(name) <= width and "…\u0301" not in name for name in found)
    assert len(set(found)) == len(names)
    assert cut is None or [name.replace(" ", "") for name in found] == [name.replace(" ", "") for name in cut]
