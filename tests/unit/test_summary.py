"""Exact sums by anything a line has, with credits and untagged lines kept visible."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Context, Decimal, Inexact, Rounded, localcontext
from pathlib import Path
from typing import Any

import pytest

from atlas_invoices import ConfigError, InvoiceFormatError
from atlas_invoices._csv import LineItem, _arrow, _arrow_sums, _sources, _summary, read_csv, summarize
from invoice_lines import EXAMPLE, oracle_sum, simple_invoice

DATA = (
    b"Date,Usage Date,Project,SKU,Amount,Quantity,Tag/team,Cost Center\n"
    b"07/01/2024,06/29/2024,A,M10,3,1,red,x\n"
    b"07/01/2024,06/30/2024,A,M10,4.5,2,,\n"
    b"07/01/2024,06/30/2024,B,M30,7.5,3,red,\n"
    b"07/01/2024,05/31/2024,CreditCheck,M30,2,,blue,\n"
    b"07/01/2024,,,Credit,-5,,,\n"
)


@pytest.fixture(params=["lines", "arrow"], autouse=True)
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "arrow":
        monkeypatch.setattr(_summary, "MIN_ARROW_SIZE", 0)


def _sums(by: str | list[str], data: bytes = DATA) -> list[tuple[object, ...]]:
    return [(*group.key, group.amount) for group in summarize(data, by=by).groups]


def test_groups_come_largest_first_with_everything_visible() -> None:
    summary = summarize(DATA, by=["project", "sku"])

    assert [group.key for group in summary.groups] == [
        ("A", "M10"),
        ("B", "M30"),
        ("CreditCheck", "M30"),
        (None, "Credit"),
    ]
    assert summary.by == ("project", "sku")
    assert summary.total == oracle_sum(DATA) == 12
    assert summary.credits == -5
    first = summary.groups[0]
    assert (first.amount, first.share) == (Decimal("7.5"), Decimal("0.625"))
    assert first.quantity == 3
    assert first.lines == 2


def test_by_day_month_tag_and_unknown_column() -> None:
    assert _sums("day") == [
        (dt.date(2024, 6, 30), 12),
        (dt.date(2024, 6, 29), 3),
        (dt.date(2024, 5, 31), 2),
        (None, -5),
    ]
    assert _sums("month") == [("2024-06", 15), ("2024-05", 2), (None, -5)]
    assert _sums("tag:team") == [("red", Decimal("10.5")), ("blue", 2), (None, Decimal("-0.5"))]
    assert _sums("extra:Cost Center") == [(None, 9), ("x", 3)]
    assert _sums("date") == [(dt.date(2024, 7, 1), 12)]
    assert _sums("tag:no such") == [(None, 12)]
    assert _sums(["region", "note"]) == [(None, None, 12)]


def test_a_tag_without_a_column_is_none_for_every_line() -> None:
    with read_csv(DATA) as invoice:
        assert "Tag/nope" not in invoice.columns
        assert [group.key for group in summarize(invoice, by="tag:nope").groups] == [(None,)]


def test_equal_amounts_are_ordered_by_key_and_none_is_last() -> None:
    data = simple_invoice(*({"Project": name, "Amount": "1"} for name in ["c", "", "a", "b"]))

    assert _sums("project", data) == [("a", 1), ("b", 1), ("c", 1), (None, 1)]


def test_no_lines_and_a_total_of_nothing() -> None:
    empty = summarize(EXAMPLE, by="sku")
    assert empty.groups == ()
    assert empty.total == empty.credits == 0

    (group, other) = summarize(
        simple_invoice({"SKU": "a", "Amount": "1"}, {"SKU": "b", "Amount": "-1"}), by="sku"
    ).groups
    assert group.share is other.share is None


def test_sums_of_many_digits_are_exact() -> None:
    amounts = ["99999999999999999999", "0.000000000000000001", "9e37", "1E-38", "99999999999999999999", "-1"] * 3
    data = simple_invoice(*({"Amount": amount, "SKU": "Credit"} for amount in amounts))
    with localcontext() as context:
        context.prec = 5
        summary = summarize(data, by="sku")

    assert summary.total == summary.credits == summary.groups[0].amount == oracle_sum(data)


def test_sums_that_pyarrow_alone_would_overflow_are_exact() -> None:
    data = simple_invoice(*({"Amount": "90000000000000000000"} for _ in range(3)))

    assert summarize(data, by="sku").total == 270000000000000000000


def test_sums_print_the_same_however_they_were_added() -> None:
    summary = summarize(simple_invoice({"Amount": "1.50"}, {"Amount": "98.50"}, {"Amount": "0E+3"}), by="sku")

    assert str(summary.total) == "100"


def test_sums_of_blocks_that_together_pyarrow_would_overflow_are_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_arrow, "_BLOCK_SIZE", 100)
    data = simple_invoice(*({"Amount": "9000000000000000000", "SKU": "Credit"} for _ in range(50)))
    summary = summarize(data, by="sku")

    assert summary.total == summary.credits == 50 * 9000000000000000000


def test_many_groups_are_merged_several_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_arrow, "_BLOCK_SIZE", 500)
    monkeypatch.setattr(_arrow_sums, "_MAX_GROUPS", 10)
    data = simple_invoice(*({"Amount": "1.5", "Project": f"P{n % 40}", "Note": f"n{n % 60}"} for n in range(240)))
    groups = summarize(data, by=["note", "project"]).groups

    assert groups == summarize(list(read_csv(data)), by=["note", "project"]).groups
    assert len(groups) == 120
    assert sum(group.lines for group in groups) == 240


def test_every_kind_of_source(tmp_path: Path) -> None:
    expected = summarize(DATA, by="sku")
    (tmp_path / "a.csv").write_bytes(DATA)

    def chunks() -> Iterator[bytes]:
        yield DATA[:50]
        yield DATA[50:]

    inv = read_csv(DATA)
    for source in (tmp_path / "a.csv", str(tmp_path / "a.csv"), chunks(), inv, list(inv), iter(inv), [DATA]):
        assert summarize(source, by="sku") == expected
    assert summarize([LineItem(amount=Decimal(1))], by="tag:x").groups[0].key == (None,)


def test_no_lines_are_fine_but_an_empty_file_is_not() -> None:
    inv = read_csv(DATA)
    empty: list[LineItem] = []
    for no_lines in (empty, iter(empty), (line for line in inv if line.project == "no such")):
        assert summarize(no_lines, by="sku").groups == ()
    for no_bytes in (b"", [b""], iter([b"", b""])):
        with pytest.raises(InvoiceFormatError, match="the file is empty"):
            summarize(no_bytes, by="sku")


@pytest.mark.parametrize("source", [{}, {"a": 1}, 5, None, [None], [1]])
def test_an_impossible_source_is_a_type_error_that_names_it(source: object) -> None:
    with pytest.raises(
        TypeError, match=f"not (of )?{type(source[0] if isinstance(source, list) else source).__name__}"
    ):
        summarize(source, by="sku")  # type: ignore[arg-type]  # the test is that it is refused


@pytest.mark.parametrize("number", ["NaN", "sNaN", "Infinity", "-Infinity", "1e5000", "1e-5000"])
@pytest.mark.parametrize("field", ["amount", "quantity"])
def test_numbers_that_cannot_be_added_exactly_are_refused(number: str, field: str) -> None:
    numbers: list[dict[str, Any]] = [{field: Decimal(value)} for value in (number, "1", "2")]
    with pytest.raises(ValueError, match="a number is NaN, infinite or too long"):
        summarize([LineItem(**each) for each in numbers], by="note")


def test_trailing_lines_are_not_counted_and_bad_ones_refused() -> None:
    with pytest.warns(UserWarning, match="1 row after the last item isn't counted"):
        assert summarize(simple_invoice({"Amount": "1"}) + b"Total,1\n", by="sku").total == 1
    with pytest.raises(InvoiceFormatError, match="line 8, column 'Amount'"):
        summarize(simple_invoice({"Amount": "1"}, {"Amount": "x"}), by="sku")
    with pytest.raises(InvoiceFormatError, match="line 8, column 'Usage Date'"):
        summarize(simple_invoice({}, {"Usage Date": "x"}), by="day")


@pytest.mark.parametrize(
    "by",
    ["projekt", "tags", "tag", "tag:", "", [], (), None, 1, [1], ["sku", None], b"sku", [["sku"]]],
)
def test_an_unknown_name_is_refused_with_the_known_ones(by: Any) -> None:
    with pytest.raises(ConfigError, match=r"can't group by .*project_id.*tag:KEY"):
        summarize(DATA, by=by)


def test_a_collecting_invoice_sums_its_good_rows() -> None:
    inv = read_csv(simple_invoice({"Amount": "1"}, {"Amount": "x"}, {"Amount": "2"}), on_error="collect")

    assert summarize(inv, by="sku").total == 3
    assert len(inv.errors) == 1


def test_a_large_file_sums_to_the_last_digit(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in [(_arrow, "_BLOCK_SIZE"), (_sources, "CHUNK_SIZE"), (_sources, "BLOCK_SIZE")]:
        monkeypatch.setattr(module, name, 1000)
    rows = [
        {"Amount": f"{n}.{n % 1000:03}", "Project": f"P{n % 7}", "Note": "x\n" * (n % 31 == 0)} for n in range(3000)
    ]
    data = simple_invoice(*rows)
    summary = summarize(data, by="project")

    assert summary.total == oracle_sum(data)
    assert sum(group.lines for group in summary.groups) == 3000
    assert summary.groups == summarize(list(read_csv(data)), by="project").groups


def test_the_callers_decimal_context_changes_nothing() -> None:
    rows = "".join(f"07/01/2024,06/30/2024,{sku},{amount}\n" for sku, amount in (("a", "100001.1"), ("b", "100002.1")))
    data = b"Date,Usage Date,SKU,Amount\n" + rows.encode()
    with localcontext(Context(prec=5, traps=[Inexact, Rounded])):
        summary = summarize(data, by="sku")
    assert [group.key for group in summary.groups] == [("b",), ("a",)]
    assert summary.total == Decimal("200003.2")


@pytest.mark.parametrize("name", ["extra:SKU", "extra:Tag/env", "extra:Amount"])
def test_a_known_column_is_not_an_extra_one(name: str) -> None:
    with pytest.raises(ConfigError, match="can't group by"):
        summarize(b"Date,Usage Date,SKU,Amount\n07/01/2024,06/30/2024,a,1\n", by=name)
