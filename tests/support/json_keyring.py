"""A backend for keyring that reads the JSON file named by KEYRING_FILE: service, then user, then password."""

from __future__ import annotations

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend


class JsonKeyring(KeyringBackend):
    """The operating system's keyring, as far as reading goes."""

    priority = 1.0  # type: ignore[assignment] # a property in keyring's base class

    def get_password(self, service: str, username: str) -> str | None:
        """Return a password, or None."""
        entries = json.loads(Path(os.environ["KEYRING_FILE"]).read_text())
        password: str | None = entries.get(service, {}).get(username)
        return password

    def set_password(self, service: str, username: str, password: str) -> None:
        """Fail: these tests only read."""
        raise NotImplementedError
