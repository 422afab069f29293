"""Locks between processes, threads and tasks, and what a forked child must not inherit."""

from __future__ import annotations

import os
import sys
import threading
import weakref
from pathlib import Path
from typing import Protocol


class Forkable(Protocol):
    """Something that has to be put in order in a forked child."""

    def after_fork(self) -> None:
        """Start anew; called in the child, which has one thread then."""


_watched: weakref.WeakSet[Forkable] = weakref.WeakSet()


def watch(thing: Forkable) -> None:
    """Have `thing.after_fork()` called in every forked child, for as long as it lives."""
    _watched.add(thing)


def _after_fork() -> None:
    for thing in list(_watched):
        thing.after_fork()


if hasattr(os, "register_at_fork"):  # Windows has no fork.
    os.register_at_fork(after_in_child=_after_fork)


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

    def _unlock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

    _BUSY: tuple[type[OSError], ...] = (BlockingIOError, PermissionError)
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)

    _BUSY = (BlockingIOError,)

# Which thread of this process holds the lock of which file.
_holders: dict[Path, int] = {}


class FileLock:
    """The lock of one file, which is empty and stays: taking it away would let two processes lock two files."""

    def __init__(self, path: Path, mode: int = 0o600) -> None:
        """Nothing is opened or locked yet; `mode` is for a file that isn't there yet."""
        self._path = path
        self._mode = mode
        self._descriptor: int | None = None
        watch(self)

    @property
    def held(self) -> bool:
        """Whether it is ours."""
        return self._descriptor is not None

    def acquire(self) -> bool:
        """Try to get it, without waiting; false where somebody else has it.

        Raises `OSError` where the file can't be opened for writing, or the file system has no locks.
        """
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        descriptor = os.open(self._path, flags, self._mode)
        try:
            _lock(descriptor)
        except _BUSY:
            os.close(descriptor)
            return False
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        _holders[self._path] = threading.get_ident()
        return True

    def held_by_this_thread(self) -> bool:
        """Whether this thread has it by another object: a task of its event loop, which waits for this call's end."""
        return _holders.get(self._path) == threading.get_ident()

    def release(self) -> None:
        """Let the next one in. Idempotent."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        _holders.pop(self._path, None)
        try:
            # Closing alone would leave it locked for as long as a forked child has a copy of the descriptor.
            _unlock(descriptor)
        finally:
            os.close(descriptor)

    def after_fork(self) -> None:
        """Leave the lock to the parent: unlocking the copy of its descriptor would unlock the parent's."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            _holders.pop(self._path, None)
            os.close(descriptor)
