"""Files that are complete or absent."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import IO, Protocol, Self, TypeVar

from attrs import frozen

from ._http._steps import Blocking, Steps, wait_to_the_end

__all__ = [
    "SavedFile",
]

# Large files are flushed to the disk in parts of this size while the rest arrives; one fsync at the end takes seconds.
_FLUSH_EVERY = 32 * 1024 * 1024
# A temporary file that is newer may be another run's.
_LEFTOVER_SECONDS = 24 * 60 * 60
# A file system that can't flush answers with one of these; the file is as good as the system can make it.
_NO_FSYNC = {errno.EINVAL, errno.ENOTSUP, errno.ENOSYS}
# Linux follows at most this many.
_MAX_LINKS = 40
# How much a thread writes at a time: handing work to a thread costs as much as hashing tens of KiB.
_BATCH_BYTES = 1024 * 1024


@frozen
class SavedFile:
    """A complete file.

    Attributes:
        path: where it is.
        size: its number of bytes.
        sha256: their SHA-256 in lower-case hexadecimal.
    """

    path: Path
    size: int
    sha256: str


class AtomicFile:
    """A binary file to write: a temporary file that is renamed when its `with` block ends without an error.

    An existing file is replaced only then, and only with `overwrite`; its mode stays and, if the system allows, its
    owner and group. A symbolic link is replaced itself, never written through. Raises `FileExistsError` if the target
    exists and may not be replaced, and another `OSError` if it is a folder, a device, a link of the system such as
    /dev/stdout or a mount point, or the file system refuses; the temporary file is removed then.
    """

    def __init__(self, path: str | os.PathLike[str], *, overwrite: bool) -> None:
        self._target = Path(path)
        # Path drops a separator or a dot at the end, and "results/" isn't a file called "results".
        if os.path.basename(path) in {"", "."} and not self._target.is_dir():  # noqa: PTH119 - Path drops a trailing separator or dot
            raise no_folder(os.fspath(path))
        self._overwrite = overwrite
        self._is_open = False
        self._size = 0
        self._document: Document | None = None
        self.check()

    def check(self) -> None:
        """Raise an `OSError` if the file couldn't be put in place, so that this is known before a long download."""
        try:
            mode = self._target.lstat().st_mode
        except FileNotFoundError:
            if not self._target.parent.is_dir():
                raise no_folder(self._target.parent) from None
            return
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, "Is a folder; name a file in it", str(self._target))
        if stat.S_ISLNK(mode):
            # The link itself would be replaced; one to a device, such as /dev/stdout, is part of the system.
            with contextlib.suppress(OSError):
                mode = self._target.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode) or stat.S_ISDIR(mode)) or _is_system_link(self._target):
            raise OSError(errno.EINVAL, "Is not a regular file, so it isn't replaced", str(self._target))
        if not self._overwrite:
            raise FileExistsError(errno.EEXIST, "File exists", str(self._target))
        if _is_mount_point(self._target):
            why = "Is a mount point, such as a container's volume, so it can't be replaced; mount its folder instead"
            raise OSError(errno.EBUSY, why, str(self._target))

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if exc_type is None:
                self.commit()
        finally:
            self.discard()

    def open(self) -> None:
        """Create the temporary file, hidden, in the target's folder.

        Its permissions are those of a new file there; if it replaces one, only this user can read it until then.
        """
        name = self._target.name
        temporary = self._target.with_name(f".{name[:50]}.{secrets.token_hex(8)}.part")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        self._flushing: Thread | None = None
        self._unflushed = 0
        self._size = 0
        self._hash = hashlib.sha256()
        self._temporary = temporary
        self._replaced = self._find_replaced()
        try:
            descriptor = os.open(temporary, flags, 0o600 if self._replaced else 0o666)
            self._file: IO[bytes] = os.fdopen(descriptor, "wb")
            self._is_open = True
        except OSError as error:
            # The temporary file's name means nothing to the user.
            why = f"can't create a file in the folder {self._target.parent} ({error.strerror}); choose another folder"
            raise OSError(error.errno, why, str(self._target)) from error
        except BaseException:
            # A signal that came in between.
            temporary.unlink(missing_ok=True)
            raise

    def write(self, data: bytes) -> int:
        """Append; returns the number of bytes."""
        self._size += len(data)
        self._unflushed += len(data)
        self._hash.update(data)
        with self._target_in_errors():
            written = self._file.write(data)
        if self._unflushed >= _FLUSH_EVERY:
            self._flush_in_background()
        return written

    def reopen(self) -> IO[bytes]:
        """Open what has been written so far, for reading."""
        self._file.flush()
        return self._temporary.open("rb")

    def commit(self) -> None:
        """Flush the file and put it in place."""
        self._wait_for_flush()
        with self._target_in_errors():
            self._file.flush()
            _fsync(self._file.fileno())
            self._file.close()
            if self._replaced:
                _copy_permissions(self._replaced, self._temporary)
            self._put_in_place()

    def discard(self) -> None:
        """Remove the temporary file, if there is one."""
        if not self._is_open:
            return
        self._is_open = False
        try:
            self._wait_for_flush()
            with contextlib.suppress(OSError):
                self._file.close()
        finally:
            self._temporary.unlink(missing_ok=True)

    def abandon(self) -> None:
        """Remove the temporary file although another thread may be writing to it, so that nothing is put in place."""
        if self._is_open:
            self._temporary.unlink(missing_ok=True)

    @property
    def progress(self) -> tuple[int, int | None]:
        """The bytes written so far, and about how many it will have, if that is known."""
        fraction = self._document and self._document.fraction
        return self._size, round(self._size / fraction) if fraction else None

    @property
    def saved(self) -> SavedFile:
        """Path, size and hash, once the file is in place."""
        return SavedFile(path=self._target, size=self._size, sha256=self._hash.hexdigest())

    def _find_replaced(self) -> os.stat_result | None:
        with contextlib.suppress(OSError):
            status = self._target.stat()
            return status if stat.S_ISREG(status.st_mode) else None
        return None

    @contextlib.contextmanager
    def _target_in_errors(self) -> Iterator[None]:
        """Put the target's name into errors: a full disk's has no name, others have the temporary file's."""
        try:
            yield
        except OSError as error:
            if error.filename is None:
                error.filename = str(self._target)
            elif os.fspath(error.filename) == os.fspath(self._temporary):
                raise OSError(error.errno, error.strerror, str(self._target)) from error
            raise

    def _flush_in_background(self) -> None:
        """Let the disk work while more arrives, so that the last fsync has little left to do, and reports any error."""
        self._wait_for_flush()
        self._unflushed = 0
        self._flushing = Thread(target=_fsync_quietly, args=(self._file.fileno(),), daemon=True)
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
            # A link, unlike a rename, fails if the target has appeared meanwhile.
            try:
                os.link(self._temporary, self._target)
            except FileExistsError:
                raise
            except OSError:
                # A file system without links; between check and rename there is a small gap.
                self.check()
                self._temporary.replace(self._target)
            else:
                self._temporary.unlink(missing_ok=True)
        _fsync_folder(self._target.parent)


def clear_leftovers(folder: Path, names: str) -> None:
    """Delete the temporary files of killed runs for files whose names match a pattern."""
    leftover = re.compile(rf"\.(?:{names})\.[0-9a-f]{{16}}\.part", re.ASCII)
    for path in list(folder.iterdir()):
        if leftover.fullmatch(path.name):
            # Another user's may not be deleted; it isn't in the way.
            with contextlib.suppress(OSError):
                if path.lstat().st_mtime < time.time() - _LEFTOVER_SECONDS:
                    path.unlink()


def no_folder(path: Path | str) -> FileNotFoundError:
    """Return the error for a folder that doesn't exist. A folder "~" is never created: another one was meant."""
    hint = "; ~ isn't expanded here (a shell does it outside quotes), so write the whole path"
    return FileNotFoundError(errno.ENOENT, f"No such folder{hint if str(path).startswith('~') else ''}", str(path))


def _is_system_link(path: Path) -> bool:
    """Whether it is a link of the system, such as /dev/stdout, or leads to one: wherever that leads, it must stay."""
    for _ in range(_MAX_LINKS):
        if not path.is_symlink():
            break
        if any(Path(os.path.abspath(path)).is_relative_to(folder) for folder in ("/dev", "/proc")):  # noqa: PTH100 - resolve() would follow the link
            return True
        path = path.parent / path.readlink()
    return False


def _is_mount_point(path: Path) -> bool:
    # Not os.path.ismount: it only knows mounts of another file system. Linux alone can mount a file.
    try:
        mounts = Path("/proc/self/mountinfo").read_bytes().splitlines()
    except OSError:
        return False
    name = os.fsencode(path.parent.resolve() / path.name)
    points = (line.split(b" ")[4] for line in mounts)
    return any(re.sub(rb"\\(\d{3})", lambda octal: bytes([int(octal[1], 8)]), point) == name for point in points)


def _copy_permissions(replaced: os.stat_result, path: Path) -> None:
    # Not every file system has them, not everyone may give a file to a group, and only root to another user.
    for owner in (replaced.st_uid, -1):
        with contextlib.suppress(OSError, AttributeError):  # Windows has neither
            os.chown(path, owner, replaced.st_gid)
            break
    with contextlib.suppress(OSError):
        path.chmod(stat.S_IMODE(replaced.st_mode))


def _fsync(descriptor: int) -> None:
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_FSYNC:
            raise


def _fsync_quietly(descriptor: int) -> None:
    with contextlib.suppress(OSError):
        os.fsync(descriptor)


def _fsync_folder(folder: Path) -> None:
    # So that the name survives a power cut too; not every system can do that.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class Document(Protocol):
    """A document that is read by steps."""

    @property
    def fraction(self) -> float | None:
        """How much of it has been read, from 0 to 1; `None` if that isn't known."""

    def read(self) -> Steps[bytes | None]:
        """Read the next piece; None at the end."""

    def close(self) -> Steps[None]:
        """Stop reading."""


D = TypeVar("D", bound=Document)


def save(target: AtomicFile, open_document: Callable[[], Steps[Document]]) -> Steps[SavedFile]:
    """Write a document to a file, and put it in place; the file is complete or absent.

    Under asyncio everything that touches the file happens in other threads, and a cancellation waits for them.
    """
    yield from write(target, open_document)
    try:
        yield Blocking(target.commit)
    except BaseException:
        yield Blocking(target.discard)
        raise
    return target.saved


def write(target: AtomicFile, open_document: Callable[[], Steps[D]]) -> Steps[D]:
    """Write a document to a file, to be committed or discarded later; after an error it's discarded.

    The document is opened once the file can be written.
    """
    writer = _Writer(target)
    try:
        yield Blocking(target.open)
        document = yield from open_document()
        target._document = document  # noqa: SLF001 - for its progress
        try:
            while (piece := (yield from document.read())) is not None:
                yield _Write(writer, piece)
        finally:
            yield from document.close()
        yield _Finish(writer)
    except BaseException:
        try:
            with contextlib.suppress(OSError):
                yield _Finish(writer, discard=True)
        finally:  # a second cancellation
            yield Blocking(target.discard)
        raise
    return document


class _Writer:
    """Under asyncio: gathers pieces and has a thread write them, one batch while the next one is gathered."""

    def __init__(self, target: AtomicFile) -> None:
        self.target = target
        self._pieces: list[bytes] = []
        self._size = 0
        self._writing: asyncio.Future[int] | None = None

    async def write(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size >= _BATCH_BYTES:
            await self.write_batch()

    async def write_batch(self) -> None:
        await self.wait_for_batch()
        # An idle thread of the pool keeps its last arguments alive, so it empties this list.
        batch = [b"".join(self._pieces)]
        self._pieces.clear()
        self._size = 0
        loop = asyncio.get_running_loop()
        self._writing = loop.run_in_executor(None, lambda: self.target.write(batch.pop()))

    async def wait_for_batch(self) -> None:
        """Wait for the batch being written; raises `OSError` if that failed."""
        if self._writing is not None:
            await wait_to_the_end(self._writing)
            self._writing = None


@frozen
class _Write:
    """Append a piece to the file, or to the next batch."""

    writer: _Writer
    piece: bytes

    def run(self) -> None:
        self.writer.target.write(self.piece)

    async def run_async(self) -> None:
        await self.writer.write(self.piece)


@frozen
class _Finish:
    """Write the last batch, or `discard` it, and wait until no thread writes to the file."""

    writer: _Writer
    discard: bool = False

    def run(self) -> None:
        """Do nothing: everything has been written already."""

    async def run_async(self) -> None:
        if not self.discard:
            await self.writer.write_batch()
        await self.writer.wait_for_batch()
