"""Limit how long a slow server may take: httpx's timeouts for each step, and the speed of a body."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from atlas_invoices._errors import APITimeoutError, ConfigError

# Far beyond any use, but without overflow in system calls.
_MAX_TIMEOUT = 1_000_000
_MAX_CONNECT_SECONDS = 15.0
# The slowest transfer allowed, on average over the time spent waiting for the network.
_MIN_BYTES_PER_SECOND = 4 * 1024


def request_timeout(timeout: float | httpx.Timeout | None) -> httpx.Timeout:
    """Return httpx's timeouts for each step of a request; raises `ConfigError` for a number that is out of range."""
    if isinstance(timeout, httpx.Timeout):
        if any(seconds is not None and not 0 <= seconds <= _MAX_TIMEOUT for seconds in timeout.as_dict().values()):
            raise ConfigError(f"timeout must have numbers of 0 to {_MAX_TIMEOUT:,} seconds, not {timeout!r}")
        return timeout
    if timeout is None:
        return httpx.Timeout(None)
    if not 0 < timeout <= _MAX_TIMEOUT:
        raise ConfigError(f"timeout must be above 0 and at most {_MAX_TIMEOUT:,} seconds, not {timeout!r}")
    # No limit for a free connection of our own pool: the server isn't to blame for that wait.
    return httpx.Timeout(timeout, connect=min(timeout, _MAX_CONNECT_SECONDS), pool=None)


class SpeedCheck:
    """Ends a transfer that is too slow on average; only time spent waiting for the network counts."""

    def __init__(self, endpoint: str, read_timeout: float | None, clock: Callable[[], float]) -> None:
        self._endpoint = endpoint
        self._read_timeout = read_timeout
        self._clock = clock
        self._waited = 0.0
        self._waiting_since = clock()

    def wait(self) -> None:
        """Note that the wait for more bytes begins now."""
        self._waiting_since = self._clock()

    def received(self, size: int) -> None:
        """Note that bytes arrived, `size` in all; raises `APITimeoutError` if they came too slowly."""
        self._waited += self._clock() - self._waiting_since
        if self._read_timeout is None or self._waited <= self._read_timeout:
            return
        if size < (self._waited - self._read_timeout) * _MIN_BYTES_PER_SECOND:
            raise APITimeoutError(
                f"the reply is too slow: {size:,} bytes in {self._waited:.0f} s; try again later ({self._endpoint})"
            )
