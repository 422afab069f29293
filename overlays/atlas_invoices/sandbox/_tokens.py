"""The token endpoint's side of OAuth 2 client credentials: who gets an access token, and how long it lives."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
import time
from collections import deque
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote_plus

from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._keys import Keys
    from ._settings import Settings

_MINUTE = 60.0


class TokenRefusedError(Exception):
    """The endpoint says no, in OAuth's words (RFC 6749 section 5.2)."""

    def __init__(self, status: int, error: str, description: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(description)
        self.status = status
        self.headers = headers or {}
        self.body: dict[str, object] = {"error": error, "error_description": description}


@define
class TokenOffice:
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
