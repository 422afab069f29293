"""Apply faults, credentials, access list and rate limit to every request, and record it."""

from __future__ import annotations

import asyncio
import functools
import logging
import math
import time
from datetime import UTC
from email.utils import format_datetime
from typing import Any, Literal

from attrs import define, evolve, field, frozen
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ._auth import DigestVerifier, TokenEndpoint, parse_basic
from ._faults import Faults
from ._ledger import Ledger
from ._responses import ApiError, error_response
from ._settings import RateLimit

AuthKind = Literal["none", "basic", "bearer", "digest"]


@frozen
class RequestRecord:
    """One request. Of credentials, it has only the public half.

    `status` is 0 if the connection ended before the response. `username`, `nonce` and `nonce_count` (eight hexadecimal
    digits) are from digest credentials; with Basic credentials, `username` is the client ID. `violation` describes a
    breach of RFC 7616 by the client, such as a nonce count used twice. `fault` is whether a planned fault applied.
    """

    method: str
    path: str
    query: str
    status: int
    auth: AuthKind
    username: str | None
    nonce: str | None
    nonce_count: str | None
    violation: str | None
    accept: str
    user_agent: str
    peer: tuple[str, int]
    fault: bool

    @classmethod
    def of(cls, request: Request) -> RequestRecord:
        """Make the record of a request that has no response yet."""
        authorization = request.headers.get("authorization", "")
        kinds: dict[str, AuthKind] = {"basic": "basic", "bearer": "bearer", "digest": "digest"}
        kind = kinds.get(authorization.partition(" ")[0].lower(), "none")
        peer: Any = request.client or ("", 0)
        return cls(
            method=request.method,
            path=request.url.path,
            query=request.url.query,
            status=0,
            auth=kind,
            username=parse_basic(authorization)[0] if kind == "basic" else None,
            nonce=None,
            nonce_count=None,
            violation=None,
            accept=request.headers.get("accept", ""),
            user_agent=request.headers.get("user-agent", ""),
            peer=(peer[0], peer[1]),
            fault=False,
        )


@define
class _Transaction:
    """A request and its response: the record, which is kept before the response begins, and headers to add."""

    record: RequestRecord
    records: list[RequestRecord]
    headers: dict[str, str]
    forward: Send
    recorded: bool = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=list(message.get("headers", [])))
            headers.update(self.headers)
            message = {**message, "headers": headers.raw}
            self.record = evolve(self.record, status=message["status"])
            self.finish()
        await self.forward(message)

    def finish(self) -> None:
        """Append the record, unless that has been done."""
        if not self.recorded:
            self.recorded = True
            self.records.append(self.record)


@define
class _TokenBuckets:
    """Token buckets by name, full at first."""

    limit: RateLimit
    _levels: dict[str, tuple[float, float]] = field(init=False, factory=dict)

    def take(self, name: str) -> dict[str, str]:
        """Take a token; return the documented rate limit headers, with `Retry-After` if no token was left."""
        now, capacity = time.monotonic(), self.limit.capacity
        level, then = self._levels.get(name, (float(capacity), now))
        level = min(capacity, level + (now - then) * self.limit.refill)
        allowed = level >= 1
        self._levels[name] = (level - allowed, now)
        headers = {"RateLimit-Limit": str(capacity), "RateLimit-Remaining": str(int(level - allowed))}
        if not allowed:
            headers["Retry-After"] = str(max(1, math.ceil((1 - level) / self.limit.refill)))
        return headers


_logger = logging.getLogger("atlas_invoices.sandbox")
_API = "/api/atlas/"
_ORG_IN_PATH = 5  # /api/atlas/v2/orgs/{orgId}


@define
class Middleware:
    """An ASGI application around the operations. Only the server's thread uses it."""

    app: ASGIApp
    ledger: Ledger
    tokens: TokenEndpoint
    digest: DigestVerifier
    faults: Faults
    records: list[RequestRecord]
    """Gets a record of each request before its response begins."""
    _buckets: _TokenBuckets | None = field(init=False)

    def __attrs_post_init__(self) -> None:
        limit = self.ledger.settings.rate_limit
        self._buckets = _TokenBuckets(limit) if limit else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        settings = self.ledger.settings
        dates = {"Deprecation": settings.deprecation, "Sunset": settings.sunset}
        headers = {name: format_datetime(at.astimezone(UTC), usegmt=True) for name, at in dates.items() if at}
        transaction = _Transaction(RequestRecord.of(request), self.records, headers, send)
        try:
            if settings.latency:
                await asyncio.sleep(settings.latency)
            app = self._choose_app(request, transaction)
            await app(scope, receive, transaction.send)
        except Exception:
            # A bug in the sandbox; the application has already sent the client a 500.
            _logger.exception("sandbox: %s %s failed", request.method, request.url.path)
        finally:
            transaction.finish()

    def _choose_app(self, request: Request, transaction: _Transaction) -> ASGIApp:
        """Return the application that responds: the operations, a fault, or an error."""
        path = request.url.path
        is_api = path.startswith(_API)
        effect = self.faults.match(path, authenticated=False)
        try:
            if not effect:
                if is_api:
                    self._authenticate(request, transaction)
                effect = self.faults.match(path, authenticated=True)
            if effect:
                transaction.record = evolve(transaction.record, fault=True)
                return functools.partial(effect, self.app)
            if is_api:
                self._limit(request, transaction)
        except ApiError as error:
            return error_response(request, error)
        return self.app

    def _authenticate(self, request: Request, transaction: _Transaction) -> None:
        scheme, _, rest = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            if not self.tokens.is_valid(rest.strip()):
                headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
                raise ApiError(401, "USER_UNAUTHORIZED", "The access token is unknown or has expired.", headers=headers)
            return
        stale = False
        if scheme.lower() == "digest":
            target = request.scope["raw_path"].decode("latin-1")
            if request.scope["query_string"]:
                target += f"?{request.scope['query_string'].decode('latin-1')}"
            result = self.digest.check(rest, request.method, target)
            transaction.record = evolve(
                transaction.record,
                username=result.username,
                nonce=result.nonce,
                nonce_count=result.count,
                violation=result.violation,
            )
            if result.accepted:
                return
            stale = result.stale
        headers = {"WWW-Authenticate": self.digest.challenge(stale=stale)}
        raise ApiError(401, "USER_UNAUTHORIZED", "You are not authorized for this resource.", headers=headers)

    def _limit(self, request: Request, transaction: _Transaction) -> None:
        if self.ledger.settings.access_list_refuses:
            address = request.client.host if request.client else ""
            detail = f"IP address {address} is not allowed to access this resource."
            raise ApiError(403, "IP_ADDRESS_NOT_ON_ACCESS_LIST", detail, parameters=(address,))
        if self._buckets is None:
            return
        parts = request.url.path.split("/")
        owner = parts[_ORG_IN_PATH] if len(parts) > _ORG_IN_PATH else self.ledger.organizations[0].id
        headers = self._buckets.take(owner)
        transaction.headers.update(headers)
        if "Retry-After" in headers:
            raise ApiError(429, "RATE_LIMITED_TOKEN_BUCKET")
