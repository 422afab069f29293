"""Keep all requests of one client under the server's rate limit.

Atlas answers with RateLimit-Remaining on some replies, and with 429, with or without Retry-After, once the limit is
exceeded (Atlas documentation, "rate limiting"); how fast its buckets fill isn't in either. So when the last reply left
fewer requests than are under way, new ones wait; then one goes first, and its reply tells how many may follow.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from http import HTTPStatus

from atlas_invoices._errors import APITimeoutError

from ._responses import ResponseHead
from ._retry import retry_after

# How long to wait when the server doesn't say: a bucket has filled a little by then.
_DEFAULT_PAUSE = 1.0
# How often a request asks again while another one's reply is awaited.
_POLL = 0.02


class RateLimiter:
    """Client-wide rate limiter; thread-safe. Returns how long to wait and never sleeps.

    A pause longer than `max_wait` seconds delays no other request; the one that received it fails.
    """

    def __init__(self, max_wait: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_wait = max_wait
        self._clock = clock
        self._lock = threading.Lock()
        self._resume_at = 0.0
        self._under_way = 0
        # How many requests may be sent before the next reply; None if the server gives no limit.
        self._left: int | None = None

    def acquire(self) -> float:
        """Return 0 if a request may be sent now, and must be released later; else the seconds before asking again."""
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
        """Take the head of a request's reply into account; None if the request failed without one."""
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


def rate_limit_timeout(endpoint: str, seconds: float) -> APITimeoutError:
    """Return the error of a request that waited too long for its turn."""
    return APITimeoutError(
        f"gave up after {seconds:g} s waiting for the rate limit because other requests were ahead; use fewer parallel "
        f"requests, or try again later ({endpoint})",
        transient=False,
    )
