"""Requests with an access token that somebody else obtained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._bound import BoundAuth
from ._secret import Secret, fault_in

if TYPE_CHECKING:
    from collections.abc import Generator

    import httpx


class AccessTokenAuth(BoundAuth):
    """Send a ready-made access token (OAuth 2 bearer); it isn't renewed.

    Args:
        token: the access token, as the token endpoint gave it.
        base_url: the server it is for, such as `https://cloud.mongodb.com`; without it, a client's base URL or else
            the origin of the first request it signs.

    Raises:
        ConfigError: the token is empty or has characters that no token has, or the base URL won't do. Later, before
            a request is sent: the request is for another origin.

    Example:
        >>> auth = ai.AccessTokenAuth("eyJhbGciOi")
        >>> with ai.Client(auth, base_url="https://cloud.mongodb.com"):
        ...     print(auth)
        <AccessTokenAuth https://cloud.mongodb.com>
    """

    def __init__(self, token: str, *, base_url: str | None = None) -> None:
        """Check and keep the token; nothing is sent."""
        fault = fault_in(token, "access token")
        if fault is None and " " in token:
            fault = "the access token has a space in it; give the token alone, without 'Bearer'"
        self._token = Secret(token)
        del token
        super().__init__(base_url, fault)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign the request, if it is for the bound origin; httpx calls this."""
        self._binding.check(request.url)
        request.headers["Authorization"] = f"Bearer {self._token.reveal()}"
        yield request
