"""Calls `Client` or `AsyncClient` the same way, so that one test holds for both."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import atlas_invoices as ai

Kind = Literal["sync", "async"]

# Reading the system's certificates takes longer than most tests, and plain HTTP needs none.
_UNUSED_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class Twin:
    """One client; lists come back as lists, coroutines are awaited."""

    def __init__(self, kind: Kind, *args: Any, **settings: Any) -> None:
        """Make the client."""
        if str(settings.get("base_url")).startswith("http:"):
            settings.setdefault("verify", _UNUSED_TLS)
        self.client: ai.Client | ai.AsyncClient
        if kind == "sync":
            self.client = ai.Client(*args, **settings)
        else:
            self._runner = asyncio.Runner()
            self.client = ai.AsyncClient(*args, **settings)

    def call(self, method: str, *args: Any, **settings: Any) -> Any:
        """Return what the method returns."""
        returned = getattr(self.client, method)(*args, **settings)
        if isinstance(self.client, ai.Client):
            return list(returned) if isinstance(returned, Iterator) else returned
        return self._runner.run(_collected(returned))

    def take(self, method: str, number: int, *args: Any) -> list[Any]:
        """Return the first items of a list, and ask for no more."""
        returned = getattr(self.client, method)(*args)
        if isinstance(self.client, ai.Client):
            return [next(returned) for _ in range(number)]

        async def main() -> list[Any]:
            return [await anext(returned) for _ in range(number)]

        return self._runner.run(main())

    def read(self, *args: Any) -> list[bytes]:
        """Return the pieces of `stream_invoice_csv`."""
        if isinstance(self.client, ai.Client):
            with self.client.stream_invoice_csv(*args) as body:
                return list(body.iter_bytes())
        client = self.client

        async def main() -> list[bytes]:
            async with client.stream_invoice_csv(*args) as body:
                return [piece async for piece in body.aiter_bytes()]

        return self._runner.run(main())

    def close_client(self) -> None:
        """Close the client alone."""
        if isinstance(self.client, ai.Client):
            self.client.close()
        else:
            self._runner.run(self.client.close())

    def close(self) -> None:
        """Close the client, and its event loop."""
        self.close_client()
        if isinstance(self.client, ai.AsyncClient):
            self._runner.close()


@contextmanager
def twin(kind: Kind, *args: Any, **settings: Any) -> Iterator[Twin]:
    """A twin that is closed at the end of the block."""
    made = Twin(kind, *args, **settings)
    try:
        yield made
    finally:
        made.close()


async def _collected(returned: Any) -> Any:
    if isinstance(returned, AsyncIterator):
        return [item async for item in returned]
    return await returned
