"""A CSV that isn't whole, or is no CSV at all, never matches its invoice, and the reason is said."""

from __future__ import annotations

import pytest
from attrs import evolve

from atlas_invoices import read_csv, reconcile
from reconcile_cases import BETA, LINES, Line, as_csv, as_json, kinds, messages

# Most of these inputs have rows after the last item, or a name twice.
pytestmark = pytest.mark.filterwarnings("ignore:.*(after the last item|in `extra`):UserWarning")

TAGGED = [*LINES, Line(amount="12.34", day=5, tags={"team": "search"}), Line(amount="45.67", tags={"team": "storage"})]


# Amounts that a cut leaves as they are (14.40 is 14.4), or within the cent that the invoice has.
ZEROS = [Line(amount="14.40"), Line(amount="20.00")]
FRACTIONS = [Line(amount="1.92"), Line(amount="0.001234", cents=0)]


@pytest.mark.parametrize(
    "lines",
    [LINES, TAGGED, [LINES[-1]], ZEROS, FRACTIONS],
    ids=["lines", "tags", "one line", "zeros", "fractions"],
)
def test_a_file_cut_anywhere_does_not_match_and_says_why(lines: list[Line]) -> None:
    whole, invoice = as_csv(lines), as_json(lines)
    assert reconcile(whole, invoice).matches
    for length in range(len(whole)):
        result = reconcile(whole[:length], invoice)
        assert not result.matches, whole[:length][-40:]
        assert kinds(result)[0] in {"unreadable", "incomplete"}, (whole[:length][-40:], messages(result))
        assert kinds(result).count("incomplete") <= 1
        assert all(difference.message for difference in result.differences)


@pytest.mark.parametrize("ending", ["", ",Tag/team", ",Tag/team,Tag/cost center", ",New"])
def test_a_file_without_lines_cut_within_its_header_does_not_match(ending: str) -> None:
    whole = as_csv([]).rstrip(b"\n") + f"{ending}\n".encode()
    invoice = as_json([], salesTaxCents=0, amountBilledCents=0)
    for same in (whole, whole.replace(b"\n", b"\r\n"), whole + b"\n"):
        assert reconcile(same, invoice).matches
        assert reconcile(read_csv([same[:9], same[9:], b""]), invoice).matches
    for length in range(len(whole)):
        result = reconcile(whole[:length], invoice)
        assert not result.matches, whole[:length][-40:]
        assert kinds(result)[0] in {"unreadable", "incomplete"}
    assert "the CSV's last line has no line end, so the file may have been cut off" in messages(
        reconcile(read_csv([whole[:-1]]), invoice)
    )


@pytest.mark.parametrize("column", ["Tag/team", "New"])
def test_a_file_cut_within_a_cell_that_no_sum_shows_does_not_match(column: str) -> None:
    header, *rows = as_csv(LINES, preamble=False).decode().splitlines()
    whole = "".join(f"{row}\n" for row in [f"{header},{column}", *(f"{row},long" for row in rows)]).encode()
    invoice = as_json(LINES, lineItems=...)
    assert reconcile(whole, invoice).matches
    last = whole.rindex(b"\n", 0, -1) + 1
    for length in range(last + 1, len(whole)):
        assert not reconcile(whole[:length], invoice).matches, whole[:length][-40:]


def test_a_file_without_its_last_line_end_may_be_cut_there() -> None:
    for whole in (as_csv(LINES), as_csv(LINES).replace(b"\n", b"\r\n")):
        assert reconcile(whole, as_json(LINES)).matches
        result = reconcile(whole[:-1], as_json(LINES))
        assert kinds(result) == ["incomplete"]
        assert (
            messages(result)
            == "the CSV's last line has no line end, so the file may have been cut off; download it again"
        )


def test_a_cut_file_says_where_it_ends() -> None:
    whole = as_csv(LINES)
    cut = whole[: whole.index(b"06/05/2024")]
    result = reconcile(cut, as_json(LINES))
    assert messages(result).startswith("the CSV has 6 lines and lacks 1 of the invoice's 7 line items, 7.31 in total")
    assert "(lineItems[6] NDS_STORAGE): it ends early, after line 12" in messages(result)
    assert "within the amount on its last line, 13" in messages(reconcile(whole[:-2], as_json(LINES)))


@pytest.mark.parametrize(
    ("place", "fields"),
    [(3, {"tags": {"team": "sear"}}), (-1, {"tags": {"team": "stor"}}), (-1, {"tags": {}}), (-1, {"tags": {"a": "b"}})],
)
def test_other_tags_in_a_file_that_ends_a_line_are_forgiven(place: int, fields: dict[str, object]) -> None:
    ours = list(TAGGED)
    ours[place] = evolve(TAGGED[place], **fields)
    result = reconcile(as_csv(ours), as_json(TAGGED))
    assert result.matches, messages(result)
    assert any("different tags" in warning for warning in result.warnings)


def test_a_wrong_line_is_not_taken_for_one_that_is_cut() -> None:
    def ends_early(ours: list[Line]) -> bool:
        return "ends early" in messages(reconcile(as_csv(ours), as_json(LINES)))

    last = LINES[-1]
    assert ends_early([*LINES[:-1], evolve(last, amount="7.3")])
    # Not of this project, not the last line, not the beginning of the amount, not the last item.
    assert not ends_early([*LINES[:-1], evolve(last, amount="7.3", project="c" * 24)])
    assert not ends_early([evolve(last, amount="7.3"), *LINES[:-1]])
    assert not ends_early([*LINES[:-1], evolve(last, amount="7.32")])
    assert not ends_early([*LINES[1:], evolve(LINES[0], amount="19.2", project=BETA)])


def test_a_web_page_is_unreadable_and_does_not_match() -> None:
    result = reconcile(b"<!DOCTYPE html><html><body>Service Unavailable</body></html>", as_json(LINES))
    assert kinds(result) == ["unreadable"]
    assert result.csv.lines == 0


def test_a_broken_line_in_the_middle_does_not_match() -> None:
    broken = as_csv(LINES).replace(b"149.00", b"1,49.00")
    result = reconcile(broken, as_json(LINES))
    assert kinds(result) == ["incomplete"]
    assert "4 lines of the invoice's 7 could be read" in messages(result)
    assert result.differences[0].key == "11"


def test_rows_that_were_left_out_while_reading_are_missed() -> None:
    broken = as_csv(LINES).replace(b"149.00", b"149.00x")
    result = reconcile(read_csv(broken, on_error="collect"), as_json(LINES))
    assert kinds(result) == ["incomplete"]
    assert "6 lines of the invoice's 7 could be read" in messages(result)


def test_a_header_without_amounts_does_not_match_even_an_empty_invoice() -> None:
    empty = as_json([], salesTaxCents=0, amountBilledCents=0)
    result = reconcile(as_csv([]).replace(b",Amount", b""), empty)
    assert kinds(result) == ["incomplete"]
    assert "line 6, column 'Amount': the header has no such column" in messages(result)


def test_a_missing_file_is_an_os_error() -> None:
    with pytest.raises(OSError, match="nonesuch"):
        reconcile("nonesuch.csv", as_json(LINES))
