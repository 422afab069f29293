"""Decide which failed requests to repeat, and after how long."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TypeVar

from attrs import field, frozen, validators

from atlas_invoices._errors import APIStatusError, AtlasError, TokenError, is_transient
from atlas_invoices._utils import DEFAULT_MAX_RETRIES

from ._steps import Sleep, Steps

__all__ = [
    "RetryPolicy",
]

T = TypeVar("T")
log = logging.getLogger("atlas_invoices")

# Beyond any max_wait, and no overflow.
_MAX_DOUBLINGS = 64


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Return the seconds in Retry-After, whole seconds or an HTTP date (RFC 9110 §10.2.3), or None.

    A date is compared with the reply's own, if it has one, because the two clocks may differ.
    """
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    if value.isascii() and value.isdigit():
        return float(value[:12])
    when = _parse_date(value)
    if when is None:
        return None
    sent = _parse_date(headers.get("date", "")) or now or datetime.now(UTC)
    return max(0.0, (when - sent).total_seconds())


def _parse_date(value: str) -> datetime | None:
    try:
        when = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return when if when.tzinfo is not None else when.replace(tzinfo=UTC)


@frozen
class RetryPolicy:
    """How often to retry, and how long to wait; all times in seconds.

    Attributes:
        max_retries: how many retries may follow the first attempt.
        base: the first wait is up to this, the next up to twice as much, and so on (exponential, full jitter).
        max_wait: the longest wait. An error with a longer Retry-After is raised at once.
        deadline: no attempt starts later than this after the first one; none waits longer than this for a service
            account's token.
    """

    max_retries: int = field(default=DEFAULT_MAX_RETRIES, validator=validators.ge(0))
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
    retryable: Callable[[AtlasError], bool] = is_transient,
) -> float | None:
    """Return the seconds to wait before the next attempt, or None to give up.

    Args:
        error: the last attempt's.
        earlier: those of the attempts before it, oldest first.
        policy: the limits.
        elapsed: seconds since the first attempt began.
        chance: a number from 0 (inclusive) to 1 (exclusive).
        retryable: whether a failure may be followed by another attempt at all.
    """
    if len(earlier) >= policy.max_retries or not retryable(error) or _is_second_500(error, earlier):
        return None
    # Full jitter, so that many clients that fail together don't retry together.
    wait = min(policy.max_wait, policy.base * 2.0 ** min(len(earlier), _MAX_DOUBLINGS)) * chance()
    minimum = getattr(error, "retry_after", None)
    if minimum is not None:
        if minimum > policy.max_wait:
            return None
        # At least Retry-After, and clearly longer each time.
        wait = min(minimum + wait, max(minimum, policy.max_wait))
    return None if elapsed + wait > policy.deadline else float(wait)


def _is_second_500(error: AtlasError, earlier: Sequence[AtlasError]) -> bool:
    # A 500 may be a passing fault or this request's own: one more attempt tells.
    return _is_500(error) and any(map(_is_500, earlier))


def _is_500(error: AtlasError) -> bool:
    return isinstance(error, (APIStatusError, TokenError)) and error.status_code == HTTPStatus.INTERNAL_SERVER_ERROR


def retry(
    attempt: Callable[[], Steps[T]],
    policy: RetryPolicy,
    clock: Callable[[], float] = time.monotonic,
    *,
    retryable: Callable[[AtlasError], bool] = is_transient,
) -> Steps[T]:
    """Return the result of `attempt()`, repeated as the policy says; raises the last failure."""
    began = clock()
    earlier: list[AtlasError] = []
    while True:
        try:
            return (yield from attempt())
        except AtlasError as error:
            wait = wait_before_retry(error, earlier, policy, elapsed=clock() - began, retryable=retryable)
            if wait is None:
                raise
            earlier.append(error)
            text = "attempt %d failed, retrying in %.1f s: %s"
            log.info(text, len(earlier), wait, error, extra={"wait": wait})
        yield Sleep(wait)
