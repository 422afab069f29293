"""Plain English: phrases that a native engineer wouldn't write appear nowhere that people read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from environment import ROOT

# The shortest list that catches the kind; each has a plain word: can't be used, isn't one, forever, useless, after it.
PHRASES = [
    r"won't do\b",
    r"will not do\b",
    r"(?<!there )\b(is|are) none\b",
    r"\bfor ever\b",
    r"\bof no use\b",
    r"\b[Ll]ikewise\b",
    r"\bheeds?\b",
    r"\bbehind (it|its|the|them)\b",
    r"\bbe it\b",
    r"\b[Ii]n place of\b",
    r"\bfull of\b",
    r"\b[Ww]hoever\b",
    r"\bthat (is|are) to be\b",
    r"\b[Ww]hat (is|was|has been) (asked|answered|said|told)\b",
    r"\bgo at it\b",
    r"\bNothing is (sent|read|looked)\b",
    r'"""What ',
]
PAGES = sorted(
    path
    for pattern in ("README.md", ".github/*.md", "overlays/**/*.[mp][dy]", "scripts/*.md", "scripts/**/*.py")
    for path in ROOT.glob(pattern)
)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_plain_english(path: Path) -> None:
    text = re.sub(r"\s*\n\s*#?\s*", " ", path.read_text(encoding="utf-8"))
    found = re.finditer("|".join(PHRASES), text)
    assert [text[max(match.start() - 30, 0) : match.end() + 30] for match in found] == []
