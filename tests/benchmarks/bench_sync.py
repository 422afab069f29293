"""How much faster `sync` is than one invoice after the other, and how it copes with a rate limit.

    .venv/bin/python tests/benchmarks/bench_sync.py [latency] [limit]

The server is a process of its own, to take no time from the client's interpreter. Exits with status 1 if a goal is
missed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import atlas_invoices as ai
from atlas_invoices._sync import DEFAULT_WORKERS

# Prints its address and credentials; then, for each line it reads, the requests since the last one.
_SERVER = """
import json, sys
from atlas_invoices.sandbox import RateLimit, Sandbox, Settings
settings = json.loads(sys.argv[1])
limit = settings.pop("rate_limit", None)
with Sandbox(Settings(**settings, rate_limit=RateLimit(*limit) if limit else None)) as sandbox:
    # Made now, not while the clock runs.
    total = sum(len(sandbox.csv_bytes(invoice.id)) for invoice in sandbox.invoices)
    print(json.dumps([sandbox.base_url, sandbox.org_id, sandbox.client_id, sandbox.client_secret]), flush=True)
    for _ in sys.stdin:
        print(json.dumps([[record.path, record.status] for record in sandbox.requests]), flush=True)
        sandbox.clear_requests()
"""


class Server:
    """A sandbox in another process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.base_url, self.org_id, self._id, self._secret = self._line()

    def client(self) -> ai.Client:
        """A new client, without a token or a connection."""
        return ai.Client(auth=ai.ServiceAccountAuth(self._id, self._secret), base_url=self.base_url)

    def requests(self) -> list[tuple[str, int]]:
        """Path and status of every request since the last call."""
        assert self._process.stdin
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return [(path, status) for path, status in self._line()]

    def _line(self) -> Any:
        assert self._process.stdout
        return json.loads(self._process.stdout.readline())


@contextmanager
def server(**settings: Any) -> Iterator[Server]:
    with subprocess.Popen(
        [sys.executable, "-c", _SERVER, json.dumps(settings)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Server(process)


def timed_sync(local: Server, workers: int = DEFAULT_WORKERS) -> float:
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        with local.client() as atlas:
            report = ai.sync_invoices(atlas, local.org_id, folder, workers=workers)
        seconds = time.perf_counter() - begin
        assert report.ok, [invoice.error for invoice in report.failed]
        assert len(list(Path(folder).glob("*.csv"))) == len(report.saved)
    return seconds


def say(text: str) -> None:
    print(text, flush=True)


def latency() -> bool:
    """36 invoices, a tenth of a second before each reply."""
    with server(months=36, latency=0.1) as local:
        local.requests()
        one_by_one = timed_sync(local, workers=1)
        local.requests()
        together = min(timed_sync(local) for _ in range(3))
        tokens = sum(path.endswith("/oauth/token") for path, _ in local.requests()) / 3
    ratio = one_by_one / together
    say(f"36 invoices, 100 ms latency: one by one {one_by_one:.2f} s, together {together:.2f} s, {ratio:.1f} times")
    say(f"  token requests for each run: {tokens:g}")
    return ratio >= 6 and tokens == 1


def limit() -> bool:
    """1,000 invoices under a token bucket of 100 that gets 50 a second."""
    with server(months=1000, typical_lines=10, rate_limit=[100, 50]) as local:
        local.requests()
        seconds = timed_sync(local)
        asked = local.requests()
    refused = sum(status == 429 for _, status in asked)
    fetched = Counter(path for path, status in asked if status == 200 and "/invoices/" in path)
    twice = sum(count > 1 for count in fetched.values())
    say(
        f"1,000 invoices, 100 at once and 50/s: {seconds:.1f} s, {len(asked)} requests, {refused} answered 429 "
        f"({refused / len(asked):.1%}), {len(fetched)} documents, {twice} fetched twice"
    )
    return refused <= 0.05 * len(asked) and twice == 0 and len(fetched) == 2000


if __name__ == "__main__":
    known = {"latency": latency, "limit": limit}
    chosen = sys.argv[1:] or list(known)
    reached = [known[name]() for name in chosen]
    sys.exit(0 if all(reached) else 1)
