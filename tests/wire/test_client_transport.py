"""A transport of the user's own, in memory: what `transport=` is for in their tests."""

from __future__ import annotations

import asyncio
import gzip
from pathlib import Path

import httpx
import pytest

import atlas_invoices as ai
from scripted_atlas import invoice_csv

ID = "666acb8787ba43606905dcae"
CSV = invoice_csv(ID)


def answer(request: httpx.Request) -> httpx.Response:
    if request.url.path.endswith("/oauth/token"):
        return httpx.Response(200, json={"access_token": "t", "expires_in": 3600, "token_type": "Bearer"})
    if request.url.path.endswith("/csv"):
        packed = {"content-type": "text/csv", "content-encoding": "gzip"}
        return httpx.Response(200, content=gzip.compress(CSV), headers=packed)
    return httpx.Response(404, json={"error": 404, "errorCode": "RESOURCE_NOT_FOUND"})


@pytest.mark.parametrize("auth", [ai.AccessTokenAuth("t"), ai.ServiceAccountAuth("mdb_sa_id_1", "mdb_sa_sk_1")])
def test_replies_made_in_memory_are_read(auth: httpx.Auth, tmp_path: Path) -> None:
    with ai.Client(auth, transport=httpx.MockTransport(answer), max_retries=0) as client:
        assert client.get_invoice_csv(ID, ID) == CSV
        assert client.download_invoice_csv(ID, ID, tmp_path / "a.csv").path.read_bytes() == CSV
        with pytest.raises(ai.NotFoundError) as caught:
            client.get_invoice(ID, ID)
        assert caught.value.error_code == "RESOURCE_NOT_FOUND"


def test_likewise_asynchronously(tmp_path: Path) -> None:
    async def main() -> None:
        auth = ai.ServiceAccountAuth("mdb_sa_id_1", "mdb_sa_sk_1")
        async with ai.AsyncClient(auth, transport=httpx.MockTransport(answer), max_retries=0) as client:
            assert await client.get_invoice_csv(ID, ID) == CSV
            assert (await client.download_invoice_csv(ID, ID, tmp_path / "a.csv")).path.read_bytes() == CSV
            with pytest.raises(ai.NotFoundError):
                await client.get_invoice(ID, ID)

    asyncio.run(main())
