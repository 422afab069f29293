"""The report in a real browser: headless Chromium, Debian's. Pictures are kept in `.artifacts/report`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

import atlas_invoices as ai
from atlas_invoices.cli._table import dollars
from atlas_invoices.report import build_report
from atlas_invoices_client.models import BillingInvoice
from report_invoices import FRIENDLY, HOSTILE, SavedInvoice, make_invoices

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium found; on Debian: apt-get install chromium"),
]
PATIENCE = 60_000
PHONE = 360


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def invoices() -> list[SavedInvoice]:
    return make_invoices(FRIENDLY)


@pytest.fixture(scope="module")
def report(invoices: list[SavedInvoice], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    documents = {each.document["id"]: BillingInvoice.from_dict(each.document) for each in invoices}
    path.write_text(build_report([each.csv for each in invoices], documents=documents), "utf-8")
    return path


class Opened:
    """A page that is open, and everything the browser complained about."""

    def __init__(
        self,
        browser: Browser,
        path: Path,
        *,
        scripts: bool = True,
        width: int = 1280,
        dark: bool = False,
        time_zone: str = "UTC",
    ) -> None:
        size: ViewportSize = {"width": width, "height": 900}
        self.page: Page = browser.new_page(
            viewport=size,
            color_scheme="dark" if dark else "light",
            java_script_enabled=scripts,
            timezone_id=time_zone,
        )
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())
        if scripts:
            self.wait("")

    def wait(self, status: str) -> None:
        """Wait until the charts are drawn for a choice."""
        self.page.wait_for_function(
            "status => document.documentElement.dataset.drawn?.startsWith(status)", arg=status, timeout=PATIENCE
        )

    def choose(self, name: str, label: str) -> None:
        """Choose an option of a filter."""
        self.page.select_option(f"#filter-{name}", label=label)
        self.page.wait_for_function(
            "() => document.documentElement.dataset.drawn === document.getElementById('status').textContent",
            timeout=PATIENCE,
        )

    def rows(self, table: str) -> list[list[str]]:
        """The text of a table's rows, totals included."""
        script = "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"
        rows: list[list[str]] = self.page.eval_on_selector_all(f"#table-{table} tr", script)
        return rows[1:]

    def text(self, name: str) -> str:
        """The text of an element."""
        return self.page.text_content(f"#{name}") or ""


@pytest.fixture
def opened(browser: Browser, report: Path) -> Iterator[Opened]:
    opened = Opened(browser, report)
    yield opened
    opened.page.close()
    assert opened.complaints == []
    assert opened.requests == [report.as_uri()]


TABLES = ("period", "month", "change", "day", "project", "service", "cluster", "sku", "tag", "largest", "credits")
FIGURES = ("figure-total", "figure-credits", "figure-untagged", "figure-lines")


def everything(opened: Opened) -> dict[str, object]:
    return {**{name: opened.rows(name) for name in TABLES}, **{name: opened.text(name) for name in FIGURES}}


def test_the_page_is_the_same_with_scripts_and_without(browser: Browser, report: Path, opened: Opened) -> None:
    static = Opened(browser, report, scripts=False)
    assert everything(opened) == everything(static)
    assert not static.page.is_visible("#filters")
    assert not static.page.is_visible("#chart-day")
    static.page.close()


def test_filters_change_figures_tables_and_charts(opened: Opened, invoices: list[SavedInvoice]) -> None:
    csvs = [each.csv for each in invoices]
    before = everything(opened)
    bars = "() => [...document.querySelectorAll('#chart-service .mark-rect path')].map(path => path.getAttribute('d'))"
    drawn = opened.page.evaluate(bars)
    opened.choose("project", "Data platform")
    amounts = {g.key: g for g in ai.summarize(csvs, by=["project", "cluster"]).groups if g.key[0] == "Data platform"}
    total = sum((group.amount for group in amounts.values()), Decimal(0))
    assert opened.text("figure-total") == dollars(total)
    assert opened.text("figure-lines") == f"{sum(group.lines for group in amounts.values()):,}"
    assert opened.text("figure-credits") == "0.00"
    assert opened.text("figure-untagged") == "0.0 %"
    assert {row[0]: row[1] for row in opened.rows("cluster")} == {
        **{str(key[1]): dollars(group.amount) for key, group in amounts.items()},
        "Total": dollars(total),
    }
    days = [group for group in ai.summarize(csvs, by=["project", "day"]).groups if group.key[0] == "Data platform"]
    assert {row[0]: row[1] for row in opened.rows("day")[:-1]} == {str(g.key[1]): dollars(g.amount) for g in days}
    assert {row[1] for row in opened.rows("largest")} == {"Data platform"}
    assert opened.rows("credits") == []
    assert opened.page.is_visible("#no-credits")
    assert opened.page.evaluate(bars) != drawn
    assert opened.text("status").startswith(f"Only Data platform: {dollars(total)} USD")

    script = "texts => texts.map(text => text.textContent.trim())"
    names = opened.page.eval_on_selector_all("#chart-service .role-axis-label text", script)
    assert names[-4:] == [row[0] for row in opened.rows("service")[:-1]], "the table's order"

    opened.choose("tag", "team: web")
    assert opened.text("figure-total") == "0.00"
    assert not opened.page.is_visible("#chart-service")
    opened.choose("project", "All projects")
    web = [group for group in ai.summarize(csvs, by=["tag:team", "project"]).groups if group.key[0] == "web"]
    assert opened.text("figure-total") == dollars(sum((group.amount for group in web), Decimal(0)))
    assert {row[0]: row[1] for row in opened.rows("project")[:-1]} == {str(g.key[1]): dollars(g.amount) for g in web}

    opened.page.click("button[type=reset]")
    opened.page.wait_for_function("() => document.documentElement.dataset.drawn === ''", timeout=PATIENCE)
    assert everything(opened) == before
    assert opened.page.evaluate(bars) == drawn


def test_another_tag_can_be_shown(opened: Opened, invoices: list[SavedInvoice]) -> None:
    opened.page.select_option("#tag-key", label="environment")
    summary = ai.summarize([each.csv for each in invoices], by="tag:environment")
    expected = {str(group.key[0] or "(untagged)"): dollars(group.amount) for group in summary.groups}
    assert {row[0]: row[1] for row in opened.rows("tag")[:-1]} == expected
    assert opened.text("tag-name") == "environment"
    opened.choose("project", "All projects")


def test_days_are_the_same_in_every_time_zone(browser: Browser, report: Path) -> None:
    drawn = []
    for time_zone in ("Pacific/Auckland", "America/Los_Angeles"):
        opened = Opened(browser, report, time_zone=time_zone)
        drawn.append(opened.page.inner_html("#chart-day .role-axis-label >> nth=0") + opened.text("table-day"))
        opened.page.close()
    assert drawn[0] == drawn[1]
    assert "Jan 4" in drawn[0]


def test_the_keyboard_reaches_everything(opened: Opened) -> None:
    reached = []
    for _ in range(40):
        opened.page.keyboard.press("Tab")
        reached.append(
            opened.page.evaluate("() => document.activeElement.id || document.activeElement.ariaLabel || ''")
        )
    assert reached[:2] == ["filter-project", "filter-tag"]
    assert {"tag-key", "By day of use, table", "Largest lines, table", "Invoices, table"} <= set(reached)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_serious(browser: Browser, report: Path, dark: bool) -> None:
    opened = Opened(browser, report, dark=dark, width=800)
    found = Axe().run(opened.page).response["violations"]
    opened.page.close()
    assert [(each["id"], each["impact"], [n["html"][:200] for n in each["nodes"]][:2]) for each in found] == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, 768, 1280])
def test_the_page_fits(browser: Browser, report: Path, root: Path, width: int, dark: bool) -> None:
    opened = Opened(browser, report, width=width, dark=dark)
    pictures = root / ".artifacts" / "report"
    pictures.mkdir(parents=True, exist_ok=True)
    opened.page.screenshot(path=pictures / f"{width}-{'dark' if dark else 'light'}.png", full_page=True)
    assert opened.page.evaluate("() => document.documentElement.scrollWidth") <= width
    scrolls = "boxes => boxes.filter(box => box.scrollWidth > box.clientWidth).map(box => box.ariaLabel)"
    assert opened.page.eval_on_selector_all(".table", scrolls) == []
    charts = opened.page.locator(".chart svg")
    assert charts.count() == 7
    for number in range(charts.count()):
        box = charts.nth(number).bounding_box()
        assert box is not None
        assert box["width"] > width / 3
        assert box["x"] + box["width"] <= width
    opened.page.close()


def test_hostile_names_are_only_names(browser: Browser, root: Path, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(build_report([each.csv for each in make_invoices(HOSTILE, months=2)]), "utf-8")
    opened = Opened(browser, path)
    static = Opened(browser, path, scripts=False)
    before = everything(opened)
    assert before == everything(static)
    script = "list => list.map(option => option.textContent)"
    projects = opened.page.eval_on_selector_all("#filter-project option", script)
    assert set(projects[1:]) == {row[0] for row in opened.rows("project")[:-1]}
    for name in projects[1:]:
        opened.choose("project", name)
        assert [row[0] for row in opened.rows("project")] == [name, "Total"]
    for label in opened.page.eval_on_selector_all("#filter-tag option", script)[:12]:
        opened.choose("tag", label)
    opened.page.click("button[type=reset]")
    opened.page.wait_for_function("() => document.documentElement.dataset.drawn === ''", timeout=PATIENCE)
    opened.page.locator("#chart-project .mark-rect path").first.hover()
    assert "pwned" in (opened.page.text_content("#vg-tooltip-element") or "")
    assert opened.page.title() == "Northwind Traders, 2026-01 to 2026-02 - Atlas invoices"
    assert opened.page.locator("main b, main img, main script").count() == 0
    opened.page.screenshot(path=root / ".artifacts" / "report" / "hostile.png", full_page=True)
    opened.page.close()
    static.page.close()
    assert opened.complaints == []
    assert opened.requests == [path.as_uri()]


def test_it_prints_in_black_on_white_without_controls(browser: Browser, report: Path, root: Path) -> None:
    opened = Opened(browser, report, dark=True)
    opened.page.emulate_media(media="print")
    color = "() => getComputedStyle(document.body).backgroundColor"
    assert opened.page.evaluate(color) == "rgb(255, 255, 255)"
    assert not opened.page.is_visible("#filters")
    # A4 less margins of 1 cm.
    opened.page.set_viewport_size({"width": 718, "height": 1046})
    cut = """tables => tables.filter(t => t.scrollHeight > t.clientHeight + 1 || t.scrollWidth > t.clientWidth + 1)
        .map(t => t.ariaLabel)"""
    assert opened.page.eval_on_selector_all(".table", cut) == [], "a printed table shows all of it"
    opened.page.screenshot(path=root / ".artifacts" / "report" / "print.png", full_page=True)
    opened.page.close()
