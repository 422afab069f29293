"""One call for all threads and tasks: one caller makes it, the others wait for its result; and the token they share."""

from __future__ import annotations

import asyncio
import copy
import math
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import httpx
from attrs import frozen

from atlas_invoices import _locks
from atlas_invoices._errors import APITimeoutError, TokenError

if TYPE_CHECKING:
    from atlas_invoices._http._steps import Steps

    from ._oauth import Token


T = TypeVar("T")


class Flight(Generic[T]):
    """One in-flight call. The leader sets the result once; the other callers wait for it."""

    def __init__(self, owner: SingleFlight[T]) -> None:
        self._owner = owner
        self.thread, self.task = threading.get_ident(), _current_task()
        self.result: Future[T | None] = Future()
        # A running future can't be cancelled: a cancelled waiter must not take the result away from the others.
        self.result.set_running_or_notify_cancel()

    def set_result(self, result: T | None) -> None:
        """Hand the result to all who wait; None if there isn't one, so that one of them goes next. Idempotent."""
        if self._owner.clear(self):
            self.result.set_result(result)


def _current_task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:  # no event loop runs in this thread
        return None


@frozen
class Wait(Generic[T]):
    """Wait for a flight's result; None if its leader gave up, takes too long, or can't go on before this caller."""

    flight: Flight[T]
    seconds: float

    def run(self) -> T | None:
        if self.flight.thread == threading.get_ident():
            return None  # The leader is a task of this thread's event loop, or further up this stack: it waits for us.
        try:
            return self.flight.result.result(self.seconds)
        except TimeoutError:
            return None

    async def run_async(self) -> T | None:
        if self.flight.thread == threading.get_ident() and self.flight.task in {None, asyncio.current_task()}:
            return None  # The leader is further up this stack: it waits for us.
        try:
            async with asyncio.timeout(self.seconds):
                return await asyncio.wrap_future(self.flight.result)
        except TimeoutError:
            return None


class SingleFlight(Generic[T]):
    """Where callers meet: the first to join leads a flight, the others join it. Thread-safe."""

    def __init__(self) -> None:
        self.after_fork()
        _locks.watch(self)

    def after_fork(self) -> None:
        """Start without a flight: in a forked child, its leader stayed in the parent."""
        self._lock = threading.Lock()
        self._flight: Flight[T] | None = None

    def join(self) -> tuple[Flight[T], bool]:
        """Return the flight, and whether the caller leads it and must set its result."""
        with self._lock:
            if self._flight is not None:
                return self._flight, False
            self._flight = Flight(self)
            return self._flight, True

    def clear(self, flight: Flight[T]) -> bool:
        """Make room for the next flight; false if this one has its result already."""
        with self._lock:
            if self._flight is not flight:
                return False
            self._flight = None
            return True


# How often to wait for another caller's token request before making one too.
_MAX_WAITS = 3
# After an early renewal failed, the old token is used this many seconds before the next attempt.
_PAUSE = 30.0

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
            self._pause_until = self.clock() + _PAUSE
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
