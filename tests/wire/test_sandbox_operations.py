"""The sandbox's organizations and invoices, checked against the OpenAPI document and called by plain httpx."""

from __future__ import annotations

import csv
import io
import json
import re
import time
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from openapi_schema_validator import OAS30ReadValidator, oas30_format_checker

import atlas_invoices as ai
from atlas_invoices.sandbox import Sandbox, Settings
from sandbox_http import CSV, JSON, ORGS, digest_client, invoice_path


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Settings(typical_lines=60, organizations=5, odd=True)) as running:
        yield running


@pytest.fixture(scope="module")
def client(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with digest_client(sandbox) as opened:
        yield opened


def walk(client: httpx.Client, path: str, **query: Any) -> Iterator[dict[str, Any]]:
    """All items of a list, following the `next` links."""
    url: str | None = str(client.build_request("GET", path, params=query).url)
    while url:
        page = client.get(url).raise_for_status().json()
        yield from page["results"]
        url = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)


def test_every_response_matches_the_document(sandbox: Sandbox, client: httpx.Client, root: Path) -> None:
    text = (root / "openapi" / "fragment.json").read_text()
    document = json.loads(text.replace(r"\\p{L}\\p{N}", r"\\w"))  # Python's regular expressions have no \p
    org = f"{ORGS}/{sandbox.org_id}"
    found = {
        "/api/atlas/v2/orgs": [ORGS, f"{ORGS}?itemsPerPage=2&includeCount=false", f"{ORGS}?itemsPerPage=0"],
        "/api/atlas/v2/orgs/{orgId}/invoices": [f"{org}/invoices", f"{ORGS}/{'0' * 24}/invoices"],
        "/api/atlas/v2/orgs/{orgId}/invoices/pending": [f"{org}/invoices/pending"],
        "/api/atlas/v2/orgs/{orgId}/invoices/{invoiceId}": [
            *(invoice_path(sandbox, number) for number in range(len(sandbox.invoices))),
            f"{org}/invoices/{'0' * 24}",
        ],
    }
    seen = set()
    against: set[tuple[str, object]] = set()
    for template, paths in found.items():
        answers = document["paths"][template]["get"]["responses"]
        for path in paths:
            reply = client.get(path)
            seen.add(reply.status_code)
            answer = answers[str(reply.status_code)]
            if "$ref" in answer:
                answer = document["components"]["responses"][answer["$ref"].rpartition("/")[2]]
            schema = answer["content"][reply.headers["Content-Type"]]["schema"]
            whole = {**schema, "components": document["components"]}
            errors = OAS30ReadValidator(whole, format_checker=oas30_format_checker).iter_errors(reply.json())
            against.update((error.json_path.rpartition(".")[2], error.instance) for error in errors)
    assert seen == {200, 400, 404}
    # The document describes this payment status, but its enumeration lacks it.
    assert against == {("statusName", "ERROR")}


def test_the_csv_is_that_of_csv_bytes(sandbox: Sandbox, client: httpx.Client) -> None:
    for number in range(len(sandbox.invoices)):
        reply = client.get(invoice_path(sandbox, number, csv=True), headers=CSV)
        assert reply.status_code == 200
        assert reply.headers["Content-Type"] == f"{CSV['Accept']};charset=utf-8"
        assert reply.content == sandbox.csv_bytes(sandbox.invoices[number].id)
    assert client.get(invoice_path(sandbox, 1), headers=CSV).content == sandbox.csv_bytes(sandbox.invoices[1].id)


@pytest.mark.parametrize("size", [1, 4, 14, 500])
def test_pages_have_every_invoice_once(sandbox: Sandbox, client: httpx.Client, size: int) -> None:
    ids = [each["id"] for each in walk(client, f"{ORGS}/{sandbox.org_id}/invoices", itemsPerPage=size)]
    assert ids == [each.id for each in sandbox.invoices]


def test_pages_of_organizations(sandbox: Sandbox, client: httpx.Client) -> None:
    found = list(walk(client, ORGS, itemsPerPage=2))
    assert [(each["id"], each["name"]) for each in found] == [(each.id, each.name) for each in sandbox.organizations]
    middle = client.get(ORGS, params={"itemsPerPage": 2, "pageNum": 2}).json()
    assert {link["rel"] for link in middle["links"]} == {"self", "previous", "next"}
    assert middle["totalCount"] == 5
    assert "totalCount" not in client.get(ORGS, params={"includeCount": "false"}).json()
    assert [each["name"] for each in walk(client, ORGS, name="nordwind-3")] == ["Nordwind-3"]
    assert client.get(f"{ORGS}/{sandbox.organizations[1].id}/invoices").json()["results"] == []


def test_filters_and_order(sandbox: Sandbox, client: httpx.Client) -> None:
    path = f"{ORGS}/{sandbox.org_id}/invoices"

    def ids(**query: Any) -> list[str]:
        return [each["id"] for each in walk(client, path, **query)]

    by_status = [each.id for each in sandbox.invoices if each.status in {"PAID", "FREE"}]
    assert ids(statusNames=["PAID", "FREE"]) == by_status
    assert ids(fromDate="2026-03-01", toDate="2026-05-01") == [sandbox.invoices[7].id, sandbox.invoices[8].id]
    assert ids(orderBy="asc", sortBy="START_DATE") == [each.id for each in reversed(sandbox.invoices)]


def test_linked_invoices(sandbox: Sandbox, client: httpx.Client) -> None:
    path = f"{ORGS}/{sandbox.org_id}/invoices"
    with_linked, without = (
        client.get(path, params={"viewLinkedInvoices": flag}).json()["results"][1] for flag in ("true", "false")
    )
    assert without["linkedInvoices"] == []
    linked = with_linked["linkedInvoices"][0]
    expected = sandbox.invoices[1].linked[0]
    assert (linked["id"], linked["orgId"]) == (expected.id, expected.organization.id)
    assert linked["subtotalCents"] == expected.subtotal_cents
    for organization in (sandbox.org_id, expected.organization.id):
        reply = client.get(f"{ORGS}/{organization}/invoices/{expected.id}/csv", headers=CSV)
        assert reply.content == sandbox.csv_bytes(expected.id)
    assert client.get(f"{ORGS}/{sandbox.organizations[1].id}/invoices/{expected.id}").status_code == 404
    assert client.get(f"{ORGS}/{expected.organization.id}/invoices").status_code == 403


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        (JSON["Accept"], 200),
        (f"text/html, {JSON['Accept']};q=0.5", 200),
        ("*/*", 406),
        ("application/json", 406),
        (CSV["Accept"], 406),
        ("application/vnd.atlas.2099-01-01+json", 406),
        ("application/vnd.atlas.2022-06-01+json", 410),
        (f"application/vnd.atlas.2022-06-01+json, {JSON['Accept']};q=0.1", 200),
        (f"{JSON['Accept']};q=0", 406),
        (f"{JSON['Accept']};q=x", 406),
    ],
)
def test_accept_chooses_the_version(client: httpx.Client, accept: str, status: int) -> None:
    reply = client.get(ORGS, headers={"Accept": accept})
    assert reply.status_code == status
    if status != 200:
        assert reply.json()["error"] == status


def test_a_request_without_accept_is_not_acceptable(sandbox: Sandbox) -> None:
    with digest_client(sandbox) as client:
        del client.headers["Accept"]
        assert client.get(ORGS).status_code == 406


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("pageNum=0", "pageNum"),
        ("itemsPerPage=501", "itemsPerPage"),
        ("itemsPerPage=x", "itemsPerPage"),
        ("includeCount=maybe", "includeCount"),
        ("statusNames=PAID&statusNames=LOST", "statusNames"),
        ("fromDate=01/02/2026", "fromDate"),
        ("sortBy=NAME", "sortBy"),
        ("orderBy=up", "orderBy"),
    ],
)
def test_wrong_parameters_are_named(sandbox: Sandbox, client: httpx.Client, query: str, field: str) -> None:
    reply = client.get(f"{ORGS}/{sandbox.org_id}/invoices?{query}")
    assert reply.status_code == 400
    assert reply.json()["errorCode"] == "VALIDATION_ERROR"
    assert [each["field"] for each in reply.json()["badRequestDetail"]["fields"]] == [field]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", f"{ORGS}?unknown=1", 400, "INVALID_QUERY_PARAMETER"),
        ("GET", f"{ORGS}/XYZ/invoices", 400, "VALIDATION_ERROR"),
        ("GET", f"{ORGS}/{{org}}/invoices/XYZ/csv", 400, "VALIDATION_ERROR"),
        ("GET", f"{ORGS}/{'a' * 24}/invoices", 404, "RESOURCE_NOT_FOUND"),
        ("GET", f"{ORGS}/{{org}}/invoices/{'a' * 24}", 404, "INVOICE_NOT_FOUND"),
        ("GET", "/api/atlas/v2/groups", 404, "RESOURCE_NOT_FOUND"),
        ("GET", "/", 404, "RESOURCE_NOT_FOUND"),
        ("DELETE", f"{ORGS}/{{org}}/invoices", 405, "METHOD_NOT_ALLOWED"),
    ],
)
def test_errors_are_json(
    sandbox: Sandbox, client: httpx.Client, method: str, path: str, status: int, code: str
) -> None:
    reply = client.request(method, path.format(org=sandbox.org_id))
    assert reply.status_code == status
    assert reply.headers["Content-Type"] == "application/json"
    assert (reply.json()["error"], reply.json()["errorCode"]) == (status, code)


def test_envelope_and_pretty(sandbox: Sandbox, client: httpx.Client) -> None:
    enveloped = client.get(invoice_path(sandbox, 1, csv=True), params={"envelope": "true"}, headers=CSV)
    assert enveloped.headers["Content-Type"] == "application/json"
    assert enveloped.json() == {"status": 200, "content": sandbox.csv_bytes(sandbox.invoices[1].id).decode()}
    assert client.get(invoice_path(sandbox, 1), params={"envelope": "true"}).json().keys() == {"status", "content"}
    listed = client.get(ORGS, params={"envelope": "true", "pretty": "true"})
    assert listed.json()["status"] == 200
    assert listed.json()["results"]
    assert listed.text.startswith('{\n  "links"')
    refused = client.get(f"{ORGS}/{'a' * 24}/invoices", params={"envelope": "true"})
    assert refused.status_code == 200
    assert refused.json()["status"] == refused.json()["content"]["error"] == 404


def test_pending_as_one_object() -> None:
    with Sandbox(Settings(pending_as_object=True, typical_lines=5)) as sandbox, digest_client(sandbox) as client:
        reply = client.get(f"{ORGS}/{sandbox.org_id}/invoices/pending").json()
        assert (reply["id"], reply["statusName"]) == (sandbox.invoices[0].id, "PENDING")


@pytest.mark.parametrize(
    ("role", "statuses"),
    [
        ("ORG_OWNER", [200, 200, 200]),
        ("ORG_BILLING_ADMIN", [200, 200, 200]),
        ("ORG_BILLING_VIEWER", [200, 200, 403]),
        ("ORG_MEMBER", [200, 403, 403]),
    ],
)
def test_roles(role: Any, statuses: list[int]) -> None:
    with Sandbox(Settings(role=role, typical_lines=5)) as sandbox, digest_client(sandbox) as client:
        linked = sandbox.invoices[1].linked[0]
        paths = [ORGS, f"{ORGS}/{sandbox.org_id}/invoices", f"{ORGS}/{sandbox.org_id}/invoices/{linked.id}"]
        replies = [client.get(path) for path in paths]
        assert [reply.status_code for reply in replies] == statuses
        if role == "ORG_BILLING_VIEWER":
            assert all(each["linkedInvoices"] == [] for each in replies[1].json()["results"])


def test_a_large_invoice_is_streamed() -> None:
    with Sandbox(Settings(lines=20_000)) as sandbox, digest_client(sandbox) as client:
        with client.stream("GET", invoice_path(sandbox, 1, csv=True), headers=CSV) as reply:
            assert reply.headers["Transfer-Encoding"] == "chunked"
            body = b"".join(reply.iter_bytes())
        assert body == sandbox.csv_bytes(sandbox.invoices[1].id)
        # A client that hangs up during a response doesn't disturb the server.
        with client.stream("GET", invoice_path(sandbox, 1, csv=True), headers=CSV) as reply:
            next(reply.iter_bytes())
        assert client.get(ORGS).status_code == 200


def test_a_large_invoice_in_json_is_streamed_too_and_reconciles() -> None:
    settings = Settings(lines=10_500, lines_in_json=10_500, months=2, typical_lines=5)
    with Sandbox(settings) as sandbox, digest_client(sandbox) as client:
        reply = client.get(invoice_path(sandbox, 1))
        assert reply.headers["Transfer-Encoding"] == "chunked"
        as_csv = sandbox.csv_bytes(sandbox.invoices[1].id)
        rows = csv.DictReader(as_csv.decode().splitlines()[5:])
        assert [f"{item['startDate'][5:7]}/{item['startDate'][8:10]}" for item in reply.json()["lineItems"]] == [
            row["Usage Date"][:5] for row in rows
        ]
        with ai.Client(ai.DigestAuth(sandbox.public_key, sandbox.private_key), base_url=sandbox.base_url) as atlas:
            invoice = atlas.get_invoice(sandbox.org_id, sandbox.invoices[1].id)
            result = ai.reconcile(as_csv, invoice)
        assert result.matches
        assert (result.csv.lines, result.invoice.lines) == (10_500, 10_500)


def test_json_has_the_lines_of_the_csv(sandbox: Sandbox, client: httpx.Client) -> None:
    for number, invoice in enumerate(sandbox.invoices):
        rows = list(
            csv.DictReader(io.StringIO(sandbox.csv_bytes(invoice.id).decode().partition("\n\n")[2], newline=""))
        )
        items = json.loads(client.get(invoice_path(sandbox, number)).content, parse_float=Decimal)["lineItems"]
        for item, row in zip(items, rows, strict=True):
            assert item["totalPriceCents"] - item.get("discountCents", 0) == Decimal(row["Amount"]) * 100
            assert item.get("groupId", "") == row["Project ID"]
            assert item.get("groupName", "") == row["Project"]
            assert item.get("clusterName", "") == row["Cluster"]
            assert item.get("note", "") == row["Note"]
            assert item["quantity"] == Decimal(row["Quantity"])
            assert item["unitPriceDollars"] == Decimal(row["Unit Price"])
            assert item.get("percentDiscount", 0) == Decimal(row["Discount Percent"] or 0)
            month, day, year = row["Usage Date"].split("/")
            assert item["startDate"] == f"{year}-{month}-{day}T00:00:00Z"
            tags = {name.removeprefix("Tag/"): cell for name, cell in row.items() if name.startswith("Tag/") and cell}
            assert {key: values[0] for key, values in item.get("tags", {}).items()} == tags


@pytest.mark.parametrize(("lines", "max_lines"), [(0, 0), (40, 40), (40, 39), (10_001, 10_001), (10_001, 10_000)])
def test_json_has_line_items_up_to_a_number(lines: int, max_lines: int) -> None:
    settings = Settings(lines=lines, lines_in_json=max_lines, months=2, typical_lines=0)
    with Sandbox(settings) as sandbox, digest_client(sandbox) as client:
        assert ("lineItems" in client.get(invoice_path(sandbox, 1)).json()) == (lines <= max_lines)


def test_a_huge_invoice_needs_little_memory() -> None:
    with Sandbox(Settings(lines=100_000)) as sandbox, digest_client(sandbox) as client:
        path = invoice_path(sandbox, 1, csv=True)
        client.get(ORGS)
        tracemalloc.start()
        try:
            with client.stream("GET", path, headers=CSV) as reply:
                size = sum(len(piece) for piece in reply.iter_raw())
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert size > 20_000_000
    assert peak < 6_000_000


def test_gzip_needs_accept_encoding() -> None:
    with Sandbox(Settings(lines=11_000, gzip=True)) as sandbox, digest_client(sandbox) as client:
        expected = sandbox.csv_bytes(sandbox.invoices[1].id)
        for encoding, sent in (("gzip", "gzip"), ("identity", None)):
            reply = client.get(invoice_path(sandbox, 1, csv=True), headers={**CSV, "Accept-Encoding": encoding})
            assert reply.headers.get("Content-Encoding") == sent
            assert reply.content == expected


def test_many_connections_at_once(sandbox: Sandbox) -> None:
    def run(_: int) -> list[int]:
        with digest_client(sandbox) as client:
            return [client.get(invoice_path(sandbox, 1, csv=True), headers=CSV).status_code for _ in range(3)]

    with ThreadPoolExecutor(64) as pool:
        assert {status for statuses in pool.map(run, range(64)) for status in statuses} == {200}


def test_deprecation_headers() -> None:
    at = datetime(2027, 1, 2, 3, 4, 5, tzinfo=UTC)
    with Sandbox(Settings(deprecation=at, sunset=at)) as sandbox, digest_client(sandbox) as client:
        reply = client.get(ORGS)
        assert reply.headers["Deprecation"] == reply.headers["Sunset"] == "Sat, 02 Jan 2027 03:04:05 GMT"


def test_the_environment_points_at_it(sandbox: Sandbox, client: httpx.Client) -> None:
    common = {"MONGODB_ATLAS_BASE_URL": sandbox.base_url, "MONGODB_ATLAS_ORG_ID": sandbox.org_id}
    assert sandbox.environment("service-account") == {
        **common,
        "MONGODB_ATLAS_CLIENT_ID": sandbox.client_id,
        "MONGODB_ATLAS_CLIENT_SECRET": sandbox.client_secret,
    }
    assert sandbox.environment("api-key") == {
        **common,
        "MONGODB_ATLAS_PUBLIC_API_KEY": sandbox.public_key,
        "MONGODB_ATLAS_PRIVATE_API_KEY": sandbox.private_key,
    }
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", sandbox.base_url)
    client.get(ORGS)
    assert JSON["Accept"] in {record.accept for record in sandbox.requests}


def test_responses_on_a_kept_connection_are_not_delayed(client: httpx.Client) -> None:
    def seconds() -> float:
        begin = time.perf_counter()
        client.get(ORGS)
        return time.perf_counter() - begin

    # With Nagle's algorithm each would take 40 ms. A busy machine delays some.
    assert sorted(seconds() for _ in range(50))[10] < 0.035
