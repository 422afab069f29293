"""The servers of the fault table: each works except for one reply."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import trustme
from attrs import field, frozen

import atlas_invoices as ai
from atlas_invoices.sandbox import Settings
from raw_server import RawServer, Script, http
from sandbox_http import auth_for
from wire_sandbox import WireSandbox

ORG = "5f7e1c0ad2b9a1e0c3d4b5a6"
INVOICE, OTHER = "666acb8787ba43606905dcae", "666acb8787ba43606905dcaf"
TOKEN = "canary-token-of-the-fault-table"


@frozen
class Document:
    """A route and its correct response."""

    name: str
    route: str
    kind: str
    body: bytes = field(repr=False)

    @property
    def good(self) -> bytes:
        """The response's bytes."""
        return http(200, body=self.body, kind=self.kind)


_INVOICES = f"GET /api/atlas/v2/orgs/{ORG}/invoices"
_CSV_TYPE, _JSON_TYPE = "application/vnd.atlas.2023-01-01+csv", "application/vnd.atlas.2023-01-01+json"


def _csv(invoice: str) -> Document:
    body = (
        f'Invoice Number,{invoice},\nBilling Period,"June 1, 2024 - July 1, 2024",\n\n'
        "Date,Usage Date,Description,SKU,Unit Price,Quantity,Amount\n"
        + "07/01/2024,06/03/2024,größer,Atlas M10 Instance - AWS,0.08,72,5.76\n"
        * 50
    )
    return Document("csv", f"{_INVOICES}/{invoice}/csv", _CSV_TYPE, body.encode())


def _fields(invoice: str) -> dict[str, object]:
    return {"id": invoice, "orgId": ORG, "statusName": "PAID", "amountBilledCents": 576}


def _json(invoice: str) -> Document:
    body = {**_fields(invoice), "lineItems": [], "payments": [], "refunds": []}
    return Document("json", f"{_INVOICES}/{invoice}", _JSON_TYPE, json.dumps(body).encode())


CSV, JSON = _csv(INVOICE), _json(INVOICE)
PAGE = Document(
    "page",
    _INVOICES,
    _JSON_TYPE,
    json.dumps({"links": [], "results": [_fields(INVOICE), _fields(OTHER)], "totalCount": 2}).encode(),
)
DOCUMENTS = (PAGE, CSV, JSON, _csv(OTHER), _json(OTHER))


@frozen
class Scene:
    """How to reach a server with a fault, and its correct data."""

    base_url: str
    auth: Callable[[], httpx.Auth]
    tries: Callable[[], int]
    """The number of requests for the affected document so far."""
    verify: ssl.SSLContext
    org: str = ORG
    invoice: str = INVOICE
    invoices: tuple[str, ...] = (INVOICE, OTHER)
    csv_of: Callable[[str], bytes] = lambda invoice: _csv(invoice).body
    starts: Mapping[str, date] = field(factory=dict)
    """The first days that the listing has."""
    timeout: float = 5.0
    proxy: str | None = None
    strikes_all: bool = False
    """Whether the fault affects every request, not only one document."""
    mend: Callable[[], object] = lambda: None
    """Remove the fault, if it affects only one document."""

    def name_of(self, invoice: str, kind: str) -> str:
        """The name of an invoice's file in a folder of sync."""
        start = self.starts.get(invoice)
        return f"{start:%Y-%m}-{invoice}.{kind}" if start else f"{invoice}.{kind}"

    @property
    def csv(self) -> bytes:
        """The correct CSV of `invoice`."""
        return self.csv_of(self.invoice)


class Bench:
    """What all scenes share because it is slow to set up: certificates, a sandbox, and a host nobody may contact."""

    def __init__(self, sandbox: WireSandbox, elsewhere: RawServer) -> None:
        self.sandbox = sandbox
        self.elsewhere = elsewhere
        authority = trustme.CA()
        self.trusting = _client_tls()
        authority.configure_trust(self.trusting)
        self.good_tls = _server_tls(authority.issue_cert("127.0.0.1"))
        self.other_name_tls = _server_tls(authority.issue_cert("atlas.example"))
        self.untrusted_tls = _server_tls(trustme.CA().issue_cert("127.0.0.1"))
        now, day = datetime.now(UTC), timedelta(days=1)
        self.expired_tls = _server_tls(authority.issue_cert("127.0.0.1", not_before=now - 2 * day, not_after=now - day))
        self.future_tls = _server_tls(authority.issue_cert("127.0.0.1", not_before=now + day, not_after=now + 2 * day))


@contextmanager
def bench() -> Iterator[Bench]:
    """Set up a bench."""
    with WireSandbox(Settings(typical_lines=20, months=3)) as sandbox, RawServer() as elsewhere:
        yield Bench(sandbox, elsewhere)


Stage = Callable[[Bench, Document], AbstractContextManager[Scene]]


def _client_tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _server_tls(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def scripted(
    script: Callable[[Document], Script | list[Script]], *, tls: str | None = None, timeout: float = 5.0
) -> Stage:
    """A server that uses the script for one document and sends the others correctly.

    `tls` is the name of the bench's TLS context.
    """

    @contextmanager
    def stage(bench: Bench, struck: Document) -> Iterator[Scene]:
        routes: dict[str, Any] = {document.route: _sender(document.good) for document in DOCUMENTS}
        routes[struck.route] = script(struck)
        with RawServer(routes, tls=getattr(bench, tls) if tls else None) as server:
            yield Scene(
                server.url,
                _token,
                lambda: server.count(struck.route),
                bench.trusting,
                timeout=timeout,
                mend=lambda: server.mend(struck.route, _sender(struck.good)),
            )

    return stage


def on_accept(script: Script, *, tls: str | None = None, timeout: float = 5.0, https: bool = False) -> Stage:
    """A server that fails before it reads a request; its tries are connections."""

    @contextmanager
    def stage(bench: Bench, _struck: Document) -> Iterator[Scene]:
        with RawServer(on_accept=script, tls=getattr(bench, tls) if tls else None) as server:
            url = server.url.replace("http:", "https:") if https else server.url
            yield Scene(url, _token, lambda: server.accepted, bench.trusting, timeout=timeout, strikes_all=True)

    return stage


def proxied(script: Script) -> Stage:
    """A proxy that uses the script for each CONNECT; its tries are these."""

    @contextmanager
    def stage(bench: Bench, _struck: Document) -> Iterator[Scene]:
        connect = "CONNECT atlas.example:443"
        with RawServer({connect: script}) as proxy:
            url = "https://atlas.example"
            yield Scene(url, _token, lambda: proxy.count(connect), bench.trusting, proxy=proxy.url, strikes_all=True)

    return stage


@contextmanager
def refused(bench: Bench, _struck: Document) -> Iterator[Scene]:
    """A port without a listener."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        yield Scene(url, _token, lambda: 2, bench.trusting, strikes_all=True)


@contextmanager
def full_backlog(bench: Bench, _struck: Document) -> Iterator[Scene]:
    """A listener whose queue is full, so that the system ignores new connections."""
    waiting = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        try:
            for _ in range(4):
                other = socket.socket()
                waiting.append(other)
                other.setblocking(False)
                other.connect_ex(listener.getsockname())
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            yield Scene(url, _token, lambda: 2, bench.trusting, timeout=0.15, strikes_all=True)
        finally:
            for other in waiting:
                other.close()


def sandboxed(arrange: Callable[[WireSandbox, str], None], auth: str, *, strikes_all: bool = False) -> Stage:
    """The sandbox with the fault that `arrange` plans for a path's ending; `auth` is as in `auth_for`."""

    @contextmanager
    def stage(bench: Bench, struck: Document) -> Iterator[Scene]:
        sandbox = bench.sandbox
        invoice = sandbox.invoices[1].id
        suffix = {CSV.name: f"/{invoice}/csv", JSON.name: f"/{invoice}", PAGE.name: "/invoices"}[struck.name]

        def mend() -> None:
            sandbox.clear_faults()
            sandbox.age_nonces(0)

        sandbox.clear_requests()
        broken_before = sandbox.broken_challenges
        arrange(sandbox, suffix)
        try:
            yield Scene(
                sandbox.base_url,
                lambda: auth_for(sandbox, auth),
                lambda: (
                    sum(r.path.endswith(suffix) and r.status != 401 for r in sandbox.requests)
                    + sandbox.broken_challenges
                    - broken_before
                ),
                bench.trusting,
                org=sandbox.org_id,
                invoice=invoice,
                invoices=tuple(i.id for i in sandbox.invoices),
                csv_of=sandbox.csv_bytes,
                starts={i.id: i.start for i in sandbox.invoices},
                strikes_all=strikes_all,
                mend=mend,
            )
        finally:
            mend()

    return stage


def token_endpoint(reply: Script) -> Stage:
    """A server with this token endpoint and no documents; its tries are token requests."""

    @contextmanager
    def stage(bench: Bench, _struck: Document) -> Iterator[Scene]:
        with RawServer({"POST /api/oauth/token": reply}) as server:
            yield Scene(
                server.url,
                lambda: ai.ServiceAccountAuth("mdb_sa_id_of_a_fault", "canary-secret-of-the-fault-table"),
                lambda: server.count("POST /api/oauth/token"),
                bench.trusting,
                strikes_all=True,
            )

    return stage


def _token() -> httpx.Auth:
    return ai.AccessTokenAuth(TOKEN)


def _sender(reply: bytes) -> Script:
    return lambda connection: connection.send(reply)
