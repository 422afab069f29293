"""Keep all requests of one client under the server's rate limit together, instead of each finding out for itself.

Atlas answers with RateLimit-Remaining on some replies, and with 429, with or without Retry-After, when it's too late
(Atlas documentation, "rate limiting"); how fast its buckets fill isn't part of either. So: where the last reply left
less than what is under way, new requests wait a moment, then one goes first and its reply tells how many may follow.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING

from atlas_invoices._errors import APITimeoutError

from ._retry import retry_after

if TYPE_CHECKING:
    from ._responses import ResponseHead


# A pause where the server named none: time for a bucket to fill a little.
_DEFAULT_PAUSE = 1.0
# How soon those who wait for another request's reply look again.
_POLL = 0.02


class RateLimiter:
    """One client's sense of the limit. Safe for threads and tasks; does no waiting itself."""

    def __init__(self, max_wait: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Never ask anybody to wait longer than `max_wait` seconds: a longer pause is that request's own error."""
        self._max_wait = max_wait
        self._clock = clock
        self._lock = threading.Lock()
        self._resume_at = 0.0
        self._under_way = 0
        # How many may go before the next reply; None where the server names no limit.
        self._left: int | None = None

    def acquire(self) -> float:
        """0 if a request may go now, which then has to `release`; else the seconds after which to ask again."""
        with self._lock:
            pause = self._resume_at - self._clock()
            if pause > 0:
                return pause
            if self._left is not None:
                if self._left <= 0:
                    if self._under_way:
                        return _POLL
                    self._left = 1
                self._left -= 1
            self._under_way += 1
            return 0.0

    def release(self, head: ResponseHead | None) -> None:
        """A request has the head of its reply, or, with None, won't get any."""
        with self._lock:
            self._under_way -= 1
            if head is None:
                return
            if head.status == HTTPStatus.TOO_MANY_REQUESTS:
                wait = retry_after(head.headers)
                if wait is None or wait <= self._max_wait:
                    self._left = 0
                    self._pause(_DEFAULT_PAUSE if wait is None else wait)
                return
            remaining = head.headers.get("ratelimit-remaining", "").strip()
            if not (remaining.isascii() and remaining.isdigit()):
                self._left = None
                return
            self._left = max(0, int(remaining[:9]) - self._under_way)
            if self._left == 0:
                self._pause(_DEFAULT_PAUSE)

    def _pause(self, seconds: float) -> None:
        self._resume_at = max(self._resume_at, self._clock() + seconds)


def rate_limit_timeout(where: str, seconds: float) -> APITimeoutError:
    """The error of a request whose turn didn't come in that time."""
    return APITimeoutError(
        f"{where}: others of this client kept it waiting for the server's rate limit (at most {seconds:g} s); "
        "ask for less at once, or try again later",
        transient=False,
    )
