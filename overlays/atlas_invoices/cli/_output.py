"""Output: messages for people go to stderr, data goes to stdout; both are safe to show, and may be closed or full."""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import SupportsWrite
    from typing_extensions import Buffer

    from atlas_invoices import SavedFile


class Verbosity:
    """How much this run of the command prints."""

    quiet = False
    verbose = False
    debug = False


verbosity = Verbosity()


def set_verbosity(*, verbose: int, quiet: bool) -> None:
    """Apply -v and -q; --debug was applied at the start, since an option may already fail."""
    verbosity.quiet = quiet
    verbosity.verbose = bool(verbose) or verbosity.debug
    if verbosity.verbose:
        import logging

        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(levelname).1s %(name)s: %(message)s"))
        logger = logging.getLogger("atlas_invoices")
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)


def error(text: str) -> None:
    """Print what failed, on one line."""
    _print(f"error: {text}")


def warning(text: str) -> None:
    """Print something unexpected that doesn't stop the command."""
    _print(f"warning: {text}")


def note(text: str) -> None:
    """Print progress, unless -q is given."""
    if not verbosity.quiet:
        _print(text)


def detail(text: str) -> None:
    """Print a detail if -v is given."""
    if verbosity.verbose:
        _print(text)


def saved(file: SavedFile) -> None:
    """Print a saved file's path, size and checksum."""
    note(f"saved {file.path}: {file.size:,} bytes, SHA-256 {file.sha256}")


@contextmanager
def if_interrupted(kept: str) -> Iterator[None]:
    """Print what is kept if the user interrupts the block."""
    try:
        yield
    except KeyboardInterrupt:
        note(kept)
        raise


def show_warning(message: Warning | str, category: type[Warning], *_args: object, **_kwargs: object) -> None:
    """Print a Python warning on one line; with --debug also those meant for developers."""
    if issubclass(category, (UserWarning, FutureWarning)) or verbosity.debug:
        warning(str(message))


def _print(text: str) -> None:
    from atlas_invoices._utils import single_line

    print(single_line(text, 2000), file=sys.stderr, flush=True)  # noqa: T201 - all messages are printed here


def short_path(path: object, limit: int = 120) -> str:
    """Shorten a long path in the middle, since its end has the file's name."""
    text = str(path)
    beginning = limit // 3
    return text if len(text) <= limit else f"{text[:beginning]}…{text[beginning + 1 - limit :]}"


def text_stdout() -> SupportsWrite[str]:
    """Return stdout for text."""
    return _SafeText() if sys.stdout.isatty() else sys.stdout


@contextmanager
def binary_stdout() -> Iterator[SupportsWrite[bytes]]:
    """Yield stdout for bytes; flush it at the end of the block."""
    if sys.stdout.isatty():
        safe = _SafeBytes()
        yield safe
        safe.finish()
    else:
        yield sys.stdout.buffer
    sys.stdout.flush()


class _SafeText:
    """Writes text to a terminal, with control characters escaped."""

    def write(self, text: str) -> None:
        from atlas_invoices._utils import escape_controls

        sys.stdout.write(escape_controls(text, keep="\n\t"))


class _SafeBytes:
    """Writes UTF-8 to a terminal, in pieces that may end within a character."""

    def __init__(self) -> None:
        utf8 = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        # The CR of a CRLF would be shown at the end of every line.
        self._decoder = io.IncrementalNewlineDecoder(utf8, translate=True)
        self._text = _SafeText()

    def write(self, data: bytes) -> None:
        self._text.write(self._decoder.decode(data))

    def finish(self) -> None:
        self._text.write(self._decoder.decode(b"", final=True))


class _Stdout(io.FileIO):
    """Names stdout in its first error and drops everything written after it, or Python would fail again at its exit."""

    # A file opened for the other direction fails to write as a closed stream does.
    mode_if_closed = os.O_RDONLY
    line_buffered = False
    _failed = False

    def write(self, data: Buffer) -> int:
        if not self._failed:
            try:
                return super().write(data)
            except OSError as failure:
                self._failed = True
                why = "it is closed" if failure.errno == errno.EBADF else failure.strerror
                raise OSError(failure.errno, why, "stdout") from None
        return memoryview(data).nbytes


class _Stderr(io.FileIO):
    """Drops messages that can't be written; the exit status still tells the outcome."""

    mode_if_closed = os.O_WRONLY
    line_buffered = True

    def write(self, data: Buffer) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def protect_streams() -> None:
    """Make stdout and stderr fail with one clear line, even if they are closed; escape what their encoding lacks."""
    sys.stdout = _protected(sys.stdout, _Stdout)
    sys.stderr = _protected(sys.stderr, _Stderr)


def _protected(stream: TextIO | None, kind: type[_Stdout | _Stderr]) -> TextIO:
    if stream is None:
        # Opening a file also takes the free descriptor, which a connection would get otherwise.
        return io.TextIOWrapper(io.BufferedWriter(kind(os.open(os.devnull, kind.mode_if_closed), "w")), "utf-8")
    if isinstance(stream, io.TextIOWrapper):
        raw = getattr(stream.buffer, "raw", stream.buffer)
        if type(raw) is io.FileIO:  # a Windows console has another type
            buffer = io.BufferedWriter(kind(stream.fileno(), "w", closefd=False))
            # Programs get UTF-8 whatever the locale, as from a file.
            encoding = "utf-8" if kind is _Stdout and not stream.isatty() else stream.encoding
            # A terminal isn't `line_buffering` if PYTHONUNBUFFERED is set, as it often is in containers.
            by_line = stream.isatty() or kind.line_buffered
            return io.TextIOWrapper(buffer, encoding, "backslashreplace", line_buffering=by_line)
        stream.reconfigure(errors="backslashreplace")
    return stream
