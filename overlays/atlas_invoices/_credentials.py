"""Find credentials and server where nobody passed them: the environment, by the names the Atlas tools use.

Sources aren't mixed. Within the environment an access token comes before a service account, and that before an API
key; half a pair is an error that names the missing half.
"""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING

from attrs import field, frozen

from ._auth import AccessTokenAuth, DigestAuth, ServiceAccountAuth
from ._errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

DEFAULT_BASE_URL = "https://cloud.mongodb.com"

ACCESS_TOKEN = "MONGODB_ATLAS_ACCESS_TOKEN"  # noqa: S105 - a variable's name
CLIENT_ID = "MONGODB_ATLAS_CLIENT_ID"
CLIENT_SECRET = "MONGODB_ATLAS_CLIENT_SECRET"  # noqa: S105 - a variable's name
PUBLIC_API_KEY = "MONGODB_ATLAS_PUBLIC_API_KEY"
PRIVATE_API_KEY = "MONGODB_ATLAS_PRIVATE_API_KEY"
PUBLIC_KEY = "MONGODB_ATLAS_PUBLIC_KEY"
PRIVATE_KEY = "MONGODB_ATLAS_PRIVATE_KEY"
ORG_ID = "MONGODB_ATLAS_ORG_ID"
BASE_URL = "MONGODB_ATLAS_BASE_URL"
OPS_MANAGER_URL = "MONGODB_ATLAS_OPS_MANAGER_URL"


@frozen
class Found:
    """Credentials, and in words where they came from (never what they are)."""

    auth: httpx.Auth = field(repr=False)
    kind: str
    source: str


def find(environ: Mapping[str, str] | None = None, *, base_url: str | None = None) -> Found:
    """The first credentials in the environment, bound to `base_url` where it's given.

    Raises `ConfigError` where there are none or only half a pair; warns where there are several.
    """
    env = os.environ if environ is None else environ
    token = env.get(ACCESS_TOKEN)
    account = _pair(env, (CLIENT_ID, CLIENT_SECRET))
    # Newer Atlas tools write _API_KEY, older ones and the Terraform provider leave the API out.
    key = _pair(env, (PUBLIC_API_KEY, PRIVATE_API_KEY), (PUBLIC_KEY, PRIVATE_KEY))
    found: list[Found] = []
    if token:
        found.append(Found(AccessTokenAuth(token, base_url=base_url), "access token", ACCESS_TOKEN))
    if account:
        found.append(Found(ServiceAccountAuth(*account[1], base_url=base_url), "service account", account[0]))
    if key:
        found.append(Found(DigestAuth(*key[1], base_url=base_url), "API key", key[0]))
    if not found:
        raise ConfigError(
            f"no credentials: set {CLIENT_ID} and {CLIENT_SECRET} (service account), or {PUBLIC_API_KEY} and "
            f"{PRIVATE_API_KEY} (API key), or {ACCESS_TOKEN}; in Python pass auth="
        )
    if len(found) > 1:
        others = " and ".join(f"the {other.kind}" for other in found[1:])
        warnings.warn(
            f"the environment holds several credentials; the {found[0].kind} is used, {others} not", stacklevel=2
        )
    return found[0]


def find_base_url(environ: Mapping[str, str] | None = None) -> str:
    """The server that the environment names, else Atlas's own."""
    env = os.environ if environ is None else environ
    return env.get(BASE_URL) or env.get(OPS_MANAGER_URL) or DEFAULT_BASE_URL


def find_org_id(environ: Mapping[str, str] | None = None) -> str | None:
    """The organization that the environment names."""
    env = os.environ if environ is None else environ
    return env.get(ORG_ID) or None


def _pair(env: Mapping[str, str], *names: tuple[str, str]) -> tuple[str, tuple[str, str]] | None:
    """The first whole pair among these names, with where it was; an empty variable counts as not set."""
    halves = []
    for public, secret in names:
        have = env.get(public), env.get(secret)
        if have[0] and have[1]:
            return f"{public}, {secret}", (have[0], have[1])
        if have[0] or have[1]:
            halves.append((public, secret) if have[0] else (secret, public))
    if halves:
        present, missing = halves[0]
        raise ConfigError(f"{present} is set, but {missing} isn't: set both, or neither")
    return None
