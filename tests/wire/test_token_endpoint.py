"""A hostile, silent or broken token endpoint costs bounded memory and time."""

from __future__ import annotations

import asyncio
import gzip
import socket
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

import atlas_invoices as ai
import token_process
from atlas_invoices import _config as _settings
from atlas_invoices._auth import TokenHTTP, for_client, parse_base_url
from atlas_invoices._errors import is_transient
from atlas_invoices._http._steps import run, run_async
from auth_server import get
from client_twin import Kind, twin
from raw_server import Connection, RawServer, drip, http, pour, replies
from scripted_atlas import invoice_csv

if TYPE_CHECKING:
    from raw_server import Script

ORG, INVOICE = "0" * 24, "1" * 24
CSV_ROUTE, TOKEN_ROUTE = f"GET /api/atlas/v2/orgs/{ORG}/invoices/{INVOICE}/csv", "POST /api/oauth/token"
TOKEN = b'{"access_token": "a", "token_type": "Bearer"}'
TIMEOUT = 0.15
# Above what a busy machine adds, below what waiting again would.
SOON = 1.5


def account() -> ai.ServiceAccountAuth:
    return ai.ServiceAccountAuth("mdb_sa_id_x", "secret")


@contextmanager
def too_late(seconds: float) -> Iterator[None]:
    """The block ends within so many seconds, with a message that says why."""
    began = time.monotonic()
    with pytest.raises(ai.APITimeoutError, match=r"^the token endpoint gave no answer in time") as caught:
        yield
    assert seconds - 0.1 < time.monotonic() - began < seconds + SOON
    assert f"at most {seconds:g} s, whatever the timeout" in str(caught.value)
    assert str(caught.value).endswith(f"or try again later ({TOKEN_ROUTE})")
    assert not is_transient(caught.value), "a retry would wait as long again"
    # What hides further up the chain holds the client's secret.
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


HOSTILE: dict[str, tuple[Script, Kind, type[ai.AtlasError], str]] = {
    "80 MB, compressed": (
        replies(http(200, [("Content-Encoding", "gzip")], gzip.compress(TOKEN + b" " * 80_000_000, 1)))[0],
        "sync",
        ai.TokenError,
        "reply can't be used: it is longer than 64 KiB",
    ),
    "a refusal of 80 MB, compressed": (
        replies(http(403, [("Content-Encoding", "gzip")], gzip.compress(b" " * 80_000_000, 1)))[0],
        "async",
        ai.TokenError,
        "isn't from Atlas",
    ),
    "an endless body": (pour(http(200, length=10**12), b" " * 60_000), "sync", ai.TokenError, "longer than 64 KiB"),
    "an endless body, async": (
        pour(http(200, length=10**12), b" " * 60_000),
        "async",
        ai.TokenError,
        "longer than 64 KiB",
    ),
    "a head that drips": (drip(b"HTTP/1.1 200 OK\r\nX: ", b"x"), "sync", ai.APITimeoutError, "no answer in time"),
    "a body that drips": (drip(http(200, length=10**9), b" "), "async", ai.APITimeoutError, "no answer in time"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_token_endpoint_costs_little(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    script, kind, error, message = HOSTILE[name]
    monkeypatch.setattr(_settings, "TOKEN_SECONDS", 1.0)
    with (
        RawServer({TOKEN_ROUTE: script}) as server,
        twin(kind, account(), base_url=server.url, retry_policy=ai.RetryPolicy(max_retries=0)) as atlas,
    ):
        tracemalloc.start()
        began = time.monotonic()
        try:
            with pytest.raises(error, match=message):
                atlas.call("get_invoice_csv", ORG, INVOICE)
            took = time.monotonic() - began
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert took < 8  # far above what it takes on a busy machine, far below what the server would go on for
    assert peak < 6_000_000


def test_a_token_endpoint_slower_than_the_clients_own_timeout_is_waited_for() -> None:
    def late(connection: Connection) -> None:
        reply = http(200, body=TOKEN, kind="application/json")
        connection.send(reply[:-1], reply[-1:], pause=3 * TIMEOUT)

    good = replies(http(200, body=invoice_csv(INVOICE), kind="text/csv"))
    with (
        RawServer({TOKEN_ROUTE: late, CSV_ROUTE: good}) as server,
        ai.Client(account(), base_url=server.url, timeout=TIMEOUT, verify=False) as atlas,
    ):
        assert atlas.get_invoice_csv(ORG, INVOICE) == invoice_csv(INVOICE)


def test_a_reply_made_in_memory() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=TOKEN))
    request = httpx.Request("POST", "https://a.example/api/oauth/token")
    assert run(TokenHTTP(transport=transport).send(request)).body == TOKEN
    assert asyncio.run(run_async(TokenHTTP(transport=transport).send(request))).body == TOKEN


SILENT: dict[str, tuple[Script, Kind]] = {
    "at once": (Connection.hang, "sync"),
    "after half a head": (
        lambda connection: (connection.send(b"HTTP/1.1 200 OK\r\nContent-"), connection.hang())[1],
        "async",
    ),
    "after half a body": (
        lambda connection: (connection.send(http(200, body=TOKEN)[:-9]), connection.hang())[1],
        "sync",
    ),
}


@pytest.mark.parametrize("name", SILENT)
def test_a_silent_token_endpoint_is_tried_three_times(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    script, kind = SILENT[name]
    monkeypatch.setattr(_settings, "TOKEN_SECONDS", 1.0)
    with RawServer({TOKEN_ROUTE: script}) as server, twin(kind, account(), base_url=server.url) as atlas:
        with too_late(1.0):
            atlas.call("get_invoice_csv", ORG, INVOICE)
        assert server.count(TOKEN_ROUTE) == 3


def test_a_look_up_that_hangs_is_waited_for_no_longer(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*_: object, **__: object) -> None:
        time.sleep(2)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(_settings, "TOKEN_SECONDS", 0.3)
    monkeypatch.setattr(socket, "getaddrinfo", hang)
    with twin(kind, account(), base_url="http://localhost:1") as atlas, too_late(0.3):
        atlas.call("get_invoice_csv", ORG, INVOICE)


def test_a_transport_of_your_own_is_waited_for_no_longer(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_settings, "TOKEN_SECONDS", 0.3)
    transport = httpx.HTTPTransport() if kind == "sync" else httpx.AsyncHTTPTransport()
    with (
        RawServer({TOKEN_ROUTE: Connection.hang}) as server,
        twin(kind, account(), base_url=server.url, transport=transport) as atlas,
        too_late(0.3),
    ):
        atlas.call("get_invoice_csv", ORG, INVOICE)


def test_on_a_plain_client_too() -> None:
    with RawServer({TOKEN_ROUTE: Connection.hang}) as server, too_late(0.3):
        get(for_client(account(), base_url=parse_base_url(server.url), http=TokenHTTP(seconds=0.3)), server.url)


def test_the_policys_deadline_applies_to_the_token_too() -> None:
    policy = ai.RetryPolicy(deadline=0.3)
    with (
        RawServer({TOKEN_ROUTE: Connection.hang}) as server,
        ai.Client(account(), base_url=server.url, retry_policy=policy, verify=False) as atlas,
        too_late(0.3),
    ):
        atlas.get_invoice_csv(ORG, INVOICE)


def test_threads_and_tasks_wait_for_it_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_settings, "TOKEN_SECONDS", 0.8)
    shared, began, ended = account(), time.monotonic(), list[float]()

    def ask(atlas: ai.Client) -> None:
        with pytest.raises(ai.APITimeoutError, match="no answer in time"):
            atlas.get_invoice_csv(ORG, INVOICE)
        ended.append(time.monotonic())

    async def ask_async(atlas: ai.AsyncClient) -> None:
        with pytest.raises(ai.APITimeoutError, match="no answer in time"):
            await atlas.get_invoice_csv(ORG, INVOICE)
        ended.append(time.monotonic())

    async def tasks(url: str) -> None:
        async with ai.AsyncClient(shared, base_url=url, verify=False) as atlas:
            await asyncio.gather(*(ask_async(atlas) for _ in range(8)))

    with (
        RawServer({TOKEN_ROUTE: Connection.hang}) as server,
        ai.Client(shared, base_url=server.url, verify=False) as atlas,
        ThreadPoolExecutor(9) as pool,
    ):
        threads = [pool.submit(ask, atlas) for _ in range(8)]
        pool.submit(asyncio.run, tasks(server.url)).result()
        assert [thread.result() for thread in threads] == [None] * 8
        assert server.count(TOKEN_ROUTE) == 3
    assert len(ended) == 16
    assert max(ended) - began < 0.8 + SOON


def test_a_lock_and_an_endpoint_that_both_hang_cost_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_settings, "TOKEN_SECONDS", 0.6)
    folder = tmp_path / "tokens"
    folder.mkdir(mode=0o700)
    with (
        RawServer({TOKEN_ROUTE: Connection.hang}) as server,
        ai.Client(account(), base_url=server.url, token_cache=folder, verify=False) as atlas,
        ThreadPoolExecutor(1) as another_thread,
    ):
        lock = token_process.account_lock(server.url, "mdb_sa_id_x", folder)
        assert another_thread.submit(lock.acquire).result()
        with too_late(0.6):
            atlas.get_invoice_csv(ORG, INVOICE)
        lock.release()


def test_any_number_of_processes_wait_side_by_side(tmp_path: Path) -> None:
    with RawServer({TOKEN_ROUTE: Connection.hang}) as server:
        processes = [
            subprocess.Popen(
                [sys.executable, token_process.__file__, server.url, "mdb_sa_id_x", tmp_path / "tokens", "patience 2"],
                env={"TOKEN_PROCESS_SECRET": "secret"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(3)
        ]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        began = time.monotonic()
        with ThreadPoolExecutor(3) as together:
            outcomes = list(together.map(lambda process: process.communicate("\n")[0], processes))
        assert time.monotonic() - began < 2 + SOON, "one after the other would be 6 seconds"
        assert 3 <= server.count(TOKEN_ROUTE) <= 9
    assert outcomes == ["APITimeoutError\n"] * 3
