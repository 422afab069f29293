"""Find credentials and server in the environment, under the names that the Atlas tools use.

An access token comes before a service account, and that before an API key. An incomplete pair is an error that names
the missing half.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from attrs import field, frozen

from ._auth import AccessTokenAuth, DigestAuth, ServiceAccountAuth
from ._errors import CredentialsError
from ._utils import warn

if TYPE_CHECKING:
    import httpx


DEFAULT_BASE_URL = "https://cloud.mongodb.com"

ACCESS_TOKEN = "MONGODB_ATLAS_ACCESS_TOKEN"  # noqa: S105 - a variable's name
CLIENT_ID = "MONGODB_ATLAS_CLIENT_ID"
CLIENT_SECRET = "MONGODB_ATLAS_CLIENT_SECRET"  # noqa: S105 - a variable's name
PUBLIC_API_KEY = "MONGODB_ATLAS_PUBLIC_API_KEY"
PRIVATE_API_KEY = "MONGODB_ATLAS_PRIVATE_API_KEY"
PUBLIC_KEY = "MONGODB_ATLAS_PUBLIC_KEY"
PRIVATE_KEY = "MONGODB_ATLAS_PRIVATE_KEY"
# Every variable that may hold credentials or half of them.
NAMES = (
    ACCESS_TOKEN,
    CLIENT_ID,
    CLIENT_SECRET,
    PUBLIC_API_KEY,
    PRIVATE_API_KEY,
    PUBLIC_KEY,
    PRIVATE_KEY,
)

ORG_ID = "MONGODB_ATLAS_ORG_ID"
BASE_URL = "MONGODB_ATLAS_BASE_URL"
OPS_MANAGER_URL = "MONGODB_ATLAS_OPS_MANAGER_URL"


@frozen
class ResolvedCredentials:
    """Credentials, and a description of their source without any secret."""

    auth: httpx.Auth = field(repr=False)
    kind: str
    source: str


def find(environ: Mapping[str, str] | None = None, *, base_url: str | None = None) -> ResolvedCredentials:
    """Return the first credentials in the environment, bound to `base_url` if given.

    Raises `ConfigError` for missing credentials or half a pair; warns if there are several.
    """
    env = _Environment(environ)
    found: list[ResolvedCredentials] = []
    # No local variable holds a secret: a traceback may be shown with its locals.
    if env.has(ACCESS_TOKEN):
        found.append(
            ResolvedCredentials(AccessTokenAuth(env[ACCESS_TOKEN], base_url=base_url), "access token", ACCESS_TOKEN)
        )
    account = _pair(env, (CLIENT_ID, CLIENT_SECRET))
    if account:
        auth = ServiceAccountAuth(env[account[0]], env[account[1]], base_url=base_url)
        found.append(ResolvedCredentials(auth, "service account", ", ".join(account)))
    # Newer Atlas tools use _API_KEY; older ones and the Terraform provider leave out the API.
    key = _pair(env, (PUBLIC_API_KEY, PRIVATE_API_KEY), (PUBLIC_KEY, PRIVATE_KEY))
    if key:
        found.append(
            ResolvedCredentials(DigestAuth(env[key[0]], env[key[1]], base_url=base_url), "API key", ", ".join(key))
        )
    if not found:
        raise CredentialsError(
            f"no credentials: set {CLIENT_ID} and {CLIENT_SECRET} (service account), or {PUBLIC_API_KEY} and "
            f"{PRIVATE_API_KEY} (API key), or {ACCESS_TOKEN}; in Python pass auth="
        )
    if len(found) > 1:
        others = " and ".join(f"the {other.kind}" for other in found[1:])
        warn(f"several credentials found; using the {found[0].kind}, ignoring {others}")
    return found[0]


def find_base_url(environ: Mapping[str, str] | None = None) -> str:
    """Return the server from the environment, or else Atlas's."""
    env = os.environ if environ is None else environ
    return env.get(BASE_URL) or env.get(OPS_MANAGER_URL) or DEFAULT_BASE_URL


def find_org_id(environ: Mapping[str, str] | None = None) -> str | None:
    """Return the organization from the environment."""
    env = os.environ if environ is None else environ
    return env.get(ORG_ID) or None


class _Environment:
    """The environment, with a repr that doesn't show it."""

    def __init__(self, environ: Mapping[str, str] | None) -> None:
        self._environ = os.environ if environ is None else environ

    def has(self, name: str) -> bool:
        """Whether a variable is set and not empty."""
        return bool(self._environ.get(name))

    def __getitem__(self, name: str) -> str:
        return self._environ[name]


def _pair(env: _Environment, *pairs: tuple[str, str]) -> tuple[str, str] | None:
    """Return the names of the first complete pair; half a pair is an error only if no other is complete."""
    for pair in pairs:
        if all(map(env.has, pair)):
            return pair
    for public, secret in pairs:
        if env.has(public) or env.has(secret):
            present, missing = (public, secret) if env.has(public) else (secret, public)
            raise CredentialsError(f"{present} is set, but {missing} isn't; set both or neither")
    return None
