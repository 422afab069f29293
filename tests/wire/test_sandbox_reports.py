"""The sandbox's reports, associated invoices and SKUs: states, failures, files on another host, sums that agree."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from openapi_schema_validator import OAS30ReadValidator, oas30_format_checker

import atlas_invoices as ai
from atlas_invoices.sandbox import Sandbox, Settings
from client_twin import Kind, twin
from sandbox_http import ACCEPT, ORGS, auth_for, digest_client, invoice_path

VERSION = ACCEPT["get_invoice_report"]
HEADERS = {"Accept": VERSION, "Content-Type": VERSION}
FOCUS = {"reportType": "FOCUS", "reportFormat": "CSV"}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Settings(typical_lines=60)) as running:
        yield running


@pytest.fixture(scope="module")
def client(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with reader(sandbox) as opened:
        yield opened


def reader(sandbox: Sandbox) -> httpx.Client:
    opened = digest_client(sandbox)
    opened.headers.update(HEADERS)
    return opened


def create(client: httpx.Client, sandbox: Sandbox, number: int = 1) -> tuple[str, dict[str, Any]]:
    """A new report: its path, and the reply."""
    path = f"{invoice_path(sandbox, number)}/reports"
    reply = client.post(path, json=FOCUS)
    assert reply.status_code == 201
    return f"{path}/{reply.json()['reportId']}", reply.json()


def rows(client: httpx.Client, sandbox: Sandbox, number: int) -> list[dict[str, str]]:
    """The lines of an invoice's report."""
    address = client.get(create(client, sandbox, number)[0]).json()["downloadUrl"]
    return list(csv.DictReader(io.StringIO(httpx.get(address).raise_for_status().text)))


def test_every_response_matches_the_document(sandbox: Sandbox, client: httpx.Client, root: Path) -> None:
    document = json.loads((root / "openapi" / "fragment.json").read_text())
    org = f"{ORGS}/{{orgId}}"
    one, made = create(client, sandbox)
    reports = f"{org}/invoices/{{invoiceId}}/reports"
    replies = {
        ("post", reports, "201"): made,
        ("get", reports, "200"): client.get(one.rpartition("/")[0]).json(),
        ("get", f"{reports}/{{reportId}}", "200"): client.get(one).json(),
        ("get", f"{org}/associatedInvoices", "200"): client.get(f"{ORGS}/{sandbox.org_id}/associatedInvoices").json(),
        ("get", "/api/atlas/v2/skus", "200"): client.get("/api/atlas/v2/skus").json(),
    }
    for (method, path, status), reply in replies.items():
        schema = document["paths"][path][method]["responses"][status]["content"][VERSION]["schema"]
        whole = {**schema, "components": document["components"]}
        assert not list(OAS30ReadValidator(whole, format_checker=oas30_format_checker).iter_errors(reply)), path


def test_the_sums_of_every_report_agree_with_its_invoice(sandbox: Sandbox, client: httpx.Client) -> None:
    currencies = set()
    for number, invoice in enumerate(sandbox.invoices):
        found = rows(client, sandbox, number)
        usage = [row for row in found if row["ChargeCategory"] == "Usage"]
        assert usage == found
        cents = sum(Decimal(row["PricingCurrencyEffectiveCost"]) for row in found) * 100
        assert cents == invoice.subtotal_cents
        rate = Decimal(invoice.payments[0].unit_price) if invoice.payments else Decimal(1)
        assert sum(Decimal(row["BilledCost"]) for row in found) * 100 == invoice.subtotal_cents * rate
        currencies |= {row["BillingCurrency"] for row in found}
    assert currencies == {"USD", "EUR"}


def test_a_report_has_39_columns_of_focus_and_5_of_its_own(sandbox: Sandbox, client: httpx.Client) -> None:
    found = rows(client, sandbox, 1)
    own = {"x_AtlasSku", "x_BilledDateStart", "x_BilledDateEnd", "x_PricingCurrencyRate", "x_SkuCategory"}
    assert (len(found[0]), own < found[0].keys()) == (44, True)
    assert "InvoiceIssuer" in found[0]
    assert not {"InvoiceId", "ResourceId", "InvoiceIssuerName"} & found[0].keys()
    lines = [line for line in ai.read_csv(sandbox.csv_bytes(sandbox.invoices[1].id)) if not line.is_credit]
    assert len(found) == len(lines)
    for row, line in zip(found, lines, strict=True):
        assert row["x_AtlasSku"] == line.sku
        assert row["ChargePeriodStart"] == f"{line.usage_date}T00:00:00Z"
        assert row["x_BilledDateStart"] == f"{line.date}T00:00:00Z"
        assert Decimal(row["PricingCurrencyEffectiveCost"]) == line.amount
        assert Decimal(row["PricingQuantity"]) == line.quantity
        assert json.loads(row["Tags"] or "{}") == dict(line.tags)
        assert (row["SubAccountName"] or None, row["ResourceName"] or None) == (line.project, line.cluster)


def test_a_large_report_is_streamed() -> None:
    with Sandbox(Settings(lines=20_001, typical_lines=10)) as sandbox, reader(sandbox) as client:
        found = rows(client, sandbox, 1)
        assert len(found) == 20_001 - sum(row["SKU"] == "Credit" for row in lines_of(sandbox))
        days = {row["ChargePeriodStart"] for row in found}
        assert len(days) > 5
        assert sum(Decimal(row["PricingCurrencyEffectiveCost"]) for row in found) * 100 == (
            sandbox.invoices[1].subtotal_cents
        )


def lines_of(sandbox: Sandbox) -> Iterator[dict[str, str]]:
    text = sandbox.csv_bytes(sandbox.invoices[1].id).decode()
    return iter(csv.DictReader(io.StringIO(text.partition("\n\n")[2])))


@pytest.mark.parametrize("failure", [None, "The invoice is locked."])
def test_a_report_goes_through_its_states(failure: str | None) -> None:
    settings = Settings(months=3, typical_lines=10, report_seconds=1, report_failure=failure)
    with Sandbox(settings) as sandbox, reader(sandbox) as client:
        path, made = create(client, sandbox)
        assert made["state"] == "PENDING"
        seen, last = ["PENDING"], made
        until = time.monotonic() + 10
        while seen[-1] in {"PENDING", "RUNNING"} and time.monotonic() < until:
            last = client.get(path).json()
            seen += [last["state"]] if last["state"] != seen[-1] else []
            assert ("downloadUrl" in last) is (last["state"] == "SUCCEEDED")
    assert seen == ["PENDING", "RUNNING", "FAILED" if failure else "SUCCEEDED"]
    assert last.get("failureReason") == failure


def test_the_newest_report_is_listed_first_and_without_an_address(sandbox: Sandbox, client: httpx.Client) -> None:
    paths = [create(client, sandbox, 4)[0] for _ in range(3)]
    listed = client.get(paths[0].rpartition("/")[0], params={"itemsPerPage": 2}).json()
    assert [each["reportId"] for each in listed["results"]] == [path.rpartition("/")[2] for path in paths[:0:-1]]
    assert listed["totalCount"] >= 3
    assert "downloadUrl" not in json.dumps(listed)


def test_the_files_host_takes_the_address_alone(sandbox: Sandbox, client: httpx.Client) -> None:
    path, _ = create(client, sandbox)
    first, second = (client.get(path).json()["downloadUrl"] for _ in range(2))
    assert not first.startswith(sandbox.base_url)
    assert httpx.get(first).status_code == httpx.get(second).status_code == 200
    assert httpx.get(first, headers={"Authorization": "Bearer x"}).status_code == 400
    assert httpx.get(first[:-1] + ("0" if first[-1] != "0" else "1")).status_code == 403
    assert httpx.get(first.partition("?")[0]).status_code == 403
    assert httpx.get(first.replace(path.rpartition("/")[2], "0" * 24)).status_code == 403
    # Only there.
    assert httpx.get(sandbox.base_url + "/" + first.split("/", 3)[3]).status_code == 404
    sandbox.end_report_addresses()
    ended = httpx.get(first)
    assert (ended.status_code, ended.headers["content-type"]) == (403, "application/xml")
    assert httpx.get(client.get(path).json()["downloadUrl"]).status_code == 200


def test_an_address_ends_by_itself() -> None:
    with Sandbox(Settings(months=3, typical_lines=10, report_address_seconds=0)) as sandbox, reader(sandbox) as client:
        address = client.get(create(client, sandbox)[0]).json()["downloadUrl"]
        time.sleep(1.1)
        assert httpx.get(address).status_code == 403


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        ({"json": {"reportType": "FOCUS"}}, 400, "VALIDATION_ERROR"),
        ({"json": {**FOCUS, "reportFormat": "PDF"}}, 400, "VALIDATION_ERROR"),
        ({"json": {**FOCUS, "formatSpecVersion": "0.5"}}, 400, "VALIDATION_ERROR"),
        ({"json": [1]}, 400, "INVALID_JSON"),
        ({"content": b"{"}, 400, "INVALID_JSON"),
        ({"json": FOCUS, "headers": {"Content-Type": "application/json"}}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ({"json": FOCUS, "headers": {"Accept": "application/vnd.atlas.2024-01-01+json"}}, 406, "INVALID_VERSION"),
        ({"json": FOCUS, "headers": {"Accept": "application/json"}}, 406, "INVALID_VERSION"),
    ],
)
def test_a_bad_request_makes_no_report(
    sandbox: Sandbox, client: httpx.Client, sent: dict[str, Any], status: int, code: str
) -> None:
    path = f"{invoice_path(sandbox, 6)}/reports"
    before = client.get(path).json()["totalCount"]
    reply = client.post(path, **sent)
    assert (reply.status_code, reply.json()["errorCode"]) == (status, code)
    assert client.post(path, json={**FOCUS, "formatSpecVersion": "1.3"}, params={"x": 1}).status_code == 400
    assert client.get(path).json()["totalCount"] == before


def test_reports_need_a_billing_role_and_their_own_invoice(sandbox: Sandbox, client: httpx.Client) -> None:
    path, made = create(client, sandbox)
    assert client.get(f"{invoice_path(sandbox, 2)}/reports/{made['reportId']}").status_code == 404
    assert client.get(f"{path[:-1]}x").status_code == 400
    with Sandbox(Settings(months=3, typical_lines=10, role="ORG_MEMBER")) as other, reader(other) as member:
        assert member.post(f"{invoice_path(other, 1)}/reports", json=FOCUS).status_code == 403
        assert member.get(f"{ORGS}/{other.org_id}/associatedInvoices").status_code == 403
        assert member.get("/api/atlas/v2/skus").status_code == 200


def test_both_clients_read_all_of_it(sandbox: Sandbox, kind: Kind, tmp_path: Path) -> None:
    org, invoice = sandbox.org_id, sandbox.invoices[2]
    with twin(kind, auth_for(sandbox, "service"), base_url=sandbox.base_url) as atlas:
        made = atlas.call("create_invoice_report", org, invoice.id, spec_version="1.3")
        assert isinstance(made, ai.InvoiceReportResponse)
        assert made.report_id in [each.report_id for each in atlas.call("list_invoice_reports", org, invoice.id)]
        assert atlas.call("get_invoice_report", org, invoice.id, made.report_id).state == "SUCCEEDED"
        sandbox.clear_requests()
        saved = atlas.call("download_invoice_report", org, invoice.id, tmp_path / "focus.csv")
        assert saved.path.read_bytes().startswith(b"BilledCost,")
        assert [(each.method, each.auth, each.status) for each in sandbox.requests] == [
            ("GET", "bearer", 200),
            ("GET", "bearer", 200),
            ("GET", "none", 200),
        ]
        newest, older = sandbox.invoices[:2]
        assert [each.invoice_id for each in atlas.call("list_associated_invoices", org)] == [newest.id]
        linked = atlas.call(
            "list_associated_invoices", org, year=older.start.year, month=older.start.month, linked=True
        )
        assert {(each.invoice_id, each.org_id) for each in linked} == {
            (each.id, each.organization.id) for each in (older, *older.linked)
        }
        with pytest.raises(ai.BadRequestError):
            atlas.call("list_associated_invoices", org, month=13)
        skus = {each.id: each.description for each in atlas.call("list_skus")}
    lines = [line for block in invoice.lines.blocks() for line in block.lines]
    assert {(line.sku_code, line.sku) for line in lines} <= set(skus.items())


def test_an_ended_address_is_replaced_on_the_sandbox_too(kind: Kind, tmp_path: Path) -> None:
    with Sandbox(Settings(months=3, typical_lines=10)) as sandbox:
        sandbox.fail(403, path=".csv", body=b"<Error/>")
        policy = ai.RetryPolicy(max_retries=1, base=0.001)
        with twin(kind, auth_for(sandbox, "digest"), base_url=sandbox.base_url, retry_policy=policy) as atlas:
            atlas.call("download_invoice_report", sandbox.org_id, sandbox.invoices[1].id, tmp_path / "focus.csv")
        assert [each.status for each in sandbox.requests if each.path.endswith(".csv")] == [403, 200]
    assert (tmp_path / "focus.csv").stat().st_size
