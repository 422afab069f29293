"""Which failures are tried again, after how long, and when to give up: one policy, as plain functions.

Clock, sleep and randomness are arguments, so that every decision can be tested exactly.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

from attrs import field, frozen, validators

from ._errors import APIStatusError, AtlasError, TokenError, is_transient

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

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
