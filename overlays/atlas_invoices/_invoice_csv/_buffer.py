"""Whole lines out of whatever pieces a file or a response comes in, so that memory stays the same for any size."""

from __future__ import annotations

BLOCK_SIZE = 64 * 1024
# A quote that is never closed must not swallow the rest of a large file.
LARGEST_RECORD = 1024 * 1024


def endless_line(block: bytes) -> int | None:
    """Where a line begins that is longer than any record may be, and perhaps cut by the block's end."""
    start = 0
    while len(block) - start > LARGEST_RECORD:
        end = block.rfind(b"\n", start, start + LARGEST_RECORD + 1)
        if end < 0:
            return start
        start = end + 1
    return None


class LineBuffer:
    """Bytes go in with `push`, blocks that end at a line's end come out of `take`."""

    def __init__(self) -> None:
        """Start empty."""
        self.ends_line = False
        self.block_size = BLOCK_SIZE
        self._pieces: list[bytes] = []
        self._held = 0
        self._enough = 0

    def push(self, piece: bytes) -> None:
        """Add what came, and note whether it ends with a line's end."""
        if piece:
            self.ends_line = piece.endswith(b"\n")
        self._pieces.append(piece)
        self._held += len(piece)

    def unread(self, tail: bytes) -> None:
        """Put back what belongs to a record that isn't whole yet; the next block begins with it."""
        if tail:
            self._pieces.insert(0, tail)
            self._held += len(tail)
            # Parsing an open record again is only worth it with a good deal more of it.
            self._enough = self._held + self.block_size

    def take(self, *, final: bool = False) -> bytes | None:
        """The next block, or `None` where more is needed first.

        A block ends with a line's end, except the last of the file (`final`) and a line longer than any record may be.
        """
        if not self._held or (not final and self._held < max(self.block_size, self._enough)):
            return None
        rest: list[bytes] = []
        if not final:
            # Only the pieces behind the last line's end are looked at and cut, so that a byte is copied once.
            while self._pieces and b"\n" not in self._pieces[-1]:
                rest.insert(0, self._pieces.pop())
            if self._pieces:
                last = self._pieces.pop()
                end = last.rfind(b"\n") + 1
                self._pieces.append(last[:end])
                rest.insert(0, last[end:])
            elif self._held > LARGEST_RECORD:
                self._pieces, rest = rest, []
        block = b"".join(self._pieces)
        self._pieces = [b"".join(rest)]
        self._held -= len(block)
        self._enough = 0 if block else self._held + self.block_size
        return block or None
