"""What every request to the sandbox goes through: log, rate limit, credentials, faults."""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections.abc import Callable
from datetime import UTC
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, Literal

from attrs import define, evolve, field, frozen
from starlette.datastructures import MutableHeaders
from starlette.requests import Request

from ._auth import basic_pair
from ._requests import Problem
from ._responses import problem_reply

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from ._auth import DigestGuard, TokenEndpoint
    from ._faults import Faults
    from ._ledger import Ledger
    from ._settings import RateLimit


@frozen
class Allowance:
    """One request's share of the bucket; `retry_after` is in whole seconds, 0 where the request is allowed."""

    allowed: bool
    remaining: int
    retry_after: int

    def headers(self, limit: RateLimit) -> dict[str, str]:
        """The rate limit headers of the Atlas Admin API document."""
        found = {"RateLimit-Limit": str(limit.capacity), "RateLimit-Remaining": str(self.remaining)}
        if not self.allowed:
            found["Retry-After"] = str(self.retry_after)
        return found


@define
class Buckets:
    """Token buckets by name, each full at first. Used from one thread, the server's."""

    limit: RateLimit
    clock: Callable[[], float] = time.monotonic
    _levels: dict[str, tuple[float, float]] = field(init=False, factory=dict)

    def take(self, name: str) -> Allowance:
        """Take one token from that bucket, if there is one."""
        now = self.clock()
        level, then = self._levels.get(name, (float(self.limit.capacity), now))
        level = min(self.limit.capacity, level + (now - then) * self.limit.refill)
        allowed = level >= 1
        self._levels[name] = (level - 1 if allowed else level, now)
        wait = 0 if allowed else max(1, math.ceil((1 - level) / self.limit.refill))
        return Allowance(allowed, int(self._levels[name][0]), wait)


AuthKind = Literal["none", "basic", "bearer", "digest"]


@frozen
class RequestRecord:
    """One request. Secrets are left out: of credentials there is the public half alone.

    `status` is what was answered, or 0 where the connection was cut before a reply. `username`, `nonce` and
    `nonce_count` (eight hexadecimal digits) are those of digest credentials; for Basic, `username` is the client ID.
    `violation` says what the client did against RFC 7616, a nonce count used twice for one. `fault` is whether a
    planned fault struck it.
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


@define
class RequestLog:
    """Records in the order their replies began. Safe to use from several threads."""

    _records: list[RequestRecord] = field(init=False, factory=list)
    _lock: threading.Lock = field(init=False, factory=threading.Lock, repr=False)

    def add(self, record: RequestRecord) -> None:
        """Keep one more."""
        with self._lock:
            self._records.append(record)

    def all(self) -> tuple[RequestRecord, ...]:
        """All of them so far."""
        with self._lock:
            return tuple(self._records)

    def clear(self) -> None:
        """Start anew."""
        with self._lock:
            self._records.clear()


_logger = logging.getLogger("atlas_invoices.sandbox")
_API = "/api/atlas/"
_ORG_IN_PATH = 5  # /api/atlas/v2/orgs/{orgId}


@define
class Middleware:
    """An ASGI application around the operations'. Used from one thread, the server's."""

    app: ASGIApp
    book: Ledger
    tokens: TokenEndpoint
    digest: DigestGuard
    faults: Faults
    log: RequestLog
    _buckets: Buckets | None = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Fill the buckets."""
        limit = self.book.settings.rate_limit
        self._buckets = Buckets(limit) if limit else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, and log it before its reply begins."""
        request = Request(scope, receive)
        passage = _Passage(_record(request), self.log, send, _standing_headers(self.book))
        try:
            if self.book.settings.latency:
                await asyncio.sleep(self.book.settings.latency)
            app = self._admit(request, passage)
            await app(scope, receive, passage.send)
        except Exception:
            # A fault of the sandbox itself; the client has its 500 from the application below.
            _logger.exception("sandbox: %s %s failed", request.method, request.url.path)
        finally:
            passage.close()

    def _admit(self, request: Request, passage: _Passage) -> ASGIApp:
        """What answers the request: the operations, a fault, or a refusal."""
        path = request.url.path
        is_api = path.startswith(_API)
        effect = self.faults.match(path, authenticated=False)
        try:
            if not effect:
                if is_api:
                    self._authenticate(request, passage)
                effect = self.faults.match(path, authenticated=True)
            if effect:
                passage.record = evolve(passage.record, fault=True)
                return effect(self.app)
            if is_api:
                self._limit(request, passage)
        except Problem as problem:
            return problem_reply(request, problem)
        return self.app

    def _authenticate(self, request: Request, passage: _Passage) -> None:
        scheme, _, rest = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            if not self.tokens.is_valid(rest.strip()):
                headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
                raise Problem(401, "USER_UNAUTHORIZED", "The access token is unknown or has expired.", headers=headers)
            return
        stale = False
        if scheme.lower() == "digest":
            target = request.scope["raw_path"].decode("latin-1")
            if request.scope["query_string"]:
                target += f"?{request.scope['query_string'].decode('latin-1')}"
            verdict = self.digest.check(rest, request.method, target)
            passage.record = evolve(
                passage.record,
                username=verdict.username,
                nonce=verdict.nonce,
                nonce_count=verdict.count,
                violation=verdict.violation,
            )
            if verdict.accepted:
                return
            stale = verdict.stale
        headers = {"WWW-Authenticate": self.digest.challenge(stale=stale)}
        raise Problem(401, "USER_UNAUTHORIZED", "You are not authorized for this resource.", headers=headers)

    def _limit(self, request: Request, passage: _Passage) -> None:
        if self.book.settings.access_list_refuses:
            address = request.client.host if request.client else ""
            detail = f"IP address {address} is not allowed to access this resource."
            raise Problem(403, "IP_ADDRESS_NOT_ON_ACCESS_LIST", detail, parameters=(address,))
        if self._buckets is None:
            return
        parts = request.url.path.split("/")
        owner = parts[_ORG_IN_PATH] if len(parts) > _ORG_IN_PATH else self.book.organizations[0].id
        allowance = self._buckets.take(owner)
        passage.headers.update(allowance.headers(self._buckets.limit))
        if not allowance.allowed:
            raise Problem(429, "RATE_LIMITED_TOKEN_BUCKET")


@define
class _Passage:
    """One request on its way through: its record so far, and headers that its reply gets."""

    record: RequestRecord
    log: RequestLog
    reply: Send
    headers: dict[str, str]
    logged: bool = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=list(message.get("headers", [])))
            headers.update(self.headers)
            message = {**message, "headers": headers.raw}
            self.record = evolve(self.record, status=message["status"])
            self.close()
        await self.reply(message)

    def close(self) -> None:
        """Log the request, once."""
        if not self.logged:
            self.logged = True
            self.log.add(self.record)


def _standing_headers(book: Ledger) -> dict[str, str]:
    settings = book.settings
    moments = {"Deprecation": settings.deprecation, "Sunset": settings.sunset}
    return {name: format_datetime(at.astimezone(UTC), usegmt=True) for name, at in moments.items() if at is not None}


def _record(request: Request) -> RequestRecord:
    authorization = request.headers.get("authorization", "")
    schemes: dict[str, AuthKind] = {"basic": "basic", "bearer": "bearer", "digest": "digest"}
    kind = schemes.get(authorization.partition(" ")[0].lower(), "none")
    peer: Any = request.client or ("", 0)
    return RequestRecord(
        method=request.method,
        path=request.url.path,
        query=request.url.query,
        status=0,
        auth=kind,
        username=basic_pair(authorization)[0] if kind == "basic" else None,
        nonce=None,
        nonce_count=None,
        violation=None,
        accept=request.headers.get("accept", ""),
        user_agent=request.headers.get("user-agent", ""),
        peer=(peer[0], peer[1]),
        fault=False,
    )
