"""The documentation: every snippet runs, and the references have every name."""

from __future__ import annotations

import re
import struct
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import atlas_invoices as ai
from atlas_invoices.cli._commands import COMMANDS
from atlas_invoices.sandbox import Sandbox
from environment import ROOT
from snippets import LANGUAGES, PAGES, check_setup, check_types, read_snippets, run_page

DOCS = ROOT / "overlays" / "docs"
# Their snippets run with what they need: in wire/test_dlt.py, wire/test_focus_sandbox.py and warehouse/test_spark.py.
ELSEWHERE = {"dlt.md", "focus.md", "spark.md"}
RUNNABLE = [page for page in PAGES if page.name not in ELSEWHERE and read_snippets(page)]


@pytest.fixture(scope="module")
def friendly() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.mark.slow
@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: page.stem)
def test_a_page_can_be_typed_from_the_top_to_the_end(page: Path, friendly: Sandbox, tmp_path: Path) -> None:
    folder = tmp_path / "page"
    folder.mkdir()
    starts_one = "sandbox.env" in page.read_text("utf-8")
    run_page(page, folder, {} if starts_one else friendly.environment())


@pytest.mark.slow
def test_python_snippets_type_check(tmp_path: Path) -> None:
    check_types([page for page in PAGES if page.name != "spark.md"], tmp_path)


@pytest.mark.parametrize("page", [*PAGES, ROOT / ".github" / "CONTRIBUTING.md"], ids=lambda page: page.stem)
def test_a_page_has_no_snippet_that_nothing_runs(page: Path) -> None:
    fences = re.findall(r"^```(\w+)", page.read_text("utf-8"), flags=re.MULTILINE)
    assert fences == [each.language for each in read_snippets(page)]
    assert set(fences) <= LANGUAGES
    check_setup(page)


def test_every_page_is_in_the_navigation() -> None:
    text = (ROOT / ".zensical.toml").read_text("utf-8")
    assert sorted(re.findall(r'"([\w-]+\.md)"', text)) == [page.name for page in PAGES]


def test_the_library_reference_has_every_public_name() -> None:
    listed = re.findall(r"^::: atlas_invoices\.(\w+)$", (DOCS / "api.md").read_text("utf-8"), flags=re.MULTILINE)
    assert sorted(listed) == sorted({*ai.__all__} - {"__version__"})


def test_profiles_that_it_shows_are_of_the_known_form() -> None:
    from atlas_invoices import _profiles  # noqa: PLC0415 - for this test only

    (profiles,) = (
        tomllib.loads(each.text) for each in read_snippets(DOCS / "credentials.md") if each.language == "toml"
    )
    known = {*_profiles.URL_KEYS, *_profiles._SECRET_KEYS, "org_id", "service"}
    assert {key for values in profiles.values() for key in values} <= known


def size(picture: Path) -> tuple[int, int]:
    head = picture.read_bytes()[:24]
    assert head.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", head[16:])
    return width, height


def test_the_picture_of_the_report_is_small() -> None:
    assert (DOCS / "report.png").stat().st_size < 200_000
    assert size(DOCS / "report.png") == (1120, 960)


@pytest.mark.browser
def test_the_picture_of_the_report_can_be_made_again(tmp_path: Path) -> None:
    script = ROOT / "scripts" / "docs_picture.py"
    done = subprocess.run([sys.executable, script, "--output", tmp_path / "x.png"], capture_output=True, check=False)
    if done.returncode == 2:
        pytest.skip(done.stderr.decode())
    assert size(tmp_path / "x.png") == (1120, 960)


@pytest.mark.slow
def test_the_site_is_built_without_a_warning_and_asks_no_other_server() -> None:
    subprocess.run([ROOT / "scripts" / "docs"], check=True, capture_output=True, timeout=600)
    site = ROOT / ".site"
    headings = re.findall(r'<h2 id="([\w-]+)"', (site / "command" / "index.html").read_text("utf-8"))
    assert set(COMMANDS) <= set(headings)
    for page in site.glob("**/*.html"):
        assert not re.search(r'<(?:link|script|img)[^>]+(?:src|href)="https?:', page.read_text("utf-8")), page
