"""What the scripts raise when they can't go on: the message is the line a person reads, the exit status is 2."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

# A name out of a hostile document can be megabytes long.
_MAX_LENGTH: Final = 1000


class ScriptError(Exception):
    """The script cannot do its work; the message says why, and what to do."""


class DocumentError(ScriptError):
    """A document can't be read, is not what it should be, or is too large or too deep to be one."""


class UnavailableError(DocumentError):
    """Upstream's server gives no document at this moment: an outage, not a fault of the document or of ours."""


class AssumptionError(ScriptError):
    """Upstream's document no longer is as this project takes it to be; a person has to look."""


class TransformError(ScriptError):
    """A mend or an overlay action matches nothing in the committed fragment, or can't be applied."""


class GenerationError(ScriptError):
    """The generator, the validator or the formatter is not content."""


@contextmanager
def error_context(name: str) -> Iterator[None]:
    """Put the name of what is worked on before the message of an error within."""
    try:
        yield
    except ScriptError as error:
        raise type(error)(f"{name}: {error}") from None


def report_error(error: Exception) -> int:
    """Say on one line of stderr why a script stops, whatever a document put into the message; returns its status."""
    text = escape_unprintable(str(error))
    if len(text) > _MAX_LENGTH:
        text = f"{text[: _MAX_LENGTH // 2]}…{text[-_MAX_LENGTH // 2 :]}"
    print(f"error: {text}", file=sys.stderr)
    return 2


def escape_unprintable(text: str) -> str:
    """A text on one line: what can't be printed could move the cursor, or end the line."""
    return "".join(letter if letter.isprintable() else _escape(letter) for letter in text)


def _escape(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")
