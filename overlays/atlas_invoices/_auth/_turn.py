"""One go at the token cache: who fetches a new token, who waits for it, and who makes do with the old one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from atlas_invoices._file_lock import FileLock

from ._token_request import Token, margin

if TYPE_CHECKING:
    from types import TracebackType

    from ._token_cache import TokenCache

POLL_SECONDS = 0.05
# The share of the time that may go on waiting for somebody else's request.
_LOCK_SHARE = 2 / 3
# A token that is due, but whose renewal somebody else has in hand, is used this many seconds before the next look.
_PAUSE = 30.0


class Turn:
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

    def must_wait(self, *, blocking: bool) -> bool:
        """Whether to look again in `POLL_SECONDS`; if not, use `token`, or else fetch one and `keep` it.

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

    def keep(self, token: Token) -> Token:
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
