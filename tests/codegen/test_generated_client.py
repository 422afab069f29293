"""The generated client on its own, against a real socket: each operation works despite the generator's traps."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import re
from types import ModuleType
from typing import Any

import pytest
from attrs import evolve, frozen

import openapi_package
from openapi_recorder import Recorder
from openapi_tools.operations import load_operations

ORG, INVOICE, REPORT = "5" * 24, "6" * 24, "7" * 24
# A newer version is one edit, in openapi/operations.yaml.
_ACCEPT = {operation.name: operation.accept for operation in load_operations()}
CSV, JSON, REPORTS = (_ACCEPT[name] for name in ("get_invoice_csv", "get_invoice", "get_invoice_report"))


@frozen
class Case:
    """An operation as a caller sees it, and what must be on the wire."""

    module: str
    name: str
    ids: tuple[str, ...]
    path: str
    accept: str


CSV_OF_INVOICE = Case(
    "invoices", "get_invoice_csv", (ORG, INVOICE), f"/api/atlas/v2/orgs/{ORG}/invoices/{INVOICE}/csv", CSV
)
ONE_INVOICE = Case("invoices", "get_invoice", (ORG, INVOICE), f"/api/atlas/v2/orgs/{ORG}/invoices/{INVOICE}", JSON)
INVOICES = Case("invoices", "list_invoices", (ORG,), f"/api/atlas/v2/orgs/{ORG}/invoices", JSON)
PENDING = Case("invoices", "list_pending_invoices", (ORG,), f"/api/atlas/v2/orgs/{ORG}/invoices/pending", JSON)
ORGANIZATIONS = Case("organizations", "list_organizations", (), "/api/atlas/v2/orgs", JSON)
LIST_REPORTS = Case(
    "invoices", "list_invoice_reports", (ORG, INVOICE), f"/api/atlas/v2/orgs/{ORG}/invoices/{INVOICE}/reports", REPORTS
)
NEW_REPORT = evolve(LIST_REPORTS, name="create_invoice_report")
ONE_REPORT = Case("invoices", "get_invoice_report", (ORG, INVOICE, REPORT), f"{LIST_REPORTS.path}/{REPORT}", REPORTS)
CASES = [CSV_OF_INVOICE, ONE_INVOICE, INVOICES, PENDING, ORGANIZATIONS]
STYLES = ["sync", "sync_detailed", "asyncio", "asyncio_detailed"]
ERROR = {
    "error": 403,
    "errorCode": "SOME_CODE",
    "detail": "what happened",
    "reason": "Some Reason",
    "parameters": [{"thing": 1}],
    "badRequestDetail": {"fields": [{"field": "a.b", "description": "is wrong"}]},
}

operations = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


def call(package: ModuleType, atlas: Recorder, case: Case, style: str = "sync", **options: Any) -> Any:
    """Call an operation with the plain client and return the result."""
    # There is no TLS here, and loading certificates for each client would take most of the time.
    client = package.Client(base_url=atlas.url, verify_ssl=False)
    function = getattr(openapi_package.function_module(package, case.module, case.name), style)
    if style.startswith("sync"):
        with client:
            return function(*case.ids, client=client, **options)

    async def run() -> Any:
        async with client:
            return await function(*case.ids, client=client, **options)

    return asyncio.run(run())


@operations
@pytest.mark.parametrize("style", STYLES)
def test_each_function_requests_its_media_type_and_sends_nothing_unset(
    client: ModuleType, atlas: Recorder, case: Case, style: str
) -> None:
    call(client, atlas, case, style)

    (asked,) = atlas.asked
    assert asked.path == case.path
    assert asked.headers["accept"] == case.accept
    assert asked.query == []


@operations
def test_what_is_set_is_sent(client: ModuleType, atlas: Recorder, case: Case) -> None:
    call(client, atlas, case, envelope=True, pretty=False, accept="application/vnd.atlas.2031-01-01+json")

    (asked,) = atlas.asked
    assert asked.query == [("envelope", "true"), ("pretty", "false")]
    assert asked.headers["accept"] == "application/vnd.atlas.2031-01-01+json"


def test_every_filter_of_the_list_is_sent(client: ModuleType, atlas: Recorder) -> None:
    filters: dict[str, Any] = {
        "from_date": dt.date(2026, 1, 1),
        "to_date": dt.date(2026, 2, 1),
        "status_names": ["PAID", "A_NEW_ONE"],
        "sort_by": "START_DATE",
        "order_by": "asc",
        "page_num": 2,
        "items_per_page": 500,
        "include_count": False,
        "view_linked_invoices": False,
    }

    call(client, atlas, INVOICES, **filters)

    assert sorted(atlas.asked[0].query) == [
        ("fromDate", "2026-01-01"),
        ("includeCount", "false"),
        ("itemsPerPage", "500"),
        ("orderBy", "asc"),
        ("pageNum", "2"),
        ("sortBy", "START_DATE"),
        ("statusNames", "A_NEW_ONE"),
        ("statusNames", "PAID"),
        ("toDate", "2026-02-01"),
        ("viewLinkedInvoices", "false"),
    ]


@pytest.mark.parametrize("style", STYLES)
def test_the_csv_is_text(client: ModuleType, atlas: Recorder, style: str) -> None:
    atlas.answer(200, "Invoice Number,6,\n\nDate,Note\n06/01/2024,café\n", CSV)

    reply = call(client, atlas, CSV_OF_INVOICE, style)

    if style.endswith("_detailed"):
        assert (reply.status_code, reply.headers["content-type"]) == (200, CSV)
        assert reply.content == atlas.body
        reply = reply.parsed
    assert reply == atlas.body.decode()


def test_an_invoice_is_a_model_although_csv_is_listed_before_json(client: ModuleType, atlas: Recorder) -> None:
    atlas.answer(200, {"id": INVOICE, "amountBilledCents": 12, "payments": [{"unitPrice": "1.5"}]}, JSON)

    invoice = call(client, atlas, ONE_INVOICE)

    assert type(invoice) is client.models.BillingInvoice
    assert (invoice.amount_billed_cents, invoice.payments[0].unit_price) == (12, "1.5")


@operations
@pytest.mark.parametrize("style", ["sync", "asyncio_detailed"])
@pytest.mark.parametrize("status", [401, 403, 404, 429, 500])
def test_errors_are_the_error_model_with_all_six_fields(
    client: ModuleType, atlas: Recorder, case: Case, style: str, status: int
) -> None:  # fmt: skip
    atlas.answer(status, {**ERROR, "error": status})

    reply = call(client, atlas, case, style)

    error = reply.parsed if style.endswith("_detailed") else reply
    assert type(error) is client.models.ApiError
    assert (error.error, error.error_code, error.detail, error.reason) == (
        status, "SOME_CODE", "what happened", "Some Reason",
    )  # fmt: skip
    assert error.parameters[0]["thing"] == 1
    assert error.bad_request_detail.fields[0].field == "a.b"
    assert error.bad_request_detail.fields[0].description == "is wrong"


def test_unknown_values_are_read(client: ModuleType, atlas: Recorder) -> None:
    line = {"sku": "SKU_OF_2031", "cloudProvider": "MOON", "newField": {"a": 1}}
    invoice = {"statusName": "A_NEW_ONE", "payments": [{"statusName": "ERROR"}], "lineItems": [line]}
    atlas.answer(200, invoice, JSON)

    read = call(client, atlas, ONE_INVOICE)

    assert (read.status_name, read.payments[0].status_name) == ("A_NEW_ONE", "ERROR")
    assert (read.line_items[0].sku, read.line_items[0].cloud_provider) == ("SKU_OF_2031", "MOON")
    assert read.to_dict() == invoice


def test_every_field_of_every_response_may_be_null_or_missing(client: ModuleType, small_client: ModuleType) -> None:
    tried = 0
    for package in (client, small_client):
        for name in package.models.__all__:
            model = getattr(package.models, name)
            # Requests keep their required fields.
            if not hasattr(model, "from_dict") or name.endswith("Request"):
                continue
            assert model.from_dict({}).to_dict() == {}
            names = fields_in_json(model)
            nothing = dict.fromkeys(names)
            read = model.from_dict(nothing)
            assert read.to_dict() == nothing
            assert all(value is None for field, value in vars_of(read).items() if field != "additional_properties")
            tried += len(names)
    assert tried > 100


def fields_in_json(model: Any) -> list[str]:
    """The JSON names of a model's fields, found by filling each with something."""
    fields = [attribute.name for attribute in model.__attrs_attrs__ if attribute.init]
    return list(model(**dict.fromkeys(fields)).to_dict())


def vars_of(read: Any) -> dict[str, Any]:
    return {attribute.name: getattr(read, attribute.name) for attribute in read.__attrs_attrs__}


def test_a_null_in_a_map_is_read(client: ModuleType) -> None:
    line = client.models.InvoiceLineItem.from_dict({"tags": {"team": ["a"], "none": None}})

    assert line.tags.additional_properties == {"team": ["a"], "none": None}


def test_a_single_invoice_instead_of_the_pending_page_is_no_error(client: ModuleType, atlas: Recorder) -> None:
    atlas.answer(200, {"id": INVOICE, "statusName": "PENDING"}, JSON)

    page = call(client, atlas, PENDING)

    assert not page.results
    assert page.additional_properties == {"id": INVOICE, "statusName": "PENDING"}


def test_models_have_upstreams_schema_names(client: ModuleType) -> None:
    names = set(client.models.__all__)

    assert names >= openapi_package.FIVE_MODELS | {"InvoiceReportRequest", "InvoiceReportResponse", "SkuResponse"}
    # The generator's own names for things whose place it can't name.
    assert not [name for name in names if re.search(r"Type\d", name)]


def test_no_repr_shows_the_address_of_a_report(client: ModuleType, atlas: Recorder) -> None:
    secret = "https://files.example/canary?signature=canary"
    atlas.answer(200, {"reportId": REPORT, "state": "SUCCEEDED", "downloadUrl": secret}, REPORTS)

    reply = call(client, atlas, ONE_REPORT, "sync_detailed")

    assert reply.parsed.download_url == reply.parsed.to_dict()["downloadUrl"] == secret
    assert "canary" not in repr(reply)
    assert "SUCCEEDED" in repr(reply)


@pytest.mark.parametrize("style", STYLES)
def test_a_body_is_sent_in_the_version_of_the_operation(client: ModuleType, atlas: Recorder, style: str) -> None:
    atlas.answer(201, {"reportId": REPORT, "state": "PENDING"}, REPORTS)
    wanted = client.models.InvoiceReportRequest(report_type="FOCUS", report_format="CSV")

    reply = call(client, atlas, NEW_REPORT, style, body=wanted)

    parsed = reply.parsed if style.endswith("_detailed") else reply
    assert (type(parsed), parsed.state) == (client.models.InvoiceReportResponse, "PENDING")
    (asked,) = atlas.asked
    assert (asked.method, asked.path) == ("POST", NEW_REPORT.path)
    assert asked.headers["content-type"] == asked.headers["accept"] == REPORTS
    assert json.loads(asked.body) == {"reportType": "FOCUS", "reportFormat": "CSV"}


def test_models_inside_an_all_of_have_plain_names_too(small_client: ModuleType) -> None:
    names = small_client.models.__all__

    assert not [name for name in names if "Type" in name]
    assert {"BillingInvoiceLineItemsItem", "BillingInvoiceLineItemsItemTags", "BillingPayment"} <= set(names)
    invoice = small_client.models.BillingInvoice.from_dict(
        {
            "id": "1",
            "payment": {"statusName": "NEWER"},
            "linkedInvoices": [{"id": "2"}],
            "lineItems": [{"tags": {"a": ["b"]}}],
        }
    )
    assert (invoice.payment.status_name, invoice.linked_invoices[0].id) == ("NEWER", "2")
    assert invoice.line_items[0].tags.additional_properties == {"a": ["b"]}


def test_an_authenticated_client_works_too(client: ModuleType, atlas: Recorder) -> None:
    function = openapi_package.function_module(client, "organizations", "list_organizations").sync
    with client.AuthenticatedClient(base_url=atlas.url, token="made-up") as authenticated:
        function(client=authenticated)

    assert atlas.asked[0].headers["authorization"] == "Bearer made-up"


def test_a_status_python_does_not_know_stays_a_value_error(client: ModuleType, atlas: Recorder) -> None:
    # generated/README.md documents this. If this test fails, the generator has fixed it: update that page.
    atlas.answer(520, "<html>", "text/html")

    with pytest.raises(ValueError, match="520"):
        call(client, atlas, CSV_OF_INVOICE, "sync_detailed")


def test_our_text_is_in_the_docstrings(client: ModuleType) -> None:
    document = openapi_package.function_module(client, "invoices", "get_invoice_csv").sync.__doc__

    assert "Get one invoice as CSV" in document
    assert "invoice_id (str): Invoice: 24 hexadecimal digits." in document
