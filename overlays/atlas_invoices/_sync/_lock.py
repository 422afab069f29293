"""One run at a time in a folder: a lock that the system takes back when its process ends, however it ends."""

from __future__ import annotations

import errno
import os
import warnings
from typing import TYPE_CHECKING

try:
    from fcntl import LOCK_EX, LOCK_NB, flock
except ImportError:  # Windows has none
    _HAS_LOCKS = False
else:
    _HAS_LOCKS = True

if TYPE_CHECKING:
    from pathlib import Path

NAME = ".atlas-invoices.lock"
POLL_SECONDS = 0.1

# What a file system without locks says.
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}


class FolderLock:
    """The lock of one folder, for one run. Its file stays: taking it away would let two runs lock two files.

    It holds between threads of a process as well as between processes.
    """

    def __init__(self, folder: Path) -> None:
        """Open the lock's file, which is empty; raises `OSError` where the folder can't be written to."""
        self._folder = folder
        self.held = False
        self._descriptor: int | None = os.open(
            folder / NAME, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666
        )

    def acquire(self) -> bool:
        """Try to get it, without waiting; false where another run has it.

        Where the system or the file system has no locks that's a warning, and the run goes on without (`held` is
        false then).
        """
        if not _HAS_LOCKS or self._descriptor is None:
            return self._go_without()
        try:
            flock(self._descriptor, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return self._go_without()
            raise
        self.held = True
        return True

    def release(self) -> None:
        """Let the next one in. Idempotent."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
            self.held = False

    def _go_without(self) -> bool:
        warnings.warn(
            f"{self._folder}: no file locks here, so make sure that only one sync at a time runs in this folder",
            stacklevel=2,
        )
        return True
