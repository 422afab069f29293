"""Authentication: digest for API keys, tokens for service accounts, or a ready-made token."""

from __future__ import annotations

from ._base import AccessTokenAuth
from ._base import for_client as for_client
from ._digest import DigestAuth
from ._origin import BaseUrl as BaseUrl
from ._origin import allow_http as allow_http
from ._origin import parse_base_url as parse_base_url
from ._service_account import ServiceAccountAuth
from ._service_account import log_out as log_out
from ._service_account import renew_half_an_hour_early as renew_half_an_hour_early
from ._token_cache import cache_folder as cache_folder
from ._token_http import TOKEN_SECONDS as TOKEN_SECONDS
from ._token_http import TokenHTTP as TokenHTTP

__all__ = ["AccessTokenAuth", "DigestAuth", "ServiceAccountAuth"]
