"""Where the user's cache is. Imports nothing slow: the shell's completion asks at every Tab."""

from __future__ import annotations

import os
from pathlib import Path

from ._errors import ConfigError


def user_cache_folder() -> Path | None:
    """Return the user's cache folder for this package, or None without a home folder.

    Raises:
        ConfigError: platformdirs isn't installed.
    """
    try:
        from platformdirs import user_cache_path
    except ImportError:
        raise ConfigError(
            "token_cache=True needs platformdirs to find your cache folder: pip install 'atlas-invoices[cli]', "
            "or name a folder: token_cache='/path'"
        ) from None
    if _home_is_empty() and not os.environ.get("XDG_CACHE_HOME", "").strip():
        return None
    try:
        return absolute_or_none(user_cache_path("atlas-invoices", appauthor=False))
    except RuntimeError:  # newer versions of platformdirs, without a home
        return None


def absolute_or_none(path: Path) -> Path | None:
    """Return the absolute path; None if it begins with "~" and there is no home: a folder "~" is never created."""
    if _home_is_empty() and str(path).startswith("~"):
        return None
    try:
        return path.expanduser().absolute()
    except RuntimeError:
        return None


def _home_is_empty() -> bool:
    """Whether HOME is set to nothing, which Python would take for the root folder."""
    return os.environ.get("HOME") == ""
