"""What is said to a person goes to stderr; stdout is for data."""

from __future__ import annotations

import codecs
import io
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from atlas_invoices._utils import escape_controls, single_line

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

    from atlas_invoices import SavedFile


class _Volume:
    """How much is said in this run of the command."""

    quiet = False
    verbose = False
    debug = False


volume = _Volume()


def set_volume(*, verbose: int, quiet: bool) -> None:
    """How much is said, from -v and -q; --debug is known since the start, before any option can fail."""
    volume.quiet = quiet
    volume.verbose = bool(verbose) or volume.debug
    if volume.verbose:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(levelname).1s %(name)s: %(message)s"))
        logger = logging.getLogger("atlas_invoices")
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)


def note(text: str) -> None:
    """Say what is happening; not with -q."""
    if not volume.quiet:
        _line(text)


def detail(text: str) -> None:
    """Say what only somebody who looks closer wants to know; with -v."""
    if volume.verbose:
        _line(text)


def saved(file: SavedFile) -> None:
    """Say where a file is, and what it has to be."""
    note(f"saved {file.path}: {file.size:,} bytes, SHA-256 {file.sha256}")


def warning(text: str) -> None:
    """Say what is odd."""
    _line(f"warning: {text}")


def error(text: str) -> None:
    """Say what failed, in one line."""
    _line(f"error: {text}")


def show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,  # noqa: ARG001 - the signature of warnings.showwarning
    lineno: int,  # noqa: ARG001 - likewise
    file: TextIO | None = None,  # noqa: ARG001 - likewise
    line: str | None = None,  # noqa: ARG001 - likewise
) -> None:
    """Show our own warnings as a line; those of libraries are for developers."""
    if issubclass(category, (UserWarning, FutureWarning)) or volume.debug:
        warning(str(message))


def _line(text: str) -> None:
    print(single_line(text, 2000), file=sys.stderr, flush=True)  # noqa: T201 - where everything said goes through


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
        sys.stdout.write(escape_controls(text, keep="\n\t"))


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
