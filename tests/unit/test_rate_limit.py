"""All requests of a client keep the rate limit together; by a clock of our own, so nothing sleeps."""

from __future__ import annotations

import pytest

from atlas_invoices._http._rate_limit import RateLimiter
from atlas_invoices._http._responses import ResponseHead


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def head(status: int = 200, **headers: str) -> ResponseHead:
    return ResponseHead("GET", "/", status, {name.replace("_", "-"): value for name, value in headers.items()})


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limiter(clock: Clock) -> RateLimiter:
    return RateLimiter(60.0, clock)


def test_without_a_limit_no_request_waits(limiter: RateLimiter) -> None:
    for _ in range(1000):
        assert limiter.acquire() == 0
    limiter.release(head())
    assert limiter.acquire() == 0


def test_a_429_stops_every_request_for_the_time_it_names(limiter: RateLimiter, clock: Clock) -> None:
    assert limiter.acquire() == 0
    assert limiter.acquire() == 0
    limiter.release(head(429, retry_after="7"))
    assert limiter.acquire() == 7
    clock.now = 7.0
    # One is still under way; its reply tells more.
    assert 0 < limiter.acquire() < 1
    limiter.release(head(200, ratelimit_remaining="5"))
    assert limiter.acquire() == 0


def test_a_429_without_retry_after_stops_every_request_for_a_moment(limiter: RateLimiter) -> None:
    limiter.acquire()
    limiter.release(head(429))
    assert 0 < limiter.acquire() <= 1


def test_a_date_is_counted_from_the_servers_own_clock(limiter: RateLimiter) -> None:
    limiter.acquire()
    limiter.release(head(429, retry_after="Thu, 01 Jan 2099 00:00:09 GMT", date="Thu, 01 Jan 2099 00:00:02 GMT"))
    assert limiter.acquire() == 7


def test_a_pause_longer_than_max_wait_stops_no_other_request(limiter: RateLimiter) -> None:
    limiter.acquire()
    limiter.release(head(429, retry_after="61"))
    assert limiter.acquire() == 0


def test_no_more_go_than_the_last_reply_left(limiter: RateLimiter, clock: Clock) -> None:
    for _ in range(3):
        assert limiter.acquire() == 0
    limiter.release(head(ratelimit_remaining="4"))
    # Of the four that are left, two are under way already.
    assert limiter.acquire() == 0
    assert limiter.acquire() == 0
    assert limiter.acquire() > 0
    for _ in range(4):
        limiter.release(head(ratelimit_remaining="0"))
    assert limiter.acquire() > 0.5
    clock.now = 2.0
    assert limiter.acquire() == 0
    assert limiter.acquire() > 0
    limiter.release(head(ratelimit_remaining="50"))
    assert limiter.acquire() == 0


def test_a_request_without_a_reply_blocks_no_other(limiter: RateLimiter) -> None:
    limiter.acquire()
    limiter.release(head(ratelimit_remaining="1"))
    assert limiter.acquire() == 0
    limiter.release(None)
    assert limiter.acquire() == 0


@pytest.mark.parametrize("nonsense", ["", "x", "-1", "1.5", "9" * 400])
def test_a_remaining_that_is_not_a_number_is_no_limit(limiter: RateLimiter, nonsense: str) -> None:
    limiter.acquire()
    limiter.release(head(ratelimit_remaining=nonsense))
    assert limiter.acquire() == 0
