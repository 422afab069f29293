"""Faults on demand do on the wire what they say, and the server starts, stops and fails as it should."""

from __future__ import annotations

import gzip
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import zlib
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from atlas_invoices._errors import ConfigError
from atlas_invoices.sandbox import Sandbox, Settings
from sandbox_http import CSV, JSON, ORGS, ask_token, digest_client, invoice_path

if TYPE_CHECKING:
    from collections.abc import Iterator

SMALL: dict[str, Any] = {"typical_lines": 60, "months": 3}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Settings(**SMALL)) as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with digest_client(sandbox) as opened:
        opened.get(ORGS)
        sandbox.clear_requests()
        yield opened


@pytest.mark.parametrize("status", [400, 401, 403, 404, 406, 410, 429, 500, 503, 520, 599])
def test_a_status_on_demand(sandbox: Sandbox, client: httpx.Client, status: int) -> None:
    sandbox.fail(status, headers={"Retry-After": "7"})
    reply = client.get(ORGS)
    assert (reply.status_code, reply.json()["error"], reply.headers["Retry-After"]) == (status, status, "7")
    assert client.get(ORGS).status_code == 200
    assert [record.fault for record in sandbox.requests] == [True, False]


def test_which_requests_a_fault_strikes(sandbox: Sandbox, client: httpx.Client) -> None:
    csv = invoice_path(sandbox, 1, csv=True)
    sandbox.fail(503, times=2, after=1, path="/csv")
    sandbox.fail(500, path="/oauth/token")
    statuses = [client.get(ORGS).status_code, *(client.get(csv, headers=CSV).status_code for _ in range(4))]
    assert statuses == [200, 200, 503, 503, 200]
    assert [ask_token(sandbox).status_code for _ in range(2)] == [500, 200]
    sandbox.fail(503)
    sandbox.faults.clear()
    assert client.get(ORGS).status_code == 200


def test_a_body_of_ones_own(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.fail(502, headers={"Content-Type": "text/html"}, body=b"<h1>Bad gateway</h1>")
    reply = client.get(ORGS)
    assert (reply.status_code, reply.headers["Content-Type"], reply.text) == (502, "text/html", "<h1>Bad gateway</h1>")


def test_a_fault_in_an_envelope(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.fail(503)
    reply = client.get(ORGS, params={"envelope": "true"})
    assert (reply.status_code, reply.json()["status"]) == (200, 503)


def test_before_authentication(sandbox: Sandbox) -> None:
    sandbox.fail(503)
    assert httpx.get(sandbox.base_url + ORGS, headers=JSON).status_code == 401
    sandbox.faults.clear()
    sandbox.faults.status(503, before_auth=True)
    assert httpx.get(sandbox.base_url + ORGS, headers=JSON).status_code == 503


def test_a_damaged_gzip_body_looks_whole_to_http(sandbox: Sandbox, client: httpx.Client) -> None:
    path, expected = invoice_path(sandbox, 1, csv=True), sandbox.csv_bytes(sandbox.invoices[1].id)
    sandbox.faults.damaged_gzip("truncate")
    with client.stream("GET", path, headers=CSV) as reply:
        raw = b"".join(reply.iter_raw())
    assert reply.headers["Content-Encoding"] == "gzip"
    assert reply.headers["Content-Length"] == str(len(raw))
    assert expected.startswith(zlib.decompressobj(31).decompress(raw))
    with pytest.raises(EOFError):
        gzip.decompress(raw)
    sandbox.faults.damaged_gzip("flip")
    with client.stream("GET", path, headers=CSV) as reply:
        raw = b"".join(reply.iter_raw())
    with pytest.raises((zlib.error, gzip.BadGzipFile)):
        gzip.decompress(raw)


def test_a_late_response(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.faults.delay(0.2)
    begin = time.perf_counter()
    assert client.get(ORGS).status_code == 200
    assert time.perf_counter() - begin >= 0.2


def test_latency() -> None:
    with Sandbox(Settings(latency=0.1, **SMALL)) as sandbox:
        begin = time.perf_counter()
        httpx.get(sandbox.base_url + ORGS)
        assert time.perf_counter() - begin >= 0.1


def test_it_starts_and_stops_at_once_even_in_the_middle_of_replies() -> None:
    before = threading.active_count()
    with Sandbox(Settings(lines=1_000_000)) as sandbox, digest_client(sandbox) as client:
        with client.stream("GET", invoice_path(sandbox, 1, csv=True), headers=CSV) as reply:
            next(reply.iter_raw())
            begin = time.perf_counter()
            sandbox.__exit__(None, None, None)
            assert time.perf_counter() - begin < 10  # the reply would go on for ever: nobody reads it
        port = int(sandbox.base_url.rpartition(":")[2])
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=5)
    assert threading.active_count() == before


def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"cannot listen on port {port} of 127.0.0.1 .*choose another port"):
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
def test_serve_runs_until_a_signal_and_says_nothing(number: signal.Signals) -> None:
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
