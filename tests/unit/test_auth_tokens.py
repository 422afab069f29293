"""One token for all callers: who fetches, who waits, and what happens if it fails; steps are answered by hand."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from attrs import frozen

from atlas_invoices import TokenError
from atlas_invoices._auth._oauth import Token
from atlas_invoices._auth._single_flight import SingleFlight, Wait
from atlas_invoices._auth._tokens import TokenStore
from atlas_invoices._http._steps import Steps, run, run_async
from atlas_invoices._secret import Secret


@frozen
class Fetch:
    """The step of a token request; in a thread or a task, it ends once the endpoint is released."""

    endpoint: Endpoint
    until: float

    def run(self) -> Token:
        assert self.endpoint.released.wait(10)
        return self.endpoint.token()

    async def run_async(self) -> Token:
        return await asyncio.to_thread(self.run)


class Endpoint:
    """Returns tokens that live 100 seconds and are renewed after 90, and counts them; tests set the clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.count = 0
        self.released = threading.Event()
        self.store = TokenStore(lambda: self.now)

    def fetch(self, until: float) -> Steps[Token]:
        token: Token = yield Fetch(self, until)
        return token

    def token(self) -> Token:
        self.count += 1
        return Token(Secret(f"token {self.count}"), renew_at=self.now + 90, expires_at=self.now + 100)

    def steps(self, refused: Token | None = None) -> Steps[Token]:
        return self.store.get(self.fetch, 30.0, refused)

    def get(self, refused: Token | None = None) -> Token:
        """One caller's token, without other callers."""
        steps = self.steps(refused)
        step = begin(steps)
        if isinstance(step, Fetch):
            step = answer(steps, self.token())
        assert isinstance(step, Token)
        return step


def begin(steps: Steps[Any]) -> Any:
    """The first step, or the result."""
    return answer(steps, None)


def answer(steps: Steps[Any], value: object) -> Any:
    """Answer a step with a value or an error; return the next step, or the result."""
    try:
        return steps.throw(value) if isinstance(value, BaseException) else steps.send(value)
    except StopIteration as stop:
        return stop.value


def outcome(wait: Wait[Any]) -> Any:
    """The result a waiting caller gets; by now, there must be one."""
    return wait.flight.result.result(0)


def test_a_token_is_kept_until_it_must_be_renewed() -> None:
    endpoint = Endpoint()
    first = endpoint.get()
    endpoint.now = 89.9
    assert endpoint.get() is first
    endpoint.now = 90
    assert endpoint.get() is not first
    assert endpoint.count == 2


def test_a_refused_token_is_replaced_once() -> None:
    endpoint = Endpoint()
    first = endpoint.get()
    second = endpoint.get(refused=first)
    assert second is not first
    assert endpoint.get(refused=first) is second, "others refused with the first one get the second"
    assert endpoint.count == 2


def test_all_wait_for_one_fetch() -> None:
    endpoint = Endpoint()
    leader, others = endpoint.steps(), [endpoint.steps() for _ in range(3)]
    assert begin(leader) == Fetch(endpoint, until=30.0)
    waits = [begin(other) for other in others]
    assert {type(wait) for wait in waits} == {Wait}
    token = answer(leader, endpoint.token())
    assert [answer(other, outcome(wait)) for other, wait in zip(others, waits, strict=True)] == [token] * 3
    assert begin(endpoint.steps()) is token


def test_if_an_early_renewal_fails_the_old_token_is_used() -> None:
    endpoint = Endpoint()
    first = endpoint.get()
    endpoint.now = 90
    renewing = endpoint.steps()
    assert isinstance(begin(renewing), Fetch)
    assert answer(renewing, TokenError("busy", status_code=429)) is first
    assert begin(endpoint.steps()) is first, "not a new attempt on each request"
    endpoint.now = 100
    expired = endpoint.steps()
    assert isinstance(begin(expired), Fetch)
    with pytest.raises(TokenError):
        answer(expired, TokenError("busy", status_code=429))
    assert endpoint.get() is not first


def test_during_an_early_renewal_others_do_not_wait() -> None:
    endpoint = Endpoint()
    first = endpoint.get()
    endpoint.now = 90
    renewing = endpoint.steps()
    assert isinstance(begin(renewing), Fetch)
    assert begin(endpoint.steps()) is first
    second = answer(renewing, endpoint.token())
    assert begin(endpoint.steps()) is second


@pytest.mark.parametrize(
    "error",
    [
        TokenError("no", status_code=403, retry_after=5.0),
        httpx.ConnectTimeout("slow", request=httpx.Request("POST", "https://a.example")),
    ],
)
def test_a_failure_is_shared_by_all_who_waited(error: Exception) -> None:
    endpoint = Endpoint()
    leader, others = endpoint.steps(), [endpoint.steps() for _ in range(3)]
    begin(leader)
    waits = [begin(other) for other in others]
    errors: list[Exception] = []
    with pytest.raises(type(error)) as caught:
        answer(leader, error)
    errors.append(caught.value)
    for other, wait in zip(others, waits, strict=True):
        with pytest.raises(type(error)) as caught:
            answer(other, outcome(wait))
        errors.append(caught.value)
    assert len({id(each) for each in errors}) == 4
    assert [(type(each), str(each), vars(each)) for each in errors] == [(type(error), str(error), vars(error))] * 4
    assert isinstance(begin(endpoint.steps()), Fetch), "a later caller tries again"


def test_a_cancelled_leader_hands_over() -> None:
    endpoint = Endpoint()
    leader, second, third = endpoint.steps(), endpoint.steps(), endpoint.steps()
    begin(leader)
    waits = begin(second), begin(third)
    leader.close()
    assert isinstance(answer(second, outcome(waits[0])), Fetch)
    wait = answer(third, outcome(waits[1]))
    token = answer(second, endpoint.token())
    assert answer(third, outcome(wait)) is token
    assert endpoint.count == 1


def test_a_caller_waits_so_long_and_then_makes_a_request_of_its_own() -> None:
    endpoint = Endpoint()
    leader, steps = endpoint.steps(), endpoint.steps()
    begin(leader)
    wait = begin(steps)
    assert wait.seconds == 30
    for now in (10, 25):
        endpoint.now = now
        wait = answer(steps, None)
        assert wait.seconds == 30 - now
    assert answer(steps, None) == Fetch(endpoint, until=30.0)


def test_a_token_that_came_just_before_is_used() -> None:
    endpoint = Endpoint()
    leader, steps = endpoint.steps(), endpoint.steps()
    begin(leader)
    wait = begin(steps)
    token = answer(leader, endpoint.token())
    assert outcome(wait) is token
    assert answer(steps, None) is token, "even to a caller whose wait timed out"


def test_waiting_in_a_thread() -> None:
    flights = SingleFlight[str]()
    flight, leading = flights.join()
    assert leading
    assert Wait(flight, 10).run() is None, "the leader is this thread, which would wait for itself"
    with ThreadPoolExecutor(2) as threads:
        assert threads.submit(Wait(flight, 0).run).result() is None
        waiting = threads.submit(Wait(flight, 10).run)
        flight.set_result("done")
        flight.set_result("twice")
        assert waiting.result() == "done"
    assert flights.join()[1], "the next caller leads a new flight"


def test_waiting_in_a_task() -> None:
    async def main() -> None:
        flights = SingleFlight[str]()
        flight, _ = flights.join()
        assert await Wait(flight, 10).run_async() is None, "the leader is this task, which would wait for itself"
        assert await asyncio.create_task(Wait(flight, 0.001).run_async()) is None
        cancelled, waiting = (asyncio.create_task(Wait(flight, 10).run_async()) for _ in range(2))
        await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.sleep(0)
        flight.set_result("done")
        assert await waiting == "done"
        assert cancelled.cancelled()

    asyncio.run(main())


def test_threads_and_loops_share_one_fetch() -> None:
    endpoint = Endpoint()
    tokens: set[int] = set()
    started = threading.Barrier(1 + 8 + 2)

    def thread() -> None:
        started.wait()
        tokens.add(id(run(endpoint.steps())))

    async def tasks() -> None:
        waiting = [asyncio.create_task(run_async(endpoint.steps())) for _ in range(8)]
        await asyncio.to_thread(started.wait)
        tokens.update(id(token) for token in await asyncio.gather(*waiting))

    work: list[Callable[[], object]] = [thread] * 8 + [lambda: asyncio.run(tasks())] * 2
    with ThreadPoolExecutor(len(work)) as threads:
        futures = [threads.submit(do) for do in work]
        started.wait()
        endpoint.released.set()
        for future in futures:
            future.result()
    assert len(tokens) == endpoint.count == 1


def test_sync_code_in_a_coroutine_does_not_wait_for_its_own_loop() -> None:
    endpoint = Endpoint()

    async def main() -> None:
        leader = asyncio.create_task(run_async(endpoint.steps()))
        await asyncio.sleep(0)
        endpoint.released.set()
        # It would wait for the leader, which waits for this thread.
        assert isinstance(await asyncio.wait_for(asyncio.sleep(0, run(endpoint.steps())), 5), Token)
        await leader

    asyncio.run(main())
    assert endpoint.count == 2
