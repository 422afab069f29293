"""API keys: HTTP digest that shares nonces between all requests, threads and tasks."""

from __future__ import annotations

import asyncio
import os
import secrets
import threading
from collections import OrderedDict
from collections.abc import AsyncGenerator, Generator
from typing import TYPE_CHECKING

from attrs import define, field

from ._base import OriginBoundAuth, drain_body
from ._challenge import build_authorization, find_challenge
from ._secret import Secret, mask_id, validate_credential
from ._tokens import Flight, SingleFlight

if TYPE_CHECKING:
    import httpx

    from ._challenge import Challenge


# One nonce for each request in flight is all that is ever useful; more are forgotten, oldest first.
_MAX_NONCES = 256
# Counts of nonces no longer used are kept for a while, in case the server hands one of them out again.
_MAX_COUNTS = 4096


@define(eq=False)
class Nonce:
    """A nonce the server gave, with the client nonce that goes with it and how many requests use it just now."""

    challenge: Challenge
    cnonce: str = field(factory=lambda: secrets.token_hex(16))
    in_flight: int = 0
    reserved: bool = False
    """Not among those that can be borrowed, for now."""


class NoncePool:
    """The nonces of one key; safe to use from many threads.

    Requests in flight at the same time spread over the nonces there are: when one ages, only the requests that were
    using it are challenged anew, and each brings a nonce of its own for later. A server sees most nonces' counts in
    their order, too.
    """

    def __init__(self) -> None:
        """No nonce yet."""
        self._lock = threading.Lock()
        self._nonces: list[Nonce] = []
        self._counts: OrderedDict[str, int] = OrderedDict()
        self._process = os.getpid()

    def borrow(self) -> Nonce | None:
        """Return the nonce that the fewest requests use, the newest of those; None if there is none yet."""
        with self._lock:
            if self._process != os.getpid():
                # After a fork the parent goes on counting on these; start anew rather than use a count twice.
                self._nonces, self._process = [], os.getpid()
            if not self._nonces:
                return None
            nonce = min(reversed(self._nonces), key=lambda n: n.in_flight)
            nonce.in_flight += 1
            return nonce

    def exchange(self, old: Nonce | None, challenge: Challenge, *, reserve: bool) -> Nonce:
        """Drop the nonce that was refused and return the one the server sent instead, for this request.

        With `reserve` no other request gets it until this one gives it back.
        """
        with self._lock:
            if old is not None:
                old.in_flight -= 1
                if old in self._nonces:
                    self._nonces.remove(old)
            nonce = next((n for n in self._nonces if n.challenge.nonce == challenge.nonce), None)
            if nonce is None:
                nonce = Nonce(challenge)
                nonce.reserved = reserve
                if not reserve:
                    self._add(nonce)
            nonce.in_flight += 1
            return nonce

    def give_back(self, nonce: Nonce) -> None:
        """The request that used it has its answer."""
        with self._lock:
            nonce.in_flight -= 1
            if nonce.reserved:
                nonce.reserved = False
                self._add(nonce)

    def _add(self, nonce: Nonce) -> None:
        self._nonces.append(nonce)
        del self._nonces[:-_MAX_NONCES]

    def used_once(self, nonce: Nonce) -> bool:
        """Whether one request alone has used this nonce."""
        with self._lock:
            return self._counts.get(nonce.challenge.nonce) == 1

    def next_count(self, nonce: Nonce) -> int:
        """Return how many requests have used this nonce, the one to come included: no number twice."""
        value = nonce.challenge.nonce
        with self._lock:
            count = self._counts[value] = self._counts.pop(value, 0) + 1
            if len(self._counts) > _MAX_COUNTS:
                self._counts.popitem(last=False)
            return count


_UNAUTHORIZED = 401
# A server whose nonces age fast may refuse several in a row; one that refuses this many never accepts.
_MAX_CHALLENGES = 10
# A refusal that isn't called stale may be a nonce the server forgot, or counts that overtook each other on their way
# where requests share a nonce; beyond that, and at once where nothing else used the nonce, it is the key.
_MAX_REFUSALS = 3
# How often, and for how many seconds each time, a request waits for another's challenge before it gets its own.
_MAX_WAITS = 3
_WAIT = 5.0


class DigestAuth(OriginBoundAuth):
    """Sign requests with an Atlas API key (HTTP digest).

    The first request is challenged; those after it are signed at once with the same nonce and a rising count, from
    any number of threads and asyncio tasks, and on several clients.

    Args:
        public_key: the API key's public part.
        private_key: its private part.
        base_url: the server they are for, such as `https://cloud.mongodb.com`; without it, a client's base URL or
            else the origin of the first request it signs.

    Raises:
        ConfigError: a key is empty or has characters that no key has, or the base URL won't do. Later, before a
            request is sent: the request is for another origin; or, after it: the server asks for a kind of digest
            that Atlas doesn't use.

    Example:
        >>> auth = ai.DigestAuth("ABCDEFGH", "7f2a...")
        >>> with ai.Client(auth, base_url="https://cloud.mongodb.com"):
        ...     print(auth)
        <DigestAuth AB… https://cloud.mongodb.com>
    """

    def __init__(self, public_key: str, private_key: str, *, base_url: str | None = None) -> None:
        """Check and keep the key; nothing is sent."""
        fault = validate_credential(public_key, "public API key") or validate_credential(private_key, "private API key")
        self._public_key = Secret(public_key)
        self._private_key = Secret(private_key)
        del public_key, private_key
        super().__init__(base_url, fault)
        self._nonces = NoncePool()
        self._first_challenge: SingleFlight[bool] = SingleFlight()

    def _describe(self) -> str:
        return f"{mask_id(self._public_key)} "

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign the request and answer challenges; httpx calls this."""
        self._binding.check(request.url)
        nonce, flight, leading = self._join(None)
        for _ in range(_MAX_WAITS):
            if nonce is not None or leading or flight.wait(_WAIT) is False:
                break
            nonce, flight, leading = self._join(None)
        yield from self._exchange(request, nonce, flight if leading else None)

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Sign the request and answer challenges; httpx calls this."""
        self._binding.check(request.url)
        task = asyncio.current_task()
        nonce, flight, leading = self._join(task)
        for _ in range(_MAX_WAITS):
            if nonce is not None or leading or await flight.wait_async(_WAIT) is False:
                break
            nonce, flight, leading = self._join(task)
        exchange = self._exchange(request, nonce, flight if leading else None)
        try:
            request = next(exchange)
            while True:
                response = yield request
                request = exchange.send(response)
        except StopIteration:
            return
        finally:
            exchange.close()

    def _join(self, task: asyncio.Task[object] | None) -> tuple[Nonce | None, Flight[bool], bool]:
        """Return a nonce, or else the flight that fetches the first one and whether the caller leads it."""
        flight, leading = self._first_challenge.join(task)
        nonce = self._nonces.borrow()
        if leading and nonce is not None:
            flight.set_result(True)
            leading = False
        return nonce, flight, leading

    def _exchange(
        self, request: httpx.Request, nonce: Nonce | None, flight: Flight[bool] | None
    ) -> Generator[httpx.Request, httpx.Response, None]:
        """Send and answer challenges; without a nonce the first try goes unsigned.

        `flight` is set if others wait for the first challenge: it lands with True once there is a nonce, with False
        if the server wanted none, with None if no answer came.
        """
        fresh, refusals = False, 0
        challenged: bool | None = None
        try:
            for attempts_left in reversed(range(_MAX_CHALLENGES + 1)):
                self._sign(request, nonce)
                response = yield request
                challenged = False
                if response.status_code != _UNAUTHORIZED or not self._binding.covers(response):
                    return
                challenge = find_challenge(v for k, v in response.headers.raw if k.lower() == b"www-authenticate")
                if challenge is None:
                    return
                refused = None if challenge.stale else nonce
                if refused is not None:
                    refusals += 1
                    if refusals == _MAX_REFUSALS or (fresh and self._nonces.used_once(refused)):
                        return  # It is the key that won't do, not the nonce.
                if not attempts_left:
                    return
                nonce = self._nonces.exchange(nonce, challenge, reserve=refused is not None)
                fresh = challenged = True
                if flight is not None:
                    flight.set_result(True)
                drain_body(response)
                # Not the request we began with, if the client followed a redirect within the origin.
                request = response.request
        finally:
            if nonce is not None:
                self._nonces.give_back(nonce)
            if flight is not None:
                flight.set_result(challenged)

    def _sign(self, request: httpx.Request, nonce: Nonce | None) -> None:
        # Always taken off first: a request that is sent again must not repeat its nonce count.
        request.headers.pop("Authorization", None)
        if nonce is None:
            return
        value = build_authorization(
            nonce.challenge,
            username=self._public_key.reveal(),
            password=self._private_key.reveal(),
            method=request.method,
            uri=request.url.raw_path.decode("ascii"),
            count=self._nonces.next_count(nonce),
            cnonce=nonce.cnonce,
        )
        request.headers.update({b"Authorization": value})
