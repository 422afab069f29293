"""One token for all processes of an account, in a folder for its owner alone; what goes wrong there is a warning."""

from __future__ import annotations

import hashlib
import os
import random
import time
import warnings
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from atlas_invoices._errors import ConfigError
from atlas_invoices._locks import FileLock
from atlas_invoices._utils import single_line

from ._oauth import MAX_LIFETIME, Token, margin
from ._token_file import IS_A_FOLDER, Entry, TokenFile

if TYPE_CHECKING:
    from ._origin import BaseUrl
    from ._secret import Secret


# Clocks are set right by a little all the time. A token kept this much later than now is from another time.
_FUTURE = 60.0
# No more tokens of one account than this are active at once (Atlas documentation).
_MAX_REFUSED = 100


def folder_of(setting: bool | str | os.PathLike[str] | None) -> Path | None:
    """Return the folder that `token_cache` means; None if it is off.

    Raises:
        ConfigError: it is True, and what knows the user's cache folder isn't installed.
    """
    if setting is None or setting is False:
        return None
    return user_folder() if setting is True else Path(setting).absolute()


def user_folder() -> Path:
    """Return the user's cache folder for this package; raises `ConfigError` as `folder_of` does."""
    try:
        from platformdirs import user_cache_path  # noqa: PLC0415 - not a dependency of the base install
    except ImportError:
        raise ConfigError(
            "token_cache=True needs platformdirs to find your cache folder: pip install 'atlas-invoices[cli]', "
            "or name a folder: token_cache='/path'"
        ) from None
    return user_cache_path("atlas-invoices", appauthor=False)


class TokenCache:
    """The token of one account at one server, shared through a folder.

    What goes wrong with the folder or the file costs a warning, the first time, and never a request. Clocks are in
    seconds: `clock` is monotonic, `wall` is the time since 1970 (UTC); `chance` gives numbers from 0 to 1.
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
        """Nothing is looked at yet. The file's name shows neither server nor client."""
        name = hashlib.sha256(f"{base_url}\0{client_id.reveal()}".encode()).hexdigest()
        self.file = TokenFile(folder, name)
        self.clock = clock
        self.wall = wall
        self.chance = chance
        self._refused: deque[str] = deque(maxlen=_MAX_REFUSED)
        self._has_warned = False

    def refuse(self, token: Token) -> None:
        """Never take this token from the file again: the server answered 401 to it."""
        self._refused.append(_fingerprint(token.value))

    def is_refused(self, value: Secret) -> bool:
        """Whether the server answered 401 to this token."""
        return _fingerprint(value) in self._refused

    def read(self) -> Entry | None:
        """Return what is in the file if its time isn't over, refused or not."""
        try:
            fault = self.file.folder_fault()
            found = None if fault else self.file.read()
        except OSError as error:
            fault, found = _in_words(error), None
        if fault is not None:
            self._warn_of_folder(fault)
            return None
        if isinstance(found, Entry):
            ahead = found.expires_at - self.wall()
            if ahead <= MAX_LIFETIME:
                # Kept in the future: the clock was set back, and nobody can say how old the token is.
                return found if 0 < ahead <= found.lifetime + _FUTURE else None
            found = "its times can't be"
        if found is not None:
            self._warn(f"the token cache {self.file.path} is ignored: {found}; a new token replaces it")
        return None

    def read_to_revoke(self) -> Secret | None:
        """Return the token in the file if its time isn't over, even one that others could read: that one above all."""
        found = self.file.read(owner_only=False)
        return found.value if isinstance(found, Entry) and found.expires_at > self.wall() else None

    def open_folder(self) -> bool:
        """Make the folder if need be; false, with a warning, if it can't be used."""
        try:
            self.file.make_folder()
            fault = self.file.folder_fault()
        except OSError as error:
            fault = _in_words(error)
        if fault is not None:
            self._warn_of_folder(fault)
        return fault is None

    def acquire(self, lock: FileLock) -> bool | None:
        """Try to lock; None, with a warning, where that isn't possible at all."""
        try:
            return lock.acquire()
        except OSError as error:
            fault = _in_words(error)
        self._warn_of_folder(fault)
        return None

    def drop_refused(self) -> None:
        """Take the file away if its token is one that the server refused. Call it under the lock."""
        entry = self.read()
        if entry is None or not self.is_refused(entry.value):
            return
        try:
            self.file.delete()
        except OSError as error:
            fault = _in_words(error)
        else:
            return
        self._warn_of_folder(fault)

    def write(self, token: Token) -> None:
        """Keep the token for others. Call it under the lock."""
        lifetime = token.expires_at - self.clock()
        try:
            self.file.write(Entry(token.value, self.wall() + lifetime, lifetime))
        except OSError as error:
            fault = _in_words(error)
        else:
            return
        # Not inside the except block: where warnings are errors, its context would show the frame that wrote the token.
        self._warn_of_folder(fault)

    def _warn_of_folder(self, fault: str) -> None:
        self._warn(f"access tokens aren't shared through {self.file.folder}: {fault}")

    def _warn(self, text: str) -> None:
        """Say what is wrong, the first time."""
        if not self._has_warned:
            self._has_warned = True
            warnings.warn(single_line(text, 1000), UserWarning, stacklevel=2)


def _fingerprint(value: Secret) -> str:
    return hashlib.sha256(value.reveal().encode()).hexdigest()


def _in_words(error: OSError) -> str:
    # Systems differ in what they say of a folder in a file's place. It keeps every process from sharing.
    if error.filename and os.path.isdir(error.filename):  # noqa: PTH112 - pathlib's may raise
        return f"{Path(error.filename).name} {IS_A_FOLDER}"
    return error.strerror or type(error).__name__


POLL_SECONDS = 0.05
# The share of the time that may go on waiting for somebody else's request.
_LOCK_SHARE = 2 / 3
# A token that is due, but whose renewal somebody else has in hand, is used this many seconds before the next look.
_PAUSE = 30.0


class CacheLease:
    """A token from the cache, or else the lock under which to fetch and keep a new one.

    Args:
        cache: where to look.
        replaced: the token that this process has, and that has to be another now.
        until: the cache's clock's time at which nobody waits for the token any more.
    """

    def __init__(self, cache: TokenCache, replaced: Token | None, until: float) -> None:
        """Nothing is looked at yet."""
        self._cache = cache
        self._replaced = replaced
        self._chance = cache.chance()
        self._lock = FileLock(cache.file.lock_path)
        now = cache.clock()
        self._end = now + (until - now) * _LOCK_SHARE
        self.token: Token | None = None

    def __enter__(self) -> Self:
        """Use it in a block."""
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give the lock back."""
        self._lock.release()

    def poll(self, *, blocking: bool) -> bool:
        """Whether to look again in `POLL_SECONDS`; if not, use `token`, or else fetch one and `store` it.

        Args:
            blocking: whether this thread does nothing else meanwhile, not even run an event loop.
        """
        if self._find(due=False) or not self._cache.open_folder():
            return False
        locked = self._cache.acquire(self._lock)
        if locked:
            # Somebody may have been there between the look and the lock.
            if not self._find(due=False):
                self._cache.drop_refused()
            return False
        # Somebody else fetches one. If it's an early renewal, the token they renew will do until then.
        if locked is None or self._find(due=True):
            return False
        if blocking and self._lock.held_by_this_thread():
            return False
        return self._cache.clock() < self._end

    def store(self, token: Token) -> Token:
        """Share a token that was fetched, and return it."""
        if self._lock.held and token.expires_at > self._cache.clock():
            self._cache.write(token)
        return token

    def _find(self, *, due: bool) -> bool:
        """Look for a token in the file; with `due`, one that is to be renewed will do."""
        entry = self._cache.read()
        if entry is None or self._cache.is_refused(entry.value):
            return False
        now = self._cache.clock()
        expires_at = now + min(entry.expires_at - self._cache.wall(), entry.lifetime)
        renew_at = expires_at - margin(entry.lifetime, self._chance)
        if self._replaced is not None and entry.value.reveal() == self._replaced.value.reveal():
            # What this process knows of its end was measured by a clock that nobody sets.
            expires_at = min(expires_at, self._replaced.expires_at)
            renew_at = now
        if renew_at <= now:
            if not due or expires_at <= now:
                return False
            renew_at = now + min(_PAUSE, (expires_at - now) / 2)
        self.token = Token(entry.value, renew_at, expires_at)
        return True
