"""All requests of a client wait together, by a clock of our own."""

from __future__ import annotations

import warnings

import pytest

from atlas_invoices._http._rate_limit import Pace
from atlas_invoices._http._responses import Head, Notices


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def head(status: int = 200, **headers: str) -> Head:
    return Head("GET", "/", status, {name.replace("_", "-"): value for name, value in headers.items()})


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pace(clock: Clock) -> Pace:
    return Pace(60.0, clock)


def test_without_a_limit_nobody_waits(pace: Pace) -> None:
    for _ in range(1000):
        assert pace.enter() == 0
    pace.leave(head())
    assert pace.enter() == 0


def test_a_429_stops_everybody_for_as_long_as_it_says(pace: Pace, clock: Clock) -> None:
    assert pace.enter() == 0
    assert pace.enter() == 0
    pace.leave(head(429, retry_after="7"))
    assert pace.enter() == 7
    clock.now = 7.0
    # One is still under way; its reply tells more.
    assert 0 < pace.enter() < 1
    pace.leave(head(200, ratelimit_remaining="5"))
    assert pace.enter() == 0


def test_a_429_without_retry_after_stops_everybody_for_a_moment(pace: Pace) -> None:
    pace.enter()
    pace.leave(head(429))
    assert 0 < pace.enter() <= 1


def test_a_date_is_counted_from_the_servers_own_clock(pace: Pace) -> None:
    pace.enter()
    pace.leave(head(429, retry_after="Thu, 01 Jan 2099 00:00:09 GMT", date="Thu, 01 Jan 2099 00:00:02 GMT"))
    assert pace.enter() == 7


def test_a_pause_longer_than_anybody_should_wait_is_that_requests_own_error(pace: Pace) -> None:
    pace.enter()
    pace.leave(head(429, retry_after="61"))
    assert pace.enter() == 0


def test_no_more_go_than_the_last_reply_left(pace: Pace, clock: Clock) -> None:
    for _ in range(3):
        assert pace.enter() == 0
    pace.leave(head(ratelimit_remaining="4"))
    # Of the four that are left, two are under way already.
    assert pace.enter() == 0
    assert pace.enter() == 0
    assert pace.enter() > 0
    for _ in range(4):
        pace.leave(head(ratelimit_remaining="0"))
    assert pace.enter() > 0.5
    clock.now = 2.0
    assert pace.enter() == 0
    assert pace.enter() > 0
    pace.leave(head(ratelimit_remaining="50"))
    assert pace.enter() == 0


def test_a_request_without_a_reply_blocks_nobody(pace: Pace) -> None:
    pace.enter()
    pace.leave(head(ratelimit_remaining="1"))
    assert pace.enter() == 0
    pace.leave(None)
    assert pace.enter() == 0


@pytest.mark.parametrize("nonsense", ["", "x", "-1", "1.5", "9" * 400])
def test_a_remaining_that_is_no_number_is_no_limit(pace: Pace, nonsense: str) -> None:
    pace.enter()
    pace.leave(head(ratelimit_remaining=nonsense))
    assert pace.enter() == 0


DEPRECATION = {"deprecation": "Thu, 01 Jan 2026 00:00:00 GMT", "sunset": "Fri, 01 Jan 2027 00:00:00 GMT"}


def test_an_announced_end_is_one_warning_with_its_date() -> None:
    notices = Notices()
    with pytest.warns(FutureWarning, match="deprecated since 2026-01-01 and will be removed on 2027-01-01"):
        notices.heed("get_invoice_csv", DEPRECATION)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        notices.heed("get_invoice_csv", DEPRECATION)
        notices.heed("get_invoice", {})
    with pytest.warns(FutureWarning, match="get_invoice:"):
        notices.heed("get_invoice", DEPRECATION)


@pytest.mark.parametrize(
    ("value", "shown"), [("@1767225600", "2026-01-01"), ("soon\x1b[31m", r"soon\\x1b\[31m"), ("@x", "@x")]
)
def test_dates_in_other_words(value: str, shown: str) -> None:
    with pytest.warns(FutureWarning, match=shown):
        Notices().heed("get_invoice", {"sunset": value})
