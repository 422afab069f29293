"""Decide which failures are tried again, and after how long."""

from __future__ import annotations

import asyncio
import logging
import math
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TypeVar

from attrs import field, frozen, validators

from atlas_invoices._errors import APIStatusError, AtlasError, TokenError, is_transient


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds that Retry-After asks to wait: whole seconds or an HTTP date (RFC 9110 §10.2.3), else None.

    A date is counted from the reply's own, where it has one: the two clocks may differ.
    """
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    if value.isascii() and value.isdigit():
        seconds = float(value[:12])
        return seconds if math.isfinite(seconds) else None
    when = _moment(value)
    if when is None:
        return None
    begins = _moment(headers.get("date", "")) or now or datetime.now(UTC)
    return max(0.0, (when - begins).total_seconds())


def _moment(value: str) -> datetime | None:
    try:
        when = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return when if when.tzinfo is not None else when.replace(tzinfo=UTC)


T = TypeVar("T")
log = logging.getLogger("atlas_invoices")
# Beyond any max_wait, and no overflow.
_MOST_DOUBLINGS = 64


@frozen
class RetryPolicy:
    """How often and how long; all times in seconds.

    Attributes:
        max_retries: how many tries may follow the first.
        base: the first wait is up to this, the next up to twice as much, and so on (exponential, full jitter).
        max_wait: caps both our own waits and the Retry-After that is obeyed: a longer one is raised at once.
        deadline: no try begins later than this after the first one began; nor does a try wait longer than this for
            a service account's token.
    """

    max_retries: int = field(default=4, validator=validators.ge(0))
    base: float = field(default=0.5, validator=validators.ge(0))
    max_wait: float = field(default=60.0, validator=validators.ge(0))
    deadline: float = field(default=600.0, validator=validators.gt(0))


def wait_before_retry(
    error: AtlasError,
    earlier: Sequence[AtlasError],
    policy: RetryPolicy,
    *,
    elapsed: float = 0.0,
    chance: Callable[[], float] = random.random,
) -> float | None:
    """Seconds to wait before the next try, or None to give up.

    Args:
        error: what the last try failed with.
        earlier: what the tries before it failed with, oldest first.
        policy: the limits.
        elapsed: seconds since the first try began.
        chance: a number from 0 (inclusive) to 1 (exclusive).
    """
    if len(earlier) >= policy.max_retries or not _worth_it(error, earlier):
        return None
    # Full jitter: many clients that fail together don't come back together.
    wait = min(policy.max_wait, policy.base * 2.0 ** min(len(earlier), _MOST_DOUBLINGS)) * chance()
    asked = getattr(error, "retry_after", None)
    if asked is not None:
        if asked > policy.max_wait:
            return None
        # Retry-After is the least, then clearly longer each time.
        wait = min(asked + wait, max(asked, policy.max_wait))
    return None if elapsed + wait > policy.deadline else float(wait)


def _worth_it(error: AtlasError, earlier: Sequence[AtlasError]) -> bool:
    # A 500 may be a passing fault or this request's own; once more tells.
    again = any(_status(one) == HTTPStatus.INTERNAL_SERVER_ERROR for one in earlier)
    return is_transient(error) and not (again and _status(error) == HTTPStatus.INTERNAL_SERVER_ERROR)


def _status(error: AtlasError) -> int | None:
    return error.status_code if isinstance(error, (APIStatusError, TokenError)) else None


def call(
    attempt: Callable[[], T],
    policy: RetryPolicy,
    sleep: Callable[[float], object] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> T:
    """Return what `attempt()` returns, trying again as the policy says; raises the last failure."""
    began = clock()
    earlier: list[AtlasError] = []
    while True:
        try:
            return attempt()
        except AtlasError as error:
            wait = wait_before_retry(error, earlier, policy, elapsed=clock() - began)
            if wait is None:
                raise
            _note(error, wait, earlier)
        sleep(wait)


async def call_async(
    attempt: Callable[[], Awaitable[T]],
    policy: RetryPolicy,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> T:
    """The same for a coroutine function."""
    began = clock()
    earlier: list[AtlasError] = []
    while True:
        try:
            return await attempt()
        except AtlasError as error:
            wait = wait_before_retry(error, earlier, policy, elapsed=clock() - began)
            if wait is None:
                raise
            _note(error, wait, earlier)
        await sleep(wait)


def _note(error: AtlasError, wait: float, earlier: list[AtlasError]) -> None:
    earlier.append(error)
    log.info("try %d failed, again in %.1f s: %s", len(earlier), wait, error)
