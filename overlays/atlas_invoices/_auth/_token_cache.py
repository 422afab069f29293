"""Share a token between processes, through a folder that only its owner can use; its failures are only warnings."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from attrs import frozen

from atlas_invoices._cache_folder import absolute_or_none, user_cache_folder
from atlas_invoices._http._steps import Steps
from atlas_invoices._locks import FileLock
from atlas_invoices._secret import Secret
from atlas_invoices._utils import single_line, warn

from ._oauth import MAX_LIFETIME, Token, renewal_margin
from ._origin import BaseUrl
from ._token_file import INVALID_EXPIRY, IS_A_FOLDER, Entry, TokenFile

T = TypeVar("T")

# Clocks are often adjusted by seconds. A token from further in the future than this was written before a larger jump.
_CLOCK_TOLERANCE = 60.0
# An account has at most this many active tokens (Atlas documentation).
_MAX_REFUSED = 100


def cache_folder(setting: bool | str | os.PathLike[str] | None) -> Path | None:
    """Return the folder for a `token_cache` setting; None if it is off.

    Raises:
        ConfigError: it is True, and platformdirs isn't installed.
    """
    if setting is None or setting is False:
        return None
    folder = user_cache_folder() if setting is True else absolute_or_none(Path(setting))
    if folder is None:
        warn("access tokens aren't shared between processes: this user has no home folder; set HOME")
    return folder


class TokenCache:
    """The token of one account at one server, shared through a folder.

    A problem with the folder or the file causes one warning, and never fails a request. Clocks are in seconds: `clock`
    is monotonic, `wall` is the time since 1970 (UTC); `chance` returns numbers from 0 to 1.
    """

    def __init__(
        self,
        folder: Path,
        base_url: BaseUrl,
        client_id: Secret,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        # A digest, so that the file's name shows neither server nor client.
        name = hashlib.sha256(f"{base_url}\0{client_id.reveal()}".encode()).hexdigest()
        self.file = TokenFile(folder, name)
        self.clock = clock
        self.wall = wall
        self.chance = chance
        self._refused: deque[str] = deque(maxlen=_MAX_REFUSED)
        self._has_warned = False

    def refuse(self, token: Token) -> None:
        """Never read this token from the file again: the server answered it with 401."""
        self._refused.append(_fingerprint(token.value))

    def is_refused(self, value: Secret) -> bool:
        """Whether the server answered this token with 401."""
        return _fingerprint(value) in self._refused

    def read(self) -> Entry | None:
        """Return the file's token unless it has expired, even if it was refused."""
        found = self._attempt(self.file.read)
        if isinstance(found, Entry):
            ahead = found.expires_at - self.wall()
            if ahead <= MAX_LIFETIME:
                # Not from the future: then the clock was set back, and the token's age is unknown.
                return found if 0 < ahead <= found.lifetime + _CLOCK_TOLERANCE else None
            found = INVALID_EXPIRY
        if found is not None:
            self._warn(f"the token cache {self.file.path} is ignored: {found}; a new token replaces it")
        return None

    def read_to_revoke(self) -> Secret | None:
        """Return the file's token unless it has expired; above all one that others could read."""
        found = self.file.read(owner_only=False)
        return found.value if isinstance(found, Entry) and found.expires_at > self.wall() else None

    def acquire(self, lock: FileLock) -> bool | None:
        """Make the folder and try to lock; None, with a warning, if that isn't possible."""

        def acquire() -> bool:
            self.file.make_folder()
            return lock.acquire()

        return self._attempt(acquire)

    def delete_refused(self) -> None:
        """Delete the file if its token was refused. Call it with the lock."""
        entry = self.read()
        if entry is not None and self.is_refused(entry.value):
            self._attempt(self.file.delete)

    def write(self, token: Token) -> None:
        """Store the token for other processes. Call it with the lock."""
        lifetime = token.expires_at - self.clock()
        entry = Entry(token.value, self.wall() + lifetime, lifetime)
        self._attempt(lambda: self.file.write(entry))

    def _attempt(self, action: Callable[[], T]) -> T | None:
        """Return the action's result; None, with a warning, if the file system refuses."""
        try:
            return action()
        except OSError as error:
            self._warn(f"access tokens aren't shared through {self.file.folder}: {_describe(error)}")
            return None

    def _warn(self, text: str) -> None:
        if not self._has_warned:
            self._has_warned = True
            warn(single_line(text, 1000))


def _fingerprint(value: Secret) -> str:
    return hashlib.sha256(value.reveal().encode()).hexdigest()


def _describe(error: OSError) -> str:
    # A folder with the file's name keeps every process from sharing, and systems word the error differently.
    if error.filename and os.path.isdir(error.filename):  # noqa: PTH112 - Path.is_dir may raise PermissionError
        return f"{Path(error.filename).name} {IS_A_FOLDER}"
    return error.strerror or type(error).__name__


POLL_SECONDS = 0.05
# The share of the time that may be spent waiting for another process's request.
_LOCK_SHARE = 2 / 3
# A token that is due for renewal, while another process renews it, is used this many seconds before the next check.
_REUSE_SECONDS = 30.0


@frozen
class _WaitForLock:
    """Sleep before the lock is tried again; false if that would block the very task that holds it."""

    lock: FileLock

    def run(self) -> bool:
        if self.lock.held_by_this_thread():
            return False
        time.sleep(POLL_SECONDS)
        return True

    async def run_async(self) -> bool:
        await asyncio.sleep(POLL_SECONDS)
        return True


class CacheLease:
    """A token from the cache, or else the lock under which to fetch and store a new one.

    Args:
        cache: where to look.
        replaced: this process's token, which must be replaced.
        until: the time on the cache's clock at which the caller gives up.
    """

    def __init__(self, cache: TokenCache, replaced: Token | None, until: float) -> None:
        self._cache = cache
        self._replaced = replaced
        self._chance = cache.chance()
        self._lock = FileLock(cache.file.lock_path)
        now = cache.clock()
        self._end = now + (until - now) * _LOCK_SHARE
        self.token: Token | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._lock.release()

    def wait(self) -> Steps[None]:
        """Wait until there is a `token`, or until the caller should fetch one and `store` it."""
        while self.poll() and (yield _WaitForLock(self._lock)):
            pass

    def poll(self) -> bool:
        """Check once; returns whether to check again, because another process is fetching a token."""
        if self._find(due=False):
            return False
        locked = self._cache.acquire(self._lock)
        if locked:
            # Another process may have stored one between the check and the lock.
            if not self._find(due=False):
                self._cache.delete_refused()
            return False
        # If another process renews a token early, the old one can be used until then.
        if locked is None or self._find(due=True):
            return False
        return self._cache.clock() < self._end

    def store(self, token: Token) -> Token:
        """Share a token that was fetched, and return it."""
        if self._lock.held and token.expires_at > self._cache.clock():
            self._cache.write(token)
        return token

    def _find(self, *, due: bool) -> bool:
        """Look for a token in the file; with `due`, accept one that is due for renewal."""
        entry = self._cache.read()
        if entry is None or self._cache.is_refused(entry.value):
            return False
        now = self._cache.clock()
        expires_at = now + min(entry.expires_at - self._cache.wall(), entry.lifetime)
        renew_at = expires_at - renewal_margin(entry.lifetime, self._chance)
        if self._replaced is not None and entry.value.reveal() == self._replaced.value.reveal():
            # This process measured its expiry with a monotonic clock.
            expires_at = min(expires_at, self._replaced.expires_at)
            renew_at = now
        if renew_at <= now:
            if not due or expires_at <= now:
                return False
            renew_at = now + min(_REUSE_SECONDS, (expires_at - now) / 2)
        self.token = Token(entry.value, renew_at, expires_at)
        return True
