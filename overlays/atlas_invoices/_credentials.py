"""Find credentials, organization and server: in the environment, or in a profile of the Atlas CLI.

The two aren't mixed: credentials in the environment hide the profile with all that is in it. Within each, an access
token comes before a service account, and that before an API key. An incomplete pair is an error that names the missing
half.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Protocol

from attrs import field, frozen

from ._auth import AccessTokenAuth, BaseUrl, DigestAuth, ServiceAccountAuth
from ._errors import CredentialsError
from ._profiles import Profile, load_profile
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

PROFILE = "MONGODB_ATLAS_PROFILE"
ORG_ID = "MONGODB_ATLAS_ORG_ID"
BASE_URL = "MONGODB_ATLAS_BASE_URL"
OPS_MANAGER_URL = "MONGODB_ATLAS_OPS_MANAGER_URL"


@frozen
class Setting:
    """A setting that is no secret, and where it was found."""

    value: str
    source: str


@frozen
class ResolvedCredentials:
    """Credentials, and a description of their source without any secret."""

    auth: httpx.Auth = field(repr=False)
    kind: str
    source: str


class _Values(Protocol):
    """Where credentials are looked up by name."""

    def __contains__(self, name: object, /) -> bool: ...

    def __getitem__(self, name: str, /) -> str: ...

    def describe(self, *names: str) -> str:
        """Return the names and where their values stand."""

    @property
    def hint(self) -> str:
        """Why more couldn't be looked up, or an empty string."""


@frozen
class _Names:
    """The names of credentials in a source."""

    token: str
    accounts: tuple[tuple[str, str], ...]
    keys: tuple[tuple[str, str], ...]


# Newer Atlas tools use _API_KEY; older ones and the Terraform provider leave out the API.
_VARIABLES = _Names(
    ACCESS_TOKEN,
    accounts=((CLIENT_ID, CLIENT_SECRET),),
    keys=((PUBLIC_API_KEY, PRIVATE_API_KEY), (PUBLIC_KEY, PRIVATE_KEY)),
)
_PROFILE_KEYS = _Names(
    "access_token", accounts=(("client_id", "client_secret"),), keys=(("public_api_key", "private_api_key"),)
)


class Source:
    """The environment, and beside it the Atlas CLI's profile if the environment has no credentials."""

    def __init__(self, environ: Mapping[str, str], profile: Profile | None) -> None:
        self._environ = environ
        self.profile = profile

    def base_url(self) -> Setting:
        """Return the server: the environment's, or else the profile's, or else Atlas's."""
        for name in (BASE_URL, OPS_MANAGER_URL):
            if url := self._environ.get(name):
                return Setting(url, name)
        if self.profile and self.profile.base_url:
            return Setting(self.profile.base_url, str(self.profile))
        return Setting(DEFAULT_BASE_URL, "default")

    def org_id(self) -> Setting | None:
        """Return the organization: the environment's, or else the profile's."""
        if org := self._environ.get(ORG_ID):
            return Setting(org, ORG_ID)
        if self.profile and "org_id" in self.profile:
            return Setting(self.profile["org_id"], str(self.profile))
        return None

    def credentials(self, base_url: BaseUrl | None = None) -> ResolvedCredentials:
        """Return the first credentials, bound to `base_url` if given.

        Raises `CredentialsError` for missing credentials or half a pair; warns if there are several.
        """
        if self.profile:
            found = list(_find(self.profile, _PROFILE_KEYS, base_url))
        else:
            found = list(_find(_Environment(self._environ), _VARIABLES, base_url))
        if not found:
            raise CredentialsError(self._missing())
        if len(found) > 1:
            others = " and ".join(f"the {other.kind}" for other in found[1:])
            warn(f"several credentials found; using the {found[0].kind}, ignoring {others}")
        return found[0]

    def _missing(self) -> str:
        ways = (
            f"set {CLIENT_ID} and {CLIENT_SECRET} (service account), or {PUBLIC_API_KEY} and {PRIVATE_API_KEY} (API "
            f"key), or {ACCESS_TOKEN}"
        )
        if self.profile is None:
            return f"no credentials: {ways}; profiles of the Atlas CLI are read too; in Python pass auth="
        if self.profile.hint:
            return f"no credentials in {self.profile}, and {self.profile.hint}; {ways}"
        if self.profile.is_personal:
            return (
                f"{self.profile} is a person's login, which works in the Atlas CLI only; create a service account or "
                f"an API key with the role Organization Billing Viewer, then run `atlas auth login` with it, or {ways}"
            )
        return (
            f"no credentials in {self.profile}; run `atlas auth login` with a service account or an API key, or {ways}"
        )


def find_source(environ: Mapping[str, str] | None = None, *, profile: str | None = None) -> Source:
    """Return where credentials, organization and server are looked up.

    Credentials in the environment come first, with a warning if a `profile` is asked for too. Else it is that profile
    of the Atlas CLI, or `MONGODB_ATLAS_PROFILE`, or the one called `default` if there is one.

    Raises:
        CredentialsError: a profile that was asked for doesn't exist, or the Atlas CLI's settings can't be read.
    """
    env = os.environ if environ is None else environ
    if any(map(env.get, NAMES)):
        if profile is not None:
            warn(f"using the credentials in the environment, ignoring the profile {profile}")
        return Source(env, None)
    return Source(env, load_profile(profile or env.get(PROFILE) or None, env))


def from_mapping(values: Mapping[str, str]) -> httpx.Auth | None:
    """Return the first credentials in a mapping with the names of a profile, such as `client_id`; `None` if empty.

    Raises `CredentialsError` for half a pair.
    """
    found = list(_find(_Environment(values), _PROFILE_KEYS, None))
    return found[0].auth if found else None


def _find(values: _Values, names: _Names, base_url: BaseUrl | None) -> Iterator[ResolvedCredentials]:
    # No local variable holds a secret: a traceback may be shown with its locals.
    bound = None if base_url is None else str(base_url)
    token = names.token
    if token in values and not (isinstance(values, Profile) and values.is_personal):
        auth: httpx.Auth = AccessTokenAuth(values[token], base_url=bound)
        yield ResolvedCredentials(auth, "access token", values.describe(token))
    if pair := _pair(values, names.accounts, _VARIABLES.accounts[0]):
        auth = ServiceAccountAuth(values[pair[0]], values[pair[1]], base_url=bound)
        yield ResolvedCredentials(auth, "service account", values.describe(*pair))
    if pair := _pair(values, names.keys, _VARIABLES.keys[0]):
        auth = DigestAuth(values[pair[0]], values[pair[1]], base_url=bound)
        yield ResolvedCredentials(auth, "API key", values.describe(*pair))


class _Environment:
    """The environment, with a repr that doesn't show it; an empty variable counts as unset."""

    hint = ""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def __contains__(self, name: object) -> bool:
        return bool(self._environ.get(str(name)))

    def __getitem__(self, name: str) -> str:
        return self._environ[name]

    def describe(self, *names: str) -> str:
        return ", ".join(names)


def _pair(values: _Values, pairs: tuple[tuple[str, str], ...], variables: tuple[str, str]) -> tuple[str, str] | None:
    """Return the names of the first complete pair; half a pair is an error only if no other is complete."""
    for pair in pairs:
        if all(name in values for name in pair):
            return pair
    for public, secret in pairs:
        if public in values or secret in values:
            present, missing = (public, secret) if public in values else (secret, public)
            half = f"{values.describe(present)} is set, but {missing} isn't"
            if values.hint:
                raise CredentialsError(f"{half}, and {values.hint}; set {variables[0]} and {variables[1]} instead")
            raise CredentialsError(f"{half}; set both or neither")
    return None
