"""The process's output: a stdout that fails says so once, and a terminal gets nothing that it would obey."""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
from typing import IO, TYPE_CHECKING, TextIO, cast

if TYPE_CHECKING:
    from collections.abc import Iterable

    from typing_extensions import Buffer


class _Stdout(io.FileIO):
    """The first failure names it; what is written after that is dropped, or Python would fail once more at its exit."""

    _failed = False

    def write(self, data: Buffer) -> int:
        if not self._failed:
            try:
                return super().write(data)
            except OSError as error:
                self._failed = True
                why = "it is closed" if error.errno == errno.EBADF else error.strerror
                raise OSError(error.errno, why, "stdout") from None
        return memoryview(data).nbytes


class _Stderr(io.FileIO):
    """Drops what it can't say: there is nowhere else to say it, and the exit status still tells."""

    def write(self, data: Buffer) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def prepare() -> None:
    """Have both streams, closed ones too, fail in order. A name that an encoding lacks is shown as its code."""
    sys.stdout = _made_safe(sys.stdout, _Stdout, os.O_RDONLY)
    sys.stderr = _made_safe(sys.stderr, _Stderr, os.O_WRONLY)


def _made_safe(stream: TextIO | None, kind: type[io.FileIO], mode_where_closed: int) -> TextIO:
    if stream is None:
        # Takes the free number, too, which a connection would have got. Written to, a stdout for reading fails as a
        # closed one does.
        return io.TextIOWrapper(io.BufferedWriter(kind(os.open(os.devnull, mode_where_closed), "w")), "utf-8")
    if isinstance(stream, io.TextIOWrapper):
        raw = getattr(stream.buffer, "raw", stream.buffer)
        if type(raw) is io.FileIO:  # and no Windows console
            buffer = io.BufferedWriter(kind(stream.fileno(), "w", closefd=False))
            return io.TextIOWrapper(
                buffer, stream.encoding, "backslashreplace", line_buffering=stream.line_buffering or kind is _Stderr
            )
        stream.reconfigure(errors="backslashreplace")
    return stream


def finish(status: int) -> int:
    """Write what is left; returns the exit status, which is then that of a failure if stdout's was the only one."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has stopped.
        return status or 1
    except OSError as error:
        print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)  # noqa: T201 - runs without the extra
        return status or 1
    return status


def data_text() -> TextIO:
    """Where data go as text: stdout, on a terminal with everything visible that the terminal would obey."""
    return cast("TextIO", _Shown()) if sys.stdout.isatty() else sys.stdout


def data_bytes() -> IO[bytes]:
    """Where data go as bytes, likewise; flush it at the end."""
    return cast("IO[bytes]", _ShownBytes()) if sys.stdout.isatty() else sys.stdout.buffer


class _Shown:
    """Writes text to a terminal."""

    def write(self, text: str) -> int:
        return sys.stdout.write("".join([c if c.isprintable() or c in "\n\t" else _visible(c) for c in text]))

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)


class _ShownBytes(_Shown):
    """Writes bytes to a terminal: UTF-8, in pieces that may end within a character."""

    def __init__(self) -> None:
        utf8 = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        # A CR before LF would be shown at the end of every line.
        self._decoder = io.IncrementalNewlineDecoder(utf8, translate=True)

    def write(self, data: bytes) -> int:  # type: ignore[override]  # bytes where the base has text
        super().write(self._decoder.decode(data))
        return len(data)

    def flush(self) -> None:
        super().write(self._decoder.decode(b"", final=True))
        sys.stdout.flush()


def _visible(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
