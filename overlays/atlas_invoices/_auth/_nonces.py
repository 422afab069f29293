"""Share a server's nonces between all requests of one key, so that challenges don't grow with requests."""

from __future__ import annotations

import os
import secrets
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from attrs import define, field

if TYPE_CHECKING:
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
