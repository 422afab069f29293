"""Profiles of the Atlas CLI: its `config.toml`, and the secrets that it keeps in the operating system's keyring.

Names, keys and places are those of the Atlas CLI's sources (2026-11). Only reading: profiles are made by `atlas auth
login` and `atlas config init`.
"""

from __future__ import annotations

import base64
import binascii
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ._errors import CredentialsError
from ._secret import Secret

DEFAULT_PROFILE = "default"
GOVERNMENT_URL = "https://cloud.mongodbgov.com"
# The Atlas CLI lets a profile name its server under either key.
URL_KEYS = ("ops_manager_url", "base_url")
# What proves an identity, each enough by itself.
_COMPLETE = ({"access_token"}, {"client_id", "client_secret"}, {"public_api_key", "private_api_key"})
# What the Atlas CLI keeps in the keyring where there is one.
_SECRET_KEYS = frozenset().union(*_COMPLETE, {"refresh_token"})
_NO_HOME = "no folder for the Atlas CLI's settings, because this user has no home"
_ON_MACOS = "go-keyring-base64:"


def config_file(environ: Mapping[str, str], platform: str = sys.platform) -> Path | None:
    """Return the path of the Atlas CLI's settings on this system, or None if the user has no home.

    It is `atlascli/config.toml` in the user's configuration folder, which is `$XDG_CONFIG_HOME` or `~/.config` on
    Linux, `~/Library/Application Support` on macOS and `%AppData%` on Windows.
    """
    if platform == "win32":
        folder = environ.get("APPDATA")
    elif platform == "darwin":
        folder = f"{environ['HOME']}/Library/Application Support" if environ.get("HOME") else None
    else:
        folder = environ.get("XDG_CONFIG_HOME") or (f"{environ['HOME']}/.config" if environ.get("HOME") else None)
    return Path(folder) / "atlascli" / "config.toml" if folder else None


class Profile:
    """One profile of the Atlas CLI. Secrets that aren't in its file are looked up in the keyring when asked for."""

    def __init__(self, name: str, path: Path, values: Mapping[str, str]) -> None:
        self.name = name
        self.path = path
        # In holders, because a traceback may show the locals.
        self._values = {key: Secret(value) for key, value in values.items()}
        self._from_keyring: set[str] = set()
        # A keyring may ask the user to unlock it, so it's left alone where the file has credentials.
        self._asks_keyring = not any(keys <= values.keys() for keys in _COMPLETE)
        # Why the keyring can't be read, once it was tried.
        self.hint = ""

    def __str__(self) -> str:
        return f"profile {self.name} of {self.path}"

    def __contains__(self, key: object) -> bool:
        if key not in self._values and key in _SECRET_KEYS and self._asks_keyring:
            self._ask_keyring(str(key))
        return key in self._values

    def __getitem__(self, key: str) -> str:
        return self._values[key].reveal()

    def describe(self, *keys: str) -> str:
        """Return the keys and where their values stand."""
        keyring = " and the keyring" if self._from_keyring.intersection(keys) else ""
        return f"{', '.join(keys)} in {self}{keyring}"

    @property
    def base_url(self) -> str | None:
        """The server that the profile names, or None for Atlas's own."""
        for key in URL_KEYS:
            if key in self:
                return self[key]
        return GOVERNMENT_URL if "service" in self and self["service"] == "cloudgov" else None

    @property
    def is_personal(self) -> bool:
        """Whether it holds a person's login, whose token is for the Atlas CLI only."""
        return "refresh_token" in self or ("auth_type" in self and self["auth_type"] == "user_account")

    def _ask_keyring(self, key: str) -> None:
        service = f"atlascli_{self.name}"
        try:
            import keyring  # it takes longer to import than httpx
        except ImportError:
            self._no_keyring('the keyring can\'t be read without an extra: pip install "atlas-invoices[cli]"')
            return
        try:
            # On Windows, the Atlas CLI names an entry by both.
            entry = f"{service}:{key}" if sys.platform == "win32" else service
            value = keyring.get_password(entry, key)
        except Exception as error:  # noqa: BLE001 - backends raise errors of their own beside keyring's
            self._no_keyring(f"this machine's keyring can't be read ({type(error).__name__})")
            return
        if value:
            self._values[key] = Secret(_decode(value))
            self._from_keyring.add(key)

    def _no_keyring(self, reason: str) -> None:
        self.hint = reason
        self._asks_keyring = False


def load_profile(name: str | None, environ: Mapping[str, str] | None = None) -> Profile | None:
    """Return a profile; None if no name is given and there is no default one.

    Raises:
        CredentialsError: the file can't be read, or it has no profile of this name.
    """
    env = os.environ if environ is None else environ
    path = config_file(env)
    document = _read(path) if path else {}
    # The Atlas CLI writes names in lower case.
    profiles = {key.lower(): value for key, value in document.items() if isinstance(value, dict)}
    wanted = (name or DEFAULT_PROFILE).lower()
    if path is None or wanted not in profiles:
        if name is None:
            return None
        known = f"; it has {', '.join(sorted(profiles))}" if profiles else ""
        raise CredentialsError(
            f"no profile {wanted!r} in {path}{known}" if path else f"no profile {wanted!r}: {_NO_HOME}"
        )
    return Profile(
        wanted, path, {key: value for key, value in profiles[wanted].items() if isinstance(value, str) and value}
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it isn't UTF-8"
        raise CredentialsError(f"can't read the Atlas CLI's settings {path}: {reason}") from None
    import tomllib  # noqa: PLC0415 - most users of the command have no profile

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        # The error names line and column only; the line may hold a secret.
        raise CredentialsError(f"the Atlas CLI's settings {path} aren't valid TOML: {error}") from None


def _decode(value: str) -> str:
    """Undo what the Atlas CLI's keyring library does to a secret on macOS and Windows."""
    if value.startswith(_ON_MACOS):
        try:
            return base64.b64decode(value.removeprefix(_ON_MACOS), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return value
    if not value.isascii():
        # It stores UTF-8 where Python's keyring expects UTF-16.
        return value.encode("utf-16-le", "replace").decode("utf-8", "replace")
    return value
