"""The five operations and the two OAuth endpoints, as handlers of a Starlette application."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from attrs import frozen
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ._auth import TokenRefusedError
from ._documents import invoice_json, metadata_json, organization_json
from ._requests import Problem, Query, choose
from ._responses import csv_reply, invoice_reply, json_reply, problem_reply
from ._settings import BILLING_ROLES, LINKED_ROLES

if TYPE_CHECKING:
    from ._auth import TokenEndpoint
    from ._data import Invoice
    from ._ledger import Ledger


API = "/api/atlas/v2/orgs"
_STATUSES = ("PENDING", "CLOSED", "FORGIVEN", "FAILED", "PAID", "FREE", "PREPAID", "INVOICED")
_ID = re.compile(r"[a-f0-9]{24}")

Handler = Callable[[Request], Awaitable[Response]]


@frozen
class Operations:
    """Answers requests that have passed authentication."""

    book: Ledger
    tokens: TokenEndpoint
    base_url: str

    def application(self) -> Starlette:
        """The application: routes, and JSON for every refusal."""
        routes: dict[str, Handler] = {
            API: self.organizations,
            f"{API}/{{org}}/invoices": self.invoices,
            f"{API}/{{org}}/invoices/pending": self.pending,
            f"{API}/{{org}}/invoices/{{invoice}}": self.invoice,
            f"{API}/{{org}}/invoices/{{invoice}}/csv": self.invoice_csv,
        }
        return Starlette(
            routes=[
                *(Route(path, handler, methods=["GET"]) for path, handler in routes.items()),
                Route("/api/oauth/token", self.token, methods=["POST"]),
                Route("/api/oauth/revoke", self.revoke, methods=["POST"]),
            ],
            exception_handlers={Problem: _refuse, HTTPException: _refuse_by_framework, Exception: _fail},
        )

    async def organizations(self, request: Request) -> Response:
        """GET /orgs: what the credentials see."""
        query = Query.of(request, "name", paging=True)
        choose(_accept(request), ("json",))
        start = request.query_params.get("name", "").casefold()
        found = [each for each in self.book.organizations if each.name.casefold().startswith(start)]
        page, rest = query.page(found, self.base_url)
        return json_reply(request, {**rest, "results": [organization_json(each, self.base_url) for each in page]})

    async def invoices(self, request: Request) -> Response:
        """GET /orgs/{org}/invoices: metadata of all of them, the pending one included."""
        organization = self._organization(request)
        query = Query.of(
            request, "viewLinkedInvoices", "statusNames", "fromDate", "toDate", "sortBy", "orderBy", paging=True
        )
        choose(_accept(request), ("json",))
        linked = query.flag("viewLinkedInvoices", default=True)
        statuses = query.choices("statusNames", _STATUSES)
        since, until = query.day("fromDate"), query.day("toDate")
        by_start = query.choice("sortBy", ("END_DATE", "START_DATE")) == "START_DATE"
        descending = query.choice("orderBy", ("desc", "asc")) == "desc"
        query.done()
        found = [
            each
            for each in self.book.invoices_of(organization)
            if (not statuses or each.status in statuses)
            and (since is None or each.start >= since)
            and (until is None or each.end <= until)
        ]
        found.sort(key=lambda each: each.start if by_start else each.end, reverse=descending)
        page, rest = query.page(found, self.base_url)
        show = linked and self._sees_linked
        return json_reply(
            request, {**rest, "results": [metadata_json(each, self.base_url, linked=show) for each in page]}
        )

    async def pending(self, request: Request) -> Response:
        """GET /orgs/{org}/invoices/pending: the open period's invoice, in a list or, as settings say, by itself."""
        organization = self._organization(request)
        Query.of(request).done()
        choose(_accept(request), ("json",))
        most = self.book.settings.lines_in_json
        found = [
            invoice_json(each, self.base_url, linked=self._sees_linked, most_lines=most)
            for each in self.book.invoices_of(organization)[:1]
        ]
        if self.book.settings.pending_as_object and found:
            return json_reply(request, found[0])
        links = [{"href": f"{self.base_url}{request.url.path}", "rel": "self"}]
        return json_reply(request, {"links": links, "results": found, "totalCount": len(found)})

    async def invoice(self, request: Request) -> Response:
        """GET /orgs/{org}/invoices/{invoice}: in JSON or, if Accept says so, the CSV."""
        invoice = self._invoice(request)
        Query.of(request).done()
        if choose(_accept(request), ("json", "csv")) == "csv":
            return csv_reply(request, invoice)
        most = self.book.settings.lines_in_json
        return invoice_reply(request, invoice, self.base_url, linked=self._sees_linked, most_lines=most)

    async def invoice_csv(self, request: Request) -> Response:
        """GET /orgs/{org}/invoices/{invoice}/csv."""
        invoice = self._invoice(request)
        Query.of(request).done()
        choose(_accept(request), ("csv",))
        return csv_reply(request, invoice)

    async def token(self, request: Request) -> Response:
        """POST /api/oauth/token."""
        try:
            content = self.tokens.issue(request.headers.get("authorization", ""), await _form(request))
        except TokenRefusedError as refused:
            return JSONResponse(refused.body, refused.status, refused.headers)
        return JSONResponse(content, headers={"Cache-Control": "no-store"})

    async def revoke(self, request: Request) -> Response:
        """POST /api/oauth/revoke."""
        try:
            self.tokens.revoke(request.headers.get("authorization", ""), await _form(request))
        except TokenRefusedError as refused:
            return JSONResponse(refused.body, refused.status, refused.headers)
        return Response(status_code=200)

    @property
    def _sees_linked(self) -> bool:
        return self.book.settings.role in LINKED_ROLES

    def _organization(self, request: Request) -> str:
        """The ID in the path, of an organization whose invoices these credentials may list."""
        id_ = _id_in(request, "org")
        known = [each.id for each in self.book.organizations]
        if id_ not in known and id_ != self.book.linked_organization.id:
            raise Problem(404, "RESOURCE_NOT_FOUND", f"Cannot find resource {id_}.", parameters=(id_,))
        if self.book.settings.role not in BILLING_ROLES or id_ not in known:
            raise Problem(403, "USER_UNAUTHORIZED", "These credentials have no billing role in the organization.")
        return id_

    def _invoice(self, request: Request) -> Invoice:
        """The invoice in the path. A linked one is found under its own organization and under the paying one."""
        organization, id_ = _id_in(request, "org"), _id_in(request, "invoice")
        if organization != self.book.linked_organization.id:
            self._organization(request)
        invoice = self.book.find(id_)
        paying = self.book.organizations[0].id
        is_linked = invoice is not None and invoice.organization == self.book.linked_organization
        places = {self.book.linked_organization.id, paying} if is_linked else {paying}
        if invoice is None or organization not in places:
            raise Problem(404, "INVOICE_NOT_FOUND", f"No invoice {id_} exists in the organization.", parameters=(id_,))
        if is_linked and not self._sees_linked:
            raise Problem(403, "USER_UNAUTHORIZED", "A linked invoice takes a billing admin's or an owner's role.")
        return invoice


def _id_in(request: Request, name: str) -> str:
    value: str = request.path_params[name]
    if not _ID.fullmatch(value):
        field = {"org": "orgId", "invoice": "invoiceId"}[name]
        raise Problem(
            400, "VALIDATION_ERROR", "An ID in the path is not valid.", fields={field: "must be 24 hexadecimal digits"}
        )
    return value


def _accept(request: Request) -> str:
    return ",".join(request.headers.getlist("accept"))


async def _form(request: Request) -> str:
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise TokenRefusedError(400, "invalid_request", "The body is not application/x-www-form-urlencoded.")
    return (await request.body()).decode("ascii", "replace")


async def _refuse(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, Problem)  # noqa: S101 - what it is registered for
    return problem_reply(request, problem)


async def _refuse_by_framework(request: Request, exception: Exception) -> Response:
    assert isinstance(exception, HTTPException)  # noqa: S101 - what it is registered for
    codes: dict[int, str] = {404: "RESOURCE_NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}
    code = codes.get(exception.status_code, HTTPStatus(exception.status_code).name)
    headers: dict[str, Any] = dict(exception.headers or {})
    detail = f"{request.method} {request.url.path} is no operation of this sandbox."
    return problem_reply(request, Problem(exception.status_code, code, detail, headers=headers))


async def _fail(request: Request, _: Exception) -> Response:
    return problem_reply(request, Problem(500, "UNEXPECTED_ERROR"))
