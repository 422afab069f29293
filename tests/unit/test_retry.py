"""The retry policy, decision by decision, and retries answered by hand: nothing sleeps."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_invoices import _errors as errors
from atlas_invoices._http._retry import RetryPolicy, retry, wait_before_retry
from atlas_invoices._http._steps import Sleep, Steps

POLICY = RetryPolicy()


def status(code: int, retry_after: float | None = None) -> errors.APIStatusError:
    cls = {429: errors.RateLimitError}.get(code, errors.ServerError if code >= 500 else errors.APIStatusError)
    return cls("no", status_code=code, retry_after=retry_after)


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504, 520, 599])
def test_passing_failures_are_retried(code: int) -> None:
    assert wait_before_retry(status(code), [], POLICY, chance=lambda: 0.5) == 0.25


@pytest.mark.parametrize("code", [400, 401, 403, 404, 406, 409, 410])
def test_refusals_are_not_retried(code: int) -> None:
    assert wait_before_retry(status(code), [], POLICY) is None


def test_a_500_is_retried_once() -> None:
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


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (errors.APIConnectionError("x", sent=False), True),
        (errors.APITimeoutError("x", sent=False), True),
        (errors.APIConnectionError("x", transient=False, sent=False), False),
        (errors.APIConnectionError("x"), False),
        (errors.APITimeoutError("x"), False),
        (errors.IncompleteDownloadError("x"), False),
        (errors.TokenError("x", status_code=503), True),
        (errors.TokenError("x", status_code=401), False),
        (status(429, 1.0), True),
        (status(503, 1.0), True),
        (status(429), False),
        (status(503), False),
        (status(500, 1.0), False),
        (status(502, 1.0), False),
    ],
)
def test_what_makes_something_is_retried_only_if_nothing_was_done(error: errors.AtlasError, again: bool) -> None:
    wait = wait_before_retry(error, [], POLICY, retryable=errors.is_unprocessed)
    assert (wait is not None) is again


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


def test_thousands_of_attempts_overflow_nothing() -> None:
    policy = RetryPolicy(max_retries=5000)
    wait = wait_before_retry(status(503), [status(503)] * 4000, policy, chance=lambda: 0.5)
    assert wait == policy.max_wait / 2


def attempts(*outcomes: errors.AtlasError | str) -> Callable[[], Steps[str]]:
    """Attempts with these outcomes, one after the other."""
    left = iter(outcomes)

    def attempt() -> Steps[str]:
        yield Sleep(-1)  # the request
        outcome = next(left)
        if isinstance(outcome, errors.AtlasError):
            raise outcome
        return outcome

    return attempt


def answered(steps: Steps[str], clock: Clock) -> tuple[list[float], str]:
    """Run steps without sleeping; returns how long each one would have slept, and the result."""
    slept = []
    try:
        while True:
            step = next(steps)
            assert isinstance(step, Sleep)
            slept.append(step.seconds)
            clock.now += step.seconds
    except StopIteration as stop:
        return slept, stop.value


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_last_failure_is_raised_after_all_attempts(caplog: pytest.LogCaptureFixture) -> None:
    failures = [status(503, float(number)) for number in range(1, 6)]
    with caplog.at_level(logging.INFO, "atlas_invoices"), pytest.raises(errors.ServerError) as caught:
        answered(retry(attempts(*failures), RetryPolicy(max_retries=3)), Clock())
    assert caught.value is failures[3]
    assert [record.levelname for record in caplog.records] == ["INFO"] * 3
    assert caplog.messages[0].startswith("attempt 1 failed, retrying in ")


def test_a_wait_comes_between_attempts() -> None:
    slept, result = answered(retry(attempts(status(502), status(503, 7.0), "done"), POLICY), Clock())
    assert result == "done"
    request, backoff, again, retry_after, last = slept
    assert (request, again, last) == (-1, -1, -1)
    assert 0 <= backoff <= POLICY.base
    assert retry_after >= 7


def test_no_attempt_begins_after_the_deadline() -> None:
    clock = Clock()
    policy = RetryPolicy(max_retries=100, deadline=30.0)
    with pytest.raises(errors.RateLimitError):
        answered(retry(attempts(*[status(429, 10.0)] * 100), policy, clock), clock)
    assert 10 <= clock.now <= 30


def test_no_retries_means_one_attempt() -> None:
    failure = status(503)
    with pytest.raises(errors.ServerError):
        answered(retry(attempts(failure, "never"), RetryPolicy(max_retries=0)), Clock())
