"""One token for all: who fetches, who waits, and what happens when it goes wrong; with a clock that tests set."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import pytest

from atlas_invoices import TokenError
from atlas_invoices._auth._oauth import Token
from atlas_invoices._auth._secret import Secret
from atlas_invoices._auth._tokens import TokenStore

if TYPE_CHECKING:
    from collections.abc import Callable


class Endpoint:
    """Gives tokens of 100 seconds, renewed at 90, and counts them."""

    def __init__(self) -> None:
        self.now = 0.0
        self.count = 0
        self.error: Exception | None = None
        self.delay = 0.0
        self.store = TokenStore(lambda: self.now)

    def fetch(self, _until: float) -> Token:
        self.count += 1
        number = self.count
        time.sleep(self.delay)
        if self.error is not None:
            raise self.error
        return Token(Secret(f"token {number}"), renew_at=self.now + 90, expires_at=self.now + 100)

    async def fetch_async(self, _until: float) -> Token:
        self.count += 1
        number = self.count
        await asyncio.sleep(self.delay)
        if self.error is not None:
            raise self.error
        return Token(Secret(f"token {number}"), renew_at=self.now + 90, expires_at=self.now + 100)

    def get(self, refused: Token | None = None) -> Token:
        return self.store.get(self.fetch, 30.0, refused)

    async def get_async(self) -> Token:
        return await self.store.get_async(self.fetch_async, 30.0)


def test_a_token_is_kept_until_it_is_to_be_renewed() -> None:
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
    # The others who were refused with the first one get the second.
    assert endpoint.get(refused=first) is second
    assert endpoint.count == 2


def test_while_an_early_renewal_fails_the_old_token_serves() -> None:
    endpoint = Endpoint()
    first = endpoint.get()
    endpoint.now, endpoint.error = 90, TokenError("busy", status_code=429)
    assert endpoint.get() is first
    assert endpoint.get() is first
    assert endpoint.count == 2, "no new try on each request"
    endpoint.now = 100
    with pytest.raises(TokenError):
        endpoint.get()
    endpoint.error = None
    assert endpoint.get() is not first


def test_during_an_early_renewal_nobody_waits() -> None:
    endpoint = Endpoint()
    first = endpoint.get()
    endpoint.now, endpoint.delay = 90, 0.3
    with ThreadPoolExecutor(1) as renewing:
        renewed = renewing.submit(endpoint.get)
        time.sleep(0.1)
        start = time.monotonic()
        assert endpoint.get() is first
        assert time.monotonic() - start < 0.1
        assert renewed.result() is endpoint.get()


@pytest.mark.parametrize(
    "error",
    [
        TokenError("no", status_code=403, retry_after=5.0),
        httpx.ConnectTimeout("slow", request=httpx.Request("POST", "https://a.example")),
    ],
)
def test_a_failure_is_that_of_all_who_waited(error: Exception) -> None:
    endpoint = Endpoint()
    endpoint.error, endpoint.delay = error, 0.3
    errors: list[Exception] = []

    def get(_: int) -> None:
        try:
            endpoint.get()
        except Exception as caught:  # noqa: BLE001 - each is looked at below
            errors.append(caught)

    with ThreadPoolExecutor(32) as threads:
        list(threads.map(get, range(32)))
    assert endpoint.count == 1
    assert len({id(e) for e in errors}) == len(errors) == 32
    assert {type(e) for e in errors} == {type(error)}
    assert {str(e) for e in errors} == {str(error)}
    assert [vars(e) for e in errors] == [vars(error)] * 32
    endpoint.error = None
    endpoint.get()  # A later caller tries anew.


def test_a_leader_that_is_cancelled_hands_over() -> None:
    endpoint = Endpoint()
    endpoint.delay = 0.2

    async def main() -> None:
        leader = asyncio.create_task(endpoint.get_async())
        await asyncio.sleep(0.05)
        waiters = [asyncio.create_task(endpoint.get_async()) for _ in range(8)]
        await asyncio.sleep(0.05)
        leader.cancel()
        waiters[5].cancel()
        results = await asyncio.gather(*waiters, leader, return_exceptions=True)
        assert [type(r) for r in results].count(asyncio.CancelledError) == 2
        assert len({id(r) for r in results if isinstance(r, Token)}) == 1

    asyncio.run(main())
    assert endpoint.count == 2


def test_threads_and_loops_share_one_fetch() -> None:
    endpoint = Endpoint()
    endpoint.delay = 0.3
    tokens: set[int] = set()

    async def loop() -> None:
        tokens.update(id(token) for token in await asyncio.gather(*(endpoint.get_async() for _ in range(16))))

    loops: list[Callable[[], object]] = [lambda: asyncio.run(loop())] * 3
    work = loops + [lambda: tokens.add(id(endpoint.get()))] * 16
    with ThreadPoolExecutor(len(work)) as threads:
        list(threads.map(lambda do: do(), work))
    assert len(tokens) == 1
    assert endpoint.count == 1


def test_sync_code_in_a_coroutine_does_not_wait_for_its_own_loop() -> None:
    endpoint = Endpoint()
    endpoint.delay = 0.05

    async def main() -> None:
        leader = asyncio.create_task(endpoint.get_async())
        await asyncio.sleep(0)
        start = time.monotonic()
        assert endpoint.get().value.reveal() == "token 2"
        assert time.monotonic() - start < 5, "it would have waited for the leader, which waits for this thread"
        await leader

    asyncio.run(main())


def test_a_cancelled_waiter_leaves_the_others_alone() -> None:
    endpoint = Endpoint()
    endpoint.delay = 0.3
    done = threading.Event()

    async def impatient() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(endpoint.get_async(), 0.05)
        done.set()

    with ThreadPoolExecutor(3) as threads:
        leader = threads.submit(endpoint.get)
        time.sleep(0.05)
        other = threads.submit(endpoint.get)
        threads.submit(asyncio.run, impatient()).result()
        assert done.is_set()
        assert leader.result() is other.result()
    assert endpoint.count == 1


def test_who_asks_is_told_until_when_and_waits_for_others_no_longer() -> None:
    endpoint = Endpoint()
    endpoint.store, endpoint.delay = TokenStore(time.monotonic), 1.0
    until: list[float] = []

    def note(end: float) -> Token:
        until.append(end)
        raise TokenError("no time left")

    async def note_async(end: float) -> Token:
        return note(end)

    with ThreadPoolExecutor(1) as threads:
        leader = threads.submit(endpoint.get)
        time.sleep(0.1)
        start = time.monotonic()
        with pytest.raises(TokenError, match="no time left"):
            endpoint.store.get(note, 0.2)
        with pytest.raises(TokenError, match="no time left"):
            asyncio.run(endpoint.store.get_async(note_async, 0.2))
        assert time.monotonic() - start < 0.8
        leader.result()
    assert endpoint.count == 1
    assert until == pytest.approx([start + 0.2, start + 0.4], abs=0.15)
