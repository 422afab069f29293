"""How fast a download is beside a bare httpx loop, how flat its memory, and what a crowd on one client costs.

    .venv/bin/python tests/benchmarks/bench_wire.py [download] [crowd] [calls]

Servers are processes of their own. Ends with status 1 where a goal is missed.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

import atlas_invoices as ai
from atlas_invoices.sandbox import Sandbox, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_RUNS = 7
_SIZE = 200 * 1024 * 1024
_BARE_GOAL = 0.85

# Answers every request with 200 MB of CSV from memory, as fast as a socket takes it: the client is what is measured.
_SERVER = f"""
import socket, threading
start = b"Invoice Number,000000000000000000000000,\\nDate,Usage Date,SKU\\n"
body = b"06/01/2024,05/31/2024,Servers,,Acme,0,Project,1,Atlas M10 Instance - AWS,US_EAST_1,c0,,,,h,1,1,,1\\n" * 2000
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
def serve(connection):
    with connection:
        while connection.recv(65536):
            head = b"HTTP/1.1 200 OK\\r\\ncontent-type: text/csv\\r\\ncontent-length: {_SIZE}\\r\\n\\r\\n"
            connection.sendall(head + start)
            left = {_SIZE} - len(start)
            while left:
                piece = body[:left]
                connection.sendall(piece)
                left -= len(piece)
while True:
    connection, _ = listener.accept()
    threading.Thread(target=serve, args=(connection,), daemon=True).start()
"""


@contextmanager
def big_server() -> Iterator[str]:
    """The base URL of a process that runs `_SERVER`."""
    with subprocess.Popen([sys.executable, "-c", _SERVER], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


def bare(url: str, path: Path) -> str:
    """What anybody would write: stream, write, hash."""
    digest = hashlib.sha256()
    with httpx.Client() as client, client.stream("GET", url) as response, path.open("wb") as file:
        for chunk in response.iter_bytes():
            file.write(chunk)
            digest.update(chunk)
    return digest.hexdigest()


async def bare_async(url: str, path: Path) -> None:
    """The same with httpx's asynchronous client."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        async with httpx.AsyncClient() as client, client.stream("GET", url) as response:
            async for chunk in response.aiter_bytes():
                file.write(chunk)
                digest.update(chunk)


def seconds(work: Callable[[], Any]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def timed(work: Callable[[], Any]) -> tuple[float, float]:
    """How long it takes, and how much CPU time, in seconds."""
    before = time.process_time()
    return seconds(work), time.process_time() - before


def download() -> bool:
    """Whether `download_invoice_csv` is fast and flat enough, sync and async."""
    some_id = "0" * 24
    good = True
    with big_server() as base_url, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        url = f"{base_url}/api/atlas/v2/orgs/{some_id}/invoices/{some_id}/csv"
        auth = ai.AccessTokenAuth("token")

        async def in_async() -> None:
            async with ai.AsyncClient(auth=auth, base_url=base_url) as client:
                await client.download_invoice_csv(some_id, some_id, path)

        with ai.Client(auth=auth, base_url=base_url) as client:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            saved = client.download_invoice_csv(some_id, some_id, path)
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
            assert saved.size == _SIZE
            assert saved.sha256 == bare(url, path)
            pairs: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
                "sync": (lambda: bare(url, path), lambda: client.download_invoice_csv(some_id, some_id, path)),
                "async": (lambda: asyncio.run(bare_async(url, path)), lambda: asyncio.run(in_async())),
            }
            for name, (theirs, ours) in pairs.items():
                # Ours waits for the disk, whose speed comes and goes: only what ran side by side is compared.
                times = [(seconds(theirs), seconds(ours)) for _ in range(_RUNS)]
                ratio = statistics.median(bare_took / took for bare_took, took in times)
                middle = statistics.median(took for _, took in times)
                good &= ratio >= _BARE_GOAL
                print(
                    f"download 200 MB, {name}: {ratio:.2f} times a bare httpx loop (goal {_BARE_GOAL}), {middle:.2f} s"
                )
    print(f"memory of one download: {grown:.0f} MB more than before it")
    return good and grown < 20


def crowd() -> bool:
    """Whether 64 threads and 64 tasks on one client get 2,000 answers while nonces age every 50 uses."""
    good = True
    with Sandbox(Settings(nonce_uses=50, typical_lines=20)) as server:
        auth = ai.DigestAuth(server.public_key, server.private_key)

        def threads() -> int:
            with ai.Client(auth=auth, base_url=server.base_url) as client, ThreadPoolExecutor(64) as pool:
                return sum(pool.map(lambda _: len(list(client.list_organizations())), range(1000)))

        async def tasks() -> int:
            gate = asyncio.Semaphore(64)
            async with ai.AsyncClient(auth=auth, base_url=server.base_url) as client:

                async def one() -> int:
                    async with gate:
                        return len([org async for org in client.list_organizations()])

                return sum(await asyncio.gather(*[one() for _ in range(1000)]))

        for name, work in (("64 threads", threads), ("64 tasks", lambda: asyncio.run(tasks()))):
            server.clear_requests()
            took = 0.0
            began = time.perf_counter()
            answers = work()
            took = time.perf_counter() - began
            log = server.requests
            counts = [(record.nonce, record.nonce_count) for record in log if record.nonce_count is not None]
            challenges = sum(record.status == 401 for record in log)
            violations = [record.violation for record in log if record.violation]
            good &= answers == 1000 and len(counts) == len(set(counts)) and not violations
            print(
                f"{name}, 1,000 requests, nonces age every 50: {answers} answers, {challenges} challenges, "
                f"{len(counts) - len(set(counts))} duplicate nonce counts, {took:.1f} s"
            )
    return good


# Answers every request with an empty list after 5 ms, as fast as asyncio does.
_LIST_SERVER = """
import asyncio
body = b'{"results":[],"totalCount":0,"links":[]}'
head = b"HTTP/1.1 200 OK\\r\\ncontent-type: application/json\\r\\ncontent-length: %d\\r\\n\\r\\n" % len(body)
async def serve(reader, writer):
    try:
        while True:
            await reader.readuntil(b"\\r\\n\\r\\n")
            await asyncio.sleep(0.005)
            writer.write(head + body)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


def calls() -> bool:
    """Whether 1,000 calls at once, by tasks and from 64 threads, are as fast beside bare httpx as they must be."""
    token = "made-up-token-of-a-benchmark"
    # Bare httpx does what a call needs at least: the same header, a look at the status, the JSON parsed.
    auth, headers = ai.AccessTokenAuth(token), {"Authorization": f"Bearer {token}"}
    timeout = httpx.Timeout(60, pool=None)
    path = "/api/atlas/v2/orgs?itemsPerPage=100&pageNum=1"

    async def bare_tasks(url: str) -> None:
        async with httpx.AsyncClient(base_url=url, timeout=timeout, headers=headers) as client:

            async def one() -> Any:
                return (await client.get(path)).raise_for_status().json()

            await asyncio.gather(*[one() for _ in range(1000)])

    async def our_tasks(url: str) -> None:
        async with ai.AsyncClient(auth=auth, base_url=url) as client:

            async def one() -> list[Any]:
                return [org async for org in client.list_organizations()]

            await asyncio.gather(*[one() for _ in range(1000)])

    def bare_threads(url: str) -> None:
        # As many connections kept as are open, as ours does. By default httpx keeps 20, and closes some that other
        # threads read from: a run takes half the CPU time, but may fail, or hang until the timeout.
        limits = httpx.Limits(max_connections=100, max_keepalive_connections=100)
        with (
            httpx.Client(base_url=url, timeout=timeout, headers=headers, limits=limits) as client,
            ThreadPoolExecutor(64) as pool,
        ):
            list(pool.map(lambda _: client.get(path).raise_for_status().json(), range(1000)))

    def our_threads(url: str) -> None:
        with ai.Client(auth=auth, base_url=url) as client, ThreadPoolExecutor(64) as pool:
            list(pool.map(lambda _: list(client.list_organizations()), range(1000)))

    good = True
    with subprocess.Popen([sys.executable, "-c", _LIST_SERVER], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        url = f"http://127.0.0.1:{server.stdout.readline().strip()}"
        for name, bare_work, our_work, goal in (
            ("tasks", lambda: asyncio.run(bare_tasks(url)), lambda: asyncio.run(our_tasks(url)), 3.0),
            ("64 threads", lambda: bare_threads(url), lambda: our_threads(url), 0.9),
        ):
            pairs = [(timed(bare_work), timed(our_work)) for _ in range(5)]
            ratio, cpu = (statistics.median(bare[i] / ours[i] for bare, ours in pairs) for i in (0, 1))
            good &= ratio >= goal
            print(f"1,000 calls by {name}: {ratio:.2f} times bare httpx (goal {goal}), {cpu:.2f} times by CPU time")
        server.kill()
    return good


def main(arguments: list[str]) -> int:
    """Run what is asked for, or all; returns the exit status."""
    parts = {"download": download, "crowd": crowd, "calls": calls}
    good = [parts[name]() for name in arguments or parts]
    print(json.dumps(dict(zip(arguments or parts, good, strict=True))))
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
