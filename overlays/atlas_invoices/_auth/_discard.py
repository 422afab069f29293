"""Read the body of a reply that is about to be answered, so that its connection is free again, and no further."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

_MAX_BYTES = 64 * 1024


class _Discarded(httpx.SyncByteStream, httpx.AsyncByteStream):
    """Yields nothing, after it has read at most `_MAX_BYTES` of the real body."""

    def __init__(self, inner: httpx.SyncByteStream | httpx.AsyncByteStream) -> None:
        self._inner = inner

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        if isinstance(self._inner, httpx.SyncByteStream):
            for chunk in self._inner:
                size += len(chunk)
                if size > _MAX_BYTES:
                    break
        yield from ()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        if isinstance(self._inner, httpx.AsyncByteStream):
            async for chunk in self._inner:
                size += len(chunk)
                if size > _MAX_BYTES:
                    break
        for nothing in tuple[bytes, ...]():
            yield nothing

    def close(self) -> None:
        if isinstance(self._inner, httpx.SyncByteStream):
            self._inner.close()

    async def aclose(self) -> None:
        if isinstance(self._inner, httpx.AsyncByteStream):
            await self._inner.aclose()


def discard_body(response: httpx.Response) -> None:
    """Make the response's body empty for whoever reads it next, which httpx does before it sends the next request.

    Without this, httpx would take in and decompress whatever a server sends as the body of a challenge. A body
    longer than 64 KiB costs its connection, not more memory.
    """
    response.stream = _Discarded(response.stream)
