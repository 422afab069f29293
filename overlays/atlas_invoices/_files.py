"""Files that are complete or absent."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import os
import secrets
import stat
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import IO, Self

from attrs import frozen

# A file of this size goes to the disk in parts, while the rest arrives: the fsync at its end takes seconds otherwise.
_FLUSH_EVERY = 32 * 1024 * 1024


@frozen
class SavedFile:
    """A file that is in its place, whole.

    Attributes:
        path: where it is.
        size: its bytes.
        sha256: their SHA-256 in lower-case hexadecimal.
    """

    path: Path
    size: int
    sha256: str


class AtomicFile:
    """A binary file for writing that takes its place only when its `with` block ends without an error.

    An existing file is replaced only then, and only with `overwrite`; a symbolic link there is replaced itself, never
    written through. Raises `FileExistsError` where the target exists and may not be replaced, and any other `OSError`
    where it's a folder or a device or the file system refuses; nothing is left behind then.
    """

    def __init__(self, path: str | os.PathLike[str], *, overwrite: bool) -> None:
        """Check the target; nothing is created yet."""
        self._target = Path(path)
        # Path forgets a separator at the end, and "results/" is no file called "results".
        if os.fspath(path).endswith((os.sep, os.altsep or os.sep)) and not self._target.is_dir():
            raise FileNotFoundError(errno.ENOENT, "No such folder", os.fspath(path))
        self._overwrite = overwrite
        self.check()

    def check(self) -> None:
        """Raise what would keep the file from taking its place; good to know before a long download."""
        try:
            mode = self._target.lstat().st_mode
        except FileNotFoundError:
            if not self._target.parent.is_dir():
                raise FileNotFoundError(errno.ENOENT, "No such folder", str(self._target.parent)) from None
            return
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, "Is a folder; name a file in it", str(self._target))
        if stat.S_ISLNK(mode):
            # The link is what would be replaced; one to a device, such as /dev/stdout, is part of the system.
            with contextlib.suppress(OSError):
                mode = self._target.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode) or stat.S_ISDIR(mode)):
            raise OSError(errno.EINVAL, "Is no regular file and won't be replaced", str(self._target))
        if not self._overwrite:
            raise FileExistsError(errno.EEXIST, "File exists", str(self._target))

    def __enter__(self) -> Self:
        """Create the temporary file, hidden, in the target's folder, with the permissions that a new file has there."""
        name = self._target.name
        self._temporary = self._target.with_name(f".{name[:50]}.{secrets.token_hex(8)}.part")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        self._flushing: Thread | None = None
        self._unflushed = 0
        self._size = 0
        self._hash = hashlib.sha256()
        try:
            self._file: IO[bytes] = os.fdopen(os.open(self._temporary, flags, 0o666), "wb")
        except OSError as error:
            # Nobody has asked for the temporary file, or knows its name.
            why = f"can't create a file in the folder {self._target.parent} ({error.strerror}); choose another folder"
            raise OSError(error.errno, why, str(self._target)) from error
        except BaseException:
            # A signal that came in between.
            self._temporary.unlink(missing_ok=True)
            raise
        return self

    def write(self, data: bytes) -> int:
        """Append; returns how many bytes."""
        self._size += len(data)
        self._unflushed += len(data)
        self._hash.update(data)
        with self._naming_the_target():
            written = self._file.write(data)
        if self._unflushed >= _FLUSH_EVERY:
            self._flush_behind()
        return written

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Move it into place, or take it away."""
        try:
            self._wait_for_flush()
            if exc_type is None:
                with self._naming_the_target():
                    self._file.flush()
                    os.fsync(self._file.fileno())
                    self._file.close()
                    self._put_in_place()
        finally:
            try:
                with contextlib.suppress(OSError):
                    self._file.close()
            finally:
                self._temporary.unlink(missing_ok=True)

    @property
    def saved(self) -> SavedFile:
        """What was written, once the block has ended."""
        return SavedFile(path=self._target, size=self._size, sha256=self._hash.hexdigest())

    @contextlib.contextmanager
    def _naming_the_target(self) -> Iterator[None]:
        """A full disk's error names no file by itself, and others the temporary one, which nobody has asked for."""
        try:
            yield
        except OSError as error:
            if error.filename is None:
                error.filename = str(self._target)
            elif os.fspath(error.filename) == os.fspath(self._temporary):
                raise OSError(error.errno, error.strerror, str(self._target)) from error
            raise

    def _flush_behind(self) -> None:
        """Let the disk work while more arrives, so that the last fsync has little left; errors are its to report."""
        self._wait_for_flush()
        self._unflushed = 0
        self._flushing = Thread(target=_quietly_sync, args=(self._file.fileno(),), daemon=True)
        self._flushing.start()

    def _wait_for_flush(self) -> None:
        if self._flushing is not None:
            self._flushing.join()
            self._flushing = None

    def _put_in_place(self) -> None:
        if self._overwrite:
            self.check()
            self._temporary.replace(self._target)
        else:
            # A link, unlike a rename, fails where something has appeared meanwhile.
            try:
                os.link(self._temporary, self._target)
            except FileExistsError:
                raise
            except OSError:
                # A file system without links: the small gap is all there is.
                self.check()
                self._temporary.replace(self._target)
        _sync_folder(self._target.parent)


def _quietly_sync(descriptor: int) -> None:
    with contextlib.suppress(OSError):
        os.fsync(descriptor)


def _sync_folder(folder: Path) -> None:
    # So that the name survives a power cut too; not every system can.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


# A hop to a thread costs as much as hashing tens of KiB.
_AT_ONCE = 1024 * 1024


class Writer:
    """Gathers pieces and writes them to the file, one batch while the next one is gathered."""

    def __init__(self, target: AtomicFile) -> None:
        """Nothing is gathered yet."""
        self._target = target
        self._pieces: list[bytes] = []
        self._size = 0
        self._writing: asyncio.Task[int] | None = None

    async def write(self, piece: bytes) -> None:
        """Append; raises `OSError` where the disk refused an earlier piece."""
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size >= _AT_ONCE:
            await self._next_batch()

    async def finish(self) -> None:
        """Write the rest; all of it is written when this returns."""
        await self._next_batch()
        await self.settle()

    async def settle(self) -> None:
        """Wait for the batch under way."""
        if self._writing is not None:
            # Shielded: a thread can't be cancelled, and the file mustn't be closed while it writes.
            await asyncio.shield(self._writing)
            self._writing = None

    async def _next_batch(self) -> None:
        await self.settle()
        # An idle pool thread keeps its last arguments alive, so it empties this list.
        batch = [b"".join(self._pieces)]
        self._pieces.clear()
        self._size = 0
        self._writing = asyncio.create_task(asyncio.to_thread(lambda: self._target.write(batch.pop())))


@asynccontextmanager
async def writing(target: AtomicFile) -> AsyncIterator[Writer]:
    """Around writing the file: it takes its place at the end of the block, and only where that has no error."""
    entering = asyncio.create_task(asyncio.to_thread(target.__enter__))
    try:
        await asyncio.shield(entering)
    except asyncio.CancelledError:
        # The thread goes on and creates the temporary file all the same.
        await asyncio.shield(_take_away(entering, target))
        raise
    writer = Writer(target)
    try:
        yield writer
        await writer.finish()
    except BaseException:
        # Whoever cancels us need not wait for the disk, but the temporary file goes all the same.
        await asyncio.shield(_undo(writer, target, *sys.exc_info()))
        raise
    leaving = asyncio.create_task(asyncio.to_thread(target.__exit__, None, None, None))
    try:
        await asyncio.shield(leaving)
    except asyncio.CancelledError:
        # Too late to stop: wait, so that the folder doesn't change behind the caller's back.
        await asyncio.wait([leaving])
        raise


async def _take_away(entering: asyncio.Task[AtomicFile], target: AtomicFile) -> None:
    with suppress(OSError):
        await entering
        await asyncio.to_thread(target.__exit__, asyncio.CancelledError, None, None)


async def _undo(
    writer: Writer,
    target: AtomicFile,
    kind: type[BaseException] | None,
    error: BaseException | None,
    trace: TracebackType | None,
) -> None:
    try:
        with suppress(OSError):
            await writer.settle()
    finally:  # when the loop itself ends, too
        await asyncio.to_thread(target.__exit__, kind, error, trace)
