"""The report's page, without a browser: its figures, its safety, its size."""

from __future__ import annotations

import base64
import doctest
import hashlib
import json
import re
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pytest

import atlas_invoices as ai
from atlas_invoices import report
from atlas_invoices.cli._table import dollars, percent
from atlas_invoices.report import build_report
from atlas_invoices_client.models import BillingInvoice
from invoice_lines import simple_invoice
from report_invoices import FRIENDLY, HOSTILE, SavedInvoice, make_invoices, save
from report_page import ReportPage

USUAL_LIMIT = 1_500_000


def build(invoices: list[SavedInvoice], *, documents: bool = True) -> str:
    found = {each.document["id"]: BillingInvoice.from_dict(each.document) for each in invoices} if documents else {}
    return build_report([each.csv for each in invoices], documents=found)


@pytest.fixture(scope="module")
def invoices() -> list[SavedInvoice]:
    return make_invoices(FRIENDLY, months=3)


@pytest.fixture(scope="module")
def html(invoices: list[SavedInvoice]) -> str:
    return build(invoices)


@pytest.fixture(scope="module")
def page(html: str) -> ReportPage:
    return ReportPage(html)


@pytest.mark.parametrize(
    ("table", "by", "missing"),
    [
        ("project", "project", "(no project)"),
        ("cluster", "cluster", "(no cluster)"),
        ("sku", "sku", ""),
        ("day", "day", ""),
        ("tag", "tag:team", "(untagged)"),
        ("period", "period", ""),
    ],
)
def test_figures_are_those_of_summarize(
    page: ReportPage, invoices: list[SavedInvoice], table: str, by: str, missing: str
) -> None:
    summary = ai.summarize([each.csv for each in invoices], by=by)
    expected = [[str(g.key[0] or missing), dollars(g.amount), percent(g.share or Decimal(0))] for g in summary.groups]
    if by in {"day", "period"}:
        expected.sort()
    elif len(expected) > 12:
        rest = summary.groups[12:]
        amount, share = (sum(numbers, Decimal(0)) for numbers in zip(*((g.amount, g.share) for g in rest), strict=True))
        expected[12:] = [[f"({len(rest)} more)", dollars(amount), percent(share)]]
    assert page.rows(table) == [*expected, ["Total", dollars(summary.total), "100.0 %"]]


def test_the_example_in_its_docstring_is_true() -> None:
    assert doctest.testmod(report).attempted > 0
    assert doctest.testmod(report).failed == 0


def test_the_figures_at_the_top(page: ReportPage, invoices: list[SavedInvoice]) -> None:
    csvs = [each.csv for each in invoices]
    summary = ai.summarize(csvs, by="sku")
    assert page.texts["figure-total"] == dollars(summary.total)
    assert page.texts["figure-credits"] == dollars(summary.credits)
    assert page.texts["figure-lines"] == f"{sum(group.lines for group in summary.groups):,}"
    by_tags = ai.summarize(csvs, by=["tag:team", "tag:environment"])
    untagged = sum((group.amount for group in by_tags.groups if group.key == (None, None)), Decimal(0))
    share = (untagged - summary.credits) / (summary.total - summary.credits)
    assert page.texts["figure-untagged"] == percent(share)


def test_services_are_groups_of_skus(page: ReportPage, invoices: list[SavedInvoice]) -> None:
    summary = ai.summarize([each.csv for each in invoices], by="sku")
    amounts: dict[str, Decimal] = defaultdict(Decimal)
    for group in summary.groups:
        sku = str(group.key[0])
        words = {"Instance": "Clusters", "Backup": "Backup", "Storage 32": "Storage", "Transfer": "Data transfer"}
        words |= {"Support": "Support", "Credit": "Credits"}
        amounts[next(name for word, name in words.items() if word in sku)] += group.amount
    assert {row[0]: row[1] for row in page.rows("service")[:-1]} == {k: dollars(v) for k, v in amounts.items()}


def test_months_are_compared(page: ReportPage, invoices: list[SavedInvoice]) -> None:
    amounts: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for group in ai.summarize([each.csv for each in invoices], by=["period", "project"]).groups:
        amounts[str(group.key[1] or "(no project)")][str(group.key[0])] = group.amount
    months = ["2026-01", "2026-02", "2026-03"]
    assert page.tables["month"][0] == ["Project", *months, "Change", "Change %"]
    for project, *cells in page.rows("month")[:-1]:
        change = amounts[project]["2026-03"] - amounts[project]["2026-02"]
        sign = "+" if change > 0 else ""
        share = change / amounts[project]["2026-02"]
        expected = [*(dollars(amounts[project][month]) for month in months), sign + dollars(change)]
        assert cells == [*expected, sign + percent(share)]
    moved = [abs(Decimal(row[-1].replace(",", ""))) for row in page.rows("change")]
    assert moved == sorted(moved, reverse=True)
    assert len(moved) == 12


def test_the_json_adds_tax_and_what_is_owed_and_outstanding(page: ReportPage, invoices: list[SavedInvoice]) -> None:
    by_month = {row[0]: row for row in page.rows("invoices")}
    document = invoices[0].document
    billed = dollars(Decimal(document["amountBilledCents"]) / 100)
    tax = dollars(Decimal(document["salesTaxCents"]) / 100)
    assert by_month["2026-01"][4:] == ["PAID", tax, billed, billed, "0.00", billed]
    assert "still-open" not in page.texts
    growing = BillingInvoice.from_dict({**document, "statusName": "PENDING", "payments": []})
    pending = ReportPage(build_report(invoices[0].csv, documents={document["id"]: growing}))
    assert pending.texts["still-open"] == "Still open, so amounts may grow: 2026-01."
    assert pending.rows("invoices")[0][8] == ""
    # An open month isn't compared with a complete one.
    last = BillingInvoice.from_dict({**invoices[2].document, "statusName": "PENDING"})
    compared = ReportPage(build_report([each.csv for each in invoices], documents={invoices[2].document["id"]: last}))
    assert compared.tables["month"][0] == ["Project", "2026-01", "2026-02", "Change", "Change %"]
    payments = [{**payment, "amountPaidCents": 0, "statusName": "NEW"} for payment in document["payments"]]
    for status, outstanding in (("FORGIVEN", "0.00"), ("CLOSED", billed)):
        changes = {"statusName": status, "amountPaidCents": 0, "payments": payments}
        unpaid = BillingInvoice.from_dict({**document, **changes})
        shown = ReportPage(build_report(invoices[0].csv, documents={document["id"]: unpaid}))
        assert shown.rows("invoices")[0][7:9] == ["0.00", outstanding]
    without = ReportPage(build(invoices[:1], documents=False))
    assert len(without.rows("invoices")[0]) == 4
    some = ReportPage(
        build_report(
            [each.csv for each in invoices[:2]], documents={document["id"]: BillingInvoice.from_dict(document)}
        )
    )
    assert [row[5] for row in some.rows("invoices")] == [tax, ""]


def test_the_page_loads_nothing_and_allows_only_its_own_scripts(html: str, page: ReportPage) -> None:
    assert not [tag for tag in page.tags if {"src", "href", "srcset", "action", "style"} & tag[1].keys()]
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    (policy,) = (a["content"] for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    directives = {name: rest for name, *rest in map(str.split, (policy or "").split(";"))}

    def digest(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    data, *scripts = page.scripts
    assert json.loads(data)["places"] >= 2
    assert directives == {
        "default-src": ["'none'"],
        "script-src": [digest(script) for script in scripts],
        "style-src": [digest(style) for style in page.styles],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
    }
    assert "url(" not in page.styles[0]
    assert "@import" not in html


def test_names_are_text() -> None:
    html = build(make_invoices(HOSTILE, months=2), documents=False)
    page = ReportPage(html)
    friendly = ReportPage(build(make_invoices(FRIENDLY, months=2), documents=False))
    kinds = {tag for tag, _ in friendly.tags}
    assert {tag for tag, _ in page.tags} == kinds, "no tag comes from a name"
    assert [tag for tag, _ in page.tags].count("script") == 3
    names = {row[0] for row in page.rows("project")}
    assert "</script><script>document.title='pwned'</script>" in names
    assert {"=SUM(A1:A9)", "مشروع المدفوعات", "🚀 launch 🇦🇹", "constructor", "&amp;"} <= names
    assert all(len(name) <= 100 for name in names)
    assert "<script>alert(1)</script>" in {row[0] for row in page.rows("cluster")}
    assert "{{ 7 * 7 }}" in {row[0] for row in page.rows("tag")}
    data = json.loads(page.scripts[0])
    assert data["tags"][0]["values"].count("(untagged)") == 1


def test_a_usual_report_is_small(html: str) -> None:
    assert len(html.encode()) < USUAL_LIMIT
    # A month of a larger company: 12,000 lines of 100 clusters.
    large = build(make_invoices(FRIENDLY, months=1, copies=10))
    assert len(large.encode()) < USUAL_LIMIT


def test_amounts_stay_exact() -> None:
    rows = [("0.00499999999999999999", "a"), ("0.00000000000000000001", "a"), ("-0.005", "b"), ("1E-20", "c")]
    rows += [("12345678901234567890.12", "d")]
    data = simple_invoice(*({"Project": name, "Amount": f"{Decimal(amount):f}", "SKU": "X"} for amount, name in rows))
    page = ReportPage(build_report(data))
    amounts = {row[0]: row[1] for row in page.rows("project")}
    assert amounts == {
        "d": "12,345,678,901,234,567,890.12",
        "a": "0.01",
        "b": "-0.01",
        "c": "0.00",
        "Total": "12,345,678,901,234,567,890.12",
    }
    assert page.rows("invoices")[0][3] == "12,345,678,901,234,567,890.12"
    payload = json.loads(page.scripts[0])
    assert payload["places"] == 20
    assert {cell[3] for cell in payload["cells"]} >= {"500000000000000000", "-500000000000000000", "1"}


def test_the_largest_lines_and_credits_come_first(page: ReportPage) -> None:
    amounts = [Decimal(row[-1].replace(",", "")) for row in page.rows("largest")]
    assert amounts == sorted(amounts, reverse=True)
    assert amounts[0] == Decimal("1250.00")
    assert len(amounts) == 10
    assert [row[-2:] for row in page.rows("credits")] == [["Promotional credit", "-410.01"]] * 3


def test_a_large_credit_is_not_among_those_left_out() -> None:
    rows = [{"SKU": f"SKU {number:02}", "Amount": f"{number}.00"} for number in range(1, 15)]
    page = ReportPage(build_report(simple_invoice({"SKU": "Credit", "Amount": "-30.00"}, *rows)))
    assert page.rows("sku")[0][:2] == ["SKU 14", "14.00"]
    last = dict(row[:2] for row in page.rows("sku")[-3:])
    assert last == {"Credit": "-30.00", "(3 more)": "6.00", "Total": "75.00"}


def test_currencies_are_never_added() -> None:
    header = b"Date,Usage Date,SKU,Amount,Currency\n"
    data = header + b"06/01/2026,06/01/2026,M10,1.00,EUR\n" * 2 + b"06/01/2026,06/01/2026,M10,5.00,USD\n"
    page = ReportPage(build_report(data))
    assert page.texts["figure-total"] == "2.00"
    assert page.tables["day"][0] == ["Day", "EUR", "Share"]
    assert page.rows("invoices")[0][3] == "2.00 EUR, 5.00 USD"
    assert "filter-currency" in {attributes.get("id") for _, attributes in page.tags}


def test_clusters_of_one_name_in_two_projects_are_two() -> None:
    rows = [{"Project": name, "Cluster": "main", "Amount": "1.00", "SKU": "X"} for name in ("a", "b", "b")]
    page = ReportPage(build_report(simple_invoice(*rows)))
    assert [row[:2] for row in page.rows("cluster")[:-1]] == [["main (b)", "2.00"], ["main (a)", "1.00"]]


def test_a_month_without_lines_is_a_month(invoices: list[SavedInvoice]) -> None:
    without = invoices[1].csv.split(b"\n02/")[0] + b"\n"
    page = ReportPage(build_report([invoices[0].csv, without]))
    total = dollars(ai.summarize(invoices[0].csv, by="period").total)
    assert page.rows("period") == [
        ["2026-01", total, "100.0 %"],
        ["2026-02", "0.00", "0.0 %"],
        ["Total", total, "100.0 %"],
    ]
    assert page.rows("month")[-1] == ["Total", total, "0.00", f"-{total}", "-100.0 %"]


def test_an_invoice_without_lines_or_tags_has_a_page() -> None:
    page = ReportPage(build_report(simple_invoice()))
    assert page.texts["figure-total"] == "0.00"
    assert page.texts["figure-untagged"] == "no tags"
    assert "tag" not in page.tables
    assert "month" not in page.tables


def test_sources_that_can_be_read_once_and_folders_give_the_same_page(
    invoices: list[SavedInvoice], tmp_path: Path
) -> None:
    folder = save(invoices, tmp_path / "kept")
    once = build_report([iter([each.csv]) for each in invoices])
    assert once == build_report(folder)
    with pytest.raises(ai.InvoiceFormatError, match="Amount"):
        build_report([iter([invoices[0].csv.replace(b",Amount", b",Sum")])])
    broken = re.sub(rb",[\d.]+,(?=[^,]*,[^,]*\n)", b",oops,", invoices[0].csv, count=1)
    with pytest.raises(ai.InvoiceFormatError):
        build_report(broken)
