"""What is said to a person: on stderr, in plain lines; stdout is for data."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from atlas_invoices._text import one_line

if TYPE_CHECKING:
    from typing import TextIO

_quiet = False
debug = False


def set_up(*, debug: bool) -> None:
    """At the start, before any option is read: whether a failure shows its traceback."""
    globals()["debug"] = debug


def set_volume(*, verbose: int, quiet: bool) -> None:
    """How much is said, from -v and -q and --debug."""
    globals()["_quiet"] = quiet
    if verbose or debug:
        level = logging.DEBUG if debug or verbose > 1 else logging.INFO
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(levelname).1s %(name)s: %(message)s"))
        logger = logging.getLogger("atlas_invoices")
        logger.addHandler(handler)
        logger.setLevel(level)


def note(text: str) -> None:
    """Say what is happening; not with -q."""
    if not _quiet:
        _line(text)


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
    if issubclass(category, UserWarning) or debug:
        warning(str(message))


def _line(text: str) -> None:
    print(one_line(text, 2000), file=sys.stderr, flush=True)  # noqa: T201 - where everything said goes through
