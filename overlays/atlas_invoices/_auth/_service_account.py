"""Service accounts: requests signed with a short-lived token, and logging out."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from attrs import frozen

from atlas_invoices._http._transport import while_connecting
from atlas_invoices._locks import FileLock

from ._base import OriginBoundAuth, drain_body
from ._oauth import REVOKE_PATH, ClientCredentials, Token, check_revoked, read_token, revoke_request, token_request
from ._secret import Secret, mask_id, validate_credential
from ._token_cache import POLL_SECONDS, CacheLease, TokenCache
from ._token_http import TokenHTTP
from ._tokens import TokenStore

if TYPE_CHECKING:
    from ._origin import BaseUrl, Binding


class ServiceAccountAuth(OriginBoundAuth):
    """Sign requests with an Atlas service account (OAuth 2 client credentials).

    A token is fetched when the first request needs one, shared by all threads and asyncio tasks, renewed shortly
    before it ends, and replaced once if the server refuses it. Token requests have a connection of their own; under a
    `Client` they use its `verify`, `proxy` and `transport`, and its `token_cache` shares the token with other
    processes.

    Whatever the `timeout`, a request waits for its token 30 seconds at most, and no longer than the `deadline` of the
    client's `RetryPolicy`; waiting for another thread, task or process that fetches one counts too. A synchronous
    `transport` of your own is held to that by nothing but its own timeouts, which are for each step: where the head
    of the reply comes byte by byte, it takes longer.

    Args:
        client_id: the service account's ID.
        client_secret: its secret.
        base_url: the server they are for, such as `https://cloud.mongodb.com`; without it, a client's base URL or
            else the origin of the first request it signs.

    Raises:
        ConfigError: the ID or secret is empty or has characters that none has, or the base URL won't do. Later,
            before a request is sent: the request is for another origin.
        TokenError: later, from the request that needs it: the server gave no token, and the message says why.
        APITimeoutError: likewise: no token came in time. It isn't tried again.

    Example:
        >>> auth = ai.ServiceAccountAuth("mdb_sa_id_66b1f0", "mdb_sa_sk_...")
        >>> with ai.Client(auth, base_url="https://cloud.mongodb.com"):
        ...     print(auth)
        <ServiceAccountAuth mdb_…b1f0 https://cloud.mongodb.com>
    """

    def __init__(self, client_id: str, client_secret: str, *, base_url: str | None = None) -> None:
        """Check and keep the credentials; nothing is sent."""
        fault = validate_credential(client_id, "service account's client ID") or validate_credential(
            client_secret, "service account's client secret"
        )
        self._account = ClientCredentials(Secret(client_id), Secret(client_secret))
        del client_id, client_secret
        super().__init__(base_url, fault)
        self._tokens = TokenStore(time.monotonic)
        self._caches: dict[Path, TokenCache] = {}
        self._flow = _TokenFlow(self._binding, self._account, self._tokens, TokenHTTP(), None)

    def _for_client(self, base_url: BaseUrl, http: TokenHTTP, token_cache: Path | None) -> httpx.Auth:
        base_url = self._binding.bind(base_url)
        cache = None
        if token_cache is not None:
            # One for all clients: what one of them saw refused, none of them takes from the file again.
            cache = self._caches.setdefault(token_cache, TokenCache(token_cache, base_url, self._account.client_id))
        return _TokenFlow(self._binding, self._account, self._tokens, http, cache)

    def _describe(self) -> str:
        return f"{mask_id(self._account.client_id)} "

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign the request, once more if its token is refused; httpx calls this."""
        return self._flow.sync_auth_flow(request)

    def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Sign the request, once more if its token is refused; httpx calls this."""
        return self._flow.async_auth_flow(request)


class _TokenFlow(httpx.Auth):
    """What a service account does for one client: that client's way to the server, everybody's token."""

    def __init__(
        self,
        binding: Binding,
        account: ClientCredentials,
        tokens: TokenStore,
        http: TokenHTTP,
        cache: TokenCache | None,
    ) -> None:
        self._binding = binding
        self._account = account
        self._tokens = tokens
        self._http = http
        self._cache = cache

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        base_url = self._binding.check(request.url)

        def ask(until: float) -> Token:
            asked_at = self._tokens.clock()
            reply = self._http.send(token_request(base_url, self._account), until - asked_at)
            return read_token(reply, self._account, asked_at, random.random())  # noqa: S311 - spreads renewals

        def fetch(until: float) -> Token:
            if self._cache is None:
                return ask(until)
            with CacheLease(self._cache, self._tokens.held, until) as turn:
                while turn.poll(blocking=True):
                    time.sleep(POLL_SECONDS)
                return turn.token or turn.store(ask(until))

        token = self._tokens.get(fetch, self._http.seconds)
        response = yield _signed(request, token)
        if self._refused(response, token):
            # Read before the next token is fetched: until then the reply occupies a connection, perhaps the last.
            drain_body(response)
            response.read()
            yield _signed(request, self._tokens.get(fetch, self._http.seconds, refused=token))

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        base_url = self._binding.check(request.url)

        async def ask(until: float) -> Token:
            asked_at = self._tokens.clock()
            reply = await self._http.send_async(token_request(base_url, self._account), until - asked_at)
            return read_token(reply, self._account, asked_at, random.random())  # noqa: S311 - spreads renewals

        async def fetch(until: float) -> Token:
            if self._cache is None:
                return await ask(until)
            with CacheLease(self._cache, self._tokens.held, until) as turn:
                while turn.poll(blocking=False):  # noqa: ASYNC110 - another process sets no event
                    await asyncio.sleep(POLL_SECONDS)
                return turn.token or turn.store(await ask(until))

        token = await self._tokens.get_async(fetch, self._http.seconds)
        response = yield _signed(request, token)
        if self._refused(response, token):
            drain_body(response)
            await response.aread()
            yield _signed(request, await self._tokens.get_async(fetch, self._http.seconds, refused=token))

    def _refused(self, response: httpx.Response, token: Token) -> bool:
        if response.status_code != httpx.codes.UNAUTHORIZED or not self._binding.covers(response):
            return False
        if self._cache is not None:
            self._cache.refuse(token)
        return True


def _signed(request: httpx.Request, token: Token) -> httpx.Request:
    request.headers["Authorization"] = f"Bearer {token.value.reveal()}"
    return request


# A file whose lock is held this many seconds is taken away all the same: nobody may wait for ever.
_PATIENCE = 15.0


@frozen
class Cached:
    """What there is: a token that Atlas may still accept, or a file that is of no use."""

    cache: TokenCache
    token: Secret | None


def cached(auth: ServiceAccountAuth, base_url: BaseUrl, folder: Path) -> Cached | None:
    """Return what the account has in the folder; None if there is nothing.

    Raises `OSError` where the file system refuses.
    """
    account = auth._account  # noqa: SLF001 - same package; kept off the public class's surface
    cache = TokenCache(folder, base_url, account.client_id)
    token = cache.read_to_revoke()
    return Cached(cache, token) if token or os.path.lexists(cache.file.path) else None


def forget(found: Cached) -> None:
    """Take away the account's file, unless it has another token by now.

    Raises `OSError` where the file system refuses.
    """
    cache, token = found.cache, found.token
    lock = FileLock(cache.file.lock_path)
    end = time.monotonic() + _PATIENCE
    try:
        while not lock.acquire() and time.monotonic() < end:
            time.sleep(POLL_SECONDS)
        now = cache.read_to_revoke()
        if now is None or (token is not None and now.reveal() == token.reveal()):
            cache.file.delete()
    finally:
        lock.release()


def revoke(auth: ServiceAccountAuth, base_url: BaseUrl, token: Secret, http: TokenHTTP) -> None:
    """Have Atlas refuse this token from now on.

    Raises:
        TokenError: Atlas says no, or failed.
        APIConnectionError: no answer came.
    """
    account = auth._account  # noqa: SLF001 - likewise
    with while_connecting(f"POST {REVOKE_PATH}"):
        reply = http.send(revoke_request(base_url, account, token))
    check_revoked(reply, account, token)
