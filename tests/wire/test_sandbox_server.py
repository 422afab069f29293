"""The sandbox's server: it starts, stops, delays and fails as documented."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time

import httpx
import pytest

from atlas_invoices import ConfigError
from atlas_invoices.sandbox import Sandbox, Settings
from sandbox_http import CSV, ORGS, digest_client, invoice_path


def test_latency_delays_every_response() -> None:
    with Sandbox(Settings(latency=0.1)) as sandbox:
        begin = time.perf_counter()
        httpx.get(sandbox.base_url + ORGS)
        assert time.perf_counter() - begin >= 0.1


def test_it_stops_immediately_even_during_a_response() -> None:
    before = set(threading.enumerate())
    with Sandbox(Settings(lines=1_000_000)) as sandbox, digest_client(sandbox) as client:
        with client.stream("GET", invoice_path(sandbox, 1, csv=True), headers=CSV) as reply:
            next(reply.iter_raw())
            begin = time.perf_counter()
            sandbox.__exit__(None, None, None)
            assert time.perf_counter() - begin < 10  # nobody reads the response, so it would never end
        port = int(sandbox.base_url.rpartition(":")[2])
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=5)
    assert set(threading.enumerate()) <= before


def test_an_address_that_cannot_be_used_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"can't listen on port {port} of 127.0.0.1 .*choose another port"):
            Sandbox(Settings(port=port)).__enter__()
    with pytest.raises(ConfigError, match=r"any port of 192\.0\.2\.1"):
        Sandbox(Settings(host="192.0.2.1")).__enter__()


SERVE = """
import sys
from atlas_invoices.sandbox import Settings, serve
serve(Settings(), lambda sandbox: print(sandbox.base_url, flush=True))
print("stopped", flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to send")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_runs_until_a_signal_and_prints_nothing(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SERVE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stderr
        url = process.stdout.readline().strip()
        assert httpx.get(url + ORGS).status_code == 401
        process.send_signal(number)
        assert process.stdout.read() == "stopped\n"
        assert process.stderr.read() == ""
        assert process.wait(10) == 0
