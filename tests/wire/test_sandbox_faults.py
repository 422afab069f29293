"""The sandbox's faults: which requests they apply to, and their responses."""

from __future__ import annotations

import gzip
import time
import zlib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from atlas_invoices.sandbox import Sandbox, Settings
from sandbox_http import CSV, JSON, ORGS, digest_client, invoice_path, request_token

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


def test_path_times_and_after_choose_the_requests(sandbox: Sandbox, client: httpx.Client) -> None:
    csv = invoice_path(sandbox, 1, csv=True)
    sandbox.fail(503, times=2, after=1, path="/csv")
    sandbox.fail(500, path="/oauth/token")
    statuses = [client.get(ORGS).status_code, *(client.get(csv, headers=CSV).status_code for _ in range(4))]
    assert statuses == [200, 200, 503, 503, 200]
    assert [request_token(sandbox).status_code for _ in range(2)] == [500, 200]
    sandbox.fail(503)
    sandbox.faults.clear()
    assert client.get(ORGS).status_code == 200


def test_a_custom_body(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.fail(502, headers={"Content-Type": "text/html"}, body=b"<h1>Bad gateway</h1>")
    reply = client.get(ORGS)
    assert (reply.status_code, reply.headers["Content-Type"], reply.text) == (502, "text/html", "<h1>Bad gateway</h1>")


def test_a_fault_in_an_envelope(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.fail(503)
    reply = client.get(ORGS, params={"envelope": "true"})
    assert (reply.status_code, reply.json()["status"]) == (200, 503)


def test_before_auth_includes_requests_without_credentials(sandbox: Sandbox) -> None:
    sandbox.fail(503)
    assert httpx.get(sandbox.base_url + ORGS, headers=JSON).status_code == 401
    sandbox.faults.clear()
    sandbox.faults.status(503, before_auth=True)
    assert httpx.get(sandbox.base_url + ORGS, headers=JSON).status_code == 503


def test_a_damaged_gzip_body_has_a_correct_length(sandbox: Sandbox, client: httpx.Client) -> None:
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


def test_a_delayed_response(sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.faults.delay(0.2)
    begin = time.perf_counter()
    assert client.get(ORGS).status_code == 200
    assert time.perf_counter() - begin >= 0.2
