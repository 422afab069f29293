"""One client, many threads or tasks: nothing is asked twice, nothing fails, no nonce count is used again."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

import atlas_invoices as ai
from atlas_invoices.sandbox import Sandbox, Settings
from raw_server import RawServer, http, replies

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

EACH = 3


def auth_for(sandbox: Sandbox, name: str) -> httpx.Auth:
    if name == "digest":
        return ai.DigestAuth(sandbox.public_key, sandbox.private_key)
    return ai.ServiceAccountAuth(sandbox.client_id, sandbox.client_secret)


def check(sandbox: Sandbox, auth: str, answered: int, challenges: int) -> None:
    """Hold what the server saw against what it should have."""
    records = sandbox.requests
    assert sum(r.status == 200 and r.auth != "basic" for r in records) == answered
    assert not [r.violation for r in records if r.violation]
    assert len({r.peer for r in records if r.auth != "basic"}) <= 100
    if auth == "digest":
        uses = Counter((r.nonce, r.nonce_count) for r in records if r.nonce)
        assert max(uses.values()) == 1
        assert 1 <= sum(r.status == 401 for r in records) <= challenges
    else:
        assert sum(r.path == "/api/oauth/token" for r in records) == 1
        assert not any(r.status == 401 for r in records)


@pytest.mark.parametrize(
    ("auth", "nonce_uses", "challenges"), [("digest", None, 1), ("digest", 20, 40), ("service", None, 0)]
)
def test_32_threads_on_one_client(auth: str, nonce_uses: int | None, challenges: int) -> None:
    with (
        Sandbox(Settings(months=2, typical_lines=5, nonce_uses=nonce_uses)) as sandbox,
        ai.Client(auth_for(sandbox, auth), base_url=sandbox.base_url) as client,
        ThreadPoolExecutor(32) as pool,
    ):
        org, invoice = sandbox.org_id, sandbox.invoices[1].id
        expected = sandbox.csv_bytes(invoice)
        got = list(pool.map(lambda _: client.get_invoice_csv(org, invoice), range(32 * EACH)))
        assert all(csv == expected for csv in got)
        check(sandbox, auth, 32 * EACH, challenges)


@pytest.mark.parametrize(
    ("auth", "nonce_uses", "challenges"), [("digest", None, 1), ("digest", 20, 70), ("service", None, 0)]
)
def test_64_tasks_on_one_client(auth: str, nonce_uses: int | None, challenges: int) -> None:
    with Sandbox(Settings(months=2, typical_lines=5, nonce_uses=nonce_uses)) as sandbox:
        org, invoice = sandbox.org_id, sandbox.invoices[1].id
        expected = sandbox.csv_bytes(invoice)

        async def main() -> None:
            async with ai.AsyncClient(auth_for(sandbox, auth), base_url=sandbox.base_url) as client:

                async def several() -> None:
                    for _ in range(EACH):
                        assert await client.get_invoice_csv(org, invoice) == expected

                await asyncio.gather(*(several() for _ in range(64)))

        asyncio.run(main())
        check(sandbox, auth, 64 * EACH, challenges)


@pytest.mark.parametrize("auth", ["digest", "service"])
def test_a_token_or_nonce_that_ends_among_many_requests_stops_none(auth: str) -> None:
    with (
        Sandbox(Settings(months=2, typical_lines=5)) as sandbox,
        ai.Client(auth_for(sandbox, auth), base_url=sandbox.base_url) as client,
        ThreadPoolExecutor(16) as pool,
    ):
        org, invoice = sandbox.org_id, sandbox.invoices[1].id

        def step(number: int) -> int:
            if number == 80:
                sandbox.expire_tokens()
                sandbox.age_nonces(3)
            return len(client.get_invoice_csv(org, invoice))

        assert len(set(pool.map(step, range(160)))) == 1
        if auth == "service":
            assert sum(r.path == "/api/oauth/token" for r in sandbox.requests) == 2
        assert not [r.violation for r in sandbox.requests if r.violation]


def test_a_download_that_is_cancelled_at_any_moment_leaves_nothing_or_all(tmp_path: Path) -> None:
    route = f"GET /api/atlas/v2/orgs/{'0' * 24}/invoices/{'1' * 24}/csv"
    body = b"a,b\n" * 1_000_000

    def found() -> dict[str, int]:
        return {path.name: path.stat().st_size for path in tmp_path.iterdir()}

    async def main(url: str) -> None:
        async with ai.AsyncClient(ai.AccessTokenAuth("t"), base_url=url) as client:
            for moment in range(0, 120, 3):
                path = tmp_path / f"{moment}.csv"
                task = asyncio.create_task(client.download_invoice_csv("0" * 24, "1" * 24, path))
                for _ in range(moment):
                    await asyncio.sleep(0)
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        await asyncio.sleep(0.1)

    with RawServer({route: replies(http(200, body=body, kind="text/csv"))}) as server:
        asyncio.run(main(server.url))
    assert all(name.endswith(".csv") and size == len(body) for name, size in found().items())


def test_a_cancelled_task_leaves_the_client_and_the_folder_in_order(tmp_path: Path) -> None:
    with Sandbox(Settings(months=2, typical_lines=200)) as sandbox:
        org, invoice = sandbox.org_id, sandbox.invoices[1].id

        def suffixes() -> list[str]:
            return [path.suffix for path in tmp_path.iterdir()]

        async def main() -> None:
            async with ai.AsyncClient(auth_for(sandbox, "digest"), base_url=sandbox.base_url) as client:
                sandbox.faults.drip(1000, 0.05, path="/csv")
                task = asyncio.create_task(client.download_invoice_csv(org, invoice, tmp_path / "a.csv"))
                await asyncio.sleep(0.3)
                assert suffixes() == [".part"]
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert not suffixes()
                assert (await client.get_invoice(org, invoice)).id == invoice

        asyncio.run(main())
