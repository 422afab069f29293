"""Exit statuses, and the process's output streams."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from typing_extensions import Buffer


DONE = 0
OTHER = 1
USAGE = 2
CREDENTIALS = 3
NOT_FOUND = 4
TRY_LATER = 5
WRONG_DATA = 6
INTERRUPTED = 130


class _Stdout(io.FileIO):
    """The first failure names stdout; what is written after that is dropped, or Python would fail again at its exit."""

    # Written to, a file for reading fails as a closed stream does.
    mode_where_closed = os.O_RDONLY
    line_buffered = False
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

    mode_where_closed = os.O_WRONLY
    line_buffered = True

    def write(self, data: Buffer) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def prepare() -> None:
    """Have both streams, closed ones too, fail with one clear line. What an encoding lacks is shown as its code."""
    sys.stdout = _made_safe(sys.stdout, _Stdout)
    sys.stderr = _made_safe(sys.stderr, _Stderr)


def _made_safe(stream: TextIO | None, kind: type[_Stdout | _Stderr]) -> TextIO:
    if stream is None:
        # Takes the free number, too, which a connection would have got.
        return io.TextIOWrapper(io.BufferedWriter(kind(os.open(os.devnull, kind.mode_where_closed), "w")), "utf-8")
    if isinstance(stream, io.TextIOWrapper):
        raw = getattr(stream.buffer, "raw", stream.buffer)
        if type(raw) is io.FileIO:  # and no Windows console
            buffer = io.BufferedWriter(kind(stream.fileno(), "w", closefd=False))
            # Programs get UTF-8, whatever the locale, as they do from a file.
            encoding = "utf-8" if kind is _Stdout and not stream.isatty() else stream.encoding
            return io.TextIOWrapper(
                buffer, encoding, "backslashreplace", line_buffering=stream.line_buffering or kind.line_buffered
            )
        stream.reconfigure(errors="backslashreplace")
    return stream


def finish(status: int) -> int:
    """Write what is left; returns the exit status, which is then that of a failure if stdout's was the only one."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has stopped.
        return status or OTHER
    except OSError as error:
        print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)  # noqa: T201 - runs without the extra
        return status or OTHER
    return status
