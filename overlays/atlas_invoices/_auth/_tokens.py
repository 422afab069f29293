"""One token for all threads and tasks: one caller fetches it, the others wait."""

from __future__ import annotations

import asyncio
import copy
import math
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Generic, TypeVar

import httpx
from attrs import frozen

from atlas_invoices import _locks
from atlas_invoices._errors import APITimeoutError, TokenError

if TYPE_CHECKING:
    from ._oauth import Token


T = TypeVar("T")


class Flight(Generic[T]):
    """One caller's go at it. Whoever leads lands it exactly once; the others wait for what it brings."""

    def __init__(self, owner: SingleFlight[T], task: asyncio.Task[object] | None) -> None:
        """Remember who leads: this thread and, where it is a coroutine, its task."""
        self._owner = owner
        self._thread = threading.get_ident()
        self._task = task
        self._result: Future[T | None] = Future()
        # A running future can't be cancelled: a waiting task that is must not take the result from the others.
        self._result.set_running_or_notify_cancel()

    def set_result(self, result: T | None) -> None:
        """Hand the result to all who wait; None says that nobody has it, so one of them goes next. Idempotent."""
        if self._owner.clear(self):
            self._result.set_result(result)

    def wait(self, seconds: float) -> T | None:
        """Block until it lands and return the result; None if the leader gave up, takes too long, or can't go on."""
        if self._thread == threading.get_ident():
            return None  # The leader is a coroutine of this thread's loop, or further up this stack: it waits for us.
        try:
            return self._result.result(seconds)
        except TimeoutError:
            return None

    async def wait_async(self, seconds: float) -> T | None:
        """Like `wait`, without blocking the event loop."""
        if self._thread == threading.get_ident() and self._task in {None, asyncio.current_task()}:
            return None  # The leader is further up this very stack: it waits for us.
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.wrap_future(self._result)
        except TimeoutError:
            return None


class SingleFlight(Generic[T]):
    """Where callers meet: the first to join leads, the others get the flight that is under way."""

    def __init__(self) -> None:
        """Nothing is under way."""
        self._lock = threading.Lock()
        self._flight: Flight[T] | None = None
        _locks.watch(self)

    def after_fork(self) -> None:
        """In a forked child: the flight's leader stayed behind with the parent."""
        self._lock, self._flight = threading.Lock(), None

    def join(self, task: asyncio.Task[object] | None = None) -> tuple[Flight[T], bool]:
        """Return the flight, and whether the caller leads it and must land it; a coroutine passes its task."""
        with self._lock:
            if self._flight is not None:
                return self._flight, False
            self._flight = Flight(self, task)
            return self._flight, True

    def clear(self, flight: Flight[T]) -> bool:
        """Make room for the next flight; false if this one has landed before."""
        with self._lock:
            if self._flight is not flight:
                return False
            self._flight = None
            return True


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
        _locks.watch(self)

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
            token, flight, leading = self._join(None)
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
            token, flight, leading = self._join(asyncio.current_task())
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

    def _join(self, task: asyncio.Task[object] | None) -> tuple[Token | None, Flight[Token | _Failed], bool]:
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
        lead.set_result(outcome)


def _token_in(outcome: Token | _Failed) -> Token:
    if isinstance(outcome, _Failed):
        raise outcome.again()
    return outcome
