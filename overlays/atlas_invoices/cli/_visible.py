"""Data on stdout: as they are for programs, and on a terminal with everything visible that the terminal would obey."""

from __future__ import annotations

import codecs
import io
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from atlas_invoices._text import visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _typeshed import SupportsWrite


def data_text() -> SupportsWrite[str]:
    """Where data go as text."""
    return _ShownText() if sys.stdout.isatty() else sys.stdout


@contextmanager
def data_bytes() -> Iterator[SupportsWrite[bytes]]:
    """Where data go as bytes; at the end of the block all of them are there."""
    if sys.stdout.isatty():
        shown = _ShownBytes(_ShownText())
        yield shown
        shown.end()
    else:
        yield sys.stdout.buffer
    sys.stdout.flush()


class _ShownText:
    """Writes text to a terminal."""

    def write(self, text: str) -> None:
        sys.stdout.write(visible(text, keep="\n\t"))


class _ShownBytes:
    """Writes bytes to a terminal: UTF-8, in pieces that may end within a character."""

    def __init__(self, text: _ShownText) -> None:
        self._text = text
        utf8 = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        # A CR before LF would be shown at the end of every line.
        self._decoder = io.IncrementalNewlineDecoder(utf8, translate=True)

    def write(self, data: bytes) -> None:
        self._text.write(self._decoder.decode(data))

    def end(self) -> None:
        self._text.write(self._decoder.decode(b"", final=True))
