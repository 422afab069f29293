"""A token endpoint that means harm, or does what it wasn't asked to, costs bounded memory and time."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import time
import tracemalloc
from typing import TYPE_CHECKING

import httpx
import pytest

import atlas_invoices as ai
from atlas_invoices._auth import TokenHTTP, _token_http
from atlas_invoices._retry import RetryPolicy
from client_twin import twin
from raw_server import Connection, RawServer, http, replies

if TYPE_CHECKING:
    from client_twin import Kind
    from raw_server import Script

ORG, INVOICE = "0" * 24, "1" * 24
CSV_ROUTE, TOKEN_ROUTE = f"GET /api/atlas/v2/orgs/{ORG}/invoices/{INVOICE}/csv", "POST /api/oauth/token"
TOKEN = b'{"access_token": "a", "token_type": "Bearer"}'
TIMEOUT = 0.15


def drip(start: bytes, piece: bytes) -> Script:
    """A piece at a time, each well before the timeout."""

    def script(connection: Connection) -> None:
        connection.send(start)
        while True:
            connection.wait(0.03)
            connection.send(piece)

    return script


def pour(start: bytes, piece: bytes) -> Script:
    """As fast as it's taken, without end."""
    return lambda connection: connection.send_all(itertools.chain([start], itertools.repeat(piece)))


HINT = b"HTTP/1.1 103 Early\r\nX: %b\r\n\r\n"
SCRIPTS: dict[str, tuple[Script, type[ai.AtlasError], str]] = {
    "80 MB, packed": (
        replies(http(200, [("Content-Encoding", "gzip")], gzip.compress(TOKEN + b" " * 80_000_000, 1)))[0],
        ai.TokenError,
        "reply can't be used: it's compressed",
    ),
    "a refusal of 80 MB, packed": (
        replies(http(403, [("Content-Encoding", "gzip")], gzip.compress(b" " * 80_000_000, 1)))[0],
        ai.TokenError,
        "may not have an access token",
    ),
    "a body without end": (
        pour(http(200, length=10**12), b" " * 60_000),
        ai.TokenError,
        "longer than 64 KiB",
    ),
    "a head that drips": (drip(b"HTTP/1.1 200 OK\r\nX: ", b"x"), ai.APITimeoutError, "no answer in time"),
    "early hints that drip": (drip(b"", HINT % b""), ai.APITimeoutError, "no answer in time"),
    "early hints that pour": (pour(b"", HINT % (b"x" * 9000)), ai.APIConnectionError, "no proper HTTP answer"),
    "a body that drips": (drip(http(200, length=10**9), b" "), ai.APITimeoutError, "no answer in time"),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_hostile_token_endpoint_costs_little(kind: Kind, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    script, error, says = SCRIPTS[name]
    monkeypatch.setattr(_token_http, "_TIMEOUT", httpx.Timeout(TIMEOUT))
    with (
        RawServer({TOKEN_ROUTE: script}) as server,
        twin(
            kind,
            ai.ServiceAccountAuth("mdb_sa_id_x", "secret"),
            base_url=server.url,
            retry_policy=RetryPolicy(max_retries=0),
        ) as atlas,
    ):
        tracemalloc.start()
        began = time.monotonic()
        try:
            with pytest.raises(error, match=says):
                atlas.call("get_invoice_csv", ORG, INVOICE)
            took = time.monotonic() - began
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert took < 8  # far above what it takes on a busy machine, far below what the server would go on for
    assert peak < 6_000_000


def test_a_token_endpoint_slower_than_the_clients_own_timeout_is_waited_for(kind: Kind) -> None:
    def late(connection: Connection) -> None:
        reply = http(200, body=TOKEN, kind="application/json")
        connection.send(reply[:-1], reply[-1:], pause=1.0)

    good = replies(http(200, body=b"Invoice Number,1,\n", kind="text/csv"))
    with (
        RawServer({TOKEN_ROUTE: late, CSV_ROUTE: good}) as server,
        twin(kind, ai.ServiceAccountAuth("mdb_sa_id_x", "secret"), base_url=server.url, timeout=TIMEOUT) as atlas,
    ):
        assert atlas.call("get_invoice_csv", ORG, INVOICE) == b"Invoice Number,1,\n"


def test_a_reply_that_a_transport_has_read_already_is_read_all_the_same() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=TOKEN))
    request = httpx.Request("POST", "https://a.example/api/oauth/token")
    assert TokenHTTP(transport=transport).send(request).body == TOKEN
    assert asyncio.run(TokenHTTP(transport=transport).send_async(request)).body == TOKEN
