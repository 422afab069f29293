"""The stage for each fault: a server that works, but for one reply, and what the client finds there."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

import trustme
from attrs import field, frozen

import atlas_invoices as ai
from atlas_invoices.sandbox import Settings
from raw_server import Connection, RawServer, Script, http
from wire_sandbox import WireSandbox

if TYPE_CHECKING:
    import httpx


ORG = "5f7e1c0ad2b9a1e0c3d4b5a6"
INVOICE, OTHER = "666acb8787ba43606905dcae", "666acb8787ba43606905dcaf"
TOKEN = "canary-token-of-the-fault-table"


@frozen
class Document:
    """What one route answers when all is well."""

    name: str
    route: str
    kind: str
    body: bytes = field(repr=False)

    @property
    def good(self) -> bytes:
        """The whole reply."""
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
    """Where a fault waits: how to reach it, and what a whole answer would be."""

    base_url: str
    auth: Callable[[], httpx.Auth]
    tries: Callable[[], int]
    """How often it was asked for what the fault strikes."""
    verify: ssl.SSLContext
    org: str = ORG
    invoice: str = INVOICE
    invoices: tuple[str, ...] = (INVOICE, OTHER)
    csv_of: Callable[[str], bytes] = lambda invoice: _csv(invoice).body
    timeout: float = 5.0
    strikes_all: bool = False
    """Whether it's no single document that the fault strikes, but whatever is asked for."""
    mend: Callable[[], object] = lambda: None
    """Have the server answer as it should; only where single documents are struck."""

    @property
    def csv(self) -> bytes:
        """The whole CSV that is asked for."""
        return self.csv_of(self.invoice)


class Bench:
    """What all scenes share, because it takes long to make: certificates, a sandbox, a host that must hear nothing."""

    def __init__(self, sandbox: WireSandbox, elsewhere: RawServer) -> None:
        """Make the certificates."""
        self.sandbox = sandbox
        self.elsewhere = elsewhere
        authority = trustme.CA()
        self.trusting = _client_tls()
        authority.configure_trust(self.trusting)
        self.good_tls = _server_tls(authority.issue_cert("127.0.0.1"))
        self.other_name_tls = _server_tls(authority.issue_cert("atlas.example"))
        self.untrusted_tls = _server_tls(trustme.CA().issue_cert("127.0.0.1"))


@contextmanager
def bench() -> Iterator[Bench]:
    """Set everything up once."""
    with WireSandbox(Settings(typical_lines=20, months=3)) as sandbox, RawServer() as elsewhere:
        yield Bench(sandbox, elsewhere)


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
) -> Callable[[Bench, Document], AbstractContextManager[Scene]]:
    """A server that follows the script for one document, and sends the others as they should be.

    `tls` names the bench's context.
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


def on_accept(
    script: Script, *, tls: str | None = None, timeout: float = 5.0, https: bool = False
) -> Callable[[Bench, Document], AbstractContextManager[Scene]]:
    """A server that goes wrong before it has read anything; its tries are connections."""

    @contextmanager
    def stage(bench: Bench, _struck: Document) -> Iterator[Scene]:
        with RawServer(on_accept=script, tls=getattr(bench, tls) if tls else None) as server:
            url = server.url.replace("http:", "https:") if https else server.url
            yield Scene(url, _token, lambda: server.accepted, bench.trusting, timeout=timeout, strikes_all=True)

    return stage


@contextmanager
def refused(bench: Bench, _struck: Document) -> Iterator[Scene]:
    """A port where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        yield Scene(url, _token, lambda: 2, bench.trusting, strikes_all=True)


@contextmanager
def full_backlog(bench: Bench, _struck: Document) -> Iterator[Scene]:
    """A port that listens, but whose queue is full: the system answers no more attempts."""
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


def sandboxed(
    arrange: Callable[[WireSandbox, str], None], auth: str, *, strikes_all: bool = False
) -> Callable[[Bench, Document], AbstractContextManager[Scene]]:
    """The sandbox, where `arrange` has planned something for the path that ends so; `auth` is "digest" or "service"."""

    @contextmanager
    def stage(bench: Bench, struck: Document) -> Iterator[Scene]:
        sandbox = bench.sandbox
        invoice = sandbox.invoices[1].id
        suffix = {CSV.name: f"/{invoice}/csv", JSON.name: f"/{invoice}", PAGE.name: "/invoices"}[struck.name]

        def credentials() -> httpx.Auth:
            if auth == "digest":
                return ai.DigestAuth(sandbox.public_key, sandbox.private_key)
            return ai.ServiceAccountAuth(sandbox.client_id, sandbox.client_secret)

        def mend() -> None:
            sandbox.clear_faults()
            sandbox.age_nonces(0)

        sandbox.clear_requests()
        broken_before = sandbox.broken_challenges
        arrange(sandbox, suffix)
        try:
            yield Scene(
                sandbox.base_url,
                credentials,
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
                strikes_all=strikes_all,
                mend=mend,
            )
        finally:
            mend()

    return stage


def token_endpoint(
    reply: Callable[[Connection], None],
) -> Callable[[Bench, Document], AbstractContextManager[Scene]]:
    """A server whose token endpoint answers so; its tries are token requests, and no document is ever asked for."""

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
