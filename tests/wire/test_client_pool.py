"""The connections that a client's threads share: how many, how long they are kept, and how they end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

import atlas_invoices as ai
from atlas_invoices._http import _transport
from raw_server import Connection, RawServer, http

ORGS = "GET /api/atlas/v2/orgs"
EMPTY = http(200, body=b'{"results":[],"totalCount":0,"links":[]}', kind="application/json")
THREADS = 8


@pytest.fixture
def meeting() -> threading.Barrier:
    """Where requests wait for each other, so that they are under way at the same time."""
    return threading.Barrier(THREADS, timeout=20)


@pytest.fixture
def server(meeting: threading.Barrier) -> Iterator[RawServer]:
    def answer(connection: Connection) -> None:
        if "name=together" in connection.request.target:
            meeting.wait()
        connection.send(EMPTY)

    with RawServer({ORGS: answer}) as running:
        yield running


def client(server: RawServer, **settings: object) -> ai.Client:
    return ai.Client(ai.AccessTokenAuth("t"), base_url=server.url, max_retries=0, **settings)  # type: ignore[arg-type]


def call(made: ai.Client, name: str = "alone") -> None:
    assert list(made.list_organizations(name=name)) == []


def together(made: ai.Client) -> None:
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda _: call(made, "together"), range(THREADS)))


def test_connections_are_used_again(server: RawServer) -> None:
    with client(server) as made:
        together(made)
        assert server.accepted == THREADS
        together(made)
        call(made)
        assert server.accepted == THREADS


def test_unused_connections_are_closed(server: RawServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with client(server) as made:
        together(made)
        monkeypatch.setattr(_transport, "_KEEPALIVE_SECONDS", -1.0)
        call(made)
        call(made)
        assert server.accepted == THREADS + 1


def test_a_broken_connection_takes_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_transport, "MAX_CONNECTIONS", 1)
    with RawServer({ORGS: [Connection.close, lambda connection: connection.send(EMPTY)]}) as server:  # noqa: SIM117 - the server outlives the client
        with client(server) as made:
            with pytest.raises(ai.APIConnectionError):
                call(made)
            call(made)
            call(made)
            assert server.accepted == 2


def test_no_more_connections_than_the_limit(server: RawServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_transport, "MAX_CONNECTIONS", 2)
    with client(server) as made, ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda _: call(made), range(5 * THREADS)))
        assert server.accepted <= 2


def test_a_wait_for_a_connection_ends_after_the_pool_timeout(
    server: RawServer, meeting: threading.Barrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_transport, "MAX_CONNECTIONS", THREADS - 1)
    with client(server, timeout=httpx.Timeout(10, pool=0.1)) as made, ThreadPoolExecutor(THREADS) as pool:
        waiting = [pool.submit(call, made, "together") for _ in range(THREADS)]
        errors = []
        while not errors:
            errors = [done.exception() for done in waiting if done.done()]
        assert isinstance(errors[0], ai.APITimeoutError)
        meeting.wait()  # for the one that wasn't sent
        assert sum(done.exception() is None for done in waiting) == THREADS - 1
