"""One client, many threads or tasks: nothing is asked twice, nothing fails, no nonce count is used again."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

import atlas_invoices as ai
from atlas_invoices.sandbox import Sandbox, Settings
from client_twin import Kind, twin
from raw_server import Connection, RawServer, http, replies
from sandbox_http import auth_for
from scripted_atlas import invoice_csv, row
from wire_sandbox import WireSandbox

pytestmark = pytest.mark.slow

EACH = 3


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
    body = invoice_csv("1" * 24) + row().encode() * 20_000

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
    with WireSandbox(Settings(months=2, typical_lines=200)) as sandbox:
        org, invoice = sandbox.org_id, sandbox.invoices[1].id

        def suffixes() -> list[str]:
            return [path.suffix for path in tmp_path.iterdir()]

        async def main() -> None:
            async with ai.AsyncClient(auth_for(sandbox, "digest"), base_url=sandbox.base_url) as client:
                sandbox.drip(1000, 0.05, path="/csv")
                task = asyncio.create_task(client.download_invoice_csv(org, invoice, tmp_path / "a.csv"))
                await asyncio.sleep(0.3)
                assert suffixes() == [".part"]
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert not suffixes()
                assert (await client.get_invoice(org, invoice)).id == invoice

        asyncio.run(main())


@pytest.mark.parametrize("twice", [False, True])
def test_cancelled_tasks_leave_no_connection_taken(twice: bool) -> None:
    document = http(200, body=json.dumps({"id": "1" * 24}).encode(), kind="application/json")
    moments = random.Random(5)  # noqa: S311 - the same moments in every run

    def script(connection: Connection) -> None:
        connection.wait(0.002)
        connection.send(document)

    async def main(url: str) -> None:
        # A connection that stays taken is missed soon where there are few.
        transport = httpx.AsyncHTTPTransport(limits=httpx.Limits(max_connections=4))
        async with ai.AsyncClient(ai.AccessTokenAuth("t"), base_url=url, transport=transport) as client:
            for _ in range(60):
                tasks = [asyncio.create_task(client.get_invoice("0" * 24, "1" * 24)) for _ in range(8)]
                for task in tasks:
                    moment = moments.random() * 0.03
                    for later in [0.0, 0.001][: 1 + twice]:
                        asyncio.get_running_loop().call_later(moment + later, task.cancel)
                await asyncio.wait(tasks)
            for _ in range(8):
                async with asyncio.timeout(10):
                    assert (await client.get_invoice("0" * 24, "1" * 24)).id == "1" * 24

    with RawServer({f"GET /api/atlas/v2/orgs/{'0' * 24}/invoices/{'1' * 24}": script}) as server:
        asyncio.run(main(server.url))


def test_a_forked_child_has_connections_of_its_own() -> None:
    with Sandbox(Settings(months=3, typical_lines=2)) as sandbox:
        done = subprocess.run(
            [sys.executable, "-c", FORKED, sandbox.base_url, sandbox.org_id, *[each.id for each in sandbox.invoices]],
            env={**os.environ, **sandbox.environment()},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["right", "right"], "")


def test_one_that_waits_for_its_turn_gives_up_in_time(kind: Kind) -> None:
    route = f"GET /api/atlas/v2/orgs/{'0' * 24}/invoices/{'1' * 24}"
    policy = ai.RetryPolicy(max_retries=0, deadline=1.0)
    with (
        RawServer({route: replies(http(429, [("Retry-After", "30")]))}) as server,
        twin(kind, ai.AccessTokenAuth("t"), base_url=server.url, retry_policy=policy) as atlas,
    ):
        with pytest.raises(ai.RateLimitError):
            atlas.call("get_invoice", "0" * 24, "1" * 24)
        began = time.monotonic()
        with pytest.raises(ai.APITimeoutError, match="gave up after 1 s waiting for the rate limit"):
            atlas.call("get_invoice", "0" * 24, "1" * 24)
        assert time.monotonic() - began < 10
        assert len(server.requests) == 1


# Both processes ask at once, on what was one connection, and look whether they got what they asked for.
FORKED = """
import os, sys
import atlas_invoices as ai

base_url, org, *invoices = sys.argv[1:]
with ai.Client(base_url=base_url) as atlas:
    atlas.get_invoice(org, invoices[0])
    child = os.fork() == 0
    mine = invoices[:: 2 if child else 1]
    wrong = [id_ for _ in range(10) for id_ in mine if atlas.get_invoice(org, id_).id != id_]
    print("wrong" if wrong else "right", flush=True)
    if child:
        os._exit(0)
    os.wait()
"""
