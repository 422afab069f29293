"""What the auth classes share: one origin, a repr without secrets, no pickling; and the access token's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import httpx

from atlas_invoices._errors import CredentialsError

from ._origin import BaseUrl, Binding, parse_base_url
from ._secret import Secret, validate_credential

if TYPE_CHECKING:
    from ._token_http import TokenHTTP


class OriginBoundAuth(httpx.Auth):
    """Base of the auth classes: bound to one origin, safe for many threads and tasks."""

    def __init__(self, base_url: str | None, fault: str | None) -> None:
        """Bind to `base_url`, or stay unbound until a client or the first request binds.

        Raises:
            ConfigError: there is a fault in the credentials, or the base URL won't do. The credentials must be out of
                the caller's locals by then, and whatever the repr shows in place, because tracebacks may print them.
        """
        self._binding = Binding()
        if fault is not None:
            raise CredentialsError(fault)
        if base_url is not None:
            self._binding.bind(parse_base_url(base_url))

    def _for_client(
        self,
        base_url: BaseUrl,
        http: TokenHTTP,  # noqa: ARG002 - service accounts use it
        token_cache: Path | None,  # noqa: ARG002 - likewise
    ) -> httpx.Auth:
        self._binding.bind(base_url)
        return self

    def _describe(self) -> str:
        """Return the public part of the repr."""
        return ""

    def __repr__(self) -> str:
        """Class, shortened public identifier, origin; never a secret."""
        base = self._binding.base_url
        where = "unbound" if base is None else str(base.origin)
        return f"<{type(self).__name__} {self._describe()}{where}>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse pickling and copying: it would spread the secret, and two copies would use the same nonce counts."""
        raise TypeError(f"{type(self).__name__} can't be pickled or copied; make a new one from the credentials")


def for_client(auth: httpx.Auth, *, base_url: BaseUrl, http: TokenHTTP, token_cache: Path | None = None) -> httpx.Auth:
    """Return the auth that a client with this base URL uses for its requests.

    Args:
        auth: any `httpx.Auth`; one that isn't ours is returned as it is.
        base_url: the client's; ours are bound to it.
        http: how the client connects; a service account's token requests go the same way.
        token_cache: the folder through which a service account shares its token with other processes, or None.

    Raises:
        ConfigError: the auth object is bound to another origin.
    """
    if not isinstance(auth, OriginBoundAuth):
        return auth
    return auth._for_client(base_url, http, token_cache)  # noqa: SLF001 - same module; kept off the public classes' surface


class AccessTokenAuth(OriginBoundAuth):
    """Send a ready-made access token (OAuth 2 bearer); it isn't renewed.

    Args:
        token: the access token, as the token endpoint gave it.
        base_url: the server it is for, such as `https://cloud.mongodb.com`; without it, a client's base URL or else
            the origin of the first request it signs.

    Raises:
        ConfigError: the token is empty or has characters that no token has, or the base URL won't do. Later, before
            a request is sent: the request is for another origin.

    Example:
        >>> auth = ai.AccessTokenAuth("eyJhbGciOi")
        >>> with ai.Client(auth, base_url="https://cloud.mongodb.com"):
        ...     print(auth)
        <AccessTokenAuth https://cloud.mongodb.com>
    """

    def __init__(self, token: str, *, base_url: str | None = None) -> None:
        """Check and keep the token; nothing is sent."""
        fault = validate_credential(token, "access token")
        if fault is None and " " in token:
            fault = "the access token has a space in it; give the token alone, without 'Bearer'"
        self._token = Secret(token)
        del token
        super().__init__(base_url, fault)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign the request, if it is for the bound origin; httpx calls this."""
        self._binding.check(request.url)
        request.headers["Authorization"] = f"Bearer {self._token.reveal()}"
        yield request


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


def drain_body(response: httpx.Response) -> None:
    """Make the response's body empty for whoever reads it next, which httpx does before it sends the next request.

    Without this, httpx would take in and decompress whatever a server sends as the body of a challenge. A body
    longer than 64 KiB costs its connection, not more memory.
    """
    response.stream = _Discarded(response.stream)
