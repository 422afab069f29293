"""One run at a time in a folder."""

from __future__ import annotations

import errno
import warnings
from typing import TYPE_CHECKING

from atlas_invoices._file_lock import FileLock

if TYPE_CHECKING:
    from pathlib import Path

NAME = ".atlas-invoices.lock"
POLL_SECONDS = 0.1

# What a file system without locks says.
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}


class FolderLock(FileLock):
    """The lock of one folder, for one run; it holds between threads of a process as well as between processes."""

    def __init__(self, folder: Path) -> None:
        """Nothing is opened or locked yet."""
        # The folder's own permissions decide who else may run a sync in it.
        super().__init__(folder / NAME, 0o666)
        self._folder = folder

    def acquire(self) -> bool:
        """Try to get it, without waiting; false where another run has it.

        Where the file system has no locks that's a warning, and the run goes on without (`held` is false then).
        Raises `OSError` where the folder can't be written to.
        """
        try:
            return super().acquire()
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        warnings.warn(
            f"{self._folder}: no file locks here, so make sure that only one sync at a time runs in this folder",
            stacklevel=2,
        )
        return True
