"""The retry policy, decision by decision, with a clock of our own."""

from __future__ import annotations

import asyncio
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_invoices import _errors as errors
from atlas_invoices._http._retry import RetryPolicy, call, call_async, wait_before_retry

POLICY = RetryPolicy()


def status(code: int, retry_after: float | None = None) -> errors.APIStatusError:
    cls = {429: errors.RateLimitError}.get(code, errors.ServerError if code >= 500 else errors.APIStatusError)
    return cls("no", status_code=code, retry_after=retry_after)


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504, 520, 599])
def test_passing_failures_are_tried_again(code: int) -> None:
    assert wait_before_retry(status(code), [], POLICY, chance=lambda: 0.5) == 0.25


@pytest.mark.parametrize("code", [400, 401, 403, 404, 406, 409, 410])
def test_refusals_are_not(code: int) -> None:
    assert wait_before_retry(status(code), [], POLICY) is None


def test_a_500_is_tried_once_more_only() -> None:
    assert wait_before_retry(status(500), [status(503)], POLICY) is not None
    assert wait_before_retry(status(500), [status(500)], POLICY) is None
    assert wait_before_retry(status(503), [status(500), status(503)], POLICY) is not None


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (errors.APIConnectionError("x"), True),
        (errors.APITimeoutError("x"), True),
        (errors.APIConnectionError("untrusted", transient=False), False),
        (errors.IncompleteDownloadError("x"), True),
        (errors.UnexpectedResponseError("x"), False),
        (errors.ConfigError("x"), False),
        (errors.TokenError("x", status_code=401), False),
        (errors.TokenError("x", status_code=429), True),
        (errors.TokenError("x", status_code=503), True),
        (errors.TokenError("x"), False),
    ],
)
def test_other_failures(error: errors.AtlasError, again: bool) -> None:
    assert (wait_before_retry(error, [], POLICY) is not None) is again


def test_retry_after_is_a_lower_bound_up_to_the_cap() -> None:
    assert wait_before_retry(status(429, 10.0), [], POLICY, chance=lambda: 0.0) == 10.0
    assert (wait_before_retry(status(429, 10.0), [status(429)], POLICY, chance=lambda: 0.999) or 0) > 10.0
    assert wait_before_retry(status(429, 60.0), [], POLICY, chance=lambda: 0.999) == 60.0
    assert wait_before_retry(status(429, 61.0), [], POLICY) is None


@given(st.integers(0, 10), st.floats(0, 1, exclude_max=True), st.one_of(st.none(), st.floats(0, 200)))
def test_every_wait_is_within_bounds(earlier: int, chance: float, asked: float | None) -> None:
    wait = wait_before_retry(status(503, asked), [status(503)] * earlier, POLICY, chance=lambda: chance)
    if wait is not None:
        assert earlier < POLICY.max_retries
        assert (asked or 0) <= wait <= POLICY.max_wait


def test_thousands_of_tries_overflow_nothing() -> None:
    policy = RetryPolicy(max_retries=5000)
    wait = wait_before_retry(status(503), [status(503)] * 4000, policy, chance=lambda: 0.5)
    assert wait == policy.max_wait / 2


def test_the_last_failure_is_raised_after_all_tries(caplog: pytest.LogCaptureFixture) -> None:
    slept: list[float] = []
    tries = 0

    def attempt() -> None:
        nonlocal tries
        tries += 1
        raise status(503, float(tries))

    with caplog.at_level(logging.INFO, "atlas_invoices"), pytest.raises(errors.ServerError) as caught:
        call(attempt, RetryPolicy(max_retries=3), slept.append)
    assert tries == 4
    assert len(slept) == 3
    assert caught.value.retry_after == 4.0
    assert [record.levelname for record in caplog.records] == ["INFO"] * 3


def test_sync_and_async_loops_do_the_same() -> None:
    async def attempt() -> str:
        outcomes.append(1)
        if len(outcomes) < 3:
            raise status(502)
        return "done"

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    outcomes: list[int] = []
    slept: list[float] = []
    assert asyncio.run(call_async(attempt, POLICY, sleep)) == "done"
    assert len(slept) == 2


def test_no_retries_means_none() -> None:
    with pytest.raises(errors.ServerError):
        call(lambda: (_ for _ in ()).throw(status(503)), RetryPolicy(max_retries=0), lambda _: pytest.fail("slept"))
