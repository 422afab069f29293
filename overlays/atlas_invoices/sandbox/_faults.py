"""Faults on demand: error statuses, late responses and damaged bodies for the next matching requests."""

from __future__ import annotations

import asyncio
import gzip
import threading
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Literal, TypedDict, Unpack

from attrs import define, field
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ._responses import ApiError, error_response

Effect = Callable[[ASGIApp, Scope, Receive, Send], Awaitable[None]]
"""Responds to one request, with or without the application."""

_CODES = {
    400: "VALIDATION_ERROR",
    401: "USER_UNAUTHORIZED",
    403: "USER_UNAUTHORIZED",
    404: "RESOURCE_NOT_FOUND",
    406: "INVALID_VERSION",
    410: "VERSION_GONE",
    429: "RATE_LIMITED",
}


class Where(TypedDict, total=False):
    """Which requests a fault applies to."""

    path: str | None
    """Only requests whose path ends with this (`"/csv"`, `"/api/oauth/token"`); by default any request."""
    times: int
    """How many requests; 1 by default."""
    after: int
    """How many matching requests to serve normally first; 0 by default."""
    before_auth: bool
    """Whether requests match before their credentials are checked, such as a digest client's first one.

    By default, requests that fail authentication don't match. The token endpoint counts as authenticated.
    """


@define
class _Fault:
    effect: Effect
    path: str | None = None
    times: int = 1
    after: int = 0
    before_auth: bool = False


@define
class Faults:
    """Faults for the next requests, in the order in which they arrive; see `Where`. Thread-safe."""

    _planned: list[_Fault] = field(init=False, factory=list)
    _lock: threading.Lock = field(init=False, factory=threading.Lock, repr=False)

    def status(
        self,
        status: int,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        **where: Unpack[Where],
    ) -> None:
        """Respond with `status` and `body` (its type goes in `headers`); without `body`, with the documented error."""
        error = ApiError(status, _CODES.get(status, "UNEXPECTED_ERROR"), headers=dict(headers or {}))
        self._plan(partial(_respond, error=error, body=body), where)

    def damaged_gzip(self, how: Literal["flip", "truncate"] = "truncate", **where: Unpack[Where]) -> None:
        """Send a compressed body with one byte changed, or only half of it, and a Content-Length that matches."""
        self._plan(partial(_damage_gzip, how=how), where)

    def delay(self, seconds: float, **where: Unpack[Where]) -> None:
        """Begin the response `seconds` late."""
        self._plan(partial(_delay, seconds=seconds), where)

    def clear(self) -> None:
        """Remove all planned faults."""
        with self._lock:
            self._planned.clear()

    def match(self, path: str, *, authenticated: bool) -> Effect | None:
        """Return the effect of the first fault that applies to this request, and count the fault as used."""
        with self._lock:
            for fault in self._planned:
                if fault.before_auth == authenticated or not path.endswith(fault.path or ""):
                    continue
                if fault.after > 0:
                    fault.after -= 1
                    continue
                fault.times -= 1
                if fault.times <= 0:
                    self._planned.remove(fault)
                return fault.effect
        return None

    def _plan(self, effect: Effect, where: Where) -> None:
        with self._lock:
            self._planned.append(_Fault(effect, **where))


async def _respond(
    app: ASGIApp,  # noqa: ARG001 - every effect has the same parameters
    scope: Scope,
    receive: Receive,
    send: Send,
    *,
    error: ApiError,
    body: bytes | None,
) -> None:
    if body is None:
        response = error_response(Request(scope, receive), error)
    else:
        response = Response(body, error.status, headers=error.headers)
    await response(scope, receive, send)


async def _delay(app: ASGIApp, scope: Scope, receive: Receive, send: Send, *, seconds: float) -> None:
    await asyncio.sleep(seconds)
    await app(scope, receive, send)


async def _damage_gzip(
    app: ASGIApp, scope: Scope, receive: Receive, send: Send, *, how: Literal["flip", "truncate"]
) -> None:
    messages: list[Message] = []

    async def collect(message: Message) -> None:
        messages.append(message)

    await app(scope, receive, collect)
    start, *parts = messages
    headers = MutableHeaders(scope=start)
    body = b"".join(part.get("body", b"") for part in parts)
    data = bytearray(body if "content-encoding" in headers else gzip.compress(body, mtime=0))
    middle = len(data) // 2
    if how == "flip":
        data[middle] ^= 0xFF
    else:
        del data[middle:]
    headers["content-encoding"], headers["content-length"] = "gzip", str(len(data))
    await send(start)
    await send({"type": "http.response.body", "body": bytes(data)})
