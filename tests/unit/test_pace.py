"""All requests of a client wait together, by a clock of our own."""

from __future__ import annotations

import warnings

import pytest

from atlas_invoices._http._rate_limit import RateLimiter
from atlas_invoices._http._responses import DeprecationWarner, ResponseHead


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
def pace(clock: Clock) -> RateLimiter:
    return RateLimiter(60.0, clock)


def test_without_a_limit_nobody_waits(pace: RateLimiter) -> None:
    for _ in range(1000):
        assert pace.acquire() == 0
    pace.release(head())
    assert pace.acquire() == 0


def test_a_429_stops_everybody_for_as_long_as_it_says(pace: RateLimiter, clock: Clock) -> None:
    assert pace.acquire() == 0
    assert pace.acquire() == 0
    pace.release(head(429, retry_after="7"))
    assert pace.acquire() == 7
    clock.now = 7.0
    # One is still under way; its reply tells more.
    assert 0 < pace.acquire() < 1
    pace.release(head(200, ratelimit_remaining="5"))
    assert pace.acquire() == 0


def test_a_429_without_retry_after_stops_everybody_for_a_moment(pace: RateLimiter) -> None:
    pace.acquire()
    pace.release(head(429))
    assert 0 < pace.acquire() <= 1


def test_a_date_is_counted_from_the_servers_own_clock(pace: RateLimiter) -> None:
    pace.acquire()
    pace.release(head(429, retry_after="Thu, 01 Jan 2099 00:00:09 GMT", date="Thu, 01 Jan 2099 00:00:02 GMT"))
    assert pace.acquire() == 7


def test_a_pause_longer_than_anybody_should_wait_is_that_requests_own_error(pace: RateLimiter) -> None:
    pace.acquire()
    pace.release(head(429, retry_after="61"))
    assert pace.acquire() == 0


def test_no_more_go_than_the_last_reply_left(pace: RateLimiter, clock: Clock) -> None:
    for _ in range(3):
        assert pace.acquire() == 0
    pace.release(head(ratelimit_remaining="4"))
    # Of the four that are left, two are under way already.
    assert pace.acquire() == 0
    assert pace.acquire() == 0
    assert pace.acquire() > 0
    for _ in range(4):
        pace.release(head(ratelimit_remaining="0"))
    assert pace.acquire() > 0.5
    clock.now = 2.0
    assert pace.acquire() == 0
    assert pace.acquire() > 0
    pace.release(head(ratelimit_remaining="50"))
    assert pace.acquire() == 0


def test_a_request_without_a_reply_blocks_nobody(pace: RateLimiter) -> None:
    pace.acquire()
    pace.release(head(ratelimit_remaining="1"))
    assert pace.acquire() == 0
    pace.release(None)
    assert pace.acquire() == 0


@pytest.mark.parametrize("nonsense", ["", "x", "-1", "1.5", "9" * 400])
def test_a_remaining_that_is_no_number_is_no_limit(pace: RateLimiter, nonsense: str) -> None:
    pace.acquire()
    pace.release(head(ratelimit_remaining=nonsense))
    assert pace.acquire() == 0


DEPRECATION = {"deprecation": "Thu, 01 Jan 2026 00:00:00 GMT", "sunset": "Fri, 01 Jan 2027 00:00:00 GMT"}


def test_an_announced_end_is_one_warning_with_its_date() -> None:
    notices = DeprecationWarner()
    with pytest.warns(FutureWarning, match="deprecated since 2026-01-01 and will be removed on 2027-01-01"):
        notices.warn_once("get_invoice_csv", DEPRECATION)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        notices.warn_once("get_invoice_csv", DEPRECATION)
        notices.warn_once("get_invoice", {})
    with pytest.warns(FutureWarning, match="get_invoice:"):
        notices.warn_once("get_invoice", DEPRECATION)


@pytest.mark.parametrize(
    ("value", "shown"), [("@1767225600", "2026-01-01"), ("soon\x1b[31m", r"soon\\x1b\[31m"), ("@x", "@x")]
)
def test_dates_in_other_words(value: str, shown: str) -> None:
    with pytest.warns(FutureWarning, match=shown):
        DeprecationWarner().warn_once("get_invoice", {"sunset": value})
