"""Files as people have them: other headers, rows without days, totals, and what a spreadsheet leaves."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from atlas_invoices import (
    InvoiceCsv,
    InvoiceFormatError,
    LineItem,
    iter_batches,
    read_csv,
    reconcile,
    summarize,
    to_arrow,
)
from atlas_invoices._csv import _summary, missing_names
from atlas_invoices._csv._layout import find_key
from atlas_invoices._sync._compare import JsonSums, find_difference
from atlas_invoices_client.models import BillingInvoice
from invoice_lines import HEADER, PREAMBLE, simple_invoice

M10 = {"SKU": "Atlas M10 Instance - AWS", "Project": "web", "Quantity": "24", "Unit Price": "0.08", "Amount": "1.92"}
CREDIT = {"Date": "", "Usage Date": "", "SKU": "Credit", "Description": "Credit", "Amount": "-5.00"}
API = {**M10, "Project": "api", "Amount": "10.08"}
DAYS = b"07/01/2024,06/15/2024,"


def only_warning(data: bytes, way: Callable[[bytes], Any] = lambda data: list(read_csv(data))) -> str:
    with pytest.warns(UserWarning, match="after the last item") as caught:
        way(data)
    (warning,) = caught
    return str(warning.message)


def refused(data: bytes) -> InvoiceFormatError:
    """The one error of every way to read."""
    errors = []
    for way in (lambda: list(read_csv(data)), lambda: to_arrow(data), lambda: summarize(data, by="sku")):
        with pytest.raises(InvoiceFormatError) as caught:
            way()
        errors.append(caught.value)
    assert len({str(error) for error in errors}) == 1
    return errors[0]


def totals(data: bytes, monkeypatch: pytest.MonkeyPatch) -> set[tuple[Decimal, int]]:
    """The sum and number of lines, by every way to read."""
    lines = list(read_csv(data))
    found = {(sum((line.amount or Decimal(0) for line in lines), Decimal(0)), len(lines))}
    for batches in ([to_arrow(data)], list(iter_batches(data))):
        amounts = [amount for batch in batches for amount in batch["amount"].to_pylist()]
        found.add((sum((amount or Decimal(0) for amount in amounts), Decimal(0)), len(amounts)))
    for smallest in (2**40, 0):
        monkeypatch.setattr(_summary, "MIN_ARROW_SIZE", smallest)
        summary = summarize(data, by="sku")
        found.add((summary.total, sum(group.lines for group in summary.groups)))
    return found


@pytest.mark.parametrize("before", [0, 1, 2])
@pytest.mark.parametrize("many", [0, 3000])
def test_a_row_without_days_is_an_item_wherever_it_stands(
    before: int, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [M10, API]
    rows.insert(before, CREDIT)
    data = simple_invoice(*rows, *[M10] * many)

    assert totals(data, monkeypatch) == {(Decimal("7.00") + many * Decimal("1.92"), 3 + many)}
    line = list(read_csv(data))[before]
    assert (line.date, line.usage_date, line.is_credit, line.line_number) == (None, None, True, 7 + before)
    assert summarize(data, by="sku").credits == -5


def test_a_sku_and_an_amount_are_enough() -> None:
    (line,) = read_csv(simple_invoice({"Date": "", "Usage Date": "", "SKU": "Support", "Amount": "0"}))
    assert line == LineItem(sku="Support", amount=Decimal(0), line_number=7)


def test_a_row_without_days_whose_amount_is_unreadable_is_an_error() -> None:
    error = refused(simple_invoice(M10, {**CREDIT, "Amount": "five"}))
    assert (error.line_number, error.column) == (8, "Amount")


@pytest.mark.parametrize(
    ("row", "named"),
    [
        (b"Total" + b"," * 18 + b"12.00", "('Total', '12.00')"),
        (b"," * 18 + b"12.00", "('12.00', '12.00')"),
        (b"Total,,12.00", "('Total', '12.00')"),
        (b"Total" + b"," * 18 + b"12.00,,", "('Total', '12.00')"),
        (b"Prices exclude tax", "('Prices exclude tax')"),
        (b"* Prices exclude tax", "('* Prices exclude tax')"),
        (b",,,,,,,,Credit" + b"," * 10, "('Credit')"),
    ],
)
def test_a_row_after_the_last_item_is_named_with_its_amount(
    row: bytes, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = simple_invoice(M10, API)
    expected = f"1 row after the last item isn't counted: line 9 {named}"
    inv = read_csv(data + row + b"\n")

    assert only_warning(data + row + b"\n", lambda _: list(inv)) == expected
    assert inv.trailing == (tuple(row.decode().split(",")),)
    for way in (to_arrow, lambda data: list(iter_batches(data)), lambda data: summarize(data, by="sku")):
        assert only_warning(data + row + b"\n", way) == expected
    monkeypatch.setattr(_summary, "MIN_ARROW_SIZE", 0)
    assert only_warning(data + row + b"\n", lambda data: summarize(data, by="sku")) == expected


def test_rows_after_the_last_item_are_counted_and_the_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "june.csv"
    path.write_bytes(simple_invoice(M10) + b"Total,1.92\n" * 7)
    message = only_warning(b"", lambda _: list(read_csv(path)))
    assert message.startswith(f"{path}: 7 rows after the last item aren't counted: line 8 ('Total', '1.92'), line 9 ")
    assert message.endswith("line 12 ('Total', '1.92'), 2 more")


@pytest.mark.parametrize("row", [b",,Credit,,,,,,Credit,,,,,,,,,-5.00", b",," + b"," * 17 + b"-5.00", b"07/01/2024,,"])
def test_a_damaged_item_at_the_end_is_an_error(row: bytes) -> None:
    assert refused(simple_invoice(M10) + row + b"\n").line_number == 8


def test_rows_of_nothing_but_commas_are_blank(monkeypatch: pytest.MonkeyPatch) -> None:
    data = simple_invoice(M10, API).replace(b"\n\n", b"\n,,,,\n")
    last = data.rindex(b"\n", 0, -1) + 1
    for blank in (b",,,,\n", b"," * 18 + b"\n", b"," * 30 + b"\n"):
        assert totals(data[:last] + blank + data[last:] + blank, monkeypatch) == {(Decimal("12.00"), 2)}


def header(change: Callable[[str], str]) -> bytes:
    names = ",".join(change(name) for name in HEADER.decode().split(","))
    return PREAMBLE + names.encode() + b"\n" + simple_invoice(M10, API).split(b"\n", 6)[6]


@pytest.mark.parametrize(
    "change",
    [
        str.lower,
        str.upper,
        lambda name: f"  {name} ",
        lambda name: name.replace(" ", "\xa0") + "\xa0",
        lambda name: name.replace(" ", "  ").title(),
        lambda name: name.replace(" ", ""),
        lambda name: f'"{name}"',
    ],
)
def test_names_that_differ_in_case_and_blanks_are_the_same(change: Callable[[str], str]) -> None:
    inv = read_csv(header(change))
    assert list(inv) == list(read_csv(simple_invoice(M10, API)))
    assert inv.columns == tuple(HEADER.decode().split(","))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Amount", "Amount (USD)"),
        ("Amount", "Amount (EUR)"),
        ("Amount", "amount usd"),
        ("Amount", "Amount_USD"),
        ("Amount", "Total Amount"),
        ("Amount", "Amout"),
        ("Unit Price", "Unit Price (USD)"),
        ("Quantity", "Quantity (h)"),
        ("Usage Date", "Usage Date (UTC)"),
        ("SKU", "SKU (name)"),
        ("Project", "Project (name)"),
        ("Replica Set", "replica_set"),
    ],
)
def test_a_near_name_is_an_error_that_points_at_it(old: str, new: str) -> None:
    error = refused(header(lambda name: new if name == old else name))
    assert (error.line_number, error.column) == (6, new)
    assert f"the header has no {old!r}; if this column is it, rename it, or download the file again" in str(error)


def test_a_name_that_only_begins_like_another_is_an_unknown_column() -> None:
    (line,) = read_csv(b"Date,Usage Date,SKU,Project Owner,Cluster ID,Price\n" + DAYS + b"S,Ann,7,1\n")
    assert line.extra == {"Project Owner": "Ann", "Cluster ID": "7", "Price": "1"}


@pytest.mark.parametrize("prefix", ["Tag/", "Tags/", "TAG/", "tag/", " Tag / ", "tags /"])
@pytest.mark.parametrize("blanks", ["", " ", "\xa0"])
def test_tags_have_any_prefix_and_keys_keep_their_spelling(prefix: str, blanks: str) -> None:
    data = f"Date,Usage Date,SKU,Amount,{prefix}Cost Center{blanks}\n07/01/2024,,S,1,core\n".encode()
    inv = read_csv(data)
    assert [line.tags for line in inv] == [{"Cost Center": "core"}]
    assert inv.columns[-1] == "Tag/Cost Center"
    assert [dict(tags) for tags in to_arrow(data)["tags"].to_pylist()] == [{"Cost Center": "core"}]
    assert summarize(data, by="tag:Cost Center").groups[0].key == ("core",)


def test_the_only_key_that_differs_in_case_is_found() -> None:
    assert find_key("TEAM", ["env", "team"]) == "team"
    assert find_key("team", ["TEAM", "team"]) == "team"
    assert find_key("Team", ["TEAM", "team"]) is None
    assert find_key("owner", ["team"]) is None


def short(names: str, *cells: str) -> bytes:
    rows = "".join(f"07/01/2024,06/15/2024,S,{each}\n" for each in cells)
    return f"Date,Usage Date,SKU,{names}\n{rows}".encode()


@pytest.mark.parametrize(
    ("names", "cells", "tags", "extra"),
    [
        ("Amount,Tag/env,Tag/env", "1,,", {}, {}),
        ("Amount,Tag/env,Tag/env", "1,a,a", {"env": "a"}, {}),
        ("Amount,Tag/env,Tag/env", "1,a,", {"env": "a"}, {}),
        ("Amount,Tag/env,Tag/env", "1,a,b", {"env": "a"}, {"Tag/env#2": "b"}),
        ("Amount,Tag/env,X,Tag/env,Tag/env", "1,a,x,b,c", {"env": "a"}, {"X": "x", "Tag/env#2": "b", "Tag/env#3": "c"}),
        ("Amount,Tags/env,Tag/env", "1,a,b", {"env": "b"}, {"Tags/env": "a"}),
        ("Amount,New,New,New#2", "1,a,b,c", {}, {"New": "a", "New#3": "b", "New#2": "c"}),
        ("Amount,Region,Region", "1,a,b", {}, {"Region#2": "b"}),
        ("Amount,Amount", "1,1", {}, {}),
        ("Amount,Amount", "1,", {}, {}),
        ("amount,Amount", "2,1", {}, {"amount": "2"}),
    ],
)
@pytest.mark.parametrize("many", [1, 300])
def test_a_name_twice_is_kept_where_the_cells_differ(
    names: str, cells: str, tags: dict[str, str], extra: dict[str, str], many: int
) -> None:
    data = short(names, *[cells] * many)
    with pytest.warns(UserWarning, match="line 1: the header has '.*' twice; where the cells differ, the second is"):
        lines = list(read_csv(data))
    assert {(line.amount, *map(str, (line.tags, line.extra))) for line in lines} == {(1, str(tags), str(extra))}
    with pytest.warns(UserWarning, match="twice"):
        assert [dict(pairs) for pairs in to_arrow(data)["extra"].to_pylist()] == [extra] * many


@pytest.mark.filterwarnings("ignore:.*the header has '.*' twice:UserWarning")
def test_the_second_column_of_a_name_is_a_key_but_not_a_tag() -> None:
    data = short("Amount,Tag/env,Tag/env,Region,Region", "1,a,b,x,y")
    for by, key in (("extra:Tag/env#2", "b"), ("extra:Region#2", "y"), ("tag:env", "a"), ("tag:env#2", None)):
        assert summarize(data, by=by).groups[0].key == (key,)
    assert missing_names(["extra:Tag/env#2", "tag:env#2"], [read_csv(data).layout]) == ("tag:env#2",)


@pytest.mark.parametrize("cells", ["1,2", ",2", "1,1.00"])
@pytest.mark.parametrize("names", ["Amount,Amount", "AMOUNT,amount"])
def test_two_numbers_in_columns_of_one_name_are_an_error(names: str, cells: str) -> None:
    error = refused(short(names, "1,1", cells))
    assert (error.line_number, error.column) == (3, "Amount")
    assert "in two columns of this name, so it's unclear which one counts" in str(error)


@pytest.mark.parametrize("names", ["Amount,,,", "Amount, ,\xa0,", ",,,Amount", "Note,,Amount,"])
def test_columns_without_a_name_or_cells_are_left_out(names: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = short(names, "1,,,".replace("1,,,", ",".join("1" if name == "Amount" else "" for name in names.split(","))))
    inv = read_csv(data)
    assert [(line.amount, line.extra) for line in inv] == [(1, {})]
    assert inv.columns == ("Date", "Usage Date", "SKU", *(name for name in names.split(",") if name.strip()))
    assert totals(data, monkeypatch) == {(Decimal(1), 1)}


@pytest.mark.parametrize("many", [0, 300])
def test_a_cell_without_a_column_name_is_an_error(many: int) -> None:
    error = refused(short("Amount,,", *["1,,"] * many, "1,,-5.00"))
    assert (error.line_number, error.column) == (2 + many, "column 6")
    assert "'-5.00' in a column without a name: the row may be shifted, or name the column" in str(error)


AGAIN = "a spreadsheet may have saved this file again, so download it again"


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
@pytest.mark.parametrize(
    ("column", "cell"),
    [
        *(("Date", day) for day in ("7/1/2024", "2024-07-01", "1-Jul-24", "1.7.2024", "7/1/2024 0:00", "45474")),
        *(("Usage Date", day) for day in ("Jul 1, 2024", "07/01/2024 ", "45474.0", "########")),
        *(("Amount", text) for text in ("1,234.50", "1.234,50", "$1.92", "(5.00)", "-$5.00", "1\xa0234")),
        *(("Amount", text) for text in (" $1.92 ", "$(5.00)", "- 5.00", "1.92-", "1.92 USD", "EUR1.92", "####", "5 %")),
    ],
)
def test_what_a_spreadsheet_wrote_is_named_with_the_way_out(column: str, cell: str, ending: bytes) -> None:
    data = simple_invoice(M10, {**M10, column: cell}, ending=ending).replace(ending + ending, ending + b",,," + ending)
    error = refused(data)
    assert (error.line_number, error.column) == (8, column)
    assert AGAIN in str(error)


@pytest.mark.parametrize("data", [b"\xef\xbb\xbf" * 2 + simple_invoice(M10), simple_invoice(M10).replace(b",", b";")])
def test_a_file_that_a_spreadsheet_saved_is_named(data: bytes) -> None:
    assert AGAIN in str(refused(data))


def test_a_file_with_every_cell_in_quotes_is_read() -> None:
    data = b"\r\n".join(
        b",".join(b'"%b"' % cell for cell in line.split(b",")) for line in simple_invoice(M10, API).split(b"\n")[5:-1]
    )
    assert [line._replace(line_number=0) for line in read_csv(data)] == [
        line._replace(line_number=0) for line in read_csv(simple_invoice(M10, API))
    ]


MIXED = short("Amount,Currency", "1.92,USD", "10.08,EUR")
INVOICE = BillingInvoice.from_dict({"subtotalCents": 1200})


def test_currencies_are_never_added_when_reconciling(tmp_path: Path) -> None:
    result = reconcile(MIXED, INVOICE)
    assert [difference.kind for difference in result.differences] == ["currency"]
    assert "amounts in EUR and USD" in result.differences[0].message
    assert (result.csv.lines, result.csv.total_cents) == (2, None)
    (tmp_path / "june.csv").write_bytes(MIXED)
    assert "EUR and USD" in (find_difference(tmp_path / "june.csv", [JsonSums(subtotal=1200)]) or "")
    assert reconcile(MIXED.replace(b"EUR", b"USD"), INVOICE).matches


@pytest.mark.parametrize("code", [b"usd", b" USD ", b"Usd", b"  ", b""])
def test_currencies_are_the_same_whatever_their_case_and_blanks(code: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_summary, "MIN_ARROW_SIZE", 0)
    data = MIXED.replace(b"USD", code) + MIXED.split(b"\n")[-3] + b"\n"
    for source in (data, list(read_csv(data))):
        assert summarize(source, by="sku").totals == {"EUR": Decimal("10.08"), "USD": Decimal("3.84")}
    assert reconcile(MIXED.replace(b"USD", b"eur"), INVOICE).matches


def test_a_column_of_currencies_has_one_name_whatever_its_case() -> None:
    assert [line.extra for line in read_csv(MIXED.replace(b"Currency", b"currency "))] == [
        {"Currency": "USD"},
        {"Currency": "EUR"},
    ]


def test_undated_items_and_rows_after_them_reconcile(tmp_path: Path) -> None:
    path = tmp_path / "june.csv"
    path.write_bytes(simple_invoice(M10, API, CREDIT) + b"Total,,7.00\n")
    invoice = {"subtotalCents": 1200, "creditsCents": 500}
    with pytest.warns(UserWarning, match="line 10 "):
        assert reconcile(path, BillingInvoice.from_dict(invoice)).matches
    with pytest.warns(UserWarning, match="line 10 "):
        assert find_difference(path, [JsonSums(subtotal=1200)]) is None


# What each file of the project's own cases must give: its total and lines, or words of its error.
CASES = {
    "undated-credit-last.csv": ("7.00", 3),
    "quantity-20-decimals.csv": ("1.9200069444444444444448", 2),
    "product.csv": ("7561.92", 2),
    "starting-balance.csv": ("12.00", 2),
    "late-tag.csv": ("1.50", 150),
    "col-all-lower.csv": ("7.00", 3),
    "col-amount-usd.csv": "line 6, column 'Amount (USD)': the header has no 'Amount'",
    "tags-plural.csv": ("7.00", 3),
    "dup-header-tag.csv": ("7.00", 3),
    "empty-extra-columns.csv": ("7.00", 3),
    "excel-us.csv": AGAIN,
    "currency-mixed.csv": ("12.00", 2),
    "cut-mid-amount.csv": ("6.92", 3),
}
FOLDER = Path(__file__).resolve().parents[2].parent / "shared" / "cases"


@pytest.mark.skipif(not FOLDER.is_dir(), reason="only where the project's cases lie beside the repository")
@pytest.mark.filterwarnings("ignore:.*the header has 'Tag/env' twice:UserWarning")
@pytest.mark.parametrize("name", CASES)
def test_the_projects_own_cases(name: str) -> None:
    expected = CASES[name]
    if isinstance(expected, str):
        assert expected in str(refused((FOLDER / name).read_bytes()))
        return
    inv = read_csv(FOLDER / name)
    lines = list(inv)
    assert (str(sum(line.amount or Decimal(0) for line in lines)), len(lines)) == expected
    assert inv.ends_line == (name != "cut-mid-amount.csv")
    assert isinstance(inv, InvoiceCsv)
    if name == "tags-plural.csv":
        assert {line.tags["team"] for line in lines} == {"core"}
