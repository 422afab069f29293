"""Authentication: digest for API keys, tokens for service accounts, or a ready-made token."""

from __future__ import annotations

from ._base import AccessTokenAuth
from ._base import for_client as for_client
from ._digest import DigestAuth
from ._origin import BaseUrl as BaseUrl
from ._origin import parse_base_url as parse_base_url
from ._service_account import ServiceAccountAuth
from ._service_account import cached as cached
from ._service_account import forget as forget
from ._service_account import revoke as revoke
from ._token_cache import folder_of as folder_of
from ._token_cache import user_folder as user_folder
from ._token_http import TOKEN_SECONDS as TOKEN_SECONDS
from ._token_http import TokenHTTP as TokenHTTP

__all__ = ["AccessTokenAuth", "DigestAuth", "ServiceAccountAuth"]
