"""OAuth 2 for service accounts, without I/O: token and revoke requests, replies, errors."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote_plus

import httpx
from attrs import field, frozen

from atlas_invoices._errors import TokenError
from atlas_invoices._http._responses import NOT_FROM_ATLAS, REDIRECTS
from atlas_invoices._http._retry import retry_after
from atlas_invoices._secret import Mask, Secret
from atlas_invoices._utils import json_or_none, number_or_none, single_line
from atlas_invoices._version import __version__

from ._origin import BaseUrl

TOKEN_PATH = "/api/oauth/token"  # noqa: S105 - a path
REVOKE_PATH = "/api/oauth/revoke"
# A token reply has about 2 KB; no more than this is read of one.
MAX_REPLY_BYTES = 64 * 1024
# RFC 6749 §5.1 makes expires_in optional. Atlas sends 3600 (Atlas documentation); without it, assume little: a token
# that lives longer is only renewed sooner than necessary.
_ASSUMED_LIFETIME = 300.0
# A longer lifetime is a mistake or malice; renewing once a day costs nothing.
MAX_LIFETIME = 86400.0
# A token is renewed about this many seconds before it expires, or in the last tenth of its life if that is later.
_MAX_MARGIN = 300.0
_MARGIN_SHARE = 0.1

_INVALID_CLIENT = (
    "the service account's client ID or secret was refused",
    "check both, that the secret hasn't expired or been revoked, and that they belong to this server",
)
_REFUSALS: dict[int, tuple[str, str]] = {
    httpx.codes.BAD_REQUEST: _INVALID_CLIENT,
    httpx.codes.UNAUTHORIZED: _INVALID_CLIENT,
    httpx.codes.FORBIDDEN: (
        "the service account isn't allowed to get an access token",
        "check the service account in Atlas's access settings",
    ),
    # The limit: Atlas documentation.
    httpx.codes.TOO_MANY_REQUESTS: (
        "too many token requests: at most 50 a minute are allowed for each IP address and service account",
        "wait, and share one token between processes through a token cache",
    ),
}
# A 403 too; its text is "Access Token limit reached" (Atlas documentation).
_TOO_MANY_TOKENS = (
    "the service account has too many active access tokens: 100 at most",
    "share one through a token cache, run `atlas-invoices logout`, or wait up to an hour for some to expire",
)


@frozen
class ClientCredentials:
    """A service account's credentials."""

    client_id: Secret
    client_secret: Secret


@frozen(eq=False)
class Token:
    """An access token; times are in seconds, on the clock that was used to request it."""

    value: Secret
    renew_at: float
    expires_at: float


@frozen
class TokenReply:
    """A reply from the token or revoke endpoint."""

    status_code: int
    headers: httpx.Headers = field(repr=False)
    body: bytes | None = field(repr=False)
    """None if longer than `MAX_REPLY_BYTES`."""


def token_request(base_url: BaseUrl, account: ClientCredentials) -> httpx.Request:
    """Return the request for a new token (Atlas documentation; RFC 6749 §4.4 and, for the credentials, §2.3.1)."""
    return _request(base_url, TOKEN_PATH, account, {"grant_type": "client_credentials"})


def revoke_request(base_url: BaseUrl, account: ClientCredentials, token: Secret) -> httpx.Request:
    """Return the request that revokes a token (Atlas documentation; RFC 7009 §2.1)."""
    return _request(base_url, REVOKE_PATH, account, {"token": token.reveal(), "token_type_hint": "access_token"})


def _request(base_url: BaseUrl, path: str, account: ClientCredentials, form: dict[str, str]) -> httpx.Request:
    return httpx.Request(
        "POST",
        f"{base_url}{path}",
        headers={
            "Authorization": f"Basic {_basic(account).reveal()}",
            "Accept": "application/json",
            # So that a small reply can't decompress into a huge one.
            "Accept-Encoding": "identity",
            "User-Agent": f"atlas-invoices/{__version__}",
        },
        data=form,
    )


def _basic(account: ClientCredentials) -> Secret:
    identity = f"{quote_plus(account.client_id.reveal())}:{quote_plus(account.client_secret.reveal())}"
    return Secret(base64.b64encode(identity.encode()).decode())


def renewal_margin(lifetime: float, chance: float) -> float:
    """Return how many seconds before it expires a token is renewed.

    Args:
        lifetime: the token's, in seconds.
        chance: from 0 to 1, for half to one and a half times the usual: many clients mustn't renew at once.
    """
    return min(_MAX_MARGIN, lifetime * _MARGIN_SHARE) * (0.5 + chance)


def read_token(reply: TokenReply, account: ClientCredentials, sent_at: float, chance: float = 0.5) -> Token:
    """Return the token in a reply to a request sent at `sent_at` on the clock; `chance` is for `renewal_margin`.

    Raises:
        TokenError: the reply has no valid token. The message says why and what to do, and shows no secret.
    """
    outcome = _outcome(reply, _mask(account), sent_at, chance)
    if isinstance(outcome, Token):
        return outcome
    # Raised here, where no local holds the body or parts of it.
    raise TokenError(outcome, status_code=reply.status_code, retry_after=retry_after(reply.headers))


def check_revoked(reply: TokenReply, account: ClientCredentials, token: Secret) -> None:
    """Raise `TokenError` unless the token was revoked; for an unknown one, a server reports success (RFC 7009 §2.2)."""
    if httpx.codes.is_success(reply.status_code):
        return
    refusal = _refusal(reply.status_code, json_or_none(reply.body or b""), _mask(account, token))
    raise TokenError(
        f"the token wasn't revoked: {refusal}",
        status_code=reply.status_code,
        retry_after=retry_after(reply.headers),
    )


def _mask(account: ClientCredentials, *more: Secret) -> Mask:
    return Mask(account.client_secret, account.client_id, _basic(account), *more)


def _outcome(reply: TokenReply, mask: Mask, sent_at: float, chance: float) -> Token | str:
    document = json_or_none(reply.body or b"")
    if reply.status_code != httpx.codes.OK:
        return _refusal(reply.status_code, document, mask)
    fault = _fault(document) if reply.body is not None else f"it is longer than {MAX_REPLY_BYTES // 1024} KiB"
    if fault is not None:
        return f"the token endpoint's reply can't be used: {fault}; check the base URL, and any proxy in between"
    lifetime = float(min(_expires_in(document), MAX_LIFETIME))
    expires_at = sent_at + lifetime
    return Token(Secret(document["access_token"]), expires_at - renewal_margin(lifetime, chance), expires_at)


def _fault(document: object) -> str | None:
    if not isinstance(document, dict):
        return "it isn't a JSON object"
    value, kind = document.get("access_token"), document.get("token_type") or "bearer"
    if not isinstance(value, str) or not value:
        return "it has no access_token"
    if not fits_header(value):
        return "its access_token has characters that can't be sent in a header"
    if str(kind).strip().lower() != "bearer":
        return "its token_type isn't Bearer"
    if not is_positive(_expires_in(document)):
        return "its expires_in isn't a positive number of seconds"
    return None


def _expires_in(document: dict[str, Any]) -> float:
    """Return the lifetime; 0 if it isn't a number."""
    value = document.get("expires_in")
    return _ASSUMED_LIFETIME if value in (None, "") else number_or_none(value) or 0


def fits_header(value: str) -> bool:
    """Whether the value can be sent as a token."""
    return bool(value) and value.isascii() and value.isprintable() and " " not in value


def is_positive(number: object) -> bool:
    """Whether a JSON value is a number above 0; a bool is an int, and NaN compares false with everything."""
    return isinstance(number, int | float) and not isinstance(number, bool) and number > 0


def _reason(document: object) -> str:
    """Return the server's explanation, from OAuth's fields or those of the Atlas API's error bodies."""
    if not isinstance(document, dict):
        return ""
    names = ("error", "errorCode", "error_description", "detail", "reason")
    return ", ".join(value for name in names if isinstance(value := document.get(name), str) and value)


def _refusal(status: int, document: object, mask: Mask) -> str:
    """Describe a refusal and the way out."""
    reason = single_line(mask.text(_reason(document)))
    detail = f"{status}: {reason}" if reason else str(status)
    if status == httpx.codes.FORBIDDEN and "token limit" in reason.lower():
        what, way_out = _TOO_MANY_TOKENS
    elif status in _REFUSALS and (reason or status == httpx.codes.TOO_MANY_REQUESTS):
        what, way_out = _REFUSALS[status]
    elif status in REDIRECTS:
        what, way_out = "the token endpoint redirects, but credentials never follow a redirect", "check the base URL"
    elif status >= httpx.codes.INTERNAL_SERVER_ERROR:
        what, way_out = "the token endpoint failed", "try again later"
    else:
        what = "the token endpoint returned no token"
        way_out = "check the base URL" if reason else NOT_FROM_ATLAS
    return f"{what} ({detail}); {way_out}"
