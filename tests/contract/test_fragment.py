"""What the handwritten code takes for granted of Atlas's API, held against the vendored fragment.

Each assumption is checked, and each check is shown an edited fragment that it must refuse: a breaking change that is
taken over can't merge while the client goes on as before.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from atlas_invoices._auth._oauth import TOKEN_PATH
from atlas_invoices._credentials import DEFAULT_BASE_URL
from atlas_invoices._csv._columns import COLUMNS
from atlas_invoices._http._responses import _ADVICE
from atlas_invoices._ids import organization_id
from atlas_invoices._operations import REPORT_FORMAT, REPORT_TYPE
from atlas_invoices._paging import PAGE_SIZES
from atlas_invoices._reports import _USABLE
from atlas_invoices.sandbox import _requests
from environment import ROOT
from openapi_tools import documents, operations

Json = dict[str, Any]
Check = Callable[[Json], object]
Edit = Callable[[Json], object]
KEPT = {operation.name: operation for operation in operations.load_operations()}
OVERLAY = documents.read_document(ROOT / "openapi" / "overlay.yaml").root
FRAGMENT = documents.read_document(ROOT / "openapi" / "fragment.json").root
SERVICE_ACCOUNT, DIGEST = "ServiceAccounts", "DigestAuth"
OF_AN_INVOICE = (
    "get_invoice_csv", "get_invoice", "list_invoices", "list_pending_invoices", "create_invoice_report",
    "list_invoice_reports", "get_invoice_report", "list_associated_invoices",
)  # fmt: skip
MONEY = "(amountBilled|amountPaid|salesTax|subtotal|startingBalance|credits|totalPrice|discount|amount)Cents"


def operation(root: Json, name: str) -> Json:
    found = operations.find_operation(root, KEPT[name])
    assert found is not None
    return found.node


def resolved(root: Json, node: Json) -> Json:
    if "$ref" in node:
        _, _, section, name = node["$ref"].split("/")
        return resolved(root, root["components"][section][name])
    return node


def parameters(root: Json, name: str) -> dict[str, Json]:
    """The schemas of an operation's parameters."""
    nodes = (resolved(root, entry) for entry in operation(root, name)["parameters"])
    return {node["name"]: resolved(root, node["schema"]) for node in nodes}


def reply(root: Json, name: str) -> Json:
    """The media type that we ask for."""
    responses = operation(root, name)["responses"]
    contents = [resolved(root, node).get("content", {}) for status, node in responses.items() if status.startswith("2")]
    (media,) = (content[KEPT[name].accept] for content in contents if KEPT[name].accept in content)
    return dict(media)


def fields(root: Json, schema: str) -> Json:
    return dict(root["components"]["schemas"][schema]["properties"])


def server(root: Json) -> None:
    for holder in (root, *(operation(root, name) for name in KEPT)):
        assert DEFAULT_BASE_URL in [entry["url"] for entry in holder.get("servers", root["servers"])]


def credentials(root: Json) -> None:
    """A digest, and a service account that needs no scope."""
    schemes = root["components"]["securitySchemes"]
    for holder in (root, *(operation(root, name) for name in KEPT)):
        for scheme in (DIGEST, SERVICE_ACCOUNT):
            assert {scheme: []} in holder.get("security", root["security"])
    assert (schemes[DIGEST]["type"], schemes[DIGEST]["scheme"]) == ("http", "digest")
    flow = schemes[SERVICE_ACCOUNT]["flows"]["clientCredentials"]
    assert (flow["tokenUrl"], flow["scopes"]) == (DEFAULT_BASE_URL + TOKEN_PATH, {})


def page_sizes(root: Json) -> None:
    for name in ("list_invoices", "list_organizations", "list_invoice_reports", "list_skus"):
        size, number = (parameters(root, name)[key] for key in ("itemsPerPage", "pageNum"))
        assert size["minimum"] <= min(PAGE_SIZES)
        assert max(PAGE_SIZES) <= size["maximum"] == _requests._MAX_ITEMS
        assert number["minimum"] <= 1


def default_order(root: Json) -> None:
    """`list_invoices` promises the newest end date first, and sends nothing for it."""
    schemas = parameters(root, "list_invoices")
    assert (schemas["sortBy"]["default"], schemas["orderBy"]["default"]) == ("END_DATE", "desc")


def media_types(root: Json) -> None:
    for name, ours in KEPT.items():
        schema = resolved(root, reply(root, name)["schema"])
        is_csv = ours.accept.endswith("+csv")
        assert (schema.get("type", "object") == "string") == is_csv


def queries(root: Json) -> None:
    """A list is sent as one parameter for each value, which is all that the generated client can do."""
    for name in KEPT:
        for node in (resolved(root, entry) for entry in operation(root, name)["parameters"]):
            if resolved(root, node["schema"]).get("type") == "array":
                assert (node.get("style", "form"), node.get("explode", True)) == ("form", True)


def reports(root: Json) -> None:
    """What creating one sends is enough, and the states and the end of an address are as we read them."""
    sent = root["components"]["schemas"]["InvoiceReportRequest"]
    body = resolved(root, operation(root, "create_invoice_report")["requestBody"])["content"]
    assert sent == resolved(root, body[KEPT["create_invoice_report"].body_type]["schema"])
    assert {*sent["required"]} <= {"reportType", "reportFormat"}
    assert REPORT_TYPE in sent["properties"]["reportType"]["enum"]
    assert REPORT_FORMAT in sent["properties"]["reportFormat"]["enum"]
    assert "201" in operation(root, "create_invoice_report")["responses"]
    report = fields(root, "InvoiceReportResponse")
    assert {*report["state"]["enum"]} == {*_USABLE, "FAILED"}
    assert (report["downloadUrl"]["type"], report["expiresAt"]["format"]) == ("string", "date-time")


def errors(root: Json) -> None:
    kinds = {name: node.get("type") for name, node in fields(root, "ApiError").items()}
    assert kinds.items() >= {"error": "integer", "errorCode": "string", "detail": "string", "reason": "string"}.items()


def identifiers(root: Json) -> None:
    for name in ("get_invoice", "get_invoice_csv"):
        for key in ("orgId", "invoiceId"):
            assert re.search(parameters(root, name)[key]["pattern"], organization_id("0123456789abcdef01234567"))


def dates(root: Json) -> None:
    assert {parameters(root, "list_invoices")[name]["format"] for name in ("fromDate", "toDate")} == {"date"}
    for schema in ("BillingInvoice", "BillingInvoiceMetadata", "InvoiceLineItem"):
        for name in ("startDate", "endDate", "created"):
            assert fields(root, schema)[name]["format"] == "date-time"


def money(root: Json) -> None:
    """Whole cents everywhere, and the rate as text."""
    for schema in ("BillingInvoice", "BillingInvoiceMetadata", "BillingPayment", "BillingRefund", "InvoiceLineItem"):
        cents = {name: node for name, node in fields(root, schema).items() if name.endswith("Cents")}
        assert cents
        for name, node in cents.items():
            assert re.fullmatch(MONEY, name)
            assert (node["type"], node.get("format")) == ("integer", "int64")
    assert fields(root, "BillingPayment")["unitPrice"]["type"] == "string"


def pages(root: Json) -> None:
    for name in ("list_invoices", "list_pending_invoices", "list_organizations", "list_invoice_reports", "list_skus"):
        page = resolved(root, reply(root, name)["schema"])["properties"]
        assert (page["results"]["type"], page["links"]["type"], page["totalCount"]["type"]) == (
            "array",
            "array",
            "integer",
        )
    assert {"href", "rel"} <= fields(root, "Link").keys()


def columns(root: Json) -> None:
    """Every typed column is there; a new one is read as `extra`."""
    assert {column.name for column in COLUMNS} <= {*reply(root, "get_invoice_csv")["x-columns"]}


def roles(root: Json) -> None:
    """The roles that an invoice needs are in the 403 advice, the README and the operation's own words."""
    words = [_ADVICE[403], " ".join((ROOT / "README.md").read_text().split()), json.dumps(OVERLAY)]
    for name in OF_AN_INVOICE:
        assert operation(root, name)["x-rolesRequirements"]
        for role in operation(root, name)["x-rolesRequirements"]:
            assert all(role in text for text in words), role


def words(root: Json) -> None:
    """Defaults and limits in our words are the document's."""
    shown = {str(number): number for number in range(1000)} | {"yes": True, "no": False, "END_DATE": "END_DATE"}
    shown |= {"desc": "desc"}
    schemas: dict[str, Json] = {}
    for name in KEPT:
        schemas |= parameters(root, name)
    checked = set()
    for action in OVERLAY["actions"]:
        text = str(action["update"].get("description", ""))
        name = (re.findall(r"@\.name == '(\w+)'|components\.parameters\.(\w+)", action["target"]) or [("", "")])[0]
        schema = schemas.get(name[0] or name[1], {})
        if (default := re.search(r"Unset means (\w+)", text)) and default[1] not in ("all", "the"):
            # A flag without a default is off.
            off = False if schema.get("type") == "boolean" else None
            assert schema.get("default", off) == shown[default[1]], action["target"]
            checked.add(name[0] or name[1])
        if limits := re.search(r"(\d+) to (\d+)\.", text):
            assert (schema["minimum"], schema["maximum"]) == (int(limits[1]), int(limits[2]))
    assert checked >= {"envelope", "pretty", "pageNum", "itemsPerPage", "includeCount", "viewLinkedInvoices", "sortBy"}


def statuses(root: Json) -> None:
    """Every status that our words name can be asked for."""
    texts = {action["target"]: action["update"].get("description", "") for action in OVERLAY["actions"]}
    (text,) = (text for target, text in texts.items() if re.search(r"'BillingInvoice'.*statusName$", target))
    known = set(parameters(root, "list_invoices")["statusNames"]["items"]["enum"])
    assert {*re.findall(r"[A-Z]{4,}", text)} <= known


CHECKS: tuple[Check, ...] = (
    server, credentials, page_sizes, default_order, media_types, queries, reports, errors, identifiers, dates, money,
    pages, columns, roles, words, statuses,
)  # fmt: skip


@pytest.mark.parametrize("check", CHECKS)
def test_the_fragment_is_what_the_code_expects(check: Check) -> None:
    check(FRAGMENT)


def shared(root: Json, name: str) -> Json:
    return dict(root["components"]["parameters"][name])["schema"]  # type: ignore[no-any-return] # a document's values


def flow(root: Json) -> Json:
    return root["components"]["securitySchemes"][SERVICE_ACCOUNT]["flows"]["clientCredentials"]  # type: ignore[no-any-return] # a document's values


def rename_accept(root: Json, name: str) -> None:
    content = operation(root, name)["responses"]["200"]["content"]
    content["application/vnd.atlas.2031-01-01+json"] = content.pop(KEPT[name].accept)


EDITS: list[tuple[Check, str, Edit]] = [
    (server, "moved", lambda root: root["servers"][0].update(url="https://atlas.example")),
    (server, "one of its own", lambda root: operation(root, "get_invoice").update(servers=[{"url": "https://x.example"}])),
    (credentials, "token path", lambda root: flow(root).update(tokenUrl=DEFAULT_BASE_URL + "/oauth/token")),
    (credentials, "token host", lambda root: flow(root).update(tokenUrl="https://login.example" + TOKEN_PATH)),
    (credentials, "scope offered", lambda root: flow(root)["scopes"].update(billing="")),
    (credentials, "scope needed", lambda root: root.update(security=[{DIGEST: []}, {SERVICE_ACCOUNT: ["billing"]}])),
    (credentials, "no digest", lambda root: root["security"].remove({DIGEST: []})),
    (credentials, "security of its own", lambda root: operation(root, "get_invoice").update(security=[{DIGEST: []}])),
    (page_sizes, "smaller pages", lambda root: shared(root, "itemsPerPage").update(maximum=250)),
    (page_sizes, "larger pages", lambda root: shared(root, "itemsPerPage").update(maximum=1000)),
    (page_sizes, "counted from 2", lambda root: shared(root, "pageNum").update(minimum=2)),
    (default_order, "oldest first", lambda root: parameters(root, "list_invoices")["orderBy"].update(default="asc")),
    (default_order, "by start", lambda root: parameters(root, "list_invoices")["sortBy"].update(default="START_DATE")),
    (media_types, "another version", lambda root: rename_accept(root, "list_organizations")),
    (media_types, "an object as CSV", lambda root: operation(root, "get_invoice_csv")["responses"]["200"]["content"][
        KEPT["get_invoice_csv"].accept].update(schema={"type": "object"})),
    (queries, "values with commas", lambda root: next(node for node in operation(root, "list_invoices")["parameters"]
        if node.get("name") == "statusNames").update(explode=False)),
    (reports, "another version of the body", lambda root: operation(root, "create_invoice_report")["requestBody"][
        "content"].update({KEPT["create_invoice_report"].accept: {"schema": {}}})),
    (reports, "one more thing to send", lambda root: root["components"]["schemas"]["InvoiceReportRequest"][
        "required"].append("accountId")),
    (reports, "another type", lambda root: fields(root, "InvoiceReportRequest")["reportType"].update(enum=["COST"])),
    (reports, "another format", lambda root: fields(root, "InvoiceReportRequest")["reportFormat"].update(enum=["ZIP"])),
    (reports, "accepted", lambda root: operation(root, "create_invoice_report")["responses"].pop("201")),
    (reports, "a new state", lambda root: fields(root, "InvoiceReportResponse")["state"]["enum"].append("CANCELLED")),
    (reports, "an end as day", lambda root: fields(root, "InvoiceReportResponse")["expiresAt"].update(format="date")),
    (errors, "a code as number", lambda root: fields(root, "ApiError")["errorCode"].update(type="integer")),
    (pages, "no SKUs", lambda root: root["components"]["schemas"]["PaginatedApiSKUView"]["properties"].pop("results")),
    (roles, "a role of reports", lambda root: operation(root, "get_invoice_report")["x-rolesRequirements"].append("X")),
    (identifiers, "other IDs", lambda root: shared(root, "orgId").update(pattern="^[0-9a-f]{8}-[0-9a-f]{4}$")),
    (dates, "moments", lambda root: parameters(root, "list_invoices")["fromDate"].update(format="date-time")),
    (dates, "days", lambda root: fields(root, "BillingInvoice")["endDate"].update(format="date")),
    (money, "a decimal", lambda root: fields(root, "BillingPayment")["amountPaidCents"].update(type="number")),
    (money, "a new amount", lambda root: fields(root, "InvoiceLineItem").update(x={})
     or root["components"]["schemas"]["InvoiceLineItem"]["properties"].update(roundedCents={"type": "integer"})),
    (money, "a rate as number", lambda root: fields(root, "BillingPayment")["unitPrice"].update(type="number")),
    (pages, "no list", lambda root: fields(root, "PaginatedOrganizationView")["results"].update(type="object")),
    (pages, "no links", lambda root: root["components"]["schemas"]["PaginatedOrganizationView"].update(properties={})),
    (columns, "renamed", lambda root: reply(root, "get_invoice_csv")["x-columns"].__setitem__(8, "Sku")),
    (roles, "another role", lambda root: operation(root, "get_invoice")["x-rolesRequirements"].append("Reader")),
    (words, "default page", lambda root: shared(root, "itemsPerPage").update(default=50)),
    (words, "limit", lambda root: shared(root, "itemsPerPage").update(maximum=499)),
    (words, "linked", lambda root: parameters(root, "list_invoices")["viewLinkedInvoices"].update(default=False)),
    (statuses, "less", lambda root: parameters(root, "list_invoices")["statusNames"].update(items={"enum": ["PAID"]})),
]  # fmt: skip


IDS = [f"{check.__name__}: {name}" for check, name, _ in EDITS]


@pytest.mark.parametrize(("check", "edit"), [(check, edit) for check, _, edit in EDITS], ids=IDS)
def test_a_breaking_change_fails(check: Check, edit: Edit) -> None:
    root = copy.deepcopy(FRAGMENT)
    edit(root)
    with pytest.raises((AssertionError, KeyError, ValueError)):
        check(root)


def test_every_check_can_fail() -> None:
    assert {check for check, *_ in EDITS} == set(CHECKS)
