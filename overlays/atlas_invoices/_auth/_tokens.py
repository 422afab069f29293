"""A service account's current token, shared by all threads and tasks: fetched once, renewed early."""

from __future__ import annotations

import copy
import math
import threading
from collections.abc import Callable

import httpx
from attrs import frozen

from atlas_invoices import _locks
from atlas_invoices._errors import APITimeoutError, TokenError
from atlas_invoices._http._steps import Steps

from ._oauth import Token
from ._single_flight import SingleFlight, Wait

# How often to wait for another caller's token request before making one too.
_MAX_WAITS = 3
# After an early renewal failed, the old token is used this many seconds before the next attempt.
_RENEWAL_PAUSE = 30.0

_FAILURES = (TokenError, APITimeoutError, httpx.HTTPError)


@frozen
class _Failed:
    """The leader's failure, shared by those who waited: a request of their own would only fail later."""

    error: Exception

    def copy(self) -> Exception:
        """Return the failure as a new exception: threads must not raise the same object."""
        error = copy.copy(self.error)
        error.__cause__ = self.error.__cause__
        return error


class TokenStore:
    """Keeps the current token; however many callers need a new one, it is fetched once."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Start without a token; `clock` is monotonic, in seconds."""
        self.clock = clock
        self.token: Token | None = None
        """The latest token, even if it has expired."""
        self._pause_until = -math.inf
        self._flights: SingleFlight[Token | _Failed] = SingleFlight()
        self.after_fork()
        _locks.watch(self)

    def after_fork(self) -> None:
        """Replace the lock: in a forked child, a thread of the parent may hold it. The token stays good."""
        self._lock = threading.Lock()

    def get(self, fetch: Callable[[float], Steps[Token]], seconds: float, refused: Token | None = None) -> Steps[Token]:
        """Return a token that can be used.

        Args:
            fetch: makes one token request, which must end by the given time on the clock. It is called by one of the
                callers that need a token at the same time.
            seconds: how long to wait in all.
            refused: a token that the server answered with 401; dropped unless it has been replaced already.
        """
        self._drop(refused)
        until, lead = self.clock() + seconds, None
        for _ in range(_MAX_WAITS):
            token = self._usable()
            if token is not None:
                return token
            flight, leading = self._flights.join()
            if leading:
                lead = flight
                break
            token = self._unexpired()
            if token is not None:
                return token  # It is being renewed early.
            outcome: Token | _Failed | None = yield Wait(flight, until - self.clock())
            if isinstance(outcome, _Failed):
                raise outcome.copy()
            if outcome is not None:
                return outcome
        outcome = None  # Stays so if the leader is cancelled: one of those who wait goes next.
        try:
            # The last leader may have finished just before this caller joined.
            token = outcome = self._usable() or self._keep((yield from fetch(until)))
        except _FAILURES as error:
            token = self._unexpired()
            if token is None:
                outcome = _Failed(error)
                raise
            self._pause_until = self.clock() + _RENEWAL_PAUSE
        finally:
            if lead is not None:
                lead.set_result(outcome)
        return token

    def _usable(self) -> Token | None:
        """Return the token unless it must be renewed."""
        token = self._unexpired()
        if token is None or self.clock() >= max(token.renew_at, self._pause_until):
            return None
        return token

    def _unexpired(self) -> Token | None:
        token = self.token
        return None if token is None or self.clock() >= token.expires_at else token

    def _drop(self, refused: Token | None) -> None:
        with self._lock:
            # By value: the same token may have come from the cache again in the meantime.
            if refused and self.token and self.token.value.reveal() == refused.value.reveal():
                self.token = None

    def _keep(self, token: Token) -> Token:
        with self._lock:
            self.token = token
        return token
