"""What the overlays use of the generated package, private functions included: it must not move unnoticed."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import attrs
import pytest

from atlas_invoices_client import AuthenticatedClient, Client, models
from openapi_tools.operations import load_operations

# A newer version is one edit, in openapi/operations.yaml.
ACCEPT = {f"{operation.module}.{operation.name}": operation.accept for operation in load_operations()}
PAGES = "include_count=UNSET, items_per_page=UNSET, page_num=UNSET"
WRAPPING = "envelope=UNSET, pretty=UNSET"
PARAMETERS = {
    "invoices.get_invoice_csv": f"org_id, invoice_id, *, {WRAPPING}",
    "invoices.get_invoice": f"org_id, invoice_id, *, {WRAPPING}",
    "invoices.list_invoices": (
        "org_id, *, envelope=UNSET, from_date=UNSET, include_count=UNSET, items_per_page=UNSET, order_by=UNSET, "
        "page_num=UNSET, pretty=UNSET, sort_by=UNSET, status_names=UNSET, to_date=UNSET, view_linked_invoices=UNSET"
    ),
    "invoices.list_pending_invoices": f"org_id, *, {WRAPPING}",
    "organizations.list_organizations": (
        "*, envelope=UNSET, include_count=UNSET, items_per_page=UNSET, name=UNSET, page_num=UNSET, pretty=UNSET"
    ),
    "invoices.create_invoice_report": "org_id, invoice_id, *, body",
    "invoices.list_invoice_reports": (f"org_id, invoice_id, *, envelope=UNSET, {PAGES}, pretty=UNSET"),
    "invoices.get_invoice_report": "org_id, invoice_id, report_id, *",
    "invoices.list_associated_invoices": ("org_id, *, include_linked_orgs=UNSET, month=UNSET, year=UNSET"),
    "invoices.list_skus": f"*, envelope=UNSET, {PAGES}, pretty=UNSET",
}
MODELS = {
    "invoices.get_invoice_csv": str,
    "invoices.get_invoice": models.BillingInvoice,
    "invoices.list_invoices": models.PaginatedApiInvoiceMetadataView,
    "invoices.list_pending_invoices": models.PaginatedApiInvoiceView,
    "organizations.list_organizations": models.PaginatedOrganizationView,
    "invoices.create_invoice_report": models.InvoiceReportResponse,
    "invoices.list_invoice_reports": models.PaginatedInvoiceReportView,
    "invoices.get_invoice_report": models.InvoiceReportResponse,
    "invoices.list_associated_invoices": models.OrgAssociatedInvoiceResponse,
    "invoices.list_skus": models.PaginatedApiSKUView,
}
PATHS = {
    "invoices.get_invoice_csv": "/api/atlas/v2/orgs/a/invoices/b/csv",
    "invoices.get_invoice": "/api/atlas/v2/orgs/a/invoices/b",
    "invoices.list_invoices": "/api/atlas/v2/orgs/a/invoices",
    "invoices.list_pending_invoices": "/api/atlas/v2/orgs/a/invoices/pending",
    "organizations.list_organizations": "/api/atlas/v2/orgs",
}


def module(name: str) -> Any:
    return importlib.import_module(f"atlas_invoices_client.api.{name}")


def parameters(function: Any) -> str:
    """The parameters in one line, without their types."""
    shown = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in shown:
            shown.append("*")
        default = parameter.default
        if default is parameter.empty:
            shown.append(parameter.name)
        else:
            shown.append(f"{parameter.name}={default if isinstance(default, str) else type(default).__name__.upper()}")
    return ", ".join(shown)


@pytest.mark.parametrize("name", PARAMETERS)
def test_functions_take_what_they_took(name: str) -> None:
    generated = module(name)

    expected = f"{PARAMETERS[name]}, accept={ACCEPT[name]}"
    assert parameters(generated._get_kwargs) == expected
    with_client = expected.replace("*,", "*, client,")
    for style in ("sync", "sync_detailed", "asyncio", "asyncio_detailed"):
        assert parameters(getattr(generated, style)) == with_client
    assert parameters(generated._parse_response) == "*, client, response"


@pytest.mark.parametrize("name", PATHS)
def test_kwargs_are_those_of_an_httpx_request(name: str) -> None:
    ids = ["a", "b"][: PARAMETERS[name].split("*")[0].count(",")]

    kwargs = module(name)._get_kwargs(*ids, envelope=True)

    assert kwargs == {
        "method": "get",
        "url": PATHS[name],
        "params": {"envelope": True},
        "headers": {"Accept": ACCEPT[name]},
    }


@pytest.mark.parametrize("name", PARAMETERS)
def test_replies_are_read_as_they_were(name: str) -> None:
    returns = inspect.signature(module(name)._parse_response).return_annotation

    assert set(returns.__args__) == {models.ApiError, MODELS[name], type(None)}


def test_a_report_is_created_with_a_body_of_its_version() -> None:
    generated = module("invoices.create_invoice_report")
    body = models.InvoiceReportRequest(report_format="CSV", report_type="FOCUS")

    assert generated._get_kwargs("a", "b", body=body) == {
        "method": "post",
        "url": "/api/atlas/v2/orgs/a/invoices/b/reports",
        "json": {"reportFormat": "CSV", "reportType": "FOCUS"},
        "headers": dict.fromkeys(("Accept", "Content-Type"), ACCEPT["invoices.create_invoice_report"]),
    }


def test_ids_are_quoted() -> None:
    kwargs = module("invoices.get_invoice")._get_kwargs("a/b", "c?d")

    assert kwargs["url"] == "/api/atlas/v2/orgs/a%2Fb/invoices/c%3Fd"


def test_clients_take_what_they_took() -> None:
    settings = {"base_url", "cookies", "headers", "timeout", "verify_ssl", "follow_redirects", "httpx_args"}
    settings |= {"raise_on_unexpected_status"}

    assert {field.alias for field in attrs.fields(Client) if field.init} == settings
    assert {field.alias for field in attrs.fields(AuthenticatedClient) if field.init} == settings | {
        "token",
        "prefix",
        "auth_header_name",
    }


FIELDS = {
    "ApiError": "bad_request_detail detail error error_code parameters reason",
    "BillingInvoice": (
        "amount_billed_cents amount_paid_cents created credits_cents end_date id line_items linked_invoices links "
        "org_id payments refunds sales_tax_cents start_date starting_balance_cents status_name subtotal_cents updated"
    ),
    "BillingInvoiceMetadata": (
        "amount_billed_cents amount_paid_cents created credits_cents end_date id linked_invoices links org_id "
        "sales_tax_cents start_date starting_balance_cents status_name subtotal_cents updated"
    ),
    "BillingPayment": (
        "amount_billed_cents amount_paid_cents created currency id sales_tax_cents status_name subtotal_cents "
        "unit_price updated"
    ),
    "AtlasOrganization": "id is_deleted links name skip_default_alerts_settings",
    "PaginatedApiInvoiceView": "links results total_count",
    "InvoiceReportResponse": (
        "download_url expires_at failure_reason format_spec_version invoice_id report_format report_id report_type "
        "state"
    ),
    "OrgAssociatedInvoiceResponse": "associated_invoices month year",
    "AssociatedInvoice": "invoice_id org_id",
    "SkuResponse": "description id",
}


@pytest.mark.parametrize("name", FIELDS)
def test_models_have_the_fields_they_had(name: str) -> None:
    fields = {field.name for field in attrs.fields(getattr(models, name))}

    # A field may come; none may go.
    assert fields >= {*FIELDS[name].split(), "additional_properties"}
