"""A canary in every secret, found nowhere: no log at any level, no error, chain, traceback or repr."""

from __future__ import annotations

import base64
import logging
import pickle
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import httpx
import pytest

import atlas_invoices as ai
from atlas_invoices._http import _rate_limit
from client_twin import Kind, twin
from raw_server import Connection, RawServer, Script, http, replies
from scripted_atlas import invoice_csv

ORG, INVOICE = "0" * 24, "1" * 24
PATH = f"/api/atlas/v2/orgs/{ORG}/invoices/{INVOICE}/csv"
PRIVATE, CLIENT_SECRET, ISSUED, GIVEN = "canary-private", "canary+secret/&", "canary-issued-token", "canary-given-token"
CLIENT_ID = "mdb_sa_id_1234567890"
BASIC = base64.b64encode(f"{quote_plus(CLIENT_ID)}:{quote_plus(CLIENT_SECRET)}".encode()).decode()
# What must not be seen: the secrets, and any Authorization header made of them.
HIDDEN = ("canary", BASIC, "Bearer ", "Basic ", "response=", "nc=0")
TOKEN_BODY = b'{"access_token": "canary-issued-token", "expires_in": 3600, "token_type": "Bearer"}'
TOKEN = http(200, body=TOKEN_BODY, kind="application/json")
GOOD = http(200, body=invoice_csv(INVOICE), kind="text/csv")
CHALLENGE = http(401, [("WWW-Authenticate", 'Digest realm="MMS Public API", nonce="n", qop="auth", algorithm=MD5')])
AUTHS: dict[str, Callable[[], httpx.Auth]] = {
    "digest": lambda: ai.DigestAuth("ABCDEFGH", PRIVATE),
    "service": lambda: ai.ServiceAccountAuth(CLIENT_ID, CLIENT_SECRET),
    "token": lambda: ai.AccessTokenAuth(GIVEN),
}


def cut(connection: Connection) -> None:
    connection.send(GOOD[:-5])
    connection.reset()


def cut_token(connection: Connection) -> None:
    connection.send(TOKEN[:-9])
    connection.reset()


def silent(connection: Connection) -> None:
    connection.send(GOOD[:-5])
    connection.hang()


def signed_only(script: Script) -> Script:
    """Challenge what isn't signed, so that the fault strikes requests with credentials."""

    def answer(connection: Connection) -> None:
        if "authorization" in connection.request.headers:
            script(connection)
        else:
            connection.send(CHALLENGE)

    return answer


SCRIPTS: dict[str, Script] = {
    "good": replies(GOOD)[0],
    "401": replies(http(401, body=b'{"detail": "no"}', kind="application/json"))[0],
    "403": replies(http(403))[0],
    "500": replies(http(500))[0],
    "429": replies(http(429))[0],
    "redirect": replies(http(302, [("Location", "https://203.0.113.1/")]))[0],
    "a bad redirect": replies(http(302, [("Location", "http://host:port/")]))[0],
    "a web page": replies(http(200, body=b"<html>", kind="text/html"))[0],
    "reset": Connection.reset,
    "hung up": Connection.close,
    "cut": cut,
    "silent": silent,
    "rubbish": replies(b"rubbish\r\n\r\n")[0],
}


@pytest.fixture
def seen(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], str]]:
    """Everything logged by anybody, down to the lowest level."""
    monkeypatch.setattr(_rate_limit, "_DEFAULT_PAUSE", 0.001)
    caplog.set_level(1)
    for name in ("httpx", "httpcore", "httpcore.http11", "httpcore.connection", "atlas_invoices", "asyncio"):
        caplog.set_level(1, logger=name)
    yield lambda: "\n".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    assert logging.getLogger("httpcore.http11").isEnabledFor(logging.DEBUG)


def shown(error: BaseException) -> str:
    """All that the error and its chain would show to somebody who looks, headers of requests included."""
    parts = ["".join(traceback.format_exception(error))]
    chain: list[BaseException] = [error]
    while chain:
        link = chain.pop()
        parts += [str(link), repr(link), repr(vars(link)), repr(link.args)]
        request = vars(link).get("_request")
        if isinstance(request, httpx.Request):
            parts += [repr(list(request.headers.raw)), str(request.url), repr(request.content)]
        chain += [other for other in (link.__cause__, link.__context__) if other is not None]
    return "\n".join(parts)


def hold(text: str) -> None:
    for secret in HIDDEN:
        assert secret not in text


@pytest.mark.parametrize("fault", SCRIPTS)
@pytest.mark.parametrize(("kind", "auth"), [*[("sync", auth) for auth in AUTHS], ("async", "service")])
def test_no_secret_is_seen_whatever_happens(
    kind: Kind, auth: str, fault: str, seen: Callable[[], str], tmp_path: Path
) -> None:
    script = signed_only(SCRIPTS[fault])
    policy = ai.RetryPolicy(max_retries=1, base=0.001)
    made = AUTHS[auth]()
    with (
        RawServer({f"GET {PATH}": script, "POST /api/oauth/token": replies(TOKEN)}) as server,
        twin(kind, made, base_url=server.url, retry_policy=policy, timeout=0.3) as atlas,
    ):
        try:
            atlas.call("download_invoice_csv", ORG, INVOICE, tmp_path / "x")
            assert fault == "good"
        except ai.AtlasError as error:
            assert fault != "good"
            hold(shown(error))
            hold(repr(pickle.dumps(error)))
        hold(repr(atlas.client) + repr(made) + str(vars(atlas.client)))
        assert any("authorization" in r.headers for r in server.requests)
    log = seen()
    assert "httpcore" in log
    hold(log)


TOKEN_FAULTS: dict[str, Script] = {
    "refused, with what was sent": lambda c: c.send(
        http(401, body=c.request.headers["authorization"].encode(), kind="text/plain")
    ),
    "refused, with the secret": replies(
        http(400, body=b'{"error": "canary+secret/& is wrong, canary%2Bsecret%2F%26 too"}', kind="application/json")
    )[0],
    "not JSON": replies(http(200, body=TOKEN_BODY[:-2]))[0],
    "another type": replies(http(200, body=TOKEN_BODY.replace(b"Bearer", b"Other")))[0],
    "reset": Connection.reset,
    "cut": cut_token,
    "redirect": replies(http(307, [("Location", "http://127.0.0.1:9/")]))[0],
}


@pytest.mark.parametrize("fault", TOKEN_FAULTS)
def test_no_secret_is_seen_when_there_is_no_token(kind: Kind, fault: str, seen: Callable[[], str]) -> None:
    policy = ai.RetryPolicy(max_retries=1, base=0.001)
    with (
        RawServer({"POST /api/oauth/token": TOKEN_FAULTS[fault]}) as server,
        twin(kind, AUTHS["service"](), base_url=server.url, retry_policy=policy) as atlas,
        pytest.raises(ai.AtlasError) as caught,
    ):
        atlas.call("get_invoice_csv", ORG, INVOICE)
    hold(shown(caught.value))
    hold(seen())


@pytest.mark.parametrize("auth", AUTHS)
def test_no_secret_is_seen_without_a_server(kind: Kind, auth: str, seen: Callable[[], str]) -> None:
    policy = ai.RetryPolicy(max_retries=1, base=0.001)
    with RawServer() as server:
        url = server.url
    with (
        twin(kind, AUTHS[auth](), base_url=url, retry_policy=policy) as atlas,
        pytest.raises(ai.APIConnectionError) as caught,
    ):
        atlas.call("get_invoice_csv", ORG, INVOICE)
    hold(shown(caught.value))
    hold(seen())


def test_a_proxys_password_is_not_seen(kind: Kind, seen: Callable[[], str]) -> None:
    policy = ai.RetryPolicy(max_retries=1, base=0.001)
    for script in (replies(http(407))[0], Connection.reset):
        with RawServer({"CONNECT cloud.mongodb.com:443": script}) as proxy:
            url = proxy.url.replace("//", "//user:canary-proxy@")
            settings: dict[str, Any] = {"proxy": url, "retry_policy": policy}
            with (
                twin(kind, AUTHS["service"](), **settings) as atlas,
                pytest.raises(ai.APIConnectionError) as caught,
            ):
                atlas.call("get_invoice_csv", ORG, INVOICE)
            hold(shown(caught.value))
            assert proxy.requests[0].headers["proxy-authorization"].startswith("Basic ")
            assert "authorization" not in proxy.requests[0].headers
    hold(seen().replace("Basic ", ""))
