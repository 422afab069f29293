"""Digest on a real socket: few challenges, no nonce count twice, whatever runs at the same time."""

from __future__ import annotations

import asyncio
import functools
import operator
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import pytest

from atlas_invoices import DigestAuth
from auth_server import LIMITS, PRIVATE_KEY, PUBLIC_KEY, TLS, AuthServer, Get, both, get

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator


@pytest.fixture
def server() -> Iterator[AuthServer]:
    with AuthServer() as running:
        yield running


def auth() -> DigestAuth:
    return DigestAuth(PUBLIC_KEY, PRIVATE_KEY)


@both
def test_one_challenge_then_a_rising_count(server: AuthServer, get: Get) -> None:
    key = auth()
    for number in range(5):
        response = get(key, f"{server.url}/orgs?a={number}&b=%2C+%20é,x")
        assert response.status_code == 200
        assert len(response.history) == (number == 0)
    assert server.challenges == 1
    ((nonce, _), *_) = server.uses
    assert sorted(server.uses) == [(nonce, f"{count:08x}") for count in range(1, 6)]


async def many(ask: Callable[[], Awaitable[httpx.Response]], tasks: int, each: int) -> list[int]:
    async def worker() -> list[int]:
        return [(await ask()).status_code for _ in range(each)]

    return functools.reduce(operator.iadd, await asyncio.gather(*(worker() for _ in range(tasks))), [])


def crowd(key: httpx.Auth, url: str, threads: int, tasks: int, each: int) -> list[int]:
    """Make requests from many threads on one client and many tasks on another, all starting at once."""
    barrier = threading.Barrier(threads + 1)

    def worker(client: httpx.Client) -> list[int]:
        barrier.wait()
        return [client.get(url).status_code for _ in range(each)]

    async def loop() -> list[int]:
        async with httpx.AsyncClient(verify=TLS, auth=key, limits=LIMITS, timeout=30) as client:
            await asyncio.to_thread(barrier.wait)
            return await many(lambda: client.get(url), tasks, each)

    client = httpx.Client(verify=TLS, auth=key, limits=LIMITS, timeout=30)
    with client, ThreadPoolExecutor(threads) as pool:
        asked = [pool.submit(worker, client) for _ in range(threads)]
        return asyncio.run(loop()) + functools.reduce(operator.iadd, (future.result() for future in asked), [])


def test_a_crowd_that_starts_at_once_costs_one_challenge(server: AuthServer) -> None:
    server.delay = 0.05
    assert crowd(auth(), server.url, 32, 64, each=1) == [200] * 96
    assert server.challenges == 1
    assert set(server.uses.values()) == {1}


def test_challenges_do_not_grow_with_requests_when_nonces_age(server: AuthServer) -> None:
    server.uses_per_nonce = 50
    requests = 64 * 8
    assert crowd(auth(), server.url, 32, 32, each=8) == [200] * requests
    assert set(server.uses.values()) == {1}
    assert server.challenges < requests / 5


@both
def test_a_wrong_key_ends_after_one_signed_attempt(server: AuthServer, get: Get) -> None:
    key = DigestAuth(PUBLIC_KEY, "wrong")
    response = get(key, server.url)
    assert response.status_code == 401
    assert response.json() == {"error": 401}
    assert len(server.requests) == 2
    assert get(key, server.url).status_code == 401
    assert len(server.requests) == 4


def test_a_cancelled_leader_does_not_hold_up_the_others(server: AuthServer) -> None:
    server.delay = 0.3
    key = auth()

    async def main() -> list[int]:
        async with httpx.AsyncClient(verify=TLS, auth=key, limits=LIMITS) as client:
            leader = asyncio.create_task(client.get(server.url))
            await asyncio.sleep(0.1)
            others = [asyncio.create_task(client.get(server.url)) for _ in range(16)]
            await asyncio.sleep(0.05)
            leader.cancel()
            others[3].cancel()
            answers = await asyncio.gather(leader, *others, return_exceptions=True)
            return [getattr(answer, "status_code", -1) for answer in answers]

    assert sorted(asyncio.run(main())) == [-1, -1, *[200] * 15]
    assert server.challenges <= 2


def test_sync_and_async_in_one_thread_do_not_wait_for_each_other(server: AuthServer) -> None:
    key = auth()
    server.delay = 0.05

    async def main() -> None:
        async with httpx.AsyncClient(verify=TLS, auth=key) as client:
            leader = asyncio.create_task(client.get(server.url))
            await asyncio.sleep(0.02)
            assert get(key, server.url).status_code == 200  # Blocks the loop, and the leader with it.
            assert (await leader).status_code == 200

    asyncio.run(asyncio.wait_for(main(), 4))


def test_a_request_from_a_hook_of_the_first_request(server: AuthServer) -> None:
    key = auth()
    inner: list[int] = []

    def hook(_: httpx.Request) -> None:
        if not inner:
            inner.append(0)
            inner[0] = client.get(server.url).status_code

    with httpx.Client(verify=TLS, auth=key, event_hooks={"request": [hook]}) as client:
        assert client.get(server.url).status_code == 200
    assert inner == [200]


def test_one_connection_is_enough(server: AuthServer) -> None:
    server.uses_per_nonce = 2

    async def main() -> list[int]:
        limits = httpx.Limits(max_connections=1)
        async with httpx.AsyncClient(verify=TLS, auth=auth(), limits=limits, timeout=5) as client:
            return await many(lambda: client.get(server.url), tasks=8, each=4)

    assert asyncio.run(main()) == [200] * 32
    assert set(server.uses.values()) == {1}


def test_an_async_request_from_a_hook_of_the_first_request(server: AuthServer) -> None:
    key = auth()
    inner: list[int] = []

    async def main() -> int:
        async def hook(_: httpx.Request) -> None:
            if not inner:
                inner.append(0)
                inner[0] = (await client.get(server.url)).status_code

        async with httpx.AsyncClient(verify=TLS, auth=key, event_hooks={"request": [hook]}) as client:
            return (await client.get(server.url)).status_code

    assert asyncio.run(asyncio.wait_for(main(), 4)) == 200
    assert inner == [200]


def test_a_server_that_requires_rising_counts_refuses_no_request(server: AuthServer) -> None:
    server.counts_must_rise = True
    assert crowd(auth(), server.url, 16, 32, each=4) == [200] * 192
    assert set(server.uses.values()) == {1}


@both
def test_the_body_of_a_challenge_is_dropped(server: AuthServer, get: Get) -> None:
    server.challenge_body = b"x" * 3_000_000
    response = get(auth(), server.url)
    assert response.status_code == 200
    assert [len(earlier.content) for earlier in response.history] == [0]
