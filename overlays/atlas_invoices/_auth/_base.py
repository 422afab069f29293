"""The base of the auth classes: one flow for threads and asyncio, one origin, no secret shown; and access tokens."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing, closing
from pathlib import Path
from typing import Any, NoReturn, TypeAlias, cast

import httpx
from attrs import frozen

from atlas_invoices._errors import CredentialsError
from atlas_invoices._http._steps import Step, Steps, run, run_async
from atlas_invoices._http._transport import REFUSAL_ADVICE
from atlas_invoices._secret import Secret, validate_credential

from ._origin import BaseUrl, Binding, parse_base_url
from ._token_http import TokenHTTP

Flow: TypeAlias = Generator[httpx.Request | Step[Any], Any, None]
"""Yields requests for httpx to send, and receives their responses; between them, steps to wait for."""


class SteppedAuth(httpx.Auth):
    """An auth whose flow is written once, for `httpx.Client` and `httpx.AsyncClient`."""

    def _flow(self, request: httpx.Request) -> Flow:
        raise NotImplementedError

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Yield the requests to send; httpx calls this."""
        with closing(self._flow(request)) as flow:
            response = None
            while (signed := run(_next_request(flow, response))) is not None:
                response = yield signed

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Yield the requests to send; httpx calls this."""
        with closing(self._flow(request)) as flow:
            response = None
            while (signed := await run_async(_next_request(flow, response))) is not None:
                response = yield signed


def _next_request(flow: Flow, response: httpx.Response | None) -> Steps[httpx.Request | None]:
    """Hand over the last request's response; return the next request, or None at the end of the flow."""
    advance: Callable[[Any], httpx.Request | Step[Any]] = flow.send
    value: Any = response
    try:
        while True:
            # Outside the except block, as in `run`.
            item = advance(value)
            if isinstance(item, httpx.Request):
                return item
            try:
                advance, value = flow.send, (yield item)
            except BaseException as error:  # noqa: BLE001 - the flow decides what becomes of it
                advance, value = flow.throw, error
    except StopIteration:
        return None
    finally:
        value = None  # An exception and the frame it passed through would keep each other alive.


_MAX_DRAINED = 64 * 1024


@frozen
class DrainBody:
    """Read and drop the body of a refusal, so that its connection is free for the next request.

    httpx would read all of it into memory, and decompress it, before it sends the next request; it finds an empty body
    instead. After 64 KiB the connection is closed instead.
    """

    response: httpx.Response

    def run(self) -> None:
        with closing(self._detach()) as body:
            size = 0
            for chunk in body.iter_raw():
                size += len(chunk)
                if size > _MAX_DRAINED:
                    break

    async def run_async(self) -> None:
        async with (
            aclosing(self._detach()) as body,
            aclosing(cast("AsyncGenerator[bytes, None]", body.aiter_raw())) as chunks,
        ):
            size = 0
            async for chunk in chunks:
                size += len(chunk)
                if size > _MAX_DRAINED:
                    break

    def _detach(self) -> httpx.Response:
        stream, self.response.stream = self.response.stream, httpx.ByteStream(b"")
        return httpx.Response(self.response.status_code, stream=stream, request=self.response.request)


class OriginBoundAuth(SteppedAuth):
    """Base of the auth classes: bound to one origin, safe for many threads and tasks."""

    def __init__(self, base_url: str | None, fault: str | None) -> None:
        """Bind to `base_url`, or stay unbound until a client or the first request binds.

        Raises:
            ConfigError: there is a fault in the credentials, or the base URL is invalid. Delete the credentials from
                the caller's locals first, and set whatever the repr shows: tracebacks may print both.
        """
        self._binding = Binding()
        if fault is not None:
            raise CredentialsError(fault)
        if base_url is not None:
            self._binding.bind(parse_base_url(base_url))

    def _for_client(
        self,
        base_url: BaseUrl,
        http: TokenHTTP,  # noqa: ARG002 - part of the signature; only service accounts use it
        token_cache: Path | None,  # noqa: ARG002 - part of the signature; only service accounts use it
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
        auth: any `httpx.Auth`; one from elsewhere is returned unchanged.
        base_url: the client's; our own auth objects are bound to it.
        http: how the client connects; a service account's token requests use it too.
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
        token: the access token, as returned by the token endpoint.
        base_url: the server it is for, such as `https://cloud.mongodb.com`. Without it, a client's base URL counts, or
            else the origin of the first request.

    Raises:
        ConfigError: the token is empty or contains invalid characters, or the base URL is invalid. Later, before a
            request is sent: the request is for another origin.

    Example:
        >>> auth = ai.AccessTokenAuth("eyJhbGciOi")
        >>> with ai.Client(auth, base_url="https://cloud.mongodb.com"):
        ...     print(auth)
        <AccessTokenAuth https://cloud.mongodb.com>
    """

    def __init__(self, token: str, *, base_url: str | None = None) -> None:
        fault = validate_credential(token, "access token")
        if fault is None and " " in token:
            fault = "the access token has a space in it; give the token alone, without 'Bearer'"
        self._token = Secret(token)
        del token
        super().__init__(base_url, fault)

    def _flow(self, request: httpx.Request) -> Flow:
        self._binding.check(request.url)
        request.headers["Authorization"] = f"Bearer {self._token.reveal()}"
        request.extensions[REFUSAL_ADVICE] = (
            "the access token has probably expired (access tokens last an hour): get a new one, and check that it is "
            "for this organization and server"
        )
        yield request
