"""How requests prove who sends them: digest for API keys, tokens for service accounts, or a ready-made token."""

from __future__ import annotations

from ._access_token import AccessTokenAuth
from ._bound import for_client
from ._digest import DigestAuth
from ._origin import BaseUrl, parse_base_url
from ._service_account import ServiceAccountAuth
from ._token_http import TokenHTTP

__all__ = [
    "AccessTokenAuth",
    "BaseUrl",
    "DigestAuth",
    "ServiceAccountAuth",
    "TokenHTTP",
    "for_client",
    "parse_base_url",
]
