"""Service accounts: requests signed with a short-lived token, and logging out."""

from __future__ import annotations

import os
import random
import time
from functools import partial
from pathlib import Path
from typing import Literal

import httpx
from attrs import frozen

from atlas_invoices._http._retry import RetryPolicy, retry
from atlas_invoices._http._steps import Sleep, Steps
from atlas_invoices._http._transport import while_connecting
from atlas_invoices._locks import FileLock
from atlas_invoices._secret import Secret, mask_id, validate_credential

from ._base import DrainBody, Flow, OriginBoundAuth, SteppedAuth
from ._oauth import REVOKE_PATH, ClientCredentials, Token, check_revoked, read_token, revoke_request, token_request
from ._origin import BaseUrl, Binding
from ._token_cache import POLL_SECONDS, CacheLease, TokenCache
from ._token_http import TokenHTTP
from ._tokens import TokenStore


class ServiceAccountAuth(OriginBoundAuth):
    """Sign requests with an Atlas service account (OAuth 2 client credentials).

    A token is fetched when the first request needs one, shared by all threads and asyncio tasks, renewed shortly
    before it expires, and replaced once if the server refuses it. Token requests have a connection of their own; with
    a `Client` they use its `verify`, `proxy` and `transport`, and its `token_cache` shares the token with other
    processes.

    A request waits at most 30 seconds for its token, whatever the `timeout`, and no longer than the `deadline` of the
    client's `RetryPolicy`; that includes waiting for another thread, task or process that fetches one. A synchronous
    `transport` of your own is bound only by its own timeouts, which are for each step: a response whose head arrives
    byte by byte can take longer.

    Args:
        client_id: the service account's ID.
        client_secret: its secret.
        base_url: the server they are for, such as `https://cloud.mongodb.com`. Without it, a client's base URL counts,
            or else the origin of the first request.

    Raises:
        ConfigError: the ID or secret is empty or contains invalid characters, or the base URL is invalid. Later,
            before a request is sent: the request is for another origin.
        TokenError: later, from the request that needs it: the server returned no token; the message says why.
        APITimeoutError: later, from the request that needs it: no token came in time, although it was requested three
            times. It isn't retried.

    Example:
        >>> auth = ai.ServiceAccountAuth("mdb_sa_id_66b1f0", "mdb_sa_sk_...")
        >>> with ai.Client(auth, base_url="https://cloud.mongodb.com"):
        ...     print(auth)
        <ServiceAccountAuth mdb_…b1f0 https://cloud.mongodb.com>
    """

    def __init__(self, client_id: str, client_secret: str, *, base_url: str | None = None) -> None:
        fault = validate_credential(client_id, "service account's client ID") or validate_credential(
            client_secret, "service account's client secret"
        )
        self._account = ClientCredentials(Secret(client_id), Secret(client_secret))
        del client_id, client_secret
        super().__init__(base_url, fault)
        self._tokens = TokenStore(time.monotonic)
        self._caches: dict[Path, TokenCache] = {}
        self._without_client = _TokenAuth(self._binding, self._account, self._tokens, TokenHTTP(), None)

    def _for_client(self, base_url: BaseUrl, http: TokenHTTP, token_cache: Path | None) -> httpx.Auth:
        base_url = self._binding.bind(base_url)
        cache = None
        if token_cache is not None:
            # Shared by all clients: a token that the server refused for one is never read again for another.
            cache = self._caches.setdefault(token_cache, TokenCache(token_cache, base_url, self._account.client_id))
        return _TokenAuth(self._binding, self._account, self._tokens, http, cache)

    def _describe(self) -> str:
        return f"{mask_id(self._account.client_id)} "

    def _flow(self, request: httpx.Request) -> Flow:
        return self._without_client._flow(request)  # noqa: SLF001 - same module; kept off the public class's surface


@frozen(eq=False)
class _TokenAuth(SteppedAuth):
    """A service account's auth for one client: that client's connection settings, and the token that all share."""

    binding: Binding
    account: ClientCredentials
    tokens: TokenStore
    http: TokenHTTP
    cache: TokenCache | None

    def _flow(self, request: httpx.Request) -> Flow:
        base_url = self.binding.check(request.url)

        def request_token(until: float) -> Steps[Token]:
            sent_at = self.tokens.clock()
            reply = yield from self.http.send(token_request(base_url, self.account), until - sent_at)
            return read_token(reply, self.account, sent_at, random.random())  # noqa: S311 - spreads renewals; not for security

        def fetch(until: float) -> Steps[Token]:
            if self.cache is None:
                return (yield from request_token(until))
            with CacheLease(self.cache, self.tokens.token, until) as lease:
                yield from lease.wait()
                return lease.token or lease.store((yield from request_token(until)))

        token = yield from self.tokens.get(fetch, self.http.seconds)
        response = yield _signed(request, token)
        if response.status_code != httpx.codes.UNAUTHORIZED or not self.binding.covers(response):
            return
        if self.cache is not None:
            self.cache.refuse(token)
        # Before the next token is fetched: until then the response occupies a connection, perhaps the last.
        yield DrainBody(response)
        token = yield from self.tokens.get(fetch, self.http.seconds, refused=token)
        yield _signed(request, token)


def _signed(request: httpx.Request, token: Token) -> httpx.Request:
    request.headers["Authorization"] = f"Bearer {token.value.reveal()}"
    return request


# As a chance for `renewal_margin`: 1800 seconds of a token that lasts an hour.
_HALF_AN_HOUR = 5.5


def renew_half_an_hour_early(auth: ServiceAccountAuth, base_url: BaseUrl, folder: Path) -> None:
    """Have clients renew this account's cached token half an hour early, for others that can't renew it themselves."""
    account = auth._account  # noqa: SLF001 - same module; kept off the public class's surface
    auth._caches[folder] = TokenCache(folder, base_url, account.client_id, chance=lambda: _HALF_AN_HOUR)  # noqa: SLF001 - see above


LogoutOutcome = Literal["nothing cached", "nothing to revoke", "revoked"]

# How many seconds to wait for the lock of the account's file; then it is deleted without, so that logging out ends.
_MAX_LOCK_SECONDS = 15.0


def log_out(
    auth: ServiceAccountAuth, base_url: BaseUrl, folder: Path, http: TokenHTTP, policy: RetryPolicy
) -> Steps[LogoutOutcome]:
    """Revoke the account's cached token, then delete its file; if Atlas doesn't revoke it, the file stays.

    Raises:
        TokenError: Atlas refused, or failed.
        APIConnectionError: no response came.
        OSError: the file can't be read or deleted.
    """
    account = auth._account  # noqa: SLF001 - same module; kept off the public class's surface
    cache = TokenCache(folder, base_url, account.client_id)
    token = cache.read_to_revoke()
    if token is None and not os.path.lexists(cache.file.path):
        return "nothing cached"
    if token is not None:
        yield from retry(partial(_revoke, account, base_url, token, http), policy)
    yield from _delete(cache, token)
    return "nothing to revoke" if token is None else "revoked"


def _revoke(account: ClientCredentials, base_url: BaseUrl, token: Secret, http: TokenHTTP) -> Steps[None]:
    with while_connecting(f"POST {REVOKE_PATH}"):
        reply = yield from http.send(revoke_request(base_url, account, token))
    check_revoked(reply, account, token)


def _delete(cache: TokenCache, revoked: Secret | None) -> Steps[None]:
    """Delete the account's file, unless another process has stored a new token in it."""
    lock = FileLock(cache.file.lock_path)
    end = cache.clock() + _MAX_LOCK_SECONDS
    try:
        while not lock.acquire() and cache.clock() < end:
            yield Sleep(POLL_SECONDS)
        now = cache.read_to_revoke()
        if now is None or (revoked is not None and now.reveal() == revoked.reveal()):
            cache.file.delete()
    finally:
        lock.release()
