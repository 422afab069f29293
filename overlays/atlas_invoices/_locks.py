"""Locks between processes, threads and tasks, and the hooks that reset objects in a forked child."""

from __future__ import annotations

import os
import sys
import threading
import weakref
from pathlib import Path
from typing import Protocol


class Forkable(Protocol):
    """An object with state that a forked child must not share."""

    def after_fork(self) -> None:
        """Reset the state; called in the child, which has one thread then."""


_forkables: weakref.WeakSet[Forkable] = weakref.WeakSet()


def watch(forkable: Forkable) -> None:
    """Call `forkable.after_fork()` in every forked child, as long as the object lives."""
    _forkables.add(forkable)


def _after_fork() -> None:
    for forkable in list(_forkables):
        forkable.after_fork()


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

# The thread of this process that holds the lock of a file.
_holders: dict[Path, int] = {}


class FileLock:
    """A lock on an empty file. The file stays: if it were removed, two processes could lock two files of one name.

    `mode` is for a file that doesn't exist yet.
    """

    def __init__(self, path: Path, mode: int = 0o600) -> None:
        self._path = path
        self._mode = mode
        self._descriptor: int | None = None
        watch(self)

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._descriptor is not None

    def acquire(self) -> bool:
        """Try to get the lock without waiting; returns whether it was free.

        Raises `OSError` if the file can be neither written nor read, or the file system has no locks.
        """
        flags = getattr(os, "O_NOFOLLOW", 0)
        try:
            descriptor = os.open(self._path, flags | os.O_RDWR | os.O_CREAT, self._mode)
        except PermissionError:
            # Another user's file: reading is enough for a lock.
            descriptor = os.open(self._path, flags | os.O_RDONLY)
        try:
            _lock(descriptor)
        except _BUSY:
            os.close(descriptor)
            return False
        except BaseException as error:
            os.close(descriptor)
            if isinstance(error, OSError):
                error.filename = os.fspath(self._path)
            raise
        self._descriptor = descriptor
        _holders[self._path] = threading.get_ident()
        return True

    def held_by_this_thread(self) -> bool:
        """Whether this thread holds it through another object: then a task of its event loop does, and can't go on."""
        return _holders.get(self._path) == threading.get_ident()

    def release(self) -> None:
        """Release the lock, if it is held."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        _holders.pop(self._path, None)
        try:
            # Closing alone would leave it locked as long as a forked child has a copy of the descriptor.
            _unlock(descriptor)
        finally:
            os.close(descriptor)

    def after_fork(self) -> None:
        """Leave the lock to the parent: unlocking the copy of its descriptor would unlock the parent's."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            _holders.pop(self._path, None)
            os.close(descriptor)
