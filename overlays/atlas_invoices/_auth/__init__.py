"""Authentication: digest for API keys, tokens for service accounts, or a ready-made token."""

from __future__ import annotations

from ._base import AccessTokenAuth, for_client
from ._digest import DigestAuth
from ._origin import BaseUrl, parse_base_url
from ._service_account import ServiceAccountAuth, log_out
from ._token_cache import folder_of, user_folder
from ._token_http import TOKEN_SECONDS, TokenHTTP

__all__ = [
    "TOKEN_SECONDS",
    "AccessTokenAuth",
    "BaseUrl",
    "DigestAuth",
    "ServiceAccountAuth",
    "TokenHTTP",
    "folder_of",
    "for_client",
    "log_out",
    "parse_base_url",
    "user_folder",
]
