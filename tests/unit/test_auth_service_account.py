"""A service account's requests and logging out, step by step: token requests are answered by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from atlas_invoices import APITimeoutError, RetryPolicy, ServiceAccountAuth, TokenError
from atlas_invoices._auth import TokenHTTP, for_client, log_out, parse_base_url
from atlas_invoices._auth._base import DrainBody
from atlas_invoices._auth._oauth import TokenReply
from atlas_invoices._http._steps import Sleep
from atlas_invoices._locks import FileLock

SERVER = parse_base_url("https://a.example")


def reply(value: str) -> TokenReply:
    body = {"access_token": value, "expires_in": 3600, "token_type": "Bearer"}
    return TokenReply(200, httpx.Headers(), json.dumps(body).encode())


def account() -> ServiceAccountAuth:
    return ServiceAccountAuth("mdb_sa_id_x", "secret")


def begin(auth: ServiceAccountAuth, folder: Path | None = None, http: TokenHTTP | None = None) -> Any:
    """The flow of one request, for a client of its own."""
    view = for_client(auth, base_url=SERVER, http=http or TokenHTTP(), token_cache=folder)
    return view._flow(httpx.Request("GET", "https://a.example/x"))  # type: ignore[attr-defined] # not httpx's


def path_of(step: Any) -> str:
    """The path of a token request."""
    return str(step.request.url.path)


def respond(flow: Any, request: httpx.Request, status: int) -> Any:
    """Answer a request; the next step, or None at the end."""
    try:
        return flow.send(httpx.Response(status, request=request))
    except StopIteration:
        return None


def test_a_token_is_fetched_once() -> None:
    auth = account()
    first = begin(auth)
    assert path_of(next(first)) == "/api/oauth/token"
    request = first.send(reply("one"))
    assert request.headers["Authorization"] == "Bearer one"
    assert respond(first, request, 200) is None
    assert next(begin(auth)).headers["Authorization"] == "Bearer one"


def test_a_refused_token_is_replaced_once() -> None:
    flow = begin(account())
    next(flow)
    drain = respond(flow, flow.send(reply("one")), 401)
    assert isinstance(drain, DrainBody)
    assert path_of(flow.send(None)) == "/api/oauth/token"
    request = flow.send(reply("two"))
    assert request.headers["Authorization"] == "Bearer two"
    assert respond(flow, request, 401) is None, "the response is returned"


def test_a_refusal_by_another_server_replaces_nothing() -> None:
    flow = begin(account())
    next(flow)
    flow.send(reply("one"))
    assert respond(flow, httpx.Request("GET", "https://b.example/x"), 401) is None, "the client followed a redirect"


def test_a_lost_token_request_is_sent_again() -> None:
    flow = begin(account(), http=TokenHTTP(seconds=8))
    assert next(flow).seconds == pytest.approx(2, abs=0.5)
    assert path_of(flow.throw(TimeoutError())) == "/api/oauth/token"
    assert flow.send(reply("one")).headers["Authorization"] == "Bearer one"


def test_a_token_that_is_late_three_times_is_a_timeout() -> None:
    flow = begin(account(), http=TokenHTTP(seconds=7))
    next(flow)
    flow.throw(TimeoutError())
    assert flow.throw(TimeoutError()).seconds == pytest.approx(7, abs=0.5), "all the time that is left"
    with pytest.raises(APITimeoutError, match=r"^the token endpoint gave no answer in time \(at most 7 s, whatever"):
        flow.throw(TimeoutError())


def test_a_second_process_reads_the_token_from_the_file(tmp_path: Path) -> None:
    folder = tmp_path / "tokens"
    first = begin(account(), folder)
    next(first)
    first.send(reply("one"))
    second = begin(account(), folder)
    request = next(second)
    assert request.headers["Authorization"] == "Bearer one"
    assert isinstance(respond(second, request, 401), DrainBody)
    assert path_of(second.send(None)) == "/api/oauth/token", "a refused token isn't read again"
    second.send(reply("two"))
    assert next(begin(account(), folder)).headers["Authorization"] == "Bearer two"


REVOKED = TokenReply(200, httpx.Headers(), b"")


def logging_out(folder: Path) -> Any:
    """The steps of logging out, without retries."""
    return log_out(account(), SERVER, folder, TokenHTTP(), RetryPolicy(max_retries=0))


def ended(steps: Any, result: Any = None) -> Any:
    """What the steps return when they are sent this result, their last."""
    with pytest.raises(StopIteration) as end:
        steps.send(result)
    return end.value.value


def cache_token(folder: Path) -> None:
    flow = begin(account(), folder)
    next(flow)
    flow.send(reply("one"))


def test_logging_out(tmp_path: Path) -> None:
    assert ended(logging_out(tmp_path)) == "nothing cached"
    cache_token(tmp_path)
    steps = logging_out(tmp_path)
    step: Any = next(steps)
    assert path_of(step) == "/api/oauth/revoke"
    assert b"token=one" in step.request.content
    lock = FileLock(next(tmp_path.glob("*.lock")))
    assert lock.acquire()
    assert isinstance(steps.send(REVOKED), Sleep), "another process has the lock"
    assert isinstance(next(steps), Sleep)
    lock.release()
    assert ended(steps) == "revoked"
    assert list(tmp_path.glob("*.json")) == []
    assert ended(logging_out(tmp_path)) == "nothing cached"


def test_a_file_without_a_token_is_deleted(tmp_path: Path) -> None:
    cache_token(tmp_path)
    next(tmp_path.glob("*.json")).write_text("{")
    assert ended(logging_out(tmp_path)) == "nothing to revoke"
    assert list(tmp_path.glob("*.json")) == []


def test_a_newer_token_is_not_deleted(tmp_path: Path) -> None:
    cache_token(tmp_path)
    steps = logging_out(tmp_path)
    next(steps)
    other = begin(account(), tmp_path)
    respond(other, next(other), 401)
    other.send(None)
    other.send(reply("two"))
    assert ended(steps, REVOKED) == "revoked"
    assert next(begin(account(), tmp_path)).headers["Authorization"] == "Bearer two"


def test_a_token_that_was_not_revoked_stays(tmp_path: Path) -> None:
    cache_token(tmp_path)
    steps = logging_out(tmp_path)
    next(steps)
    with pytest.raises(TokenError, match=r"wasn't revoked: the token endpoint failed \(503: \*\*\*\)"):
        steps.send(TokenReply(503, httpx.Headers(), b'{"error": "one"}'))
    assert next(begin(account(), tmp_path)).headers["Authorization"] == "Bearer one"
