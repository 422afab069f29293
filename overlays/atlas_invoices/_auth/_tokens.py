"""One access token for all threads, tasks and event loops that share a service account."""

from __future__ import annotations

import asyncio
import copy
import math
import threading
from typing import TYPE_CHECKING

import httpx
from attrs import frozen

from atlas_invoices import _forks
from atlas_invoices._errors import APITimeoutError, TokenError

from ._single_flight import Flight, SingleFlight

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ._token_request import Token

# How often to wait for somebody else's token request before making one too.
_MAX_WAITS = 3
# After an early renewal failed, the old token is used this many seconds before the next try.
_PAUSE = 30.0

# The same twice: a union for annotations, and the tuple that `except` takes.
_Failure = TokenError | APITimeoutError | httpx.HTTPError
_FAILURES = (TokenError, APITimeoutError, httpx.HTTPError)


@frozen
class _Failed:
    """The leader's failure, which those who waited share: each for itself would only fail the same way, later."""

    error: _Failure

    def again(self) -> _Failure:
        """Return the same failure as an exception of its own: threads must not raise one object together."""
        error = copy.copy(self.error)
        error.__cause__ = self.error.__cause__
        return error


class TokenStore:
    """Keeps the current token; a new one is fetched once, however many need it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Begin without a token; `clock` is monotonic, in seconds."""
        self.clock = clock
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._pause_until = -math.inf
        self._flights: SingleFlight[Token | _Failed] = SingleFlight()
        _forks.watch(self)

    def after_fork(self) -> None:
        """In a forked child: a thread that stayed behind may have had the lock. The token is the child's too."""
        self._lock = threading.Lock()

    @property
    def held(self) -> Token | None:
        """The token there is, whether it can still be used or not."""
        with self._lock:
            return self._token

    def get(self, fetch: Callable[[float], Token], seconds: float, refused: Token | None = None) -> Token:
        """Return a token that can be used.

        Args:
            fetch: makes one token request, which ends when the clock says so; one caller's is called, for all who need
                a token at that moment.
            seconds: how long to wait in all.
            refused: a token that the server answered 401 to; it is forgotten, if nobody has replaced it yet.
        """
        self._forget(refused)
        token = self._usable(renewing=False)
        if token is not None:
            return token
        lead, until = None, self.clock() + seconds
        for _ in range(_MAX_WAITS):
            token, flight, leading = self._board(None)
            if token is not None:
                return token
            if leading:
                lead = flight
                break
            outcome = flight.wait(until - self.clock())
            if outcome is not None:
                return _token_in(outcome)
        try:
            # The last leader may have landed just before this one joined.
            return self._usable(renewing=False) or self._arrived(lead, fetch(until))
        except _FAILURES as error:
            return self._failed(lead, error)
        finally:
            _land(lead, None)

    async def get_async(
        self, fetch: Callable[[float], Awaitable[Token]], seconds: float, refused: Token | None = None
    ) -> Token:
        """Do the same from a coroutine, without blocking the event loop."""
        self._forget(refused)
        token = self._usable(renewing=False)
        if token is not None:
            return token
        lead, until = None, self.clock() + seconds
        for _ in range(_MAX_WAITS):
            token, flight, leading = self._board(asyncio.current_task())
            if token is not None:
                return token
            if leading:
                lead = flight
                break
            outcome = await flight.wait_async(until - self.clock())
            if outcome is not None:
                return _token_in(outcome)
        try:
            # The last leader may have landed just before this one joined.
            return self._usable(renewing=False) or self._arrived(lead, await fetch(until))
        except _FAILURES as error:
            return self._failed(lead, error)
        finally:
            _land(lead, None)  # Cancelled: one of those who wait goes next.

    def _board(self, task: asyncio.Task[object] | None) -> tuple[Token | None, Flight[Token | _Failed], bool]:
        """Return a token to use, or else the flight that fetches one and whether the caller leads it."""
        flight, leading = self._flights.join(task)
        return None if leading else self._usable(renewing=True), flight, leading

    def _usable(self, *, renewing: bool) -> Token | None:
        """Return the token if it needn't be renewed yet, or still holds while somebody else renews it."""
        with self._lock:
            token, now = self._token, self.clock()
            if token is None or now >= token.expires_at:
                return None
            return token if renewing or now < max(token.renew_at, self._pause_until) else None

    def _forget(self, refused: Token | None) -> None:
        with self._lock:
            # By value: the same token may have come from the cache again meanwhile.
            if refused and self._token and self._token.value.reveal() == refused.value.reveal():
                self._token = None

    def _arrived(self, lead: Flight[Token | _Failed] | None, token: Token) -> Token:
        with self._lock:
            self._token = token
        _land(lead, token)
        return token

    def _failed(self, lead: Flight[Token | _Failed] | None, error: _Failure) -> Token:
        """Return the old token if it was only to be renewed early; else raise the failure."""
        with self._lock:
            token, now = self._token, self.clock()
            if token is not None and now < token.expires_at:
                self._pause_until = now + _PAUSE
            else:
                token = None
        if token is None:
            _land(lead, _Failed(error))
            raise error
        return token


def _land(lead: Flight[Token | _Failed] | None, outcome: Token | _Failed | None) -> None:
    if lead is not None:
        lead.land(outcome)


def _token_in(outcome: Token | _Failed) -> Token:
    if isinstance(outcome, _Failed):
        raise outcome.again()
    return outcome
