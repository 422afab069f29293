"""Check the sandbox's credentials: HTTP digest, and access tokens of a service account."""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
import hmac
import re
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from random import Random
from urllib.parse import parse_qs, unquote_plus

from attrs import define, field, frozen

from ._settings import Settings

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_ALPHABET = _LETTERS + _LETTERS.upper() + "0123456789"


@frozen
class Credentials:
    """An API key and a service account."""

    public_key: str
    private_key: str = field(repr=False)
    client_id: str
    client_secret: str = field(repr=False)

    @classmethod
    def generate(cls, random: Random) -> Credentials:
        """Make random credentials; the client secret has characters that form-urlencoding changes (RFC 6749)."""
        digits = f"{random.getrandbits(128):032x}"
        return cls(
            public_key="".join(random.choices(_LETTERS, k=8)),
            private_key="-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])),
            client_id=f"mdb_sa_id_{random.getrandbits(96):024x}",
            client_secret=f"mdb_sa_sk_{''.join(random.choices(_ALPHABET, k=36))}+/%2B",
        )


_REALM = "MMS Public API"
_MAX_NONCES = 4096
_PARAMETER = re.compile(r'\s*([A-Za-z*]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))\s*(?:,|$)')
_COUNT = re.compile(r"[0-9a-f]{8}")
_REQUIRED = ("username", "realm", "nonce", "uri", "response", "qop", "nc", "cnonce")


@frozen
class DigestResult:
    """The result of checking digest credentials. `violation` describes a mistake in the client, not a wrong key."""

    username: str | None = None
    nonce: str | None = None
    count: str | None = None
    accepted: bool = False
    stale: bool = False
    violation: str | None = None


@define
class DigestVerifier:
    """Checks digest credentials and issues challenges. Only the server's thread uses it.

    The next `stale_responses` correct requests are refused as stale.
    """

    credentials: Credentials
    nonce_uses: int | None
    stale_responses: int = 0
    _counts: OrderedDict[str, set[str]] = field(init=False, factory=OrderedDict)

    def challenge(self, *, stale: bool) -> str:
        """Return a `WWW-Authenticate` value with a new nonce."""
        nonce = secrets.token_urlsafe(24) + "=="
        self._counts[nonce] = set()
        if len(self._counts) > _MAX_NONCES:
            self._counts.popitem(last=False)
        return (
            f'Digest realm="{_REALM}", domain="", nonce="{nonce}", algorithm=MD5, qop="auth", '
            f"stale={'true' if stale else 'false'}"
        )

    def check(self, authorization: str, method: str, target: str) -> DigestResult:  # noqa: PLR0911 - one return for each rule
        """Check the parameters of `Authorization` for a request of `target`, path and query."""
        given = _parse_parameters(authorization)
        if given is None:
            return DigestResult(violation="malformed digest credentials")
        result = functools.partial(DigestResult, given.get("username"), given.get("nonce"), given.get("nc"))
        missing = [name for name in _REQUIRED if name not in given]
        if missing:
            return result(violation=f"digest credentials without {', '.join(missing)}")
        if given["realm"] != _REALM or given["qop"] != "auth" or given.get("algorithm", "MD5").upper() != "MD5":
            return result(violation="digest credentials for another challenge")
        if given["uri"] != target:
            return result(violation="digest uri is not the request's")
        if not _COUNT.fullmatch(given["nc"]) or int(given["nc"], 16) == 0:
            return result(violation="nonce count is not eight hexadecimal digits from 00000001")
        if not self._is_correct(given, method):
            return result()
        counts = self._counts.get(given["nonce"])
        if counts is None:
            return result(stale=True)
        if self.stale_responses > 0:
            self.stale_responses -= 1
            return result(stale=True)
        if given["nc"] in counts:
            return result(stale=True, violation="nonce count used twice")
        if self.nonce_uses is not None and len(counts) >= self.nonce_uses:
            return result(stale=True)
        counts.add(given["nc"])
        return result(accepted=True)

    def _is_correct(self, given: dict[str, str], method: str) -> bool:
        key = _md5(f"{self.credentials.public_key}:{_REALM}:{self.credentials.private_key}")
        request = _md5(f"{method}:{given['uri']}")
        response = _md5(f"{key}:{given['nonce']}:{given['nc']}:{given['cnonce']}:{given['qop']}:{request}")
        is_user = hmac.compare_digest(given["username"].encode(), self.credentials.public_key.encode())
        return hmac.compare_digest(given["response"].encode(), response.encode()) and is_user


def _parse_parameters(text: str) -> dict[str, str] | None:
    """Return the parameters by lower-case name; `None` if the list is malformed or has a duplicate."""
    found: dict[str, str] = {}
    position = 0
    while position < len(text):
        match = _PARAMETER.match(text, position)
        if not match or match[1].lower() in found:
            return None
        quoted, token = match[2], match[3]
        found[match[1].lower()] = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else token
        position = match.end()
    return found


def _md5(text: str) -> str:
    # Digest authentication prescribes MD5; nothing secret depends on it here.
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


_MINUTE = 60.0


class OAuthError(Exception):
    """An error response of the token endpoint (RFC 6749 §5.2)."""

    def __init__(self, status: int, error: str, description: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(description)
        self.status = status
        self.headers = headers or {}
        self.body: dict[str, object] = {"error": error, "error_description": description}


@define
class TokenEndpoint:
    """Issues, checks and revokes access tokens. Only the server's thread uses it."""

    credentials: Credentials
    settings: Settings
    clock: Callable[[], float] = time.monotonic
    _expiry: dict[str, float] = field(init=False, factory=dict, repr=False)
    _request_times: deque[float] = field(init=False, factory=deque)

    def issue(self, authorization: str, form: str) -> dict[str, object]:
        """Return the body of a token response.

        Raises:
            OAuthError: 401 for wrong credentials, 400 for another grant, 429 over the rate limit, 403 with too many
                tokens.
        """
        self._limit()
        self._authenticate(authorization)
        if parse_qs(form).get("grant_type") != ["client_credentials"]:
            raise OAuthError(400, "unsupported_grant_type", "The grant type is not client_credentials.")
        now = self.clock()
        self._expiry = {token: end for token, end in self._expiry.items() if end > now}
        if len(self._expiry) >= self.settings.token_limit:
            raise OAuthError(403, "access_denied", "Access Token limit reached")
        token = f"sandbox.{secrets.token_urlsafe(32)}"
        self._expiry[token] = now + self.settings.token_seconds
        return {"access_token": token, "expires_in": int(self.settings.token_seconds), "token_type": "Bearer"}

    def revoke(self, authorization: str, form: str) -> None:
        """Revoke a token; an unknown one counts as revoked (RFC 7009 §2.2).

        Raises:
            OAuthError: 401 for wrong credentials, 400 without a token.
        """
        self._authenticate(authorization)
        token = parse_qs(form).get("token")
        if not token:
            raise OAuthError(400, "invalid_request", "The token is missing.")
        self._expiry.pop(token[0], None)

    def is_valid(self, token: str) -> bool:
        """Whether `token` is active: issued, not revoked, not expired."""
        return self._expiry.get(token, 0.0) > self.clock()

    def expire_all(self) -> None:
        """Expire all tokens now."""
        self._expiry.clear()

    def _limit(self) -> None:
        allowed = self.settings.token_requests_per_minute
        if allowed is None:
            return
        now = self.clock()
        while self._request_times and self._request_times[0] <= now - _MINUTE:
            self._request_times.popleft()
        if len(self._request_times) >= allowed:
            wait = int(self._request_times[0] + _MINUTE - now) + 1
            raise OAuthError(429, "rate_limited", "Too many token requests.", {"Retry-After": str(wait)})
        self._request_times.append(now)

    def _authenticate(self, authorization: str) -> None:
        client_id, client_secret = parse_basic(authorization)
        is_id = hmac.compare_digest(client_id.encode(), self.credentials.client_id.encode())
        if not hmac.compare_digest(client_secret.encode(), self.credentials.client_secret.encode()) or not is_id:
            raise OAuthError(
                401, "invalid_client", "The client is unknown or its secret is wrong.", {"WWW-Authenticate": "Basic"}
            )


def parse_basic(authorization: str) -> tuple[str, str]:
    """Return the form-decoded name and password of Basic credentials (RFC 6749 §2.3.1), or two empty strings."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    name, _, password = text.partition(":")
    return unquote_plus(name), unquote_plus(password)
