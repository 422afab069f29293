"""API keys: HTTP digest that shares nonces between all requests, threads and tasks.

Not `httpx.DigestAuth`: with that, every thread and task that starts before the first response is challenged, and nonce
counts may be sent twice; and a FIPS build of Python refuses its MD5, which isn't marked as not used for security.
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict

import httpx
from attrs import define, field

from atlas_invoices import _locks
from atlas_invoices._secret import Secret, mask_id, validate_credential

from ._base import DrainBody, Flow, OriginBoundAuth
from ._challenge import Challenge, build_authorization, find_challenge
from ._single_flight import Flight, SingleFlight, Wait

# More nonces than requests in flight are useless; the oldest are dropped.
_MAX_NONCES = 256
# Counts of dropped nonces are kept for a while, in case the server sends one of them again.
_MAX_COUNTS = 4096


@define(eq=False)
class Nonce:
    """A nonce from the server, with its client nonce and the number of requests that use it right now."""

    challenge: Challenge
    cnonce: str = field(factory=lambda: secrets.token_hex(16))
    in_flight: int = 0
    reserved: bool = False
    """Whether only the request that received it may use it, until its response arrives."""


class NoncePool:
    """The nonces of one key; thread-safe.

    Requests in flight spread over the available nonces: when one goes stale, only the requests that used it are
    challenged again, and each brings a new nonce for later. Most nonces also reach the server with rising counts.
    """

    def __init__(self) -> None:
        self._counts: OrderedDict[str, int] = OrderedDict()
        self.after_fork()
        _locks.watch(self)

    def after_fork(self) -> None:
        """Start without nonces: in a forked child, the parent keeps using the ones it has."""
        self._lock = threading.Lock()
        self._nonces: list[Nonce] = []

    def borrow(self) -> Nonce | None:
        """Return the least used nonce, the newest of several; None if there isn't one yet."""
        with self._lock:
            if not self._nonces:
                return None
            nonce = min(reversed(self._nonces), key=lambda n: n.in_flight)
            nonce.in_flight += 1
            return nonce

    def exchange(self, old: Nonce | None, challenge: Challenge, *, reserve: bool) -> Nonce:
        """Drop the refused nonce, and return the server's new one for this request.

        With `reserve`, no other request gets it until this one gives it back.
        """
        with self._lock:
            if old is not None:
                old.in_flight -= 1
                if old in self._nonces:
                    self._nonces.remove(old)
            nonce = next((n for n in self._nonces if n.challenge.nonce == challenge.nonce), None)
            if nonce is None:
                nonce = Nonce(challenge, reserved=reserve)
                if not reserve:
                    self._add(nonce)
            nonce.in_flight += 1
            return nonce

    def give_back(self, nonce: Nonce) -> None:
        """Note that a request with this nonce has its response."""
        with self._lock:
            nonce.in_flight -= 1
            if nonce.reserved:
                nonce.reserved = False
                self._add(nonce)

    def _add(self, nonce: Nonce) -> None:
        self._nonces.append(nonce)
        del self._nonces[:-_MAX_NONCES]

    def used_once(self, nonce: Nonce) -> bool:
        """Whether exactly one request has used this nonce."""
        with self._lock:
            return self._counts.get(nonce.challenge.nonce) == 1

    def next_count(self, nonce: Nonce) -> int:
        """Return the number of requests that have used this nonce, including the next; no number twice."""
        value = nonce.challenge.nonce
        with self._lock:
            count = self._counts[value] = self._counts.pop(value, 0) + 1
            if len(self._counts) > _MAX_COUNTS:
                self._counts.popitem(last=False)
            return count


_UNAUTHORIZED = 401
# A server whose nonces go stale quickly may refuse several in a row; one that refuses this many never accepts.
_MAX_CHALLENGES = 10
# A refusal that isn't marked stale may mean that the server forgot the nonce, or that the counts of requests that share
# it arrived out of order. After this many, or at once if nothing else used the nonce, the key itself is refused.
_MAX_REFUSALS = 3
# How often, and for how many seconds each time, a request waits for another's challenge before it gets its own.
_MAX_WAITS = 3
_WAIT_SECONDS = 5.0


class DigestAuth(OriginBoundAuth):
    """Sign requests with an Atlas API key (HTTP digest).

    The first request is challenged; later ones are signed at once with the same nonce and a rising count, from any
    number of threads, asyncio tasks and clients.

    Args:
        public_key: the API key's public part.
        private_key: its private part.
        base_url: the server they are for, such as `https://cloud.mongodb.com`. Without it, a client's base URL counts,
            or else the origin of the first request.

    Raises:
        ConfigError: a key is empty or contains invalid characters, or the base URL is invalid. Later, before a request
            is sent: the request is for another origin. Or after it: the server asks for a kind of digest that Atlas
            doesn't use.

    Example:
        >>> auth = ai.DigestAuth("ABCDEFGH", "7f2a...")
        >>> with ai.Client(auth, base_url="https://cloud.mongodb.com"):
        ...     print(auth)
        <DigestAuth AB… https://cloud.mongodb.com>
    """

    def __init__(self, public_key: str, private_key: str, *, base_url: str | None = None) -> None:
        fault = validate_credential(public_key, "public API key") or validate_credential(private_key, "private API key")
        self._public_key = Secret(public_key)
        self._private_key = Secret(private_key)
        del public_key, private_key
        super().__init__(base_url, fault)
        self._nonces = NoncePool()
        self._first_challenge: SingleFlight[bool] = SingleFlight()

    def _describe(self) -> str:
        return f"{mask_id(self._public_key)} "

    def _flow(self, request: httpx.Request) -> Flow:
        self._binding.check(request.url)
        nonce, flight, leading = self._join()
        for _ in range(_MAX_WAITS):
            if nonce is not None or leading or (yield Wait(flight, _WAIT_SECONDS)) is False:
                break
            nonce, flight, leading = self._join()
        yield from self._exchange(request, nonce, flight if leading else None)

    def _join(self) -> tuple[Nonce | None, Flight[bool], bool]:
        """Return a nonce, or else the flight that gets the first one and whether the caller leads it."""
        flight, leading = self._first_challenge.join()
        nonce = self._nonces.borrow()
        if leading and nonce is not None:
            flight.set_result(True)
            leading = False
        return nonce, flight, leading

    def _exchange(self, request: httpx.Request, nonce: Nonce | None, flight: Flight[bool] | None) -> Flow:
        """Send and answer challenges; without a nonce, the first attempt is unsigned.

        `flight` is set if others wait for the first challenge. Its result is True once there is a nonce, False if the
        server sent no challenge, None if no response came.
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
                        return  # The key is refused, not the nonce.
                if not attempts_left:
                    return
                nonce = self._nonces.exchange(nonce, challenge, reserve=refused is not None)
                fresh = challenged = True
                if flight is not None:
                    flight.set_result(True)
                yield DrainBody(response)
                # Not the original request, if the client followed a redirect within the origin.
                request = response.request
        finally:
            if nonce is not None:
                self._nonces.give_back(nonce)
            if flight is not None:
                flight.set_result(challenged)

    def _sign(self, request: httpx.Request, nonce: Nonce | None) -> None:
        # Always removed first: a request that is sent again must not repeat its nonce count.
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
        # The challenge's bytes are sent back as they came, and needn't be ASCII.
        request.headers.encoding = "latin-1"
        request.headers.update({b"Authorization": value})
