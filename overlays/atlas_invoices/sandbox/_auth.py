"""The sandbox's credentials: digest, and tokens of service accounts."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote_plus

from attrs import define, field, frozen

if TYPE_CHECKING:
    from ._settings import Settings


_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_ALPHABET = _LETTERS + _LETTERS.upper() + "0123456789"


@frozen
class Keys:
    """Both kinds of credentials."""

    public_key: str
    private_key: str = field(repr=False)
    client_id: str
    client_secret: str = field(repr=False)

    @classmethod
    def draw(cls, random: Random) -> Keys:
        """Make them up. The client secret has characters that differ once form-urlencoded, as RFC 6749 asks for."""
        digits = f"{random.getrandbits(128):032x}"
        return cls(
            public_key="".join(random.choices(_LETTERS, k=8)),
            private_key="-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])),
            client_id=f"mdb_sa_id_{random.getrandbits(96):024x}",
            client_secret=f"mdb_sa_sk_{''.join(random.choices(_ALPHABET, k=36))}+/%2B",
        )


REALM = "MMS Public API"
_REMEMBERED_NONCES = 4096
_PARAMETER = re.compile(r'\s*([A-Za-z*]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))\s*(?:,|$)')
_COUNT = re.compile(r"[0-9a-f]{8}")
_NEEDED = ("username", "realm", "nonce", "uri", "response", "qop", "nc", "cnonce")


@frozen
class Verdict:
    """What came of checking one request's Authorization; `violation` names a client's mistake, not a wrong key."""

    accepted: bool
    stale: bool = False
    username: str | None = None
    nonce: str | None = None
    count: str | None = None
    violation: str | None = None


@define
class DigestGuard:
    """Checks digest credentials and hands out challenges. Used from one thread, the server's.

    The next `refuse_next` good requests are refused as stale all the same.
    """

    keys: Keys
    nonce_uses: int | None
    refuse_next: int = 0
    _used: OrderedDict[str, set[str]] = field(init=False, factory=OrderedDict)

    def challenge(self, *, stale: bool) -> str:
        """A `WWW-Authenticate` value with a new nonce."""
        nonce = secrets.token_urlsafe(24) + "=="
        self._used[nonce] = set()
        while len(self._used) > _REMEMBERED_NONCES:
            self._used.popitem(last=False)
        return (
            f'Digest realm="{REALM}", domain="", nonce="{nonce}", algorithm=MD5, qop="auth", '
            f"stale={'true' if stale else 'false'}"
        )

    def check(self, authorization: str, method: str, target: str) -> Verdict:  # noqa: PLR0911 - one for each rule
        """Judge the value of `Authorization` (after the word Digest) for a request of `target`, path and query."""
        given = _parameters(authorization)
        if given is None:
            return Verdict(accepted=False, violation="malformed digest credentials")
        username, nonce, count = given.get("username"), given.get("nonce"), given.get("nc")

        def refuse(violation: str | None = None, *, stale: bool = False) -> Verdict:
            return Verdict(
                accepted=False, stale=stale, username=username, nonce=nonce, count=count, violation=violation
            )

        missing = [name for name in _NEEDED if name not in given]
        if missing:
            return refuse(f"digest credentials without {', '.join(missing)}")
        if given["realm"] != REALM or given["qop"] != "auth" or given.get("algorithm", "MD5").upper() != "MD5":
            return refuse("digest credentials for another challenge")
        if given["uri"] != target:
            return refuse("digest uri is not the request's")
        if not _COUNT.fullmatch(given["nc"]) or int(given["nc"], 16) == 0:
            return refuse("nonce count is not eight hexadecimal digits from 00000001")
        if not self._is_response(given, method):
            return refuse()
        used = self._used.get(given["nonce"])
        if used is None:
            return refuse(stale=True)
        if self.refuse_next > 0:
            self.refuse_next -= 1
            return refuse(stale=True)
        if given["nc"] in used:
            return refuse("nonce count used twice", stale=True)
        if self.nonce_uses is not None and len(used) >= self.nonce_uses:
            return refuse(stale=True)
        used.add(given["nc"])
        return Verdict(accepted=True, username=username, nonce=nonce, count=count)

    def _is_response(self, given: dict[str, str], method: str) -> bool:
        secret = _md5(f"{self.keys.public_key}:{REALM}:{self.keys.private_key}")
        request = _md5(f"{method}:{given['uri']}")
        expected = _md5(f"{secret}:{given['nonce']}:{given['nc']}:{given['cnonce']}:{given['qop']}:{request}")
        is_user = hmac.compare_digest(given["username"].encode(), self.keys.public_key.encode())
        return hmac.compare_digest(given["response"].encode(), expected.encode()) and is_user


def _parameters(text: str) -> dict[str, str] | None:
    """Each parameter by its name in lower case; `None` if the text is no list of parameters, or one is doubled."""
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
    # RFC 7616 keeps MD5 for old servers, and Atlas is one; nothing here is protected by it.
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


_MINUTE = 60.0


class TokenRefusedError(Exception):
    """The endpoint says no, in OAuth's words (RFC 6749 section 5.2)."""

    def __init__(self, status: int, error: str, description: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(description)
        self.status = status
        self.headers = headers or {}
        self.body: dict[str, object] = {"error": error, "error_description": description}


@define
class TokenEndpoint:
    """Issues, recognizes and revokes access tokens. Used from one thread, the server's."""

    keys: Keys
    settings: Settings
    clock: Callable[[], float] = time.monotonic
    _expiry: dict[str, float] = field(init=False, factory=dict, repr=False)
    _asked: deque[float] = field(init=False, factory=deque)

    def issue(self, authorization: str, form: str) -> dict[str, object]:
        """The token response for one POST to the token endpoint.

        Raises:
            TokenRefusedError: 401 for wrong credentials, 400 for another grant, 429 over the limit, 403 with too many
                tokens.
        """
        self._limit()
        self._authenticate(authorization)
        if parse_qs(form).get("grant_type") != ["client_credentials"]:
            raise TokenRefusedError(400, "unsupported_grant_type", "The grant type is not client_credentials.")
        now = self.clock()
        self._expiry = {token: end for token, end in self._expiry.items() if end > now}
        if len(self._expiry) >= self.settings.token_limit:
            raise TokenRefusedError(403, "access_denied", "Access Token limit reached")
        token = f"sandbox.{secrets.token_urlsafe(32)}"
        self._expiry[token] = now + self.settings.token_seconds
        return {"access_token": token, "expires_in": int(self.settings.token_seconds), "token_type": "Bearer"}

    def revoke(self, authorization: str, form: str) -> None:
        """Forget a token; an unknown one is as good as revoked (RFC 7009 section 2.2).

        Raises:
            TokenRefusedError: 401 for wrong credentials, 400 where no token is named.
        """
        self._authenticate(authorization)
        token = parse_qs(form).get("token")
        if not token:
            raise TokenRefusedError(400, "invalid_request", "No token is named.")
        self._expiry.pop(token[0], None)

    def is_valid(self, token: str) -> bool:
        """Whether `token` was issued, not revoked, and has not expired."""
        return self._expiry.get(token, 0.0) > self.clock()

    def expire_all(self) -> None:
        """End every token at once, as if its time were over."""
        self._expiry.clear()

    def _limit(self) -> None:
        allowed = self.settings.token_requests_per_minute
        if allowed is None:
            return
        now = self.clock()
        while self._asked and self._asked[0] <= now - _MINUTE:
            self._asked.popleft()
        if len(self._asked) >= allowed:
            wait = int(self._asked[0] + _MINUTE - now) + 1
            raise TokenRefusedError(429, "rate_limited", "Too many token requests.", {"Retry-After": str(wait)})
        self._asked.append(now)

    def _authenticate(self, authorization: str) -> None:
        client_id, client_secret = basic_pair(authorization)
        is_id = hmac.compare_digest(client_id.encode(), self.keys.client_id.encode())
        if not hmac.compare_digest(client_secret.encode(), self.keys.client_secret.encode()) or not is_id:
            raise TokenRefusedError(
                401, "invalid_client", "The client is unknown, or its secret is wrong.", {"WWW-Authenticate": "Basic"}
            )


def basic_pair(authorization: str) -> tuple[str, str]:
    """Name and password of Basic credentials, form-decoded (RFC 6749 section 2.3.1); empty if there are none."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    name, _, password = text.partition(":")
    return unquote_plus(name), unquote_plus(password)
