"""Every invoice of the sandbox in FOCUS: sums, a linter of others, and the questions of FOCUS's use cases on DuckDB.

The view `focus` of a database that `load` has made is the same table.
"""

from __future__ import annotations

import csv
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from focus_data_toolkit import convert_files, detect_focus_schema, lint_focus_1_4_structure

import atlas_invoices as ai
from atlas_invoices._csv import NamedSource
from atlas_invoices._focus import json_files, open_focus
from atlas_invoices._focus._facts import read_facts
from atlas_invoices._focus._write import write_focus
from atlas_invoices.sandbox import Sandbox, Settings
from environment import ROOT
from load_targets import assert_same_focus

VERSIONS = ("1.2", "1.3")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the CSV and JSON of all invoices of two sandboxes, and FOCUS of them, as CSV and as Parquet."""
    path = tmp_path_factory.mktemp("kept")
    for settings in (Settings(months=14, typical_lines=60), Settings(months=14, typical_lines=30, odd=True, seed=2)):
        with Sandbox(settings) as sandbox:
            auth = ai.DigestAuth(sandbox.public_key, sandbox.private_key)
            with ai.Client(auth=auth, base_url=sandbox.base_url) as atlas:
                for found in atlas.list_invoices(sandbox.org_id):
                    atlas.download_invoice_csv(sandbox.org_id, str(found.id), path / f"{found.id}.csv")
                    document = atlas.get_invoice(sandbox.org_id, str(found.id)).to_dict()
                    (path / f"{found.id}.json").write_text(json.dumps(document), encoding="utf-8")
    for version in VERSIONS:
        for kind in ("csv", "parquet"):
            sources = [NamedSource(each, each.name) for each in sorted(path.glob("*.csv"))]
            with (
                open_focus(sources, read_facts(json_files(sources)), version=version) as converter,
                (path / f"focus {version}.{kind}.out").open("wb") as file,
            ):
                write_focus((batch for _, batch in converter.batches()), converter.schema, file, kind)
    return path


def documents(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]


@pytest.mark.filterwarnings("ignore:.* is (paid in|prepaid):UserWarning")
@pytest.mark.parametrize("version", VERSIONS)
def test_every_invoice_adds_up_to_what_is_billed(folder: Path, version: str) -> None:
    checked = 0
    for document in documents(folder):
        table = ai.to_focus(folder / f"{document['id']}.csv", version=version)
        total = sum(table["BilledCost"].to_pylist(), Decimal(0))
        assert total * 100 == document["amountBilledCents"], document["statusName"]
        checked += 1
    assert checked == 28


@pytest.mark.parametrize("version", VERSIONS)
def test_a_linter_takes_it_for_what_it_is_and_converts_it_to_1_4(folder: Path, tmp_path: Path, version: str) -> None:
    source = folder / f"focus {version}.csv.out"
    with source.open(encoding="utf-8", newline="") as file:
        detected = detect_focus_schema(next(csv.reader(file)))
    assert (detected.dataset, detected.detected_version, detected.exact_match) == ("Cost and Usage", version, True)
    named = tmp_path / "focus.csv"
    named.write_bytes(source.read_bytes())

    published = convert_files(named, tmp_path / "1.4")

    with (Path(published) / "focus_1_4_cost_and_usage.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    report = lint_focus_1_4_structure("Cost and Usage", rows)
    assert report.ok, report.violations
    billed = sum(document["amountBilledCents"] for document in documents(folder))
    assert sum(Decimal(row["BilledCost"]) for row in rows) * 100 == billed


# The questions of use cases that focus.finops.org publishes, in SQL of our own.
QUESTIONS = {
    "services by month": "SELECT BillingPeriodStart, ServiceName, sum(EffectiveCost) AS cost FROM focus GROUP BY ALL",
    "categories": "SELECT ServiceCategory, ServiceSubcategory, sum(BilledCost) FROM focus GROUP BY ALL",
    "invoices": "SELECT InvoiceId, BillingAccountId, BillingCurrency, sum(BilledCost) FROM focus GROUP BY ALL",
    "budgets": "SELECT SubAccountName, sum(BilledCost) FROM focus WHERE ChargeCategory = 'Usage' GROUP BY ALL",
    "regions": "SELECT SubAccountId, RegionName, count(*) FROM focus WHERE RegionId IS NOT NULL GROUP BY ALL",
    "skus": "SELECT SkuId, PricingUnit, ListUnitPrice, sum(PricingQuantity), sum(ListCost) FROM focus"
    " WHERE SkuPriceId IS NOT NULL GROUP BY ALL",
    "days": "SELECT RegionName, ChargePeriodStart, sum(EffectiveCost) FROM focus"
    " WHERE ChargePeriodEnd <= BillingPeriodEnd GROUP BY ALL",
    "savings": "SELECT SubAccountName, 1 - sum(EffectiveCost) / sum(ListCost) AS rate FROM focus"
    " WHERE ChargeCategory = 'Usage' GROUP BY ALL HAVING rate > 0",
    "discounts": "SELECT SkuId, ContractedUnitPrice FROM focus WHERE ContractedUnitPrice < ListUnitPrice",
    "credits": "SELECT ChargeDescription, BilledCost FROM focus WHERE ChargeCategory = 'Credit'",
    "tags": "SELECT Tags->>'team' AS team, sum(EffectiveCost) FROM focus WHERE team IS NOT NULL GROUP BY team",
    "resources": "SELECT ResourceId, ResourceName, ResourceType, sum(EffectiveCost) FROM focus"
    " WHERE ResourceId IS NOT NULL GROUP BY ALL",
    "issuers": "SELECT InvoiceIssuerName, ProviderName, PublisherName, sum(BilledCost) FROM focus GROUP BY ALL",
}


@pytest.fixture(scope="module")
def loaded(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that `load` has made."""
    path = tmp_path_factory.mktemp("loaded") / "costs.db"
    ai.load(f"duckdb:{path}", folder)
    return path


@pytest.mark.filterwarnings("ignore:.*is (paid in|prepaid):UserWarning")
def test_the_view_of_a_database_has_the_same_rows(folder: Path, loaded: Path) -> None:
    assert_same_focus(loaded, ai.to_focus(folder, version="1.3"))


@pytest.mark.parametrize("kind", ["csv", "parquet", "view"])
@pytest.mark.parametrize("version", VERSIONS)
def test_the_questions_of_use_cases_have_answers(folder: Path, loaded: Path, version: str, kind: str) -> None:
    with duckdb.connect(str(loaded), read_only=True) if kind == "view" else duckdb.connect() as database:
        if kind != "view":
            path = folder / f"focus {version}.{kind}.out"
            database.execute(f"CREATE TABLE focus AS FROM read_{kind}('{path}')")
        for name, sql in QUESTIONS.items():
            assert database.execute(sql).fetchall(), name
        (total,) = database.execute("SELECT sum(BilledCost) FROM focus").fetchall()
    billed = sum(document["amountBilledCents"] for document in documents(folder))
    assert round(total[0] * 100) == billed


def test_the_recipes_for_uploads_add_up_and_have_what_is_required(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "focus.parquet").write_bytes((folder / "focus 1.2.parquet.out").read_bytes())
    recipes = re.findall(r"```sql\n(.*?)```", (ROOT / "overlays" / "docs" / "focus.md").read_text("utf-8"), re.DOTALL)
    for recipe in recipes:
        with duckdb.connect() as database:
            database.execute(recipe)
    billed = sum(document["amountBilledCents"] for document in documents(folder))
    required = {
        "datadog.csv": (
            *("ProviderName", "ChargeDescription", "ChargePeriodStart", "ChargePeriodEnd"),
            *("BilledCost", "BillingCurrency"),
        ),
        "vantage.csv": ("ChargeCategory", "ChargePeriodStart", "BilledCost", "ServiceName"),
    }
    assert len(recipes) == len(required)
    for name, columns in required.items():
        with (tmp_path / name).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert sum(Decimal(row["BilledCost"]) for row in rows) * 100 == billed
        assert all(row[column] for row in rows for column in columns)
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", row["ChargePeriodStart"]) for row in rows)
        assert all(row["ChargePeriodStart"] <= row.get("ChargePeriodEnd", "9") for row in rows)
