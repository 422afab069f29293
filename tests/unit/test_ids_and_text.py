"""IDs before they become part of a URL, and text before it is shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import atlas_invoices as ai
from atlas_invoices import _ids
from atlas_invoices._utils import single_line

GOOD = "666acb8787ba43606905dcae"


def test_an_id_is_24_hexadecimal_digits_of_either_case() -> None:
    assert _ids.invoice_id(GOOD.upper()) == GOOD
    assert _ids.organization_id(GOOD) == GOOD


@pytest.mark.parametrize(
    "bad",
    ["", "x", GOOD[:-1], GOOD + "0", GOOD + "\n", "../" + GOOD, "\uff16" * 24, None, 5, GOOD.encode(), "a" * 10_000],
)
def test_anything_else_is_refused_as_a_value_error_too(bad: object) -> None:
    with pytest.raises(ai.InvalidIdError, match="24 hexadecimal digits") as caught:
        _ids.invoice_id(bad)
    assert isinstance(caught.value, ValueError)
    assert len(str(caught.value)) < 200


@given(st.text(max_size=500), st.integers(5, 300))
def test_shown_text_is_one_printable_line_within_its_limit(text: str, limit: int) -> None:
    shown = single_line(text, limit)
    assert shown.isprintable() or not shown
    assert len(shown) <= limit


def test_what_a_terminal_would_obey_becomes_visible() -> None:
    assert single_line("a\x1b[31mb\r\nc") == "a\\x1b[31mb c"
