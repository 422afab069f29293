"""Resolve the settings of a client, the same for both."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx
from attrs import field, frozen

from . import _credentials
from ._auth import TOKEN_SECONDS, BaseUrl, TokenHTTP, cache_folder, for_client, parse_base_url
from ._errors import ConfigError
from ._http import _body
from ._http._network import Proxy, Verify, connection_settings
from ._http._retry import RetryPolicy
from ._http._timeouts import request_timeout
from ._http._transport import MAX_CONNECTIONS
from ._version import __version__

# A million lines are about 200 MB; a stream far beyond any invoice is a fault, and would fill the disk.
STREAM_MAX_BYTES = 16 * 1024 * 1024 * 1024

TokenCacheSetting = bool | str | os.PathLike[str] | None


@frozen
class Settings:
    """Resolved settings; `http` are the arguments for httpx's client, sync or async.

    `http_without_auth` returns those for a URL of another host.
    """

    base_url: BaseUrl
    policy: RetryPolicy
    http: dict[str, Any] = field(repr=False)
    http_without_auth: Callable[[httpx.URL], dict[str, Any]] = field(repr=False)


def resolve(
    auth: httpx.Auth | None,
    *,
    base_url: str | None,
    timeout: float | httpx.Timeout | None,
    max_retries: int,
    retry_policy: RetryPolicy | None,
    token_cache: TokenCacheSetting,
    user_agent: str | None,
    transport: httpx.BaseTransport | httpx.AsyncBaseTransport | None,
    verify: Verify,
    proxy: Proxy,
) -> Settings:
    """Resolve credentials, server and transport; raises `ConfigError` for invalid settings."""
    source = _credentials.find_source() if auth is None else _credentials.Source(os.environ, None)
    server = parse_base_url(base_url if base_url is not None else source.base_url().value)
    if auth is None:
        auth = source.credentials(server).auth
    elif not isinstance(auth, httpx.Auth):
        # httpx would send a pair of strings as HTTP Basic, and other things as nothing.
        raise ConfigError(
            f"auth must be an auth object, not {type(auth).__name__}: DigestAuth(public_key, private_key) for an API "
            "key, ServiceAccountAuth(client_id, client_secret), or AccessTokenAuth(token)"
        )
    if max_retries < 0:
        raise ConfigError(f"max_retries must be 0 or more, not {max_retries!r}")
    if user_agent is not None and not (user_agent.isascii() and user_agent.isprintable()):
        raise ConfigError("user_agent must be printable ASCII, because it goes into a header")
    # One TLS context for API and token requests, which go to the same origin.
    connection = connection_settings(httpx.URL(str(server)), verify=verify, proxy=proxy, transport=transport)
    connect = partial(connection_settings, verify=verify, proxy=proxy, transport=transport)
    policy = retry_policy or RetryPolicy(max_retries=max_retries)
    # A request's first attempt fetches the token, so that can't take longer than all attempts may.
    token_seconds = min(TOKEN_SECONDS, policy.deadline)
    tokens = TokenHTTP(
        verify=connection["verify"], proxy=connection["proxy"], transport=transport, seconds=token_seconds
    )
    agent = f"atlas-invoices/{__version__} python/{platform.python_version()} httpx/{httpx.__version__}"
    common = {
        "timeout": request_timeout(timeout),
        "limits": httpx.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_CONNECTIONS),
        "headers": {
            "User-Agent": f"{user_agent} {agent}" if user_agent else agent,
            "Accept-Encoding": _body.ACCEPT_ENCODING,
        },
    }
    signed = for_client(auth, base_url=server, http=tokens, token_cache=cache_folder(token_cache))
    return Settings(
        base_url=server,
        policy=policy,
        http={**connection, "auth": signed, "base_url": str(server), **common},
        http_without_auth=lambda url: {**connect(url), **common},
    )
