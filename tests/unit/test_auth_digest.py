"""Digest, answered by hand, response by response: challenges, refusals, nonce counts, and who waits for whom."""

from __future__ import annotations

import os
import warnings
from typing import Any

import httpx
import pytest

from atlas_invoices import ConfigError, DigestAuth
from atlas_invoices._auth._base import DrainBody
from atlas_invoices._auth._challenge import Challenge
from atlas_invoices._auth._digest import NoncePool
from atlas_invoices._auth._single_flight import Wait

URL = "https://a.example/x"
OK = httpx.Response(200)


def challenge(nonce: str, *, stale: bool = False, rest: str = "") -> httpx.Response:
    header = f'Digest realm="r", nonce="{nonce}", algorithm=MD5, qop="auth", stale={str(stale).lower()}{rest}'
    return httpx.Response(401, headers={"WWW-Authenticate": header})


def digest() -> DigestAuth:
    return DigestAuth("abcdefgh", "private")


class Exchange:
    """One request on its way: `sent` has (nonce, count) for each signed attempt, None for an unsigned one."""

    def __init__(self, auth: DigestAuth, request: httpx.Request | None = None) -> None:
        self.sent: list[tuple[str, int] | None] = []
        self.waits: list[Wait[Any]] = []
        self.done = False
        self.flow = auth._flow(request or httpx.Request("GET", URL))
        self.proceed(None)

    def proceed(self, value: object) -> None:
        """Answer what it waits for, up to the next request, the next wait for another request, or the end."""
        try:
            item = self.flow.send(value)
            while isinstance(item, DrainBody):
                item.run()
                item = self.flow.send(None)
        except StopIteration:
            self.done = True
            return
        if isinstance(item, Wait):
            self.waits.append(item)
        else:
            assert isinstance(item, httpx.Request)
            self.request = item
            self.sent.append(signature(item))

    def answer(self, *responses: httpx.Response) -> Exchange:
        for response in responses:
            # As a server would send it: each response is one of its own, for the request just sent.
            self.proceed(httpx.Response(response.status_code, headers=response.headers, request=self.request))
        return self

    def flight(self) -> Any:
        """The result of the request it waits for; by now, there must be one."""
        return self.waits[-1].flight.result.result(0)


def signature(request: httpx.Request) -> tuple[str, int] | None:
    header = request.headers.get("Authorization")
    if header is None:
        return None
    parts = dict(part.split("=", 1) for part in header.removeprefix("Digest ").split(", "))
    return parts["nonce"].strip('"'), int(parts["nc"], 16)


def test_one_challenge_then_a_rising_count() -> None:
    auth = digest()
    assert Exchange(auth).answer(challenge("a"), OK).sent == [None, ("a", 1)]
    assert [Exchange(auth).answer(OK).sent for _ in range(2)] == [[("a", 2)], [("a", 3)]]


def test_a_request_that_is_sent_again_is_signed_again() -> None:
    auth = digest()
    Exchange(auth).answer(challenge("a"), OK)
    request = httpx.Request("GET", URL)
    assert [Exchange(auth, request).answer(OK).sent for _ in range(2)] == [[("a", 2)], [("a", 3)]]
    assert Exchange(digest(), request).sent == [None], "another key's signature is removed"


def test_stale_several_times_in_a_row() -> None:
    auth = digest()
    Exchange(auth).answer(challenge("a"), OK)
    exchange = Exchange(auth).answer(*(challenge(nonce, stale=True) for nonce in "bcdefgh"), OK)
    assert exchange.sent == [("a", 2), *((nonce, 1) for nonce in "bcdefgh")]
    assert Exchange(auth).sent == [("h", 2)], "the newest nonce is used for the next request"


def test_a_server_that_calls_every_nonce_stale_is_given_up() -> None:
    exchange = Exchange(digest()).answer(*(challenge(nonce, stale=True) for nonce in "abcdefghijk"))
    assert exchange.done
    assert len(exchange.sent) == 11


def test_a_wrong_key_ends_after_one_signed_attempt() -> None:
    auth = digest()
    for nonces in ("ab", "cd"):
        exchange = Exchange(auth).answer(*map(challenge, nonces))
        assert exchange.done
        assert len(exchange.sent) == 2


def test_a_server_that_forgot_its_nonces_is_asked_for_another() -> None:
    auth = digest()
    Exchange(auth).answer(challenge("a"), OK)
    exchange = Exchange(auth).answer(challenge("b"), OK)  # Refused, but not as stale: the server was restarted.
    assert exchange.done
    assert exchange.sent == [("a", 2), ("b", 1)]


def test_three_refusals_are_enough_where_others_use_the_nonce() -> None:
    auth = digest()
    Exchange(auth).answer(challenge("a"), OK)
    exchange = Exchange(auth)
    for nonce in "bc":
        exchange.answer(challenge(nonce))
        auth._nonces._counts[nonce] += 1  # Another request used it too, and perhaps overtook this one.
    exchange.answer(challenge("d"))
    assert exchange.done
    assert exchange.sent == [("a", 2), ("b", 1), ("c", 1)]


def test_after_a_refusal_no_other_request_gets_the_new_nonce() -> None:
    auth = digest()
    Exchange(auth).answer(challenge("a"), OK)
    refused = Exchange(auth).answer(challenge("b"))
    assert refused.sent == [("a", 2), ("b", 1)]
    assert Exchange(auth).answer(OK).sent == [None], "it may be refused as well"
    refused.answer(OK)
    assert Exchange(auth).answer(OK).sent == [("b", 2)], "after a good response, it is for all"


def test_a_server_that_repeats_its_nonce_sees_no_count_twice() -> None:
    auth = digest()
    exchanges = [Exchange(auth).answer(*[challenge("same", stale=True)] * 11) for _ in range(2)]
    counts = [each[1] for exchange in exchanges for each in exchange.sent if each]
    assert counts == list(range(1, 22))


def test_a_server_without_digest_gets_no_second_attempt() -> None:
    exchange = Exchange(digest()).answer(httpx.Response(401, headers={"WWW-Authenticate": 'Bearer realm="r"'}))
    assert exchange.done
    assert exchange.sent == [None]


def test_a_challenge_from_another_server_is_not_answered() -> None:
    exchange = Exchange(digest())
    exchange.request = httpx.Request("GET", "https://b.example/x")  # The client followed a redirect.
    assert exchange.answer(challenge("a")).done
    assert exchange.sent == [None]


def test_after_a_redirect_within_the_server_the_new_request_is_signed() -> None:
    exchange = Exchange(digest())
    exchange.request = httpx.Request("GET", "https://a.example/new")
    exchange.answer(challenge("a"))
    assert exchange.request.url.path == "/new"
    assert exchange.sent == [None, ("a", 1)]


def test_an_unsupported_digest_is_an_error() -> None:
    header = {"WWW-Authenticate": 'Digest realm="r", nonce="n", qop="auth-int"'}
    with pytest.raises(ConfigError, match="qop=auth-int"):
        Exchange(digest()).answer(httpx.Response(401, headers=header))


def test_all_wait_for_one_challenge() -> None:
    auth = digest()
    first = Exchange(auth)
    others = [Exchange(auth) for _ in range(3)]
    assert [other.sent for other in others] == [[]] * 3
    first.answer(challenge("a"))
    for other in others:
        other.proceed(other.flight())
    assert [other.sent for other in others] == [[("a", 2)], [("a", 3)], [("a", 4)]]


def test_without_a_challenge_requests_do_not_queue() -> None:
    auth = digest()
    first, *others = (Exchange(auth) for _ in range(3))
    first.answer(OK)
    for other in others:
        other.proceed(other.flight())
    assert [other.sent for other in others] == [[None]] * 2


def test_a_request_without_a_response_hands_over() -> None:
    auth = digest()
    first, second, third = (Exchange(auth) for _ in range(3))
    first.flow.close()
    second.proceed(second.flight())
    third.proceed(third.flight())
    assert (second.sent, third.sent) == ([None], [])
    second.answer(challenge("a"))
    third.proceed(third.flight())
    assert third.sent == [("a", 2)]


def test_a_request_waits_so_long_and_then_gets_its_own_challenge() -> None:
    auth = digest()
    first, other = Exchange(auth), Exchange(auth)
    for _ in range(3):
        assert other.sent == []
        other.proceed(None)
    assert [wait.seconds for wait in other.waits] == [5.0] * 3
    assert other.sent == first.sent == [None]


def test_requests_in_flight_spread_over_the_nonces() -> None:
    pool = NoncePool()
    old, new = (pool.exchange(None, Challenge(realm="r", nonce=text), reserve=False) for text in "ab")
    pool.give_back(old)
    pool.give_back(new)
    assert [pool.borrow() for _ in range(4)] == [new, old, new, old]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_after_a_fork_no_nonce_of_the_parent_is_used() -> None:
    auth = digest()
    Exchange(auth).answer(challenge("a"), OK)
    waiting = Exchange(auth)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python warns of threads; the child starts none.
        child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if Exchange(auth).sent == [None] else 1
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert waiting.sent == [("a", 2)]
