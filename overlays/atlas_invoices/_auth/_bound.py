"""What the three auth classes have in common: one origin, a repr without secrets, no pickling."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import httpx

from atlas_invoices._errors import CredentialsError

from ._origin import BaseUrl, Binding, parse_base_url

if TYPE_CHECKING:
    from pathlib import Path

    from ._token_http import TokenHTTP


class BoundAuth(httpx.Auth):
    """Base of the auth classes: bound to one origin, safe for many threads and tasks."""

    def __init__(self, base_url: str | None, fault: str | None) -> None:
        """Bind to `base_url`, or stay unbound until a client or the first request binds.

        Raises:
            ConfigError: there is a fault in the credentials, or the base URL won't do. The credentials must be out of
                the caller's locals by then, and whatever the repr shows in place, because tracebacks may print them.
        """
        self._binding = Binding()
        if fault is not None:
            raise CredentialsError(fault)
        if base_url is not None:
            self._binding.bind(parse_base_url(base_url))

    def _for_client(
        self,
        base_url: BaseUrl,
        http: TokenHTTP,  # noqa: ARG002 - service accounts use it
        token_cache: Path | None,  # noqa: ARG002 - likewise
    ) -> httpx.Auth:
        self._binding.bind(base_url)
        return self

    def _describe(self) -> str:
        """Return the public part of the repr."""
        return ""

    def __repr__(self) -> str:
        """Class, shortened public identifier, origin; never a secret."""
        base = self._binding.base_url
        where = "unbound" if base is None else str(base.origin)
        return f"<{type(self).__name__} {self._describe()}{where}>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse pickling and copying: it would spread the secret, and two copies would use the same nonce counts."""
        raise TypeError(f"{type(self).__name__} can't be pickled or copied; make a new one from the credentials")


def for_client(auth: httpx.Auth, *, base_url: BaseUrl, http: TokenHTTP, token_cache: Path | None = None) -> httpx.Auth:
    """Return the auth that a client with this base URL uses for its requests.

    Args:
        auth: any `httpx.Auth`; one that isn't ours is returned as it is.
        base_url: the client's; ours are bound to it.
        http: how the client connects; a service account's token requests go the same way.
        token_cache: the folder through which a service account shares its token with other processes, or None.

    Raises:
        ConfigError: the auth object is bound to another origin.
    """
    if not isinstance(auth, BoundAuth):
        return auth
    return auth._for_client(base_url, http, token_cache)  # noqa: SLF001 - same module; kept off the public classes' surface
