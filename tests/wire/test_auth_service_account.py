"""Service accounts and access tokens on a real socket: one token for all, renewed, refused, and never let out."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import pytest

from atlas_invoices import AccessTokenAuth, ServiceAccountAuth, TokenError
from atlas_invoices._auth import TokenHTTP, for_client, parse_base_url
from auth_server import CLIENT_ID, CLIENT_SECRET, LIMITS, TLS, AuthServer, Get, both, get

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def server() -> Iterator[AuthServer]:
    with AuthServer() as running:
        running.accept = {"bearer"}
        yield running


def auth() -> ServiceAccountAuth:
    return ServiceAccountAuth(CLIENT_ID, CLIENT_SECRET)


@both
def test_one_token_for_many_requests(server: AuthServer, get: Get) -> None:
    account = auth()
    for _ in range(3):
        response = get(account, server.url)
        assert response.status_code == 200
        assert response.history == []
    assert server.token_requests == 1


def test_a_crowd_that_starts_at_once_makes_one_token_request(server: AuthServer) -> None:
    server.token_delay = 0.2
    account = auth()
    barrier = threading.Barrier(33)

    def worker(client: httpx.Client) -> int:
        barrier.wait()
        return client.get(server.url).status_code

    async def loop() -> list[int]:
        async with httpx.AsyncClient(verify=TLS, auth=account, limits=LIMITS, timeout=30) as client:
            await asyncio.to_thread(barrier.wait)
            return [r.status_code for r in await asyncio.gather(*(client.get(server.url) for _ in range(64)))]

    with httpx.Client(verify=TLS, auth=account, limits=LIMITS, timeout=30) as client, ThreadPoolExecutor(32) as pool:
        asked = [pool.submit(worker, client) for _ in range(32)]
        answers = asyncio.run(loop()) + [future.result() for future in asked]
    assert answers == [200] * 96
    assert server.token_requests == 1


@both
def test_a_refused_token_is_replaced_once(server: AuthServer, get: Get) -> None:
    account = auth()
    get(account, server.url)
    server.revoked.add("token-canary-1")
    server.challenge_body = b"x" * 1_000_000
    response = get(account, server.url)
    assert response.status_code == 200
    assert [len(earlier.content) for earlier in response.history] == [0], "a refusal isn't taken in"
    assert server.token_requests == 2
    assert get(account, server.url).status_code == 200
    assert server.token_requests == 2


def test_when_every_token_is_refused_the_401_is_returned(server: AuthServer) -> None:
    server.accept, server.token_reply = set(), bearer
    response = get(auth(), server.url)
    assert response.status_code == 401
    assert response.json() == {"error": 401}
    assert server.token_requests == 2


def bearer(token: str) -> tuple[int, dict[str, str], bytes]:
    return 200, {}, b'{"access_token": "%s", "expires_in": 3600, "token_type": "Bearer"}' % token.encode()


def test_a_crowd_whose_token_is_refused_makes_one_more(server: AuthServer) -> None:
    account = auth()
    with httpx.Client(verify=TLS, auth=account, limits=LIMITS, timeout=30) as client, ThreadPoolExecutor(32) as pool:
        client.get(server.url)
        server.revoked.add("token-canary-1")
        server.delay = server.token_delay = 0.1
        assert set(pool.map(lambda _: client.get(server.url).status_code, range(32))) == {200}
    assert server.token_requests == 2


@both
def test_the_token_endpoints_redirect_is_not_followed(server: AuthServer, get: Get) -> None:
    with AuthServer() as elsewhere:
        server.token_reply = lambda _: (307, {"Location": f"{elsewhere.url}/api/oauth/token"}, b"")
        with pytest.raises(TokenError, match="credentials never follow a redirect") as caught:
            get(auth(), server.url)
        assert elsewhere.requests == []
    assert caught.value.status_code == 307


def test_wrong_credentials(server: AuthServer) -> None:
    with pytest.raises(TokenError, match="ID or secret was refused") as caught:
        get(ServiceAccountAuth(CLIENT_ID, "wrong"), server.url)
    assert caught.value.status_code == 401
    assert len(server.requests) == 1


def test_a_broken_connection_is_an_httpx_error_and_the_next_request_tries_again(server: AuthServer) -> None:
    good = server.token_reply
    server.token_reply = lambda _: (200, {"Content-Length": "1000"}, b'{"access_token": "')
    server.close_after_reply = True
    account = auth()
    with pytest.raises(httpx.RemoteProtocolError):
        get(account, server.url)
    server.token_reply, server.close_after_reply = good, False
    assert get(account, server.url).status_code == 200


def test_a_client_with_its_own_transport_and_path(server: AuthServer) -> None:
    seen: list[str] = []

    class Transport(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            seen.append(request.url.path)
            url = request.url.copy_with(path=request.url.path.removeprefix("/atlas"))
            headers, stream = request.headers, request.stream
            return super().handle_request(httpx.Request(request.method, url, headers=headers, stream=stream))

        def __exit__(self, *_: object) -> None:
            seen.append("closed")
            super().__exit__()

    account = auth()
    transport = Transport(limits=httpx.Limits(max_connections=1))
    base_url = parse_base_url(f"{server.url}/atlas")
    view = for_client(account, base_url=base_url, http=TokenHTTP(transport=transport))
    with httpx.Client(verify=TLS, auth=view, transport=transport, timeout=5) as client:
        assert client.get(f"{server.url}/atlas/x").status_code == 200
        server.revoked.add("token-canary-1")
        assert client.get(f"{server.url}/atlas/x").status_code == 200
    token, path = "/atlas/api/oauth/token", "/atlas/x"
    assert seen == [token, path, path, token, path, "closed"], "closed by the client it was made for"
    # The token is the account's, not the client's.
    assert get(account, server.url).status_code == 200
    assert server.token_requests == 2


def test_a_shared_transport_with_one_connection_does_not_block_itself(server: AuthServer) -> None:
    closed: list[bool] = []

    class Transport(httpx.AsyncHTTPTransport):
        async def __aexit__(self, *_: object) -> None:
            closed.append(True)
            await super().__aexit__()

    async def main() -> None:
        transport = Transport(limits=httpx.Limits(max_connections=1))
        view = for_client(auth(), base_url=parse_base_url(server.url), http=TokenHTTP(transport=transport))
        async with httpx.AsyncClient(verify=TLS, auth=view, transport=transport, timeout=3) as client:
            assert (await client.get(server.url)).status_code == 200
            server.revoked.add("token-canary-1")
            answers = await asyncio.gather(*(client.get(server.url) for _ in range(8)))
            assert not closed
        assert [answer.status_code for answer in answers] == [200] * 8

    asyncio.run(main())
    assert closed == [True]
    assert server.token_requests == 2


def test_a_ready_made_token(server: AuthServer) -> None:
    get(auth(), server.url)
    assert get(AccessTokenAuth("token-canary-1"), server.url).status_code == 200
    assert get(AccessTokenAuth("another"), server.url).status_code == 401
    assert server.token_requests == 1
