"""Where a client connects: base URLs, TLS, proxies, transports, redirects; and where it never does."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

import atlas_invoices as ai
from atlas_invoices.sandbox import Sandbox, Settings
from atlas_invoices_client import Client as GeneratedClient
from atlas_invoices_client.api.invoices import get_invoice_csv
from client_twin import Kind, twin
from raw_server import Connection, RawServer, http, replies
from scripted_atlas import invoice_csv

ORG, INVOICE = "0" * 24, "1" * 24
CSV = invoice_csv(INVOICE)
PATH = f"/api/atlas/v2/orgs/{ORG}/invoices/{INVOICE}/csv"
GOOD = http(200, body=CSV, kind="application/vnd.atlas.2023-01-01+csv")
TOKEN_REPLY = http(
    200, body=b'{"access_token": "abc", "expires_in": 3600, "token_type": "Bearer"}', kind="application/json"
)
ROUTES = {f"GET {PATH}": replies(GOOD), "POST /api/oauth/token": replies(TOKEN_REPLY)}
ACCOUNT = ("mdb_sa_id_1", "mdb_sa_sk_1")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def bundle(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


@pytest.mark.parametrize(("kind", "as_path"), [("sync", False), ("sync", True), ("async", False)])
def test_a_ca_bundle_is_trusted_for_tokens_too(kind: Kind, tls: ssl.SSLContext, bundle: Path, as_path: bool) -> None:
    with (
        RawServer(ROUTES, tls=tls) as server,
        twin(
            kind, ai.ServiceAccountAuth(*ACCOUNT), base_url=server.url, verify=bundle if as_path else str(bundle)
        ) as atlas,
    ):
        assert atlas.call("get_invoice_csv", ORG, INVOICE) == CSV
        assert [r.route for r in server.requests] == ["POST /api/oauth/token", f"GET {PATH}"]


@pytest.mark.parametrize("make", [lambda: ai.AccessTokenAuth("t"), lambda: ai.ServiceAccountAuth(*ACCOUNT)])
def test_an_untrusted_certificate_raises_at_once(
    kind: Kind, tls: ssl.SSLContext, make: Callable[[], httpx.Auth]
) -> None:
    with (
        RawServer(tls=tls) as server,
        twin(kind, make(), base_url=server.url) as atlas,
    ):
        with pytest.raises(ai.APIConnectionError, match=r"certificate isn't trusted.*SSL_CERT_FILE") as caught:
            atlas.call("get_invoice_csv", ORG, INVOICE)
        assert not caught.value.transient
        assert server.accepted == 1


def test_the_usual_variable_names_a_bundle(tls: ssl.SSLContext, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    with RawServer(ROUTES, tls=tls) as server, twin("sync", ai.AccessTokenAuth("t"), base_url=server.url) as atlas:
        assert atlas.call("get_invoice_csv", ORG, INVOICE) == CSV


@pytest.mark.parametrize("content", [None, b"", b"nonsense"])
def test_an_invalid_bundle_raises(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "bundle.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ai.ConfigError, match="CA bundle"), twin("sync", ai.AccessTokenAuth("t"), verify=str(path)):
        pass


@pytest.mark.parametrize(
    "url",
    [
        "http://cloud.mongodb.com",
        "cloud.mongodb.com",
        "",
        "https://",
        "ftp://127.0.0.1",
        "https://name:pass@cloud.mongodb.com",
        "https://cloud.mongodb.com/?a=b",
        "https://cloud.mongodb.com/#a",
        "https://cloud.mongodb.com\n",
        "http://127.0.0.1.example",
    ],
)
def test_an_invalid_base_url_raises(url: str) -> None:
    with pytest.raises(ai.ConfigError, match="base URL"), twin("sync", ai.AccessTokenAuth("t"), base_url=url):
        pass


def test_a_base_url_may_have_a_path() -> None:
    routes = {f"GET /proxy/atlas{PATH}": replies(GOOD), "POST /proxy/atlas/api/oauth/token": replies(TOKEN_REPLY)}
    with (
        RawServer(routes) as server,
        twin("sync", ai.ServiceAccountAuth(*ACCOUNT), base_url=f"{server.url}/proxy/atlas/") as atlas,
    ):
        assert atlas.call("get_invoice_csv", ORG, INVOICE) == CSV
        assert atlas.client.base_url == f"{server.url}/proxy/atlas"


@pytest.mark.parametrize(
    "settings",
    [
        {"timeout": 0},
        {"timeout": -1},
        {"max_retries": -1},
        {"user_agent": "a\r\nX: y"},
        {"user_agent": "ü"},
        {"proxy": "nonsense"},
        {"proxy": "gopher://u:canary@h"},
        {"proxy": "u:canary@h:1"},
    ],
)
def test_invalid_settings_raise(settings: dict[str, Any]) -> None:
    with pytest.raises(ai.ConfigError) as caught, twin("sync", ai.AccessTokenAuth("t"), **settings):
        pass
    assert "canary" not in str(caught.value)


def test_an_invalid_proxy_in_the_environment_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "gopher://user:canary@host:1")
    with pytest.raises(ai.ConfigError, match="HTTPS_PROXY") as caught, twin("sync", ai.AccessTokenAuth("t")):
        pass
    assert "canary" not in str(caught.value)


def forwarded(reply: bytes) -> Any:
    """A forwarding proxy's script: all plain-HTTP requests come with the whole URL."""
    return replies(reply)


def test_a_proxy_is_used_for_everything(kind: Kind) -> None:
    origin = "http://127.0.0.1:9"
    routes = {f"GET {origin}{PATH}": forwarded(GOOD), f"POST {origin}/api/oauth/token": forwarded(TOKEN_REPLY)}
    with (
        RawServer(routes) as proxy,
        twin(kind, ai.ServiceAccountAuth(*ACCOUNT), base_url=origin, proxy=proxy.url) as atlas,
    ):
        assert atlas.call("get_invoice_csv", ORG, INVOICE) == CSV
        assert len(proxy.requests) == 2


@pytest.mark.parametrize(
    ("no_proxy", "used"),
    [
        ("", True),
        ("atlas.example", False),
        ("ATLAS.example:443", False),
        ("atlas.example:8443", True),
        (".example", False),
        ("*.example", False),
        ("las.example", True),
        ("https://atlas.example", False),
        ("http://atlas.example", True),
        ("192.0.2.0/24,*", False),
    ],
)
def test_a_proxy_in_the_environment_is_used_for_tokens_too(
    no_proxy: str, used: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RawServer({"CONNECT atlas.example:443": replies(http(407))}) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", no_proxy)
        for auth in (ai.AccessTokenAuth("t"), ai.ServiceAccountAuth(*ACCOUNT)):
            settings: dict[str, Any] = {"base_url": "https://atlas.example", "max_retries": 0}
            with twin("sync", auth, **settings) as atlas, pytest.raises(ai.APIConnectionError):
                atlas.call("get_invoice_csv", ORG, INVOICE)
        assert len(proxy.requests) == (2 if used else 0)


@pytest.mark.parametrize(
    ("no_proxy", "used"),
    [
        ("192.0.2.0/24", False),
        ("192.0.3.0/24", True),
        ("2001:db8::/32", True),
        ("192.0.2.7:443", False),
        ("2001:db8::/32,192.0.2.7", False),
    ],
)
def test_networks_in_no_proxy_count(no_proxy: str, used: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """192.0.2.7 is an address that nobody has (RFC 5737)."""
    with RawServer({"CONNECT 192.0.2.7:443": replies(http(407))}) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", no_proxy)
        settings: dict[str, Any] = {"base_url": "https://192.0.2.7", "max_retries": 0, "timeout": 0.2}
        with twin("sync", ai.AccessTokenAuth("t"), **settings) as atlas, pytest.raises(ai.APIConnectionError):
            atlas.call("get_invoice_csv", ORG, INVOICE)
        assert len(proxy.requests) == used


@pytest.mark.parametrize("content", ["nothing", "a file", "certificates without their hashes"])
def test_a_folder_of_certificates_that_openssl_finds_none_in_is_named(
    content: str, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = {"nothing": bundle.parent / "nowhere", "a file": bundle}.get(content, bundle.parent)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("SSL_CERT_DIR", str(folder))
    with pytest.raises(ai.ConfigError, match=r"SSL_CERT_DIR=.*rehash") as caught:
        ai.Client(ai.AccessTokenAuth("t"))
    assert str(folder) in str(caught.value)


def test_a_folder_of_certificates_is_trusted(
    tls: ssl.SSLContext, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(pem))
    subprocess.run(["openssl", "rehash", tmp_path], check=True)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    with RawServer(ROUTES, tls=tls) as server, ai.Client(ai.AccessTokenAuth("t"), base_url=server.url) as atlas:
        assert atlas.get_invoice_csv(ORG, INVOICE) == CSV


def test_a_proxy_that_refuses_raises_at_once_without_its_password(kind: Kind) -> None:
    with RawServer({"CONNECT cloud.mongodb.com:443": replies(http(407))}) as proxy:
        url = proxy.url.replace("//", "//user:canary@")
        with (
            twin(kind, ai.AccessTokenAuth("t"), proxy=url) as atlas,
            pytest.raises(ai.APIConnectionError, match="the proxy refused: 407") as caught,
        ):
            atlas.call("get_invoice_csv", ORG, INVOICE)
        assert "canary" not in str(caught.value)
        assert len(proxy.requests) == 1


class Counting(httpx.HTTPTransport):
    """A user's own transport."""

    used = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.used += 1
        return super().handle_request(request)


class AsyncCounting(httpx.AsyncHTTPTransport):
    """The same for asyncio."""

    used = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.used += 1
        return await super().handle_async_request(request)


def test_a_transport_of_the_users_is_used_for_everything(kind: Kind) -> None:
    transport = Counting() if kind == "sync" else AsyncCounting()
    with (
        RawServer(ROUTES) as server,
        twin(kind, ai.ServiceAccountAuth(*ACCOUNT), base_url=server.url, transport=transport) as atlas,
    ):
        assert atlas.call("get_invoice_csv", ORG, INVOICE) == CSV
        assert atlas.call("get_invoice_csv", ORG, INVOICE) == CSV
    assert transport.used == 3


@pytest.mark.parametrize(
    ("kind", "auth", "status"),
    [
        *[("sync", "token", status) for status in (301, 302, 303, 307, 308)],
        ("sync", "digest", 302),
        ("sync", "service", 307),
        ("async", "digest", 302),
        ("async", "service", 307),
    ],
)
def test_no_redirect_is_followed(kind: Kind, status: int, auth: str) -> None:
    made: httpx.Auth = {
        "digest": ai.DigestAuth("key", "private"),
        "service": ai.ServiceAccountAuth(*ACCOUNT),
        "token": ai.AccessTokenAuth("t"),
    }[auth]
    with RawServer() as other:
        redirect = http(status, [("Location", f"{other.url}{PATH}")])
        with (
            RawServer({**ROUTES, f"GET {PATH}": replies(redirect)}) as server,
            twin(kind, made, base_url=server.url) as atlas,
            pytest.raises(ai.UnexpectedResponseError, match="redirect"),
        ):
            atlas.call("get_invoice_csv", ORG, INVOICE)
        assert not other.accepted


@pytest.mark.parametrize(
    "make",
    [
        lambda url: ai.ServiceAccountAuth(*ACCOUNT, base_url=url),
        lambda url: ai.DigestAuth("key", "private", base_url=url),
        lambda url: ai.AccessTokenAuth("t", base_url=url),
    ],
)
def test_credentials_for_another_server_are_never_sent(make: Any) -> None:
    with RawServer() as theirs, RawServer() as other:
        with pytest.raises(ai.ConfigError, match="never sent"), twin("sync", make(theirs.url), base_url=other.url):
            pass
        auth = make(theirs.url)
        with httpx.Client(auth=auth) as client, pytest.raises(ai.ConfigError, match="never sent"):
            client.get(f"{other.url}/")
        assert not theirs.accepted
        assert not other.accepted


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Settings(months=2, typical_lines=5)) as running:
        yield running


@pytest.mark.parametrize("auth", ["digest", "service"])
def test_the_generated_client_works_with_our_credentials(sandbox: Sandbox, auth: str) -> None:
    made: httpx.Auth = (
        ai.DigestAuth(sandbox.public_key, sandbox.private_key)
        if auth == "digest"
        else ai.ServiceAccountAuth(sandbox.client_id, sandbox.client_secret)
    )
    invoice = sandbox.invoices[1].id
    with GeneratedClient(base_url=sandbox.base_url, httpx_args={"auth": made}) as client:
        reply = get_invoice_csv.sync_detailed(sandbox.org_id, invoice, client=client)
        assert reply.content == sandbox.csv_bytes(invoice)
        assert isinstance(reply.parsed, str)
        missing = get_invoice_csv.sync("0" * 24, "1" * 24, client=client)
        assert isinstance(missing, ai.ApiError)


def test_a_connection_that_ended_while_idle_is_no_trouble(kind: Kind) -> None:
    def script(connection: Connection) -> None:
        connection.send(GOOD)
        connection.close()

    with (
        RawServer({f"GET {PATH}": script}) as server,
        twin(kind, ai.AccessTokenAuth("t"), base_url=server.url) as atlas,
    ):
        for _ in range(3):
            assert atlas.call("get_invoice_csv", ORG, INVOICE) == CSV


def test_rubbish_beyond_a_reply_costs_its_connection_no_more(kind: Kind) -> None:
    with (
        RawServer({f"GET {PATH}": replies(GOOD + b"rubbish\r\n")}) as server,
        twin(kind, ai.AccessTokenAuth("t"), base_url=server.url, retry_policy=ai.RetryPolicy(base=0.001)) as atlas,
    ):
        for _ in range(3):
            assert atlas.call("get_invoice_csv", ORG, INVOICE) == CSV


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("list_organizations", ()),
        ("list_invoices", (ORG,)),
        ("list_pending_invoices", (ORG,)),
        ("get_invoice", (ORG, INVOICE)),
        ("get_invoice_csv", (ORG, INVOICE)),
        ("download_invoice_csv", (ORG, INVOICE, "june.csv")),
    ],
)
def test_a_closed_client_is_a_value_error(
    kind: Kind, method: str, arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with RawServer() as server, twin(kind, ai.AccessTokenAuth("t"), base_url=server.url) as atlas:
        atlas.close_client()
        with pytest.raises(ValueError, match="the client is closed; make a new one"):
            atlas.call(method, *arguments)
        with pytest.raises(ValueError, match="the client is closed; make a new one"):
            atlas.read(ORG, INVOICE)
        assert not server.accepted
    assert list(tmp_path.iterdir()) == []
