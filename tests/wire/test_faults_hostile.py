"""A hostile server costs bounded memory and time: endless, dripping, or compressed a thousand times."""

from __future__ import annotations

import gzip
import time
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import atlas_invoices as ai
from atlas_invoices._http import _body, _timeouts
from client_twin import Kind, twin
from raw_server import RawServer, Script, drip, http, pour, replies
from scripted_atlas import invoice_csv, row

if TYPE_CHECKING:
    import httpx


ORG, INVOICE = "0" * 24, "1" * 24
ROUTE = f"GET /api/atlas/v2/orgs/{ORG}/invoices/{INVOICE}/csv"
TOKEN = http(200, body=b'{"access_token": "a", "token_type": "Bearer"}', kind="application/json")
CHUNKED = ("Transfer-Encoding", "chunked")
CHUNK = b"ea60\r\n" + b"x" * 60_000 + b"\r\n"
GZIP = ("Content-Encoding", "gzip")
CHALLENGE = ("WWW-Authenticate", 'Digest realm="x", nonce="n", qop="auth"')
GOOD = invoice_csv(INVOICE)
LARGE = GOOD + row().encode() * 350_000
BOMB = gzip.compress(LARGE)
TIMEOUT = 0.15


SCRIPTS: dict[str, tuple[Script, type[ai.AtlasError]]] = {
    "an endless error": (pour(http(404, [CHUNKED], length=None), CHUNK), ai.NotFoundError),
    "an error larger inside": (replies(http(404, [GZIP], BOMB))[0], ai.NotFoundError),
    "an endless refusal": (pour(http(401, [CHUNKED, CHALLENGE], length=None), CHUNK), ai.AuthenticationError),
    "a refusal larger inside": (replies(http(401, [GZIP, CHALLENGE], BOMB))[0], ai.AuthenticationError),
    "an error that drips": (drip(http(404, length=10**9), b"x"), ai.NotFoundError),
    "a redirect that drips": (drip(http(302, [("Location", "/")], length=10**9), b"x"), ai.UnexpectedResponseError),
    "a head that pours": (pour(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 60_000), ai.APIConnectionError),
    "a body that drips": (drip(http(200, length=10**9, kind="text/csv"), b"Invoice Number,"), ai.APITimeoutError),
    "blanks that drip": (drip(http(200, length=10**9, kind="text/csv"), b" "), ai.APITimeoutError),
    "blanks that pour": (pour(http(200, length=10**9, kind="text/csv"), b" " * 60_000), ai.UnexpectedResponseError),
}
AUTHS: dict[str, type[ai.DigestAuth | ai.ServiceAccountAuth]] = {
    "digest": ai.DigestAuth,
    "service": ai.ServiceAccountAuth,
}
# Only the answer to a 401 depends on the credentials; asyncio has a case of each outcome.
CASES = [
    (kind, name, auth)
    for kind in ("sync", "async")
    for name in SCRIPTS
    for auth in AUTHS
    if (auth == "digest" or "refusal" in name)
    if kind == "sync" or name in {"an endless error", "an endless refusal", "a head that pours", "a body that drips"}
]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_body, "_ERROR_BODY_SECONDS", TIMEOUT)


@pytest.mark.parametrize(("kind", "name", "auth"), CASES)
def test_a_hostile_reply_ends_soon_and_costs_little(kind: Kind, name: str, auth: str, tmp_path: Path) -> None:
    script, error = SCRIPTS[name]
    # Short only where it's what ends the reply: a busy machine pauses for longer.
    timeout = 5.0 if error in {ai.NotFoundError, ai.AuthenticationError} else TIMEOUT
    made: httpx.Auth = AUTHS[auth]("name", "secret")
    with (
        RawServer({ROUTE: script, "POST /api/oauth/token": replies(TOKEN)}) as server,
        twin(kind, made, base_url=server.url, timeout=timeout, retry_policy=ai.RetryPolicy(max_retries=0)) as atlas,
    ):
        tracemalloc.start()
        began = time.monotonic()
        try:
            with pytest.raises(error):
                atlas.call("download_invoice_csv", ORG, INVOICE, tmp_path / "x.csv")
            took = time.monotonic() - began
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert took < 8  # far above what it takes on a busy machine, far below what the server would go on for
    assert peak < 6_000_000
    assert not list(tmp_path.iterdir())


def test_a_file_larger_inside_is_unpacked_in_little_memory(kind: Kind, tmp_path: Path) -> None:
    with (
        RawServer({ROUTE: replies(http(200, [GZIP], BOMB, kind="text/csv"))}) as server,
        twin(kind, ai.AccessTokenAuth("t"), base_url=server.url) as atlas,
    ):
        atlas.read(ORG, INVOICE)  # what is imported at the first request is imported now
        tracemalloc.start()
        try:
            saved = atlas.call("download_invoice_csv", ORG, INVOICE, tmp_path / "x.csv")
            _, peak = tracemalloc.get_traced_memory()
            with pytest.raises(ai.UnexpectedResponseError, match="larger than 1,000,000 bytes"):
                atlas.call("get_invoice_csv", ORG, INVOICE, max_bytes=1_000_000)
        finally:
            tracemalloc.stop()
    assert saved.size == len(LARGE) > 60_000_000
    # Three batches of a mebibyte and a piece of 64 KiB, 3.34 MB: one is gathered, one joined, and one written that the
    # thread hasn't let go of yet. The rest is for what the network and zlib have in hand.
    assert peak < 4_000_000


def test_single_bytes_cost_no_more_than_they_are(kind: Kind) -> None:
    content = GOOD + b"a" * 30_000
    body = b"".join(b"1\r\n%c\r\n" % byte for byte in content) + b"0\r\n\r\n"
    with (
        RawServer({ROUTE: replies(http(200, [CHUNKED], length=None, kind="text/csv") + body)}) as server,
        twin(kind, ai.AccessTokenAuth("t"), base_url=server.url) as atlas,
    ):
        assert atlas.call("get_invoice_csv", ORG, INVOICE) == content


def test_a_slow_reader_is_not_taken_for_a_slow_server(monkeypatch: pytest.MonkeyPatch) -> None:
    # So that no time beyond the timeout may be counted at all.
    monkeypatch.setattr(_timeouts, "_MIN_BYTES_PER_SECOND", 10**9)
    body = GOOD + row().encode() * 2000
    with (
        RawServer({ROUTE: replies(http(200, body=body, kind="text/csv"))}) as server,
        ai.Client(ai.AccessTokenAuth("t"), base_url=server.url, timeout=1.0) as client,
        client.stream_invoice_csv(ORG, INVOICE) as stream,
    ):
        pieces = stream.iter_bytes()
        first = next(pieces)
        time.sleep(1.2)
        assert first + b"".join(pieces) == body
