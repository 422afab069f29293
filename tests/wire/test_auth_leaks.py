"""Credentials stay with their server: redirects carry none, histories, logs, errors and tracebacks show none."""

from __future__ import annotations

import asyncio
import base64
import logging
import pickle
import socket
import traceback
from typing import TYPE_CHECKING

import httpx
import pytest

from atlas_invoices import AccessTokenAuth, DigestAuth, ServiceAccountAuth, TokenError
from atlas_invoices_client import Client
from auth_server import CLIENT_ID, CLIENT_SECRET, PRIVATE_KEY, PUBLIC_KEY, AuthServer, Get, Reply, both, get, get_async

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAKERS: dict[str, Callable[[], httpx.Auth]] = {
    "digest": lambda: DigestAuth(PUBLIC_KEY, PRIVATE_KEY),
    "service account": lambda: ServiceAccountAuth(CLIENT_ID, CLIENT_SECRET),
    "access token": lambda: AccessTokenAuth("token-canary-0"),
}
each_auth = pytest.mark.parametrize("name", MAKERS)


@pytest.fixture
def server() -> Iterator[AuthServer]:
    with AuthServer() as running:
        yield running


@pytest.mark.parametrize(("name", "get"), [("digest", get), ("service account", get_async), ("access token", get)])
def test_another_host_gets_no_credentials_and_no_answer_to_its_challenge(
    server: AuthServer, name: str, get: Get
) -> None:
    auth = MAKERS[name]()
    with AuthServer() as elsewhere:
        server.redirects["/away"] = f"{elsewhere.url}/x"
        for _ in range(2):
            assert get(auth, f"{server.url}/away", follow_redirects=True).status_code == 401
        assert len(elsewhere.requests) == 2
        assert not [request for request in elsewhere.requests if "authorization" in request.headers]
        # It stays bound to the first one.
        server.redirects.clear()
        assert get(auth, server.url).status_code == (401 if name == "access token" else 200)


def test_a_redirect_within_the_server_is_signed(server: AuthServer) -> None:
    server.redirects["/old"] = "/new"
    auth = MAKERS["digest"]()
    for _ in range(2):
        assert get(auth, f"{server.url}/old", follow_redirects=True).json() == {"path": "/new"}


@both
def test_no_history_holds_a_token(server: AuthServer, get: Get) -> None:
    server.accept = {"bearer"}
    auth = MAKERS["service account"]()
    get(auth, server.url)
    server.revoked.add("token-canary-1")
    response = get(auth, server.url)
    assert [earlier.request.url.path for earlier in response.history] == ["/"]
    assert "canary" not in repr([vars(earlier) for earlier in response.history])


def everything_shown(error: BaseException) -> str:
    """What a crash reporter would send: message, chain, and the locals of every frame that isn't the test's."""
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    texts: list[str] = []
    seen: traceback.TracebackException | None = shown
    while seen is not None:
        texts.append(str(seen))
        texts += [str(frame.locals) for frame in seen.stack if "/tests/" not in frame.filename]
        seen = seen.__cause__ or seen.__context__
    return "\n".join(texts)


def cut_reply(token: str) -> Reply:
    return 200, {"Content-Length": "999"}, f'{{"access_token": "{token}"'.encode()


def wrong_type(token: str) -> Reply:
    return 200, {}, f'{{"access_token": "{token}", "token_type": "x"}}'.encode()


def echo(_: str) -> Reply:
    return 400, {}, f'{{"error": "{CLIENT_SECRET} {CLIENT_ID}"}}'.encode()


@both
@pytest.mark.parametrize(
    ("name", "token_reply"),
    [*((name, None) for name in MAKERS), *(("service account", bad) for bad in (cut_reply, wrong_type, echo))],
)
def test_logs_and_errors_show_nothing(
    server: AuthServer,
    get: Get,
    name: str,
    token_reply: Callable[[str], Reply] | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    auth = MAKERS[name]()
    assert get(auth, server.url).status_code in {200, 401}
    server.close_after_reply = True
    server.revoked.add("token-canary-1")
    server.token_reply = token_reply
    server.redirects["/gone"] = "http://127.0.0.1:9/"
    shown = ""
    for path in ("/", "/gone"):
        try:
            get(auth, f"{server.url}{path}", follow_redirects=True)
        except (httpx.HTTPError, TokenError) as error:
            shown += everything_shown(error)
    assert shown
    assert "httpcore" in {record.name.partition(".")[0] for record in caplog.records}
    logged = "\n".join(f"{record.getMessage()} {record.args}" for record in caplog.records)
    for secret in (PRIVATE_KEY, CLIENT_SECRET, "token-canary", "Basic ", "Bearer token"):
        assert secret not in logged
        assert secret not in shown


@each_auth
def test_the_generated_client_alone(server: AuthServer, name: str) -> None:
    auth = MAKERS[name]()
    with Client(base_url=server.url, httpx_args={"auth": auth}) as client:
        assert client.get_httpx_client().get("/x").status_code == (401 if name == "access token" else 200)

    async def main() -> int:
        async with Client(base_url=server.url, httpx_args={"auth": auth}) as client:
            return (await client.get_async_httpx_client().get("/x")).status_code

    assert asyncio.run(main()) == (401 if name == "access token" else 200)


def test_a_pickled_failure_has_no_secret() -> None:
    # Process pools and task queues pickle what a task failed with.
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    with httpx.Client(auth=ServiceAccountAuth(CLIENT_ID, CLIENT_SECRET)) as client:
        with pytest.raises(httpx.ConnectError) as caught:
            client.get(url)
        assert "authorization" not in caught.value.request.headers
    secret = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode())
    pickled = pickle.dumps(caught.value)
    assert secret not in pickled
    assert CLIENT_SECRET.encode() not in pickled
