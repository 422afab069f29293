"""`AtomicFile` without blocking an event loop: the disk's work is done in threads, a mebibyte at a time."""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType

    from ._files import AtomicFile

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
