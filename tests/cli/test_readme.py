"""Every snippet of the README runs, so that what newcomers read is true."""

from __future__ import annotations

import re
from pathlib import Path

from environment import ROOT
from snippets import README, check_setup, check_types, read_snippets, run_page

TEXT = README.read_text("utf-8")


def test_all_can_be_typed_from_the_top_to_the_end_on_the_sandbox(tmp_path: Path) -> None:
    """Also that the output it shows is what `show` prints."""
    assert [each.language for each in read_snippets(README)].count("text") == 1
    folder = tmp_path / "page"
    folder.mkdir()
    printed = run_page(README, folder, {})
    assert "before sales tax" in printed
    assert "14 saved" in printed
    for name in ("june.csv", "costs.parquet", "costs.db", "report.html"):
        assert (folder / name).stat().st_size


def test_python_snippets_type_check(tmp_path: Path) -> None:
    check_types([README], tmp_path)


def test_what_it_installs_and_runs_exists() -> None:
    check_setup(README)


def test_it_is_short_and_its_links_lead_somewhere() -> None:
    assert TEXT.count("\n") < 120
    links = re.findall(r"\]\(([^)]+)\)", TEXT)
    assert "overlays/docs/report.png" in links
    assert [link for link in links if not (ROOT / link).exists()] == []
