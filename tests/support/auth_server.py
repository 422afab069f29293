"""A small server on a real socket with digest, tokens and a record of its requests."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import itertools
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, unquote_plus
from urllib.request import parse_http_list, parse_keqv_list

import httpx
import pytest

PUBLIC_KEY, PRIVATE_KEY = "abcdefgh", "7f2a-private-canary"
CLIENT_ID, CLIENT_SECRET = "mdb_sa_id_canary:1", "mdb_sa_sk_canary+/&"
REALM = "MMS Public API"

# Made once: it takes longer than most of the tests.
TLS = httpx.create_ssl_context()
# For a crowd, whose connections must not be what it waits for.
LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=100)

Reply = tuple[int, dict[str, str], bytes]
"""Status, headers, body."""


def get(auth: httpx.Auth, url: str, **settings: Any) -> httpx.Response:
    """Make one request with a client of its own."""
    with httpx.Client(auth=auth, verify=TLS, **settings) as client:
        return client.get(url)


def get_async(auth: httpx.Auth, url: str, **settings: Any) -> httpx.Response:
    """Make one request with an async client and an event loop of its own."""

    async def main() -> httpx.Response:
        async with httpx.AsyncClient(auth=auth, verify=TLS, **settings) as client:
            return await client.get(url)

    return asyncio.run(main())


Get = Callable[..., httpx.Response]
"""Either of these two."""

both = pytest.mark.parametrize("get", [get, get_async])


class AuthServer:
    """Answers any GET that is authenticated with {"path": …}.

    The public attributes are settings to change between requests, and records of them.
    """

    def __init__(self) -> None:
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

        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.uses: Counter[tuple[str, str]] = Counter()
        self.challenges = 0
        self.token_requests = 0
        self.revoked: set[str] = set()

        self._lock = threading.Lock()
        self._serial = itertools.count(1)
        self._nonce_uses: Counter[str] = Counter()
        self._highest: dict[str, int] = {}
        self._nonces: set[str] = set()
        self._tokens: dict[str, float] = {}
        self._server = _Server(("127.0.0.1", 0), _handler_for(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Reply:
        """Return the reply to a request."""
        with self._lock:
            self.requests.append((method, target, headers))
        if (method, target) == ("POST", "/api/oauth/token"):
            return self._token(headers, body)
        time.sleep(self.delay)
        scheme, _, credentials = headers.get("authorization", "").partition(" ")
        if method != "GET":
            return 405, {}, b"{}"
        if target in self.redirects:
            return 302, {"Location": self.redirects[target]}, b""
        with self._lock:
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

    def _token(self, headers: dict[str, str], body: bytes) -> Reply:
        with self._lock:
            self.token_requests += 1
        time.sleep(self.token_delay)
        scheme, _, encoded = headers.get("authorization", "").partition(" ")
        name, _, secret = base64.b64decode(encoded).decode().partition(":")
        if (
            scheme != "Basic"
            or (unquote_plus(name), unquote_plus(secret)) != (CLIENT_ID, CLIENT_SECRET)
            or headers.get("accept") != "application/json"
            or parse_qs(body.decode()) != {"grant_type": ["client_credentials"]}
        ):
            return 401, {}, b'{"error": "invalid_client", "error_description": "no such client"}'
        token = f"token-canary-{next(self._serial)}"
        if self.token_reply is not None:
            return self.token_reply(token)
        with self._lock:
            self._tokens[token] = time.monotonic() + self.token_lifetime
        reply = {"access_token": token, "expires_in": self.token_lifetime, "token_type": "Bearer"}
        return 200, {"Content-Type": "application/json"}, json.dumps(reply).encode()


def _digest_response(sent: dict[str, str], method: str) -> str:
    def md5(text: str) -> str:
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    key, target = md5(f"{sent['username']}:{REALM}:{PRIVATE_KEY}"), md5(f"{method}:{sent['uri']}")
    return md5(f"{key}:{sent['nonce']}:{sent['nc']}:{sent['cnonce']}:{sent['qop']}:{target}")


class _Server(ThreadingHTTPServer):
    request_queue_size = 512
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore a client that hangs up: tests do that on purpose."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type] # the base class's type is private


def _handler_for(server: AuthServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Otherwise head and body, written apart, wait for the client's delayed acknowledgement.
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._reply()

        def do_POST(self) -> None:
            self._reply()

        def _reply(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, reply_headers, reply_body = server.answer(self.command, self.path, headers, body)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(reply_body)), **reply_headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply_body)
            self.close_connection = self.close_connection or server.close_after_reply

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Print nothing."""

    return Handler
