"""A token in a file that only its owner can read: its format, and the checks before it is trusted again."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
import sys
from functools import partial
from pathlib import Path
from typing import Any

from attrs import frozen

from atlas_invoices._secret import Secret

from ._oauth import MAX_LIFETIME, MAX_REPLY_BYTES, fits_header, is_positive

_VERSION = 1
# A token comes from a reply of at most half this size.
_MAX_BYTES = 2 * MAX_REPLY_BYTES
# The year 5138, far beyond any expiry.
_MAX_EXPIRES_AT = 1e11

IS_A_FOLDER = "is a folder; remove it"
INVALID_EXPIRY = "its expiry is invalid"


@frozen
class Entry:
    """A token as other processes need it.

    Attributes:
        value: the token.
        expires_at: when it expires, in seconds since 1970 (UTC).
        lifetime: how many seconds it had left when it was written.
    """

    value: Secret
    expires_at: float
    lifetime: float


class TokenFile:
    """One account's file. Methods raise `OSError`, also for a folder that isn't safe."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.path = folder / f"{name}.json"
        self.lock_path = folder / f"{name}.lock"
        # One name is enough, since it's written with the lock; a killed process's leftover is replaced.
        self._temporary = folder / f"{name}.new"

    def make_folder(self) -> None:
        """Make the folder, for its owner alone; raises also if it exists and isn't safe."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._check_folder()

    def _check_folder(self) -> None:
        try:
            status = self.folder.lstat()
        except FileNotFoundError:
            return
        if not stat.S_ISDIR(status.st_mode):
            raise OSError(errno.ENOTDIR, "the folder is a symbolic link or a file; remove it, or use another folder")
        if _is_foreign(status):
            raise OSError(errno.EPERM, "the folder belongs to another user; use another folder")
        if _is_open(status):
            mode = f"{stat.S_IMODE(status.st_mode):04o}"
            raise OSError(errno.EPERM, f"others can access the folder (mode {mode}); run `chmod 700` on it")

    def read(self, *, owner_only: bool = True) -> Entry | str | None:
        """Return the file's token, or the reason not to trust it; None if there is no file.

        With `owner_only`, a file or folder that others can access isn't trusted.
        """
        if owner_only:
            self._check_folder()
        try:
            kind = stat.S_IFMT(self.path.lstat().st_mode)
            if kind == stat.S_IFDIR:
                raise IsADirectoryError(errno.EISDIR, f"it {IS_A_FOLDER}", str(self.path))
            if kind != stat.S_IFREG:
                # Not opened: a link may lead anywhere, and opening a pipe would wait for its writer.
                return "it isn't a regular file"
            with self.path.open("rb") as file:
                fault = _fault(os.fstat(file.fileno())) if owner_only else None
                return fault or _entry(file.read(_MAX_BYTES + 1))
        except FileNotFoundError:
            return None

    def write(self, entry: Entry) -> None:
        """Write the token, completely or not at all. Call it with the lock."""
        self._temporary.unlink(missing_ok=True)
        try:
            with open(self._temporary, "xb", opener=partial(os.open, mode=0o600)) as file:
                file.write(_document(entry))
            self._temporary.replace(self.path)
        except BaseException:
            with contextlib.suppress(OSError):
                self._temporary.unlink(missing_ok=True)
            raise

    def delete(self) -> None:
        """Delete the file, and a leftover of a killed process, if there are any. Call it with the lock."""
        self._temporary.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)


def _is_foreign(status: os.stat_result) -> bool:
    return sys.platform != "win32" and status.st_uid != os.geteuid()


def _is_open(status: os.stat_result) -> bool:
    # Windows has no such modes; there the user's own folder keeps others out.
    return sys.platform != "win32" and bool(status.st_mode & 0o077)


def _fault(status: os.stat_result) -> str | None:
    if _is_foreign(status):
        return "it belongs to another user"
    if _is_open(status):
        return f"others can read or write it (mode {stat.S_IMODE(status.st_mode):04o})"
    return None


def _document(entry: Entry) -> bytes:
    return json.dumps(
        {
            "version": _VERSION,
            "access_token": entry.value.reveal(),
            "expires_at": entry.expires_at,
            "lifetime": entry.lifetime,
        }
    ).encode()


def _entry(raw: bytes) -> Entry | str:
    if len(raw) > _MAX_BYTES:
        return f"it is larger than {_MAX_BYTES // 1024} KiB"
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        return "it isn't a JSON object"
    if document.get("version") != _VERSION:
        return "it was written by another version of atlas-invoices"
    expires_at, lifetime = _seconds(document.get("expires_at")), _seconds(document.get("lifetime"))
    value = document.get("access_token")
    if not isinstance(value, str) or not fits_header(value):
        return "it has no valid token"
    if expires_at is None or lifetime is None or lifetime > MAX_LIFETIME:
        return INVALID_EXPIRY
    return Entry(Secret(value), expires_at, lifetime)


def _seconds(number: Any) -> float | None:  # noqa: ANN401 - any JSON value
    # Compared before it is converted: a large int doesn't fit into a float.
    return float(number) if is_positive(number) and number < _MAX_EXPIRES_AT else None
