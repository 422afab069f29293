"""Whole lines out of whatever pieces a file or a response comes in, so that memory stays the same for any size."""

from __future__ import annotations

BLOCK_SIZE = 64 * 1024
# A row's bytes without its line end, wherever it is read. A quote that is never closed must not swallow the rest of a
# large file.
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
        # Where the last line's end stands: in which piece, behind which byte of it, and how much is held up to there.
        # Each piece is searched once, when it comes.
        self._last = -1
        self._last_end = 0
        self._whole = 0
        self._enough = 0
        self._skipping = False

    def push(self, piece: bytes) -> None:
        """Add what came, and note whether it ends with a line's end."""
        if not piece:
            return
        self.ends_line = piece.endswith(b"\n")
        if self._skipping:
            _, newline, piece = piece.partition(b"\n")
            self._skipping = not newline
            if not piece:
                return
        end = piece.rfind(b"\n") + 1
        if end:
            self._last, self._last_end, self._whole = len(self._pieces), end, self._held + end
        self._pieces.append(piece)
        self._held += len(piece)

    def unread(self, tail: bytes) -> None:
        """Put back whole lines of a record that isn't whole yet; the next block begins with them."""
        if tail:
            self._pieces.insert(0, tail)
            self._held += len(tail)
            if self._whole:
                self._last += 1
            else:
                self._last, self._last_end = 0, len(tail)
            self._whole += len(tail)
            # Parsing an open record again is only worth it with a good deal more of it.
            self._enough = self._held + max(self.block_size, len(tail))

    def skip_line(self) -> None:
        """Drop the rest of a line whose beginning was taken."""
        self._skipping = True

    def take(self, *, final: bool = False) -> bytes | None:
        """The next block, or `None` where more is needed first.

        A block ends with a line's end, except the last of the file (`final`) and one that ends within a line longer
        than any record may be.
        """
        rest: list[bytes] = []
        if not final and self._held - self._whole <= LARGEST_RECORD:
            if not self._whole or self._held < max(self.block_size, self._enough):
                return None
            cut = self._pieces[self._last]
            rest = [cut[self._last_end :], *self._pieces[self._last + 1 :]]
            self._pieces[self._last :] = [cut[: self._last_end]]
        block = b"".join(self._pieces)
        self._pieces, self._held = rest, self._held - len(block)
        self._last, self._whole, self._enough = -1, 0, 0
        return block or None
