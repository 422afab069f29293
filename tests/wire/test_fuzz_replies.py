"""Mutated replies: every public call raises an `AtlasError` or an `OSError`, or returns what can be used.

A few hundred in the suite; `ATLAS_INVOICES_FUZZ=20000` for as many.
"""

from __future__ import annotations

import gzip
import json
import pickle
import random
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import atlas_invoices as ai
from mutations import cases, mutate_bytes, mutate_json
from raw_server import Connection, RawServer, http
from scripted_atlas import (
    CSV_TYPE,
    INVOICE,
    JSON_TYPE,
    ORG,
    OTHER,
    TOKEN,
    both,
    client,
    invoice_csv,
    invoice_json,
    line_item,
    listed,
    page,
    payment,
    sync,
)

if TYPE_CHECKING:
    from client_twin import Kind, Twin

pytestmark = pytest.mark.slow

GOOD = invoice_csv()
FULL = invoice_json(
    lineItems=[{**line_item(), "tags": {"team": ["a", "b"]}, "note": "n"}, line_item("api", 126, "10.08")],
    payments=[payment(), payment(currency="EUR", unitPrice="0.93")],
    refunds=[{"amountCents": 5, "created": "2024-07-02T00:00:00Z", "paymentId": "a", "reason": "b"}],
    linkedInvoices=[listed(OTHER)],
    links=[{"rel": "self", "href": "https://cloud.mongodb.com"}],
)
PAGE = page(listed(linkedInvoices=[listed("64f0c0ffee01234567890000")]), listed(OTHER), total=2)
ORGANIZATIONS = page(
    {"id": ORG, "name": "Acme Test", "isDeleted": False, "links": [{"rel": "self", "href": "x"}]}, total=1
)
ERROR = {
    "error": 400,
    "errorCode": "SOME_CODE",
    "detail": "what happened",
    "reason": "Bad Request",
    "parameters": [{"a": 1}, "b"],
    "badRequestDetail": {"fields": [{"field": "a", "description": "b"}]},
}
TOKEN_REPLY = {"access_token": "canary-made-token", "expires_in": 3600, "token_type": "Bearer"}
BASE = f"/api/atlas/v2/orgs/{ORG}/invoices"
REPORTS = f"{BASE}/{INVOICE}/reports"
REPORT = {
    "reportId": OTHER,
    "invoiceId": INVOICE,
    "reportType": "FOCUS",
    "reportFormat": "CSV",
    "formatSpecVersion": "1.3",
    "state": "SUCCEEDED",
    "expiresAt": "2024-07-02T00:00:00Z",
}
DOCUMENTS: dict[str, Any] = {
    f"GET {BASE}": PAGE,
    f"GET {BASE}/pending": page(FULL, total=1),
    f"GET {BASE}/{INVOICE}": FULL,
    f"GET {BASE}/{OTHER}": invoice_json(OTHER),
    "GET /api/atlas/v2/orgs": ORGANIZATIONS,
    "POST /api/oauth/token": TOKEN_REPLY,
    f"POST {REPORTS}": REPORT,
    f"GET {REPORTS}": page(REPORT, {**REPORT, "reportId": INVOICE, "state": "FAILED"}, total=2),
    f"GET {REPORTS}/{OTHER}": {**REPORT, "state": "FAILED", "failureReason": "no usage"},
    f"GET /api/atlas/v2/orgs/{ORG}/associatedInvoices": {
        "year": "2024",
        "month": "06",
        "associatedInvoices": [{"invoiceId": INVOICE, "orgId": ORG}],
    },
    "GET /api/atlas/v2/skus": page({"id": "A", "description": "a"}, {"id": "B", "description": "b"}, total=2),
}
CSVS = {f"GET {BASE}/{each}/csv": invoice_csv(each) for each in (INVOICE, OTHER)}
ODD_TEXT = (
    "", "\xe4\xff", "x" * 500, "gzip", "UTF-8", "-5", "99999999999999999999", "0", "true", "@1688169599", "@9" * 20,
    "text/html",
    "application/json; charset=klingon", "a=b; Path=/", "Thu, 99 Foo 2024", "Digest realm=\"\xe4\", nonce=\"\xff\"",
    "Bearer \"",
    "Digest nonce=", "http://[", "chunked", "Sun, 06 Nov 1994 08:49:37 GMT", "\t", ",,,", "multipart/x; boundary=",
)  # fmt: skip
HEADERS = (
    "Set-Cookie", "Retry-After", "WWW-Authenticate", "Deprecation", "Sunset", "Date", "Location", "Content-Type",
    "Content-Encoding",
    "RateLimit-Remaining", "RateLimit-Limit", "Link", "Vary", "X-Odd", "Transfer-Encoding", "Proxy-Authenticate",
)  # fmt: skip
STATUSES = (
    400,
    401,
    403,
    404,
    406,
    407,
    409,
    410,
    413,
    429,
    500,
    502,
    503,
    520,
    599,
    204,
    206,
    301,
    302,
    304,
    100,
    999,
)


def mutated(choose: random.Random, route: str) -> bytes:
    """A reply to this route, of which something is wrong."""
    status, kind = success(route), JSON_TYPE
    if route in CSVS:
        kind, body = CSV_TYPE, CSVS[route]
        if choose.random() < 0.7:
            body = mutate_bytes(choose, body)
    else:
        body = json.dumps(DOCUMENTS[route]).encode()
        if choose.random() < 0.8:
            body = mutate_json(choose, DOCUMENTS[route])
        if choose.random() < 0.2:
            body = mutate_bytes(choose, body)
    if choose.random() < 0.25:
        status, body = choose.choice(STATUSES), mutate_json(choose, ERROR)
    headers = [(choose.choice(HEADERS), choose.choice(ODD_TEXT)) for _ in range(choose.choice([0, 0, 0, 1, 2]))]
    if choose.random() < 0.1:
        body = gzip.compress(body)
        headers.append(("Content-Encoding", "gzip"))
        if choose.random() < 0.5:
            body = mutate_bytes(choose, body)
    length = choose.choice([-1] * 8 + [None, max(0, len(body) - 7)])
    reply = http(status, headers, body, kind=kind if choose.random() < 0.9 else None, length=length)
    return mutate_bytes(choose, reply[:300]) + reply[300:] if choose.random() < 0.1 else reply


def success(route: str) -> int:
    return 201 if route == f"POST {REPORTS}" else 200


def good(route: str) -> bytes:
    if route in CSVS:
        return http(200, body=CSVS[route], kind=CSV_TYPE)
    return http(success(route), body=json.dumps(DOCUMENTS[route]).encode(), kind=JSON_TYPE)


class Fuzzed(RawServer):
    """Sends one mutated reply, for the first request that the case strikes, and good ones otherwise."""

    def __init__(self) -> None:
        super().__init__(default=self._reply)
        self.choose = random.Random(0)  # noqa: S311 - chooses test data
        self.struck = ""
        self.sent = b""

    def strike(self, choose: random.Random, route: str) -> None:
        """Begin a case."""
        self.choose, self.struck, self.sent = choose, route, b""

    def _reply(self, connection: Connection) -> None:
        route = connection.request.route
        if route == self.struck or route not in DOCUMENTS.keys() | CSVS.keys():
            self.sent = mutated(self.choose, self.struck)
            connection.send(self.sent)
            connection.close()
        connection.send(good(route))


def use(value: Any) -> None:
    """What a program does with what it got."""
    for each in value if isinstance(value, list) else [value]:
        repr(each)
        if isinstance(each, bytes):
            for line in ai.read_csv(each):
                repr(line)
        elif hasattr(each, "to_dict"):
            each.to_dict()
        if isinstance(each, ai.BillingInvoice):
            ai.owed(each)
            repr(ai.reconcile(GOOD, each))


# The server hangs up after a mutated reply, so what follows may take another try.
POLICY = ai.RetryPolicy(max_retries=2, base=0, max_wait=0)
Call = Callable[["Twin", Path], Any]
CALLS: dict[str, list[Call]] = {
    f"GET {BASE}": [lambda atlas, _: atlas.call("list_invoices", ORG, linked=True)],
    f"GET {BASE}/pending": [lambda atlas, _: atlas.call("list_pending_invoices", ORG)],
    f"GET {BASE}/{INVOICE}": [lambda atlas, _: atlas.call("get_invoice", ORG, INVOICE)],
    "GET /api/atlas/v2/orgs": [lambda atlas, _: atlas.call("list_organizations")],
    "POST /api/oauth/token": [lambda atlas, _: atlas.call("list_organizations")],
    f"GET {BASE}/{INVOICE}/csv": [
        lambda atlas, _: atlas.call("get_invoice_csv", ORG, INVOICE),
        lambda atlas, _: atlas.call("get_invoice_csv", ORG, INVOICE, envelope=True),
        lambda atlas, _: b"".join(atlas.read(ORG, INVOICE)),
        lambda atlas, path: atlas.call("download_invoice_csv", ORG, INVOICE, path),
    ],
    f"POST {REPORTS}": [lambda atlas, _: atlas.call("create_invoice_report", ORG, INVOICE)],
    f"GET {REPORTS}": [
        lambda atlas, _: atlas.call("list_invoice_reports", ORG, INVOICE),
        lambda atlas, path: atlas.call("download_invoice_report", ORG, INVOICE, path, max_wait=0),
    ],
    f"GET {REPORTS}/{OTHER}": [
        lambda atlas, _: atlas.call("get_invoice_report", ORG, INVOICE, OTHER),
        lambda atlas, path: atlas.call("download_invoice_report", ORG, INVOICE, path, max_wait=0),
    ],
    f"GET /api/atlas/v2/orgs/{ORG}/associatedInvoices": [
        lambda atlas, _: atlas.call("list_associated_invoices", ORG, year=2024, month=6)
    ],
    "GET /api/atlas/v2/skus": [lambda atlas, _: atlas.call("list_skus")],
}


@both
def test_mutated_replies_raise_only_our_errors(kind: Kind, tmp_path: Path) -> None:
    """One case in ten is a whole sync, in which the reply is the failure of one invoice or of the listing."""
    with Fuzzed() as server:
        for number, choose in cases(300):
            route = choose.choice(list(CALLS))
            server.strike(choose, route)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    if choose.random() < 0.1:
                        check_sync(kind, server, tmp_path / str(number))
                    else:
                        check_call(kind, server, choose.choice(CALLS[route]), choose, tmp_path / "june.csv")
            except Exception as error:
                raise AssertionError(f"case {number} ({route}): {error!r} after {server.sent[:2000]!r}") from error


def check_call(kind: Kind, server: Fuzzed, call: Call, choose: random.Random, path: Path) -> None:
    """The call, and after it another one with the same client: whatever came must not have broken it."""
    auths: dict[str, Callable[[], Any]] = {
        "POST /api/oauth/token": lambda: ai.ServiceAccountAuth("mdb_sa_id_scripted", "mdb_sa_sk_canary"),
        "GET /api/atlas/v2/orgs": lambda: ai.DigestAuth("abcdefgh", "private-canary"),
    }
    auth = auths.get(server.struck, lambda: ai.AccessTokenAuth(TOKEN))() if choose.random() < 0.9 else None
    with client(kind, server, auth, timeout=2.0, retry_policy=POLICY) as atlas:
        try:
            use(call(atlas, path))
        except (ai.AtlasError, OSError) as error:
            assert "canary" not in str(error)  # noqa: PT017 - whatever it is, it shows no secret
            pickle.dumps(error)
        server.struck = ""
        assert atlas.call("get_invoice_csv", ORG, INVOICE) == GOOD


def check_sync(kind: Kind, server: Fuzzed, folder: Path) -> None:
    try:
        report = sync(kind, server, folder, retry_policy=POLICY)
    except (ai.AtlasError, OSError):
        assert server.struck == f"GET {BASE}", "only the listing's failure is the whole run's"
        return
    assert {each.id for each in report.failed} <= {INVOICE} or server.struck == f"GET {BASE}"
    assert all(isinstance(each.error, (ai.AtlasError, OSError)) for each in report.failed)
