"""The stage for each fault: a server that works, but for one reply, and what the client finds there."""

from __future__ import annotations

import json
import socket
import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import trustme
from attrs import field, frozen

import atlas_invoices as ai
from atlas_invoices.sandbox import Sandbox, Settings
from raw_server import Connection, RawServer, http

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    import httpx

    from raw_server import Script

ORG, INVOICE = "5f7e1c0ad2b9a1e0c3d4b5a6", "666acb8787ba43606905dcae"
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


CSV = Document(
    "csv",
    f"GET /api/atlas/v2/orgs/{ORG}/invoices/{INVOICE}/csv",
    "application/vnd.atlas.2023-01-01+csv",
    (
        f"Invoice Number,{INVOICE},\n"
        'Billing Period,"June 1, 2024 - July 1, 2024",\n\n'
        "Date,Usage Date,Description,SKU,Unit Price,Quantity,Amount\n"
        + "07/01/2024,06/03/2024,größer,Atlas M10 Instance - AWS,0.08,72,5.76\n"
        * 50
    ).encode(),
)
PAGE = Document(
    "page",
    f"GET /api/atlas/v2/orgs/{ORG}/invoices",
    "application/vnd.atlas.2023-01-01+json",
    json.dumps(
        {
            "links": [],
            "results": [{"id": INVOICE, "orgId": ORG, "statusName": "PAID", "amountBilledCents": 576}],
            "totalCount": 1,
        }
    ).encode(),
)
DOCUMENTS = (CSV, PAGE)


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
    csv: bytes = field(default=CSV.body, repr=False)
    invoices: tuple[str, ...] = (INVOICE,)
    timeout: float = 5.0


class Bench:
    """What all scenes share, because it takes long to make: certificates, a sandbox, a host that must hear nothing."""

    def __init__(self, sandbox: Sandbox, elsewhere: RawServer) -> None:
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
    with Sandbox(Settings(typical_lines=20, months=3)) as sandbox, RawServer() as elsewhere:
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
            yield Scene(server.url, _token, lambda: server.count(struck.route), bench.trusting, timeout=timeout)

    return stage


def on_accept(
    script: Script, *, tls: str | None = None, timeout: float = 5.0, https: bool = False
) -> Callable[[Bench, Document], AbstractContextManager[Scene]]:
    """A server that goes wrong before it has read anything; its tries are connections."""

    @contextmanager
    def stage(bench: Bench, _struck: Document) -> Iterator[Scene]:
        with RawServer(on_accept=script, tls=getattr(bench, tls) if tls else None) as server:
            url = server.url.replace("http:", "https:") if https else server.url
            yield Scene(url, _token, lambda: server.accepted, bench.trusting, timeout=timeout)

    return stage


@contextmanager
def refused(bench: Bench, _struck: Document) -> Iterator[Scene]:
    """A port where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield Scene(f"http://127.0.0.1:{taken.getsockname()[1]}", _token, lambda: 2, bench.trusting)


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
            yield Scene(
                f"http://127.0.0.1:{listener.getsockname()[1]}", _token, lambda: 2, bench.trusting, timeout=0.15
            )
        finally:
            for other in waiting:
                other.close()


def sandboxed(
    arrange: Callable[[Sandbox, str], None], auth: str
) -> Callable[[Bench, Document], AbstractContextManager[Scene]]:
    """The sandbox, where `arrange` has planned something for the path that ends so; `auth` is "digest" or "service"."""

    @contextmanager
    def stage(bench: Bench, struck: Document) -> Iterator[Scene]:
        sandbox = bench.sandbox
        invoice = sandbox.invoices[1].id
        suffix = f"/{invoice}/csv" if struck is CSV else "/invoices"

        def credentials() -> httpx.Auth:
            if auth == "digest":
                return ai.DigestAuth(sandbox.public_key, sandbox.private_key)
            return ai.ServiceAccountAuth(sandbox.client_id, sandbox.client_secret)

        sandbox.clear_requests()
        arrange(sandbox, suffix)
        try:
            yield Scene(
                sandbox.base_url,
                credentials,
                lambda: sum(r.path.endswith(suffix) and r.status != 401 for r in sandbox.requests),
                bench.trusting,
                org=sandbox.org_id,
                invoice=invoice,
                csv=sandbox.csv_bytes(invoice),
                invoices=tuple(i.id for i in sandbox.invoices),
            )
        finally:
            sandbox.faults.clear()
            sandbox.age_nonces(0)

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
            )

    return stage


def _token() -> httpx.Auth:
    return ai.AccessTokenAuth(TOKEN)


def _sender(reply: bytes) -> Script:
    return lambda connection: connection.send(reply)
