"""Errors of scripts that can't go on: the message is the line that is printed, and the exit status is 2."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

# A name from a hostile document can be megabytes long.
_MAX_LENGTH: Final = 1000


class ScriptError(Exception):
    """A script can't do its work; the message says why and what to do."""


class DocumentError(ScriptError):
    """A document can't be read, is malformed, or is too large or too deeply nested."""


class AssumptionError(ScriptError):
    """Upstream's document no longer has what this project relies on; somebody has to look."""


class TransformError(ScriptError):
    """A transform or an overlay action can't be applied, or matches nothing in the committed fragment."""


class GenerationError(ScriptError):
    """The validator, the generator or the formatter reports a problem."""


@contextmanager
def error_context(name: str) -> Iterator[None]:
    """Prefix the message of any ScriptError inside with a name, such as the document's."""
    try:
        yield
    except ScriptError as error:
        raise type(error)(f"{name}: {error}") from None


def report_error(error: Exception) -> int:
    """Print an error as one line on stderr, whatever a document put into the message, and return exit status 2."""
    text = escape_unprintable(str(error))
    if len(text) > _MAX_LENGTH:
        text = f"{text[: _MAX_LENGTH // 2]}…{text[-_MAX_LENGTH // 2 :]}"
    print(f"error: {text}", file=sys.stderr)
    return 2


def escape_unprintable(text: str) -> str:
    """A text that stays on one line and can't move the cursor."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
