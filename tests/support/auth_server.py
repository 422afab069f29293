"""A server that checks digest credentials and issues tokens, strictly and by settings that a test can change."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, unquote_plus
from urllib.request import parse_http_list, parse_keqv_list

import httpx
import pytest

from raw_server import Connection, RawServer, Received, http

PUBLIC_KEY, PRIVATE_KEY = "abcdefgh", "7f2a-private-canary"
CLIENT_ID, CLIENT_SECRET = "mdb_sa_id_canary:1", "mdb_sa_sk_canary+/&"
REALM = "MMS Public API"

# Loading the certificates takes longer than most of the tests.
TLS = httpx.create_ssl_context()
# Enough that no test waits for a connection.
LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=100)

Reply = tuple[int, dict[str, str], bytes]
"""Status, headers, body."""


def get(auth: httpx.Auth, url: str, **settings: Any) -> httpx.Response:
    """GET with a new client."""
    with httpx.Client(auth=auth, verify=TLS, **settings) as client:
        return client.get(url)


def get_async(auth: httpx.Auth, url: str, **settings: Any) -> httpx.Response:
    """GET with a new asynchronous client and event loop."""

    async def main() -> httpx.Response:
        async with httpx.AsyncClient(auth=auth, verify=TLS, **settings) as client:
            return await client.get(url)

    return asyncio.run(main())


Get = Callable[..., httpx.Response]
"""`get` or `get_async`."""

both = pytest.mark.parametrize("get", [get, get_async])


class AuthServer(RawServer):
    """Answers any authenticated GET with {"path": …}.

    The public attributes are settings to change between requests, and records of what happened.
    """

    def __init__(self) -> None:
        super().__init__(default=self._respond)
        self.accept = {"digest", "bearer"}
        self.uses_per_nonce = 10**9
        self.delay = 0.0
        self.token_delay = 0.0
        self.token_lifetime: float = 3600
        self.token_reply: Callable[[str], Reply] | None = None
        self.redirects: dict[str, str] = {}
        self.challenge_body = b'{"error": 401}'
        self.close_after_reply = False
        self.counts_must_rise = False

        self.uses: Counter[tuple[str, str]] = Counter()
        self.challenges = 0
        self.token_requests = 0
        self.revoked: set[str] = set()

        self._state = threading.Lock()
        self._serial = itertools.count(1)
        self._nonce_uses: Counter[str] = Counter()
        self._highest: dict[str, int] = {}
        self._nonces: set[str] = set()
        self._tokens: dict[str, float] = {}

    def _respond(self, connection: Connection) -> None:
        request = connection.request
        is_token = request.route == "POST /api/oauth/token"
        status, headers, body = self._token(request) if is_token else self._answer(request)
        declared = int(headers.get("Content-Length", "-1"))
        others = [(name, value) for name, value in headers.items() if name != "Content-Length"]
        connection.send(http(status, others, body, length=declared))
        if self.close_after_reply:
            connection.close()

    def _answer(self, request: Received) -> Reply:
        method, target = request.method, request.target
        time.sleep(self.delay)
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        if method != "GET":
            return 405, {}, b"{}"
        if target in self.redirects:
            return 302, {"Location": self.redirects[target]}, b""
        with self._state:
            accepted, stale = False, False
            if scheme == "Digest":
                accepted, stale = self._check_digest(method, target, credentials)
            elif scheme == "Bearer":
                accepted = time.monotonic() < self._tokens.get(credentials, 0) and credentials not in self.revoked
            if accepted:
                return 200, {}, json.dumps({"path": target}).encode()
            if "digest" not in self.accept:
                return 401, {}, self.challenge_body
            self.challenges += 1
            nonce = f"nonce,{next(self._serial)}="
            self._nonces.add(nonce)
        digest = (
            f'Digest realm="{REALM}", domain="", nonce="{nonce}", algorithm=MD5, qop="auth", stale={str(stale).lower()}'
        )
        return 401, {"WWW-Authenticate": f'Bearer realm="a, b", {digest}'}, self.challenge_body

    def _check_digest(self, method: str, target: str, credentials: str) -> tuple[bool, bool]:
        sent = parse_keqv_list(parse_http_list(credentials))
        self.uses[sent["nonce"], sent["nc"]] += 1
        good = (
            "digest" in self.accept
            and sent["nonce"] in self._nonces
            and sent["uri"] == target
            and sent["username"] == PUBLIC_KEY
            and sent["response"] == _digest_response(sent, method)
        )
        self._nonce_uses[sent["nonce"]] += 1
        overtaken = int(sent["nc"], 16) <= self._highest.get(sent["nonce"], 0)
        if self.counts_must_rise and overtaken:
            return False, False
        self._highest[sent["nonce"]] = int(sent["nc"], 16)
        if good and self._nonce_uses[sent["nonce"]] > self.uses_per_nonce:
            return False, True
        return good, False

    def _token(self, request: Received) -> Reply:
        with self._state:
            self.token_requests += 1
        time.sleep(self.token_delay)
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        name, _, secret = base64.b64decode(encoded).decode().partition(":")
        if (
            scheme != "Basic"
            or (unquote_plus(name), unquote_plus(secret)) != (CLIENT_ID, CLIENT_SECRET)
            or request.headers.get("accept") != "application/json"
            or parse_qs(request.body.decode()) != {"grant_type": ["client_credentials"]}
        ):
            return 401, {}, b'{"error": "invalid_client", "error_description": "no such client"}'
        token = f"token-canary-{next(self._serial)}"
        if self.token_reply is not None:
            return self.token_reply(token)
        with self._state:
            self._tokens[token] = time.monotonic() + self.token_lifetime
        reply = {"access_token": token, "expires_in": self.token_lifetime, "token_type": "Bearer"}
        return 200, {"Content-Type": "application/json"}, json.dumps(reply).encode()


def _digest_response(sent: dict[str, str], method: str) -> str:
    def md5(text: str) -> str:
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    key, target = md5(f"{sent['username']}:{REALM}:{PRIVATE_KEY}"), md5(f"{method}:{sent['uri']}")
    return md5(f"{key}:{sent['nonce']}:{sent['nc']}:{sent['cnonce']}:{sent['qop']}:{target}")
