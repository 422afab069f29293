"""Whose connections are made to heed our patience: httpx's own under our clients, never those of a user's transport."""

from __future__ import annotations

import asyncio
import ssl

import httpx
import pytest

import atlas_invoices as ai
from atlas_invoices._http import _patience

AUTH = ai.AccessTokenAuth("token")
# Reading the system's certificates takes longer than these tests.
TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def backend(transport: object) -> object:
    assert isinstance(transport, httpx.HTTPTransport | httpx.AsyncHTTPTransport)
    return transport._pool._network_backend


@pytest.mark.parametrize("proxy", [None, "http://127.0.0.1:9"])
def test_a_users_own_transport_is_left_alone(proxy: str | None) -> None:
    own = httpx.HTTPTransport(verify=TLS)
    before = backend(own)
    for _ in range(2):
        client = ai.Client(AUTH, base_url="http://127.0.0.1:9", transport=own, verify=TLS, proxy=proxy)
        assert client._line.http._transport is own
    assert backend(own) is before


def test_a_users_own_async_transport_is_left_alone() -> None:
    async def main() -> None:
        own = httpx.AsyncHTTPTransport(verify=TLS)
        before = backend(own)
        async with ai.AsyncClient(AUTH, base_url="http://127.0.0.1:9", transport=own, verify=TLS):
            assert backend(own) is before

    asyncio.run(main())


def test_the_transports_that_httpx_makes_are_taught() -> None:
    own = httpx.HTTPTransport(verify=TLS)
    with (
        ai.Client(AUTH, base_url="http://127.0.0.1:9", verify=TLS) as plain,
        ai.Client(
            AUTH, base_url="http://127.0.0.1:9", verify=TLS, proxy="http://127.0.0.1:9", transport=own
        ) as proxied,
    ):
        assert isinstance(backend(plain._line.http._transport), _patience._Backend)
        (mounted,) = proxied._line.http._mounts.values()
        assert isinstance(backend(mounted), _patience._Backend)
