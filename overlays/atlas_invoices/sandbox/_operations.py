"""The operations and the two OAuth endpoints, as handlers of a Starlette application."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from inspect import signature
from types import ModuleType

from attrs import frozen
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from atlas_invoices_client.api.invoices import (
    create_invoice_report,
    get_invoice,
    get_invoice_csv,
    get_invoice_report,
    list_associated_invoices,
    list_invoice_reports,
    list_invoices,
    list_pending_invoices,
    list_skus,
)
from atlas_invoices_client.api.organizations import list_organizations

from ._auth import OAuthError, TokenEndpoint
from ._catalogue import skus
from ._data import Invoice
from ._documents import invoice_json, metadata_json, organization_json
from ._ledger import Ledger
from ._reports import SPEC_VERSION, ReportStore
from ._requests import Query, negotiate_format, read_body
from ._responses import ApiError, csv_response, error_response, invoice_response, json_response
from ._settings import BILLING_ROLES, LINKED_ROLES

_ORGS = "/api/atlas/v2/orgs"
_STATUSES = ("PENDING", "CLOSED", "FORGIVEN", "FAILED", "PAID", "FREE", "PREPAID", "INVOICED")
_ID = re.compile(r"[a-f0-9]{24}")

Handler = Callable[[Request], Awaitable[Response]]


@frozen
class Operations:
    """Handlers for requests that have passed authentication: one for each route, with Atlas's checks and errors."""

    ledger: Ledger
    tokens: TokenEndpoint
    base_url: str
    reports: ReportStore

    def application(self) -> Starlette:
        """Return the application: the routes, and JSON for every error."""
        invoices = f"{_ORGS}/{{org}}/invoices"
        reports = f"{invoices}/{{invoice}}/reports"
        return Starlette(
            routes=[
                _route("GET", _ORGS, self.list_organizations, list_organizations),
                _route("GET", invoices, self.list_invoices, list_invoices),
                _route("GET", f"{invoices}/pending", self.list_pending_invoices, list_pending_invoices),
                _route("GET", f"{invoices}/{{invoice}}", self.get_invoice, get_invoice),
                _route("GET", f"{invoices}/{{invoice}}/csv", self.get_invoice_csv, get_invoice_csv),
                _route("POST", reports, self.create_invoice_report, create_invoice_report),
                _route("GET", reports, self.list_invoice_reports, list_invoice_reports),
                _route("GET", f"{reports}/{{report}}", self.get_invoice_report, get_invoice_report),
                _route(
                    "GET",
                    f"{_ORGS}/{{org}}/associatedInvoices",
                    self.list_associated_invoices,
                    list_associated_invoices,
                ),
                _route("GET", "/api/atlas/v2/skus", self.list_skus, list_skus),
                Route("/reports/{report}.csv", self.reports.respond, methods=["GET"]),
                Route("/api/oauth/token", self.issue_token, methods=["POST"]),
                Route("/api/oauth/revoke", self.revoke_token, methods=["POST"]),
            ],
            exception_handlers={
                ApiError: _on_api_error,
                OAuthError: _on_oauth_error,
                HTTPException: _on_routing_error,
                Exception: _on_failure,
            },
        )

    async def list_organizations(self, request: Request) -> Response:
        """Return a page of the organizations that the credentials can see, filtered by a name's beginning."""
        query = Query(request, "name", paging=True)
        negotiate_format(request, "json")
        start = request.query_params.get("name", "").casefold()
        found = [each for each in self.ledger.organizations if each.name.casefold().startswith(start)]
        page, rest = query.paginate(found, self.base_url)
        return json_response(request, {**rest, "results": [organization_json(each, self.base_url) for each in page]})

    async def list_invoices(self, request: Request) -> Response:
        """Return a page of invoices without their lines, filtered and sorted; the pending one is among them."""
        organization = self._organization(request)
        names = ("viewLinkedInvoices", "statusNames", "fromDate", "toDate", "sortBy", "orderBy")
        query = Query(request, *names, paging=True)
        negotiate_format(request, "json")
        linked = query.flag("viewLinkedInvoices", default=True)
        statuses = query.choices("statusNames", _STATUSES)
        since, until = query.day("fromDate"), query.day("toDate")
        by_start = query.choice("sortBy", ("END_DATE", "START_DATE")) == "START_DATE"
        descending = query.choice("orderBy", ("desc", "asc")) == "desc"
        query.check()
        found = [
            each
            for each in self.ledger.invoices_of(organization)
            if (not statuses or each.status in statuses)
            and (since is None or each.start >= since)
            and (until is None or each.end <= until)
        ]
        found.sort(key=lambda each: each.start if by_start else each.end, reverse=descending)
        page, rest = query.paginate(found, self.base_url)
        linked = linked and self._sees_linked
        results = [metadata_json(each, self.base_url, linked=linked) for each in page]
        return json_response(request, {**rest, "results": results})

    async def list_pending_invoices(self, request: Request) -> Response:
        """Return the open period's invoice in a list or, with the setting `pending_as_object`, by itself."""
        organization = self._organization(request)
        Query(request)
        negotiate_format(request, "json")
        settings = self.ledger.settings
        found = [
            invoice_json(each, self.base_url, linked=self._sees_linked, max_lines=settings.lines_in_json)
            for each in self.ledger.invoices_of(organization)[:1]
        ]
        if settings.pending_as_object and found:
            return json_response(request, found[0])
        links = [{"href": f"{self.base_url}{request.url.path}", "rel": "self"}]
        return json_response(request, {"links": links, "results": found, "totalCount": len(found)})

    async def get_invoice(self, request: Request) -> Response:
        """Return an invoice as JSON, or as CSV if Accept prefers it."""
        invoice = self._invoice(request)
        Query(request)
        if negotiate_format(request, "json", "csv") == "csv":
            return csv_response(request, invoice)
        max_lines = self.ledger.settings.lines_in_json
        return invoice_response(request, invoice, self.base_url, linked=self._sees_linked, max_lines=max_lines)

    async def get_invoice_csv(self, request: Request) -> Response:
        invoice = self._invoice(request)
        Query(request)
        negotiate_format(request, "csv")
        return csv_response(request, invoice)

    async def create_invoice_report(self, request: Request) -> Response:
        """POST /orgs/{org}/invoices/{invoice}/reports: start making a report."""
        invoice = self._invoice(request)
        Query(request)
        negotiate_format(request, "json")
        await read_body(request, reportType=("FOCUS",), reportFormat=("CSV",), formatSpecVersion=("", SPEC_VERSION))
        return json_response(request, self.reports.create(invoice), HTTPStatus.CREATED.value)

    async def list_invoice_reports(self, request: Request) -> Response:
        """GET /orgs/{org}/invoices/{invoice}/reports: an invoice's reports, without addresses."""
        invoice = self._invoice(request)
        query = Query(request, paging=True)
        negotiate_format(request, "json")
        page, rest = query.paginate(self.reports.of_invoice(invoice), self.base_url)
        return json_response(request, {**rest, "results": page})

    async def get_invoice_report(self, request: Request) -> Response:
        """GET /orgs/{org}/invoices/{invoice}/reports/{report}: its state, and the address of its file."""
        invoice, report = self._invoice(request), _path_id(request, "report")
        Query(request)
        negotiate_format(request, "json")
        return json_response(request, self.reports.get(invoice, report))

    async def list_associated_invoices(self, request: Request) -> Response:
        """GET /orgs/{org}/associatedInvoices: the IDs of a month's invoices."""
        organization = self._organization(request)
        query = Query(request, "month", "year", "includeLinkedOrgs")
        negotiate_format(request, "json")
        today = self.ledger.settings.today
        month = query.integer("month", default=today.month, maximum=12)
        year = query.integer("year", default=today.year)
        linked = query.flag("includeLinkedOrgs", default=False) and self._sees_linked
        query.check()
        own = [
            each
            for each in self.ledger.invoices_of(organization)
            if (each.start.year, each.start.month) == (year, month)
        ]
        found = own + [other for each in own for other in each.linked if linked]
        results = [{"invoiceId": each.id, "orgId": each.organization.id} for each in found]
        return json_response(request, {"year": f"{year:04d}", "month": f"{month:02d}", "associatedInvoices": results})

    async def list_skus(self, request: Request) -> Response:
        """GET /skus: what invoices can have."""
        query = Query(request, paging=True)
        negotiate_format(request, "json")
        page, rest = query.paginate(skus(), self.base_url)
        return json_response(request, {**rest, "results": [{"id": sku.code, "description": sku.text} for sku in page]})

    async def issue_token(self, request: Request) -> Response:
        content = self.tokens.issue(request.headers.get("authorization", ""), await _form(request))
        return JSONResponse(content, headers={"Cache-Control": "no-store"})

    async def revoke_token(self, request: Request) -> Response:
        self.tokens.revoke(request.headers.get("authorization", ""), await _form(request))
        return Response(status_code=200)

    @property
    def _sees_linked(self) -> bool:
        return self.ledger.settings.role in LINKED_ROLES

    def _organization(self, request: Request) -> str:
        """Return the organization's ID from the path; an `ApiError` if the credentials may not read its invoices."""
        id_ = _path_id(request, "org")
        known = [each.id for each in self.ledger.organizations]
        if id_ not in known and id_ != self.ledger.linked_organization.id:
            raise ApiError(404, "RESOURCE_NOT_FOUND", f"Cannot find resource {id_}.", parameters=(id_,))
        if self.ledger.settings.role not in BILLING_ROLES or id_ not in known:
            raise ApiError(403, "USER_UNAUTHORIZED", "These credentials have no billing role in the organization.")
        return id_

    def _invoice(self, request: Request) -> Invoice:
        """Return the invoice in the path; a linked one is found in its own organization and in the paying one."""
        organization, id_ = _path_id(request, "org"), _path_id(request, "invoice")
        linked_organization = self.ledger.linked_organization
        if organization != linked_organization.id:
            self._organization(request)
        invoice = self.ledger.find(id_)
        is_linked = invoice is not None and invoice.organization == linked_organization
        places = {self.ledger.organizations[0].id} | ({linked_organization.id} if is_linked else set())
        if invoice is None or organization not in places:
            raise ApiError(404, "INVOICE_NOT_FOUND", f"No invoice {id_} exists in the organization.", parameters=(id_,))
        if is_linked and not self._sees_linked:
            raise ApiError(403, "USER_UNAUTHORIZED", "A linked invoice requires the role of a billing admin or owner.")
        return invoice


def _route(method: str, path: str, handler: Handler, generated: ModuleType) -> Route:
    """A route whose requests and responses have the version that the generated client asks for."""
    accept: str = signature(generated.sync_detailed).parameters["accept"].default
    version = accept.removeprefix("application/vnd.atlas.").partition("+")[0]

    async def respond(request: Request) -> Response:
        request.state.version = version
        return await handler(request)

    return Route(path, respond, methods=[method])


def _path_id(request: Request, name: str) -> str:
    value: str = request.path_params[name]
    if not _ID.fullmatch(value):
        fields = {f"{name}Id": "must be 24 hexadecimal digits"}
        raise ApiError(400, "VALIDATION_ERROR", "An ID in the path is not valid.", fields=fields)
    return value


async def _form(request: Request) -> str:
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise OAuthError(400, "invalid_request", "The body is not application/x-www-form-urlencoded.")
    return (await request.body()).decode("ascii", "replace")


async def _on_api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)  # noqa: S101 - for the type checker: the handler of ApiError
    return error_response(request, error)


async def _on_oauth_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, OAuthError)  # noqa: S101 - for the type checker: the handler of OAuthError
    return JSONResponse(error.body, error.status, error.headers)


async def _on_routing_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - for the type checker: the handler of HTTPException
    codes = {404: "RESOURCE_NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}
    code = codes.get(error.status_code, HTTPStatus(error.status_code).name)
    detail = f"{request.method} {request.url.path} is not an operation of this sandbox."
    return error_response(request, ApiError(error.status_code, code, detail, headers=dict(error.headers or {})))


async def _on_failure(request: Request, _: Exception) -> Response:
    return error_response(request, ApiError(500, "UNEXPECTED_ERROR"))
